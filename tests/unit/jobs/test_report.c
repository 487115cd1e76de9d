/* SPDX-License-Identifier: MIT */
#include "tests/lib/logs.h"

#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/chance.h"
#include "tests/lib/proc.h"

static const char three[] = LT_THREE;

static char *
log_make(const struct lt_place *p, unsigned lines, uint64_t seed, size_t *len)
{
	assert_int_equal(lt_shell("%s --lines %u --seed %llu --bad-every 97 "
				  "--answer %s/answer >%s/log",
				 program_path("loggen"), lines,
				 (unsigned long long)seed, p->dir, p->dir),
		0);
	return lt_slurp(p->dir, "log", len);
}

/* The end of the last whole line within `max` bytes. */
static size_t
cut(const char *text, size_t len, size_t max)
{
	const char *nl;

	if (len <= max)
		return len;
	nl = memrchr(text, '\n', max);
	assert_non_null(nl);
	return (size_t)(nl - text) + 1;
}

/* Runs the log in jobs of at most `max` bytes from `*id` on. */
static void
run_all(const char *text, size_t len, size_t max, unsigned *id)
{
	while (len > 0) {
		size_t n = cut(text, len, max);

		assert_int_equal(lt_run((*id)++, text, n), JOB_ACK);
		text += n;
		len -= n;
	}
}

static double
item(const json_t *o, const char *name)
{
	const json_t *i = json_object_get(o, name);

	if (!json_is_number(i))
		fail_msg("no number %s", name);
	return json_number_value(i);
}

/* Exact up to 4095 visitors a day, else within five standard errors. */
static void
assert_days_right(const json_t *want, const json_t *got)
{
	const json_t *w;
	size_t i;

	assert_int_equal(json_array_size(want), json_array_size(got));
	json_array_foreach(want, i, w)
	{
		const json_t *g = json_array_get(got, i);
		int exact = json_is_true(json_object_get(g, "exact"));
		double off = exact ? 0 : 0.1;

		assert_true(json_equal(
			json_object_get(w, "day"), json_object_get(g, "day")));
		assert_true(exact == (item(w, "visitors") < 4096));
		assert_true(item(w, "requests") == item(g, "requests"));
		assert_true(item(w, "bytes") == item(g, "bytes"));
		assert_true(fabs(item(w, "sessions") - item(g, "sessions")) <=
			    off * item(w, "sessions"));
		assert_true(fabs(item(w, "visitors") - item(g, "visitors")) <=
			    off * item(w, "visitors"));
	}
}

static void
assert_bots_right(const json_t *want, const json_t *got)
{
	assert_true(item(want, "requests") == item(got, "requests"));
	assert_true(item(want, "bytes") == item(got, "bytes"));
}

/* Compares the report's JSON with the generator's answer. */
static void
assert_right(const char *dir)
{
	static const char *const exact[] = {"requests", "bad", "bytes",
		"status", "paths", "first", "last", "top_paths", "errors_4xx",
		"errors_5xx"};
	size_t len;
	char *a = lt_slurp(dir, "answer", &len),
	     *b = lt_slurp(dir, "out", &len);
	json_t *want = json_loads(a, 0, NULL), *got = json_loads(b, 0, NULL);
	double visitors;

	assert_non_null(want);
	assert_non_null(got);
	for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++)
		if (!json_equal(json_object_get(want, exact[i]),
			    json_object_get(got, exact[i])))
			fail_msg("%s: want %s got %s", exact[i], a, b);
	assert_days_right(
		json_object_get(want, "days"), json_object_get(got, "days"));
	assert_bots_right(
		json_object_get(want, "bots"), json_object_get(got, "bots"));
	visitors = item(want, "visitors");
	assert_true(fabs(item(got, "visitors") - visitors) < 0.09 * visitors);
	assert_true(fabs(item(got, "p50") - item(want, "p50_exact")) * 256 <=
		    item(want, "p50_exact"));
	assert_true(fabs(item(got, "p99") - item(want, "p99_exact")) * 256 <=
		    item(want, "p99_exact"));
	json_decref(want);
	json_decref(got);
	free(a);
	free(b);
}

static void
the_report_says_what_the_generator_knows(void **state)
{
	const struct lt_place *p = *state;
	unsigned id = 1;
	size_t len;
	char *text = log_make(p, 20000, chance_seed(), &len);

	run_all(text, len, SW_BODY_MAX, &id);
	assert_true(id > 20);
	assert_int_equal(
		lt_shell("%s --json %s >%s/out",
			program_path("spillway-report"), p->db, p->dir),
		0);
	assert_right(p->dir);
	free(text);
}

static void
the_report_does_not_depend_on_how_the_log_was_cut(void **state)
{
	struct lt_place *p = *state;
	uint64_t seed = chance_seed();
	unsigned id = 1;
	struct report_view a, b;
	size_t len;
	char *text = log_make(p, 3000, seed, &len);

	run_all(text, len, SW_BODY_MAX, &id);
	lt_look(p, &a);
	(void)snprintf(p->db, sizeof(p->db), "%s/second.db", p->dir);
	assert_int_equal(setenv(LOGS_DB_ENV, p->db, 1), 0);
	run_all(text, len, 2000 + seed % 9000, &id);
	lt_look(p, &b);
	lt_same_totals(&a, &b);
	assert_true(b.jobs > a.jobs);
	assert_int_equal(a.n_samples, b.n_samples);
	for (size_t i = 0; i < a.n_samples; i++)
		assert_true(bytes_eq(a.samples[i].line, b.samples[i].line));
	view_fini(&a);
	view_fini(&b);
	(void)snprintf(p->db, sizeof(p->db), "%s/report.db", p->dir);
	free(text);
}

