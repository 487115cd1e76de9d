/* SPDX-License-Identifier: MIT */
/* The job `logs` on gzip and zstd, as bodies and as blobs. */
#include "tests/lib/logs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jobs/logs/archive.h"
#include "jobs/logs/unpack.h"

static const char three[] = LT_THREE;
static const char result[] = "{\"lines\":4,\"bad\":1,\"bytes\":120}";

static void
file_write(
	const struct lt_place *p, const char *name, const void *b, size_t len)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(b, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* Compresses `log` of the folder by gzip(1) or zstd(1). */
static char *
packed(const struct lt_place *p, const char *end, size_t *len)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "log.%s", end);
	assert_int_equal(lt_shell("cd %s && gzip -c log >log.gz && "
				  "zstd -qf log -o log.zst",
				 p->dir),
		0);
	return lt_slurp(p->dir, name, len);
}

static const char *const ends[] = {"gz", "zst"};

static void
what_is_packed_counts_as_what_is_not(void **state)
{
	const struct lt_place *p = *state;
	unsigned id = 1;
	struct report_view v;

	file_write(p, "log", three, sizeof(three) - 1);
	for (int i = 0; i < 2; i++) {
		size_t len;
		char *b = packed(p, ends[i], &len), *twice = malloc(2 * len);

		assert_non_null(twice);
		assert_int_equal(lt_run(id++, b, len), JOB_ACK);
		assert_string_equal(lt_said.result, result);
		memcpy(twice, b, len);
		memcpy(twice + len, b, len);
		assert_int_equal(lt_run(id++, twice, 2 * len), JOB_ACK);
		assert_string_equal(lt_said.result,
			"{\"lines\":8,\"bad\":2,\"bytes\":240}");
		free(twice);
		free(b);
	}
	lt_look(p, &v);
	assert_int_equal(v.requests, 18);
	assert_int_equal(v.top[0].n, 12);
	view_fini(&v);
}

static void
what_was_cut_off_or_goes_on_with_junk_fails_for_good(void **state)
{
	const struct lt_place *p = *state;
	struct report_view v;

	assert_int_equal(lt_run_text(1, three), JOB_ACK);
	file_write(p, "log", three, sizeof(three) - 1);
	for (int i = 0; i < 2; i++) {
		size_t len;
		char *b = packed(p, ends[i], &len);

		for (size_t n = 4; n < len; n++) {
			assert_int_equal(lt_run(2, b, n), JOB_FAIL);
			assert_non_null(
				strstr(lt_said.error, "ends in the middle"));
		}
		b[len] = 'x'; /* where lt_slurp put a NUL */
		assert_int_equal(lt_run(2, b, len + 1), JOB_FAIL);
		free(b);
	}
	lt_look(p, &v);
	assert_int_equal(v.jobs, 1);
	assert_int_equal(v.requests, 3);
	view_fini(&v);
}

static void
no_flipped_bit_is_more_than_a_failure(void **state)
{
	const struct lt_place *p = *state;
	int failed = 0;

	file_write(p, "log", three, sizeof(three) - 1);
	for (int i = 0; i < 2; i++) {
		size_t len;
		char *b = packed(p, ends[i], &len);

		for (size_t bit = 0; bit < 8 * len; bit++) {
			enum job_disposition got;

			b[bit / 8] = (char)(b[bit / 8] ^ 1 << bit % 8);
			got = lt_run(1, b, len);
			assert_int_not_equal(got, JOB_RETRY);
			if (got == JOB_ACK)
				assert_string_equal(lt_said.result, result);
			failed += got == JOB_FAIL;
			b[bit / 8] = (char)(b[bit / 8] ^ 1 << bit % 8);
		}
		free(b);
	}
	assert_true(failed > 500);
}

static void
conf_use(const struct lt_place *p, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/conf", p->dir);
	file_write(p, "conf", text, strlen(text));
	(void)lt_conf(path);
}

