/* SPDX-License-Identifier: MIT */
#include "tests/lib/logs.h"

#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

static const char three[] = LT_THREE;

static void
a_job_adds_all_that_it_found_to_the_report(void **state)
{
	struct report_view v;

	assert_int_equal(lt_run_text(1, three), JOB_ACK);
	assert_string_equal(
		lt_said.result, "{\"lines\":4,\"bad\":1,\"bytes\":120}");
	lt_look(*state, &v);
	assert_int_equal(v.requests, 3);
	assert_int_equal(v.bad, 1);
	assert_int_equal(v.bytes, 120);
	assert_int_equal(v.jobs, 1);
	assert_int_equal(v.classes[2], 1);
	assert_int_equal(v.classes[4], 1);
	assert_int_equal(v.classes[5], 1);
	assert_int_equal(v.classes[0] + v.classes[1] + v.classes[3], 0);
	assert_int_equal(lrint(v.visitors), 2);
	assert_int_equal(v.p50, 20);
	assert_int_equal(v.p99, 100);
	assert_int_equal(v.first_s, 1240383171);
	assert_int_equal(v.last_s, 1240383171);
	assert_int_equal(v.n_paths, 2);
	assert_true(bytes_eq(v.top[0].path, bytes_str("/a")));
	assert_int_equal(v.top[0].n, 2);
	assert_int_equal(v.n_samples, 1);
	assert_true(bytes_eq(v.samples[0].line, bytes_str("torn")));
	assert_true(bytes_eq(v.samples[0].why, bytes_str("no client address")));
	view_fini(&v);
}

static void
a_job_that_runs_twice_counts_once(void **state)
{
	struct report_view once, twice;
	char first[sizeof(lt_said.result)];

	assert_int_equal(lt_run_text(1, three), JOB_ACK);
	memcpy(first, lt_said.result, sizeof(first));
	lt_look(*state, &once);
	assert_int_equal(lt_run_text(1, three), JOB_ACK);
	assert_string_equal(lt_said.result, first);
	lt_look(*state, &twice);
	lt_same_totals(&once, &twice);
	assert_int_equal(twice.jobs, 1);
	assert_int_equal(twice.n_samples, 1);
	view_fini(&once);
	view_fini(&twice);
}

static void
a_body_without_any_log_line_fails_with_the_reason(void **state)
{
	static const char zeros[300];

	(void)state;
	assert_int_equal(
		lt_run_text(1, "this\n\033[2Jis not\na log\n"), JOB_FAIL);
	assert_string_equal(lt_said.error,
		"not an access log: none of 3 lines could be read; "
		"the first (no client address): this");
	assert_int_equal(lt_run_text(2, "\033[2J"), JOB_FAIL);
	assert_null(strchr(lt_said.error, '\033'));
	assert_non_null(strstr(lt_said.error, "\\x1b[2J"));
	assert_int_equal(lt_run(3, zeros, sizeof(zeros)), JOB_FAIL);
	assert_non_null(strstr(lt_said.error, "\\x00\\x00"));
	assert_true(strlen(lt_said.error) < 1000);
}

static void
an_empty_body_is_a_job_with_nothing_in_it(void **state)
{
	struct report_view v;

	assert_int_equal(lt_run(1, NULL, 0), JOB_ACK);
	assert_string_equal(
		lt_said.result, "{\"lines\":0,\"bad\":0,\"bytes\":0}");
	assert_int_equal(lt_run_text(2, "\n\r\n"), JOB_ACK);
	lt_look(*state, &v);
	assert_int_equal(v.requests + v.bad + v.bytes + v.p99, 0);
	assert_int_equal(v.first_s, SCAN_NO_TIME);
	assert_int_equal(v.jobs, 2);
	view_fini(&v);
}

