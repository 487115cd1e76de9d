/* SPDX-License-Identifier: MIT */
/* A worker and a kit of this version with those of an older one, which
 * tests/golden/record_kept.sh has recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/golden/kept_job.h"
#include "tests/lib/deadline.h"
#include "tests/lib/jobs.h"
#include "tests/sim/keeper.h"

#define JOBS "ABCDEF"

static const char *const versions[] = {"kept1-3b2ba4c"};

enum { VERSIONS = sizeof(versions) / sizeof(versions[0]), ROOM = 4096 };

/* What one side said; the messages that were taken are before `at`. */
struct recording {
	char bytes[ROOM];
	size_t len, at;
};

static void
recording_read(struct recording *r, const char *version, const char *side)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "tests/golden/%s.%s", version, side);
	f = fopen(path, "re");
	assert_non_null(f);
	r->len = fread(r->bytes, 1, sizeof(r->bytes), f);
	r->at = 0;
	assert_true(r->len > 0 && r->len < sizeof(r->bytes));
	(void)fclose(f);
}

/* The next message and its bytes; 0: there is no further one. */
static int
message_next(struct recording *r, struct kept_message *m, struct bytes *bytes)
{
	struct bytes rest = bytes_of(r->bytes + r->at, r->len - r->at);
	size_t need;
	ssize_t n;

	if (rest.len == 0)
		return 0;
	n = kept_parse(rest, m, &need);
	assert_true(n > 0);
	*bytes = bytes_of(rest.p, (size_t)n);
	r->at += (size_t)n;
	return 1;
}

static int
is_end(const struct kept_message *m)
{
	return kept_is(m, "done") || kept_is(m, "retry") || kept_is(m, "fail");
}

/* --- an older worker, this kit ---------------------------------------------
 */

static int
kit_main(void *arg)
{
	(void)arg;
	return spillway_job_run(golden_kept_job, NULL);
}

/* The processor time and memory of an end are of that run alone. */
static int
args_compared(const struct kept_message *m)
{
	return m->args_n - (is_end(m) ? 2 : 0);
}

static void
message_is(const struct kept_message *is, const struct kept_message *want)
{
	assert_true(bytes_eq(is->word, want->word));
	assert_int_equal(is->args_n, want->args_n);
	for (int i = 0; i < args_compared(want); i++)
		assert_true(bytes_eq(is->args[i], want->args[i]));
	assert_true(bytes_eq(is->bytes, want->bytes));
}

static void
this_kit_answers_an_older_worker_as_its_own_kit_did(void **state)
{
	static struct recording worker, process;

	(void)state;
	(void)alarm(deadline_s());
	for (int v = 0; v < VERSIONS; v++) {
		struct kept_message m, want;
		struct kept_process p;
		struct bytes bytes;
		int jobs = 0;

		recording_read(&worker, versions[v], "worker");
		recording_read(&process, versions[v], "process");
		kept_fork(&p, kit_main, NULL);
		while (message_next(&process, &want, &bytes)) {
			m = kept_receive(&p);
			message_is(&m, &want);
			if (!kept_is(&want, "ready") && !is_end(&want))
				continue;
			jobs += is_end(&want);
			if (message_next(&worker, &m, &bytes))
				kept_send(&p, bytes.p, bytes.len);
		}
		assert_int_equal(jobs, strlen(JOBS));
		assert_int_equal(kept_close(&p), 0);
	}
}

/* --- an older kit, this worker ---------------------------------------------
 */

/* The process says all up to the end of its job, or its "ready". */
static void
process_says(struct keeper_rig *r, struct recording *process)
{
	struct kept_message m;
	struct bytes bytes;

	do {
		assert_true(message_next(process, &m, &bytes));
		keeper_rig_say_bytes(r, bytes);
	} while (!kept_is(&m, "ready") && !is_end(&m));
}

/* The events without " cpu=N" and " rss=N". */
static const char *
events_without_cost(struct keeper_rig *r)
{
	static const char *const costs[] = {" cpu=", " rss="};

	r->events[r->len] = '\0';
	for (size_t i = 0; i < 2; i++) {
		char *p = r->events;

		while ((p = strstr(p, costs[i])) != NULL) {
			size_t n = 5 + strspn(p + 5, "0123456789");

			memmove(p, p + n, strlen(p + n) + 1);
		}
	}
	return r->events;
}

static void
this_worker_takes_what_an_older_kit_reports(void **state)
{
	static const char expected[] =
		"ready\n"
		"begun A\nprogress A 40 half\n"
		"ended A ack none "
		"result=41000000-0000-0000-0000-000000000000 mail 1/5 "
		"text/plain 1  [A] 31\n"
		"begun B\n"
		"ended B ack none put=next:(text/html)a=1,c=d=e,:more "
		"put=next::\n"
		"begun C\nended C retry error ms=86400000 error=busy\n"
		"begun D\nended D retry error error=later\n"
		"begun E\nended E fail permanent error=bad\n"
		"begun F\nalarm the key is wrong\n"
		"ended F ack none result=two\n";
	static struct recording process;
	struct keeper_rig *r = keeper_rig_new(1);

	(void)state;
	for (int v = 0; v < VERSIONS; v++) {
		char text[ROOM];

		recording_read(&process, versions[v], "process");
		keeper_rig_start(r, 1);
		r->len = 0;
		process_says(r, &process);
		for (const char *job = JOBS; *job != '\0'; job++) {
			assert_int_equal(keeper_rig_give(r, *job), 0);
			keeper_rig_read(r, text, sizeof(text));
			process_says(r, &process);
		}
		assert_string_equal(events_without_cost(r), expected);
		assert_int_equal(process.at, process.len);
	}
	keeper_rig_fini(r);
	free(r);
}

/* The same line and bytes but for the attempt, which the rig says is another;
 * further arguments may follow. */
static void
this_worker_hands_over_jobs_as_an_older_one_did(void **state)
{
	enum { ATTEMPT = 2 };
	static struct recording worker;

	(void)state;
	for (int v = 0; v < VERSIONS; v++) {
		struct keeper_rig *r = keeper_rig_new(1);
		struct kept_message is, was;
		struct bytes bytes;
		size_t need;

		recording_read(&worker, versions[v], "worker");
		assert_true(message_next(&worker, &was, &bytes));
		assert_int_equal(keeper_rig_give(r, JOBS[0]), 0);
		bytes = keeper_output(&r->k);
		assert_true(kept_parse(bytes, &is, &need) > 0);
		assert_true(bytes_eq(is.word, was.word));
		assert_true(is.args_n >= was.args_n);
		for (int i = 0; i < was.args_n; i++)
			assert_true(i == ATTEMPT ||
				    bytes_eq(is.args[i], was.args[i]));
		assert_true(bytes_eq(is.bytes, was.bytes));
		keeper_rig_fini(r);
		free(r);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			this_kit_answers_an_older_worker_as_its_own_kit_did),
		cmocka_unit_test(this_worker_takes_what_an_older_kit_reports),
		cmocka_unit_test(
			this_worker_hands_over_jobs_as_an_older_one_did),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