static void
a_bomb_is_refused_by_either_limit_and_goes_off_without(void **state)
{
	const struct lt_place *p = *state;
	size_t len = 8 * 1024 * 1024, n;
	char *zeros = calloc(1, len);

	assert_non_null(zeros);
	file_write(p, "log", zeros, len);
	free(zeros);
	for (int i = 0; i < 2; i++) {
		char *b = packed(p, ends[i], &n);

		conf_use(p, "[logs]\nmax_expanded = 2m\nmax_ratio = 1000000\n");
		assert_int_equal(lt_run(1, b, n), JOB_FAIL);
		assert_non_null(strstr(lt_said.error,
			"expands to more than 2097152 bytes (max_expanded)"));
		conf_use(p, "[logs]\nmax_ratio = 100\n");
		assert_int_equal(lt_run(1, b, n), JOB_FAIL);
		assert_non_null(strstr(lt_said.error,
			"expands more than 100 times (max_ratio)"));
		conf_use(p, "[logs]\nmax_ratio = 1000000\n");
		assert_int_equal(lt_run(1, b, n), JOB_FAIL);
		assert_non_null(strstr(lt_said.error, "not an access log"));
		free(b);
	}
	conf_use(p, "");
}

/* Also at the last byte, whether the line stays valid or not. */
static void
a_damaged_blob_counts_nothing_and_is_tried_again(void **state)
{
	static const char *const names[] = {"log", "log.gz", "log.zst"};
	const struct lt_place *p = *state;
	unsigned id = 1;

	file_write(p, "log", three, sizeof(three) - 1);
	for (int i = 0; i < 2; i++) {
		size_t len;

		free(packed(p, ends[i], &len));
	}
	for (int i = 0; i < 3; i++) {
		char path[128];
		size_t len;

		free(lt_slurp(p->dir, names[i], &len));
		(void)snprintf(path, sizeof(path), "%s/%s", p->dir, names[i]);
		for (size_t at = 0; at < len; at++) {
			assert_int_equal(
				lt_run_flipped(id, path, (off_t)at), JOB_RETRY);
			assert_non_null(strstr(lt_said.error, "is damaged"));
			assert_string_equal(lt_said.result, "");
		}
		assert_int_equal(lt_run_blob(id++, path), JOB_ACK);
		assert_string_equal(lt_said.result, result);
	}
}

/*
 * A malformed log fails the job only if the blob is sound, also if gzip stopped
 * at its header and most of the blob was unread.
 */
static void
a_damaged_blob_is_not_blamed_for_what_it_holds(void **state)
{
	const struct lt_place *p = *state;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/log.gz", p->dir);
	assert_int_equal(lt_shell("seq 300000 | gzip >%s/log.gz", p->dir), 0);
	assert_int_equal(lt_run_flipped(1, path, 2), JOB_RETRY);
	assert_non_null(strstr(lt_said.error, "is damaged"));
	assert_int_equal(lt_run_blob(1, path), JOB_FAIL);
	file_write(p, "log", "no log\n", 7);
	(void)snprintf(path, sizeof(path), "%s/log", p->dir);
	assert_int_equal(lt_run_flipped(1, path, 0), JOB_RETRY);
	assert_int_equal(lt_run_blob(1, path), JOB_FAIL);
}

static void
a_blob_of_any_size_counts_with_its_lines_whole(void **state)
{
	const struct lt_place *p = *state;
	char path[128];
	struct report_view a, b;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/log", p->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < 20000; i++)
		(void)fprintf(f, LINE("192.0.2.%d", "/%0*d", "200", "10"),
			i % 250, 1 + i % 97, i % 1000);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(lt_run_blob(1, path), JOB_ACK);
	assert_string_equal(
		lt_said.result, "{\"lines\":20000,\"bad\":0,\"bytes\":200000}");
	lt_look(p, &a);
	assert_int_equal(lt_shell("gzip %s", path), 0);
	(void)snprintf(path, sizeof(path), "%s/log.gz", p->dir);
	assert_int_equal(lt_run_blob(2, path), JOB_ACK);
	lt_look(p, &b);
	assert_int_equal(b.requests, 2 * a.requests);
	assert_int_equal(b.n_paths, a.n_paths);
	assert_int_equal(b.top[0].n, 2 * a.top[0].n);
	view_fini(&a);
	view_fini(&b);
}