static void
a_report_that_cannot_be_written_is_not_the_jobs_fault(void **state)
{
	const struct lt_place *p = *state;
	char name[128];
	FILE *f;

	(void)snprintf(name, sizeof(name), "%s/none/report.db", p->dir);
	assert_int_equal(setenv(LOGS_DB_ENV, name, 1), 0);
	assert_int_equal(lt_run_text(1, three), JOB_RETRY);
	assert_non_null(strstr(lt_said.error, name));
	assert_string_equal(lt_said.alarm, lt_said.error);

	(void)snprintf(name, sizeof(name), "%s/second.db", p->dir);
	f = fopen(name, "w");
	assert_non_null(f);
	for (int i = 0; i < 200; i++)
		(void)fputs("someone else's file\n", f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(setenv(LOGS_DB_ENV, name, 1), 0);
	assert_int_equal(lt_run_text(1, three), JOB_RETRY);

	assert_int_equal(setenv(LOGS_DB_ENV, p->db, 1), 0);
	assert_int_equal(lt_run_text(1, three), JOB_ACK);
}

static int
sql(const char *db, const char *text)
{
	sqlite3 *s = NULL;
	int rc = sqlite3_open(db, &s);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s, text, NULL, NULL, NULL);
	sqlite3_close(s);
	return rc;
}

static void
a_foreign_or_newer_database_is_left_alone(void **state)
{
	const struct lt_place *p = *state;
	struct report_view v;

	assert_int_equal(sql(p->db, "CREATE TABLE mine(a)"), SQLITE_OK);
	assert_int_equal(lt_run_text(1, three), JOB_RETRY);
	assert_int_equal(view_init(&v, p->db), SW_EFORMAT);
	assert_int_equal(sql(p->db, "SELECT a FROM mine"), SQLITE_OK);
	assert_int_equal(sql(p->db, "SELECT * FROM merged"), SQLITE_ERROR);
	lt_file_drop(p->db);

	assert_int_equal(lt_run_text(1, three), JOB_ACK);
	assert_int_equal(sql(p->db, "PRAGMA user_version = 4"), SQLITE_OK);
	assert_int_equal(view_init(&v, p->db), SW_EFORMAT);
}

static void
an_error_in_the_middle_changes_nothing(void **state)
{
	const struct lt_place *p = *state;
	struct report_view before, after;

	assert_int_equal(lt_run_text(1, three), JOB_ACK);
	lt_look(p, &before);
	assert_int_equal(
		sql(p->db, "CREATE TRIGGER t BEFORE INSERT ON sample BEGIN "
			   "SELECT RAISE(ABORT, 'no'); END"),
		SQLITE_OK);
	assert_int_equal(lt_run_text(2, three), JOB_RETRY);
	lt_look(p, &after);
	lt_same_totals(&before, &after);
	assert_int_equal(after.jobs, 1);
	view_fini(&before);
	view_fini(&after);
	assert_int_equal(sql(p->db, "DROP TRIGGER t"), SQLITE_OK);
	assert_int_equal(lt_run_text(2, three), JOB_ACK);
	lt_look(p, &after);
	assert_int_equal(after.requests, 6);
	view_fini(&after);
}

/* A file-size limit simulates a full disk. */
static void
a_full_disk_means_again_later_and_loses_nothing(void **state)
{
	const struct rlimit full = {4096, 4096};
	struct report_view v;
	pid_t pid;
	int st;

	assert_int_equal(lt_run_text(1, three), JOB_ACK);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)signal(SIGXFSZ, SIG_IGN);
		_exit(setrlimit(RLIMIT_FSIZE, &full) == 0 &&
					lt_run_text(2, three) == JOB_RETRY &&
					lt_said.error[0] != '\0'
				? 0
				: 1);
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_true(WIFEXITED(st) && WEXITSTATUS(st) == 0);
	assert_int_equal(lt_run_text(2, three), JOB_ACK);
	lt_look(*state, &v);
	assert_int_equal(v.jobs, 2);
	assert_int_equal(v.requests, 6);
	view_fini(&v);
}

static void
a_report_that_was_removed_is_begun_anew(void **state)
{
	const struct lt_place *p = *state;
	struct report_view v;

	assert_int_equal(lt_run_text(1, three), JOB_ACK);
	lt_file_drop(p->db);
	assert_int_equal(lt_run_text(2, three), JOB_ACK);
	lt_look(p, &v);
	assert_int_equal(v.requests, 3);
	assert_int_equal(v.jobs, 1);
	view_fini(&v);
}