/* A child process that runs the whole log, as the same jobs each time. */
static pid_t
child(const char *text, size_t len)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		unsigned id = 1;

		run_all(text, len, 20000, &id);
		_exit(0);
	}
	return pid;
}

/* Kills a child process after up to 25 ms, at a random point. */
static int
child_killed(const char *text, size_t len, uint64_t *r)
{
	struct timespec t = {.tv_nsec = (long)(chance_draw(r) % 25000000)};
	pid_t pid = child(text, len);
	int st;

	nanosleep(&t, NULL);
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &st, 0), pid);
	return WIFSIGNALED(st);
}

static void
child_finished(pid_t pid)
{
	int st;

	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_true(WIFEXITED(st) && WEXITSTATUS(st) == 0);
}

static void
jobs_killed_at_any_point_and_run_again_count_once(void **state)
{
	const struct lt_place *p = *state;
	uint64_t r = chance_seed();
	struct report_view want, got;
	int killed = 0;
	size_t len;
	char *text = log_make(p, 2000, r, &len);

	child_finished(child(text, len));
	lt_look(p, &want);
	for (int round = 0; round < 25; round++) {
		pid_t a, b;

		lt_file_drop(p->db);
		killed += child_killed(text, len, &r);
		killed += child_killed(text, len, &r);
		a = child(text, len);
		b = child(text, len);
		child_finished(a);
		child_finished(b);
		lt_look(p, &got);
		lt_same_totals(&want, &got);
		assert_int_equal(got.jobs, want.jobs);
		view_fini(&got);
	}
	view_fini(&want);
	print_message("%d of 50 killed in the middle\n", killed);
	assert_int_equal(
		lt_shell("%s --json %s >%s/out",
			program_path("spillway-report"), p->db, p->dir),
		0);
	assert_right(p->dir);
	free(text);
}

static void
a_new_report_is_opened_by_many_at_once(void **state)
{
	pid_t pids[6];
	struct report_view v;
	int st;

	for (unsigned i = 0; i < 6; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(lt_run_text(i + 1, three) == JOB_ACK ? 0 : 1);
	}
	for (int i = 0; i < 6; i++) {
		assert_int_equal(waitpid(pids[i], &st, 0), pids[i]);
		assert_true(WIFEXITED(st) && WEXITSTATUS(st) == 0);
	}
	lt_look(*state, &v);
	assert_int_equal(v.jobs, 6);
	assert_int_equal(v.requests, 18);
	view_fini(&v);
}

static void
the_report_program_prints_tables_without_escapes(void **state)
{
	const struct lt_place *p = *state;
	size_t len;
	char *out;

	assert_int_equal(lt_run_text(1, three), JOB_ACK);
	assert_int_equal(
		lt_run_text(2, LINE("::1", "/\033[31m", "200", "1") "\a\n"),
		JOB_ACK);
	assert_int_equal(
		lt_shell("%s %s >%s/out", program_path("spillway-report"),
			p->db, p->dir),
		0);
	out = lt_slurp(p->dir, "out", &len);
	assert_null(strchr(out, '\033'));
	assert_null(strchr(out, '\a'));
	assert_non_null(strstr(out, "requests                      4"));
	assert_non_null(strstr(out, "malformed lines               2"));
	assert_non_null(strstr(out, "jobs merged                   2"));
	assert_non_null(strstr(out, "/\\x1b[31m"));
	assert_non_null(strstr(out, "2009-04-22 06:52:51"));
	free(out);
}

static void
the_report_program_says_what_is_wrong_in_one_line(void **state)
{
	const struct lt_place *p = *state;
	const char *report = program_path("spillway-report");
	size_t len;
	char *out;

	assert_int_equal(
		lt_shell("%s %s 2>%s/out", report, p->db, p->dir), EX_NOINPUT);
	out = lt_slurp(p->dir, "out", &len);
	assert_non_null(strstr(out, p->db));
	assert_ptr_equal(strchr(out, '\n'), out + len - 1);
	free(out);
	assert_int_equal(
		lt_shell("%s %s 2>%s/out", report, p->dir, p->dir), EX_NOINPUT);
	assert_int_equal(lt_shell("echo no >%s; %s %s 2>%s/out", p->db, report,
				 p->db, p->dir),
		EX_DATAERR);
	assert_int_equal(
		lt_shell("%s --nonsense 2>%s/out", report, p->dir), EX_USAGE);
	lt_file_drop(p->db);
	assert_int_equal(lt_run_text(1, three), JOB_ACK);
	assert_int_equal(
		lt_shell("%s %s >/dev/full 2>%s/out", report, p->db, p->dir),
		EX_IOERR);
}

#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, lt_make, lt_drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(the_report_says_what_the_generator_knows),
		IN_PLACE(the_report_does_not_depend_on_how_the_log_was_cut),
		IN_PLACE(jobs_killed_at_any_point_and_run_again_count_once),
		IN_PLACE(a_new_report_is_opened_by_many_at_once),
		IN_PLACE(the_report_program_prints_tables_without_escapes),
		IN_PLACE(the_report_program_says_what_is_wrong_in_one_line),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