static void
a_line_that_is_too_long_is_one_bad_line(void **state)
{
	const struct lt_place *p = *state;
	size_t lens[] = {
		FEED_MAX - 1, FEED_MAX, FEED_MAX + 1, 3 * (size_t)FEED_MAX};
	struct report_view v;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/log", p->dir);
	for (unsigned i = 0; i < 4; i++) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		(void)fputs(three, f);
		for (size_t k = 0; k < lens[i]; k++)
			(void)fputc('x', f);
		(void)fprintf(f, "\n%s", three);
		assert_int_equal(fclose(f), 0);
		assert_int_equal(lt_run_blob(i + 1, path), JOB_ACK);
		assert_string_equal(lt_said.result,
			"{\"lines\":9,\"bad\":3,\"bytes\":240}");
	}
	lt_look(p, &v);
	assert_true(
		bytes_eq(v.samples[7].why, bytes_str("longer than 256 KB")));
	view_fini(&v);
}

static void
the_archive_gives_back_what_was_read(void **state)
{
	const struct lt_place *p = *state;
	char conf[256];
	struct report_view v;
	size_t len;
	char *b;

	(void)snprintf(
		conf, sizeof(conf), "[logs]\narchive = %s/out\n", p->dir);
	conf_use(p, conf);
	assert_int_equal(lt_run_text(1, three), JOB_RETRY);
	assert_non_null(strstr(lt_said.error, "the archive"));
	assert_int_equal(lt_shell("mkdir %s/out", p->dir), 0);
	file_write(p, "log", three, sizeof(three) - 1);
	b = packed(p, "gz", &len);
	for (int i = 0; i < 2; i++)
		assert_int_equal(lt_run(1, b, len), JOB_ACK);
	assert_int_equal(lt_run(2, b, len - 1), JOB_FAIL);
	assert_int_equal(lt_run_text(3, "no log"), JOB_FAIL);
	free(b);
	assert_int_equal(lt_run(4, three, sizeof(three) - 2), JOB_ACK);
	assert_int_equal(lt_shell("cd %s/out/2* && zstdcat *4.log.zst |"
				  " cmp - ../../log && rm *4.log.zst",
				 p->dir),
		0);
	assert_int_equal(
		lt_shell("cd %s && test \"$(ls out out/2*)\" = \"$(printf"
			 " 'out:\\n2009-04-22\\n\\nout/2009-04-22:\\n"
			 "00000000-0000-0000-0000-000000000001.log.zst'"
			 ")\" && zstdcat out/*/* | cmp - log &&"
			 " rm -r out",
			p->dir),
		0);
	conf_use(p, "");
	lt_look(p, &v);
	assert_int_equal(v.jobs, 2);
	view_fini(&v);
}