static void
samples_are_few_and_short(void **state)
{
	char text[4096] = LINE("192.0.2.1", "/a", "200", "1");
	struct report_view v;

	for (int i = 0; i < 8; i++)
		(void)snprintf(text + strlen(text), 420, "bad%d%0390d\n", i, 0);
	assert_int_equal(lt_run_text(1, text), JOB_ACK);
	assert_int_equal(lt_run_text(2, text), JOB_ACK);
	lt_look(*state, &v);
	assert_int_equal(v.bad, 16);
	assert_int_equal(v.n_samples, TALLY_SAMPLES);
	for (size_t i = 0; i < v.n_samples; i++) {
		assert_int_equal(v.samples[i].line.len, TALLY_LINE_MAX);
		assert_int_equal(((const char *)v.samples[i].line.p)[3],
			'0' + (char)(i % 8));
	}
	view_fini(&v);
}

#define TIMED(agent, path, status, s)                                          \
	"192.0.2.1 - - [22/Apr/2009:18:52:51 +1200] \"GET " path               \
	" HTTP/1.1\" " status " 10 \"-\" \"" agent "\" " s "\n"

static void
errors_times_and_bots_are_counted_by_path_and_word(void **state)
{
	char text[4096] = "";
	struct report_view v;

	for (int i = 0; i < 9; i++)
		(void)strcat(text, TIMED("curl/8", "/a", "404", "0.100"));
	(void)strcat(text, TIMED("Googlebot/2", "/a", "503", "1.100"));
	for (int i = 0; i < 9; i++)
		(void)strcat(text, TIMED("Firefox", "/few", "200", "9.000"));
	(void)strcat(text, TIMED("someROBOT", "/b", "500", "-"));
	assert_int_equal(lt_run_text(1, text), JOB_ACK);
	lt_look(*state, &v);
	assert_int_equal(v.n_errors[0], 1);
	assert_int_equal(v.errors[0][0].n, 9);
	assert_int_equal(v.n_errors[1], 2);
	assert_true(bytes_eq(v.errors[1][0].path, bytes_str("/a")));
	assert_true(bytes_eq(v.errors[1][1].path, bytes_str("/b")));
	assert_int_equal(v.n_slow, 1); /* /few has too few timed requests */
	assert_int_equal(v.slow[0].n, 10);
	assert_int_equal(v.slow[0].us, 2000000);
	assert_int_equal(v.slow[0].us_max, 1100000);
	assert_in_range(v.slow[0].us_p99, 1100000 * 15 / 16, 1100000);
	assert_int_equal(v.bot_requests, 11);
	assert_int_equal(v.bot_bytes, 110);
	assert_int_equal(v.n_bots, 3);
	assert_true(bytes_eq(v.bots[0].word, bytes_str("curl")));
	assert_true(bytes_eq(v.bots[1].word, bytes_str("bot")));
	assert_true(bytes_eq(v.bots[2].word, bytes_str("googlebot")));
	assert_int_equal(v.n_days, 1);
	assert_string_equal(v.days[0].day, "2009-04-22");
	assert_int_equal(v.days[0].sessions, 4);
	assert_int_equal(v.days[0].requests, 20);
	view_fini(&v);
}

#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, lt_make, lt_drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(a_job_adds_all_that_it_found_to_the_report),
		IN_PLACE(a_job_that_runs_twice_counts_once),
		IN_PLACE(a_body_without_any_log_line_fails_with_the_reason),
		IN_PLACE(an_empty_body_is_a_job_with_nothing_in_it),
		IN_PLACE(a_report_that_cannot_be_written_is_not_the_jobs_fault),
		IN_PLACE(a_foreign_or_newer_database_is_left_alone),
		IN_PLACE(an_error_in_the_middle_changes_nothing),
		IN_PLACE(a_full_disk_means_again_later_and_loses_nothing),
		IN_PLACE(a_report_that_was_removed_is_begun_anew),
		IN_PLACE(errors_times_and_bots_are_counted_by_path_and_word),
		IN_PLACE(samples_are_few_and_short),
	};

	return cmocka_run_group_tests_name("logs", tests, NULL, NULL);
}