/* A process that writes to the archive until it is killed. */
static pid_t
archiver_start(const char *folder, uint8_t job)
{
	const struct sw_id id = {.b = {job}};
	struct log_archive *a = NULL;
	int ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ready[0]);
		/* Ends the process even if the test fails. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (archive_open(&a, folder, &id) == 0 &&
			archive_add(a, bytes_str("begun\n")) == 0)
			(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void
archiver_kill(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
what_a_killed_job_left_in_the_archive_is_removed(void **state)
{
	const struct lt_place *p = *state;
	const struct sw_id id = {.b = {3}};
	struct log_archive *a = NULL;
	char folder[128];
	pid_t killed, alive;

	(void)snprintf(folder, sizeof(folder), "%s/parts", p->dir);
	assert_int_equal(
		lt_shell("mkdir %s && cd %s && mkdir 2009-04-22 && mkfifo"
			 " 01000000-0000-0000-0000-000000000000.1 &&"
			 " touch notes.1 a.log"
			 " 01000000-0000-0000-0000-000000000000.log"
			 " 01000000-0000-0000-0000-000000000000."
			 " 01000000-0000-0000-0000-00000000000g.7",
			folder, folder),
		0);
	killed = archiver_start(folder, 1);
	archiver_kill(killed);
	alive = archiver_start(folder, 2);
	assert_int_equal(
		lt_shell("test ! -e %s/01*.%d", folder, (int)killed), 0);
	assert_int_equal(archive_open(&a, folder, &id), 0);
	archive_close(a);
	assert_int_equal(lt_shell("cd %s && test -e 02*.%d && ls | wc -l |"
				  " grep -qx 8",
				 folder, (int)alive),
		0);
	archiver_kill(alive);
	assert_int_equal(lt_shell("rm -r %s", folder), 0);
}

enum { DAYS_LINES = 12000 };

/* Lines of 200 days in turn: more days than a tally may have. */
static void
many_days_write(const struct lt_place *p, int from, int to)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/log", p->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	for (int i = from; i < to; i++)
		(void)fprintf(f,
			"192.0.2.%d - - [%02d/%s/2026:%02d:%02d:00 +0000] "
			"\"GET "
			"/p%d HTTP/1.1\" %d 7 \"-\" \"curl/8\" 0.%03d\n",
			i % 50, 1 + i % 28,
			&"Jan\0Feb\0Mar\0Apr\0May\0Jun\0Jul"[4 * (i / 28 % 7)],
			i % 24, i % 60, i % 40, 200 + 100 * (i % 4), i % 1000);
	assert_int_equal(fclose(f), 0);
}

static void
a_log_that_goes_to_the_report_in_parts_is_one_job(void **state)
{
	struct lt_place *p = *state;
	struct report_view a, b;
	unsigned id = 1;
	char path[128];
	size_t len;
	char *gz;

	/* Truncated behind many parts: nothing is counted. */
	(void)snprintf(path, sizeof(path), "%s/log", p->dir);
	assert_int_equal(lt_run_text(id++, three), JOB_ACK);
	many_days_write(p, 0, DAYS_LINES);
	gz = packed(p, "gz", &len);
	assert_int_equal(lt_run(id++, gz, len - 9), JOB_FAIL);
	lt_look(p, &a);
	assert_int_equal(a.requests, 3);
	assert_int_equal(a.n_days, 1);
	view_fini(&a);

	assert_int_equal(lt_run(id++, gz, len), JOB_ACK);
	free(gz);
	lt_look(p, &a);
	assert_int_equal(a.jobs, 2);
	assert_int_equal(a.requests, DAYS_LINES + 3);
	assert_int_equal(a.n_days, 197);
	lt_file_drop(p->db);
	assert_int_equal(lt_run_text(id++, three), JOB_ACK);
	for (int i = DAYS_LINES; i > 0; i -= 500) {
		many_days_write(p, i - 500, i);
		assert_int_equal(lt_run_blob(id++, path), JOB_ACK);
	}
	lt_look(p, &b);
	lt_same_totals(&a, &b);
	view_fini(&a);
	view_fini(&b);
}

#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, lt_make, lt_drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(what_is_packed_counts_as_what_is_not),
		IN_PLACE(what_was_cut_off_or_goes_on_with_junk_fails_for_good),
		IN_PLACE(no_flipped_bit_is_more_than_a_failure),
		IN_PLACE(
			a_bomb_is_refused_by_either_limit_and_goes_off_without),
		IN_PLACE(a_damaged_blob_counts_nothing_and_is_tried_again),
		IN_PLACE(a_damaged_blob_is_not_blamed_for_what_it_holds),
		IN_PLACE(a_blob_of_any_size_counts_with_its_lines_whole),
		IN_PLACE(a_log_that_goes_to_the_report_in_parts_is_one_job),
		IN_PLACE(the_archive_gives_back_what_was_read),
		IN_PLACE(what_a_killed_job_left_in_the_archive_is_removed),
		IN_PLACE(a_line_that_is_too_long_is_one_bad_line),
	};

	return cmocka_run_group_tests_name("unpack", tests, NULL, NULL);
}
