/* SPDX-License-Identifier: MIT */
/* Every misbehaviour of a kept process; each ends with a good job. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/chance.h"
#include "tests/sim/keeper.h"

enum { EXITED = 8 }; /* where wait puts the exit code */

#define KILLED	   "the process was killed by signal 9"
#define NO_MESSAGE "the process sent bytes that are no message"

static int
setup(void **state)
{
	*state = keeper_rig_new(4);
	return 0;
}

static void
give(struct keeper_rig *r, const char *names)
{
	char text[1024];

	for (; *names != '\0'; names++) {
		assert_int_equal(keeper_rig_give(r, *names), 0);
		keeper_rig_read(r, text, sizeof(text));
	}
}

/* A job in the same process, with nothing of those before. */
static void
good_job(struct keeper_rig *r)
{
	give(r, "G");
	keeper_rig_say(r, "0 begun %G\n1 progress %G 7\np"
			  "1 result %G\nr3 put %G q 0\nfff0 done %G 1 2\n");
	keeper_rig_expect(r,
		"begun G\nprogress G 7 p\n"
		"ended G ack none cpu=1 rss=2 result=r put=q::fff\n");
}

/* The same in a process that was started in the place of the last one. */
static void
good_process(struct keeper_rig *r)
{
	keeper_rig_start(r, 16);
	keeper_rig_say(r, "0 ready 1 4\n");
	keeper_rig_expect(r, "ready\n");
	good_job(r);
}

struct row {
	const char *given; /* "-": the process has not said that it is ready */
	const char *said;
	int eof;
	int64_t pass_ms; /* until its exit */
	int status;
	const char *tail, *expected;
};

static void
row_play(struct keeper_rig *r, const struct row *row)
{
	keeper_rig_start(r, 16);
	if (row->given[0] != '-') {
		keeper_rig_say(r, "0 ready 1 4\n");
		give(r, row->given);
		keeper_rig_expect(r, "ready\n");
	}
	keeper_rig_say(r, row->said);
	if (row->eof)
		keeper_rig_eof(r);
	if (row->pass_ms > 0)
		keeper_rig_pass(r, row->pass_ms);
	keeper_rig_exit(r, row->status, row->tail);
	keeper_rig_expect(r, row->expected);
	assert_int_equal(keeper_room(&r->k), 0);
	good_process(r);
}

#define ROWS_PLAY(r, rows)                                                     \
	for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++)          \
	row_play(r, &(rows)[i])

static void
an_end_before_ready_pauses_the_route(void **state)
{
	static const struct row rows[] = {
		{"-", "", 1, 0, 3 << EXITED, "reading x\nno such file: x\n\n",
			"gone failed the process exited with status 3: "
			"no such file: x\n"},
		{"-", "", 1, 0, 1 << EXITED,
			"node:internal/modules/cjs/loader:1228\n"
			"  throw err;\n  ^\n\n"
			"Error: Cannot find module '/x.js'\n"
			"    at Module._load (node:internal:1:2)\n"
			"  code: 'MODULE_NOT_FOUND',\n}\n\nNode.js v22.4.0\n",
			"gone failed the process exited with status 1: "
			"Error: Cannot find module '/x.js'\n"},
		{"-", "", 1, 0, 1 << EXITED,
			"x.mjs:2\nTypeError [ERR_X]: no\n\nNode.js v22.4.0\n",
			"gone failed the process exited with status 1: "
			"TypeError [ERR_X]: no\n"},
		{"-", "", 1, 0, 1 << EXITED,
			"Traceback (most recent call last):\n"
			"  File \"x.py\", line 1, in <module>\n"
			"    raise OSError: no\nKeyError: 'x'\n"
			"bye\n",
			"gone failed the process exited with status 1: "
			"KeyError: 'x'\n"},
		{"-", "", 1, 0, 1 << EXITED, "0 errors\nError\nno key is set\n",
			"gone failed the process exited with status 1: "
			"no key is set\n"},
		{"-", "", 1, 0, SIGSEGV, "",
			"gone failed the process was killed by signal 11\n"},
		{"-", "", 0, KEEPER_READY_MS - 1, 0, "",
			"gone failed the process exited with status 0\n"},
		{"-", "", 0, KEEPER_READY_MS, SIGKILL, "waiting\n",
			"signal 9\ngone failed the process was not ready "
			"within 10 s: waiting\n"},
		{"-", "", 1, KEEPER_CLOSED_MS, SIGKILL, "",
			"signal 9\ngone failed the process closed its socket "
			"and went on\n"},
		{"-", "6 alarm\nno key", 1, 0, 78 << EXITED, "",
			"alarm no key\ngone failed the process exited with "
			"status 78\n"},
		{"-", "0 ready 2\n", 0, 0, SIGKILL, "",
			"signal 9\ngone failed the process speaks version 2 "
			"of the protocol, this worker version 1\n"},
		{"-", "0 done x\n", 0, 0, SIGKILL, "",
			"signal 9\ngone failed the process sent 'done' for a "
			"job that it does not have\n"},
		{"-", "Starting ...\n", 0, 0, SIGKILL, "",
			"signal 9\ngone failed " NO_MESSAGE "\n"},
		/* Ready, but without ever having begun a job. */
		{"", "", 1, 0, 0, "",
			"gone failed the process exited with status 0\n"},
	};

	ROWS_PLAY(*state, rows);
}

/* No attempt: a job counts once it has begun. */
static void
a_job_that_did_not_begin_goes_back(void **state)
{
	static const struct row rows[] = {
		{"A", "", 0, KEEPER_BEGUN_MS, SIGKILL, "",
			"signal 9\n"
			"ended A release crash rss=900 signal=9 error=the "
			"process did not begin a job within 5 s\n"
			"gone failed the process did not begin a job within "
			"5 s\n"},
		{"A", "", 1, 0, 1 << EXITED, "oh\n",
			"ended A release crash rss=900 exit=1 error=oh\n"
			"gone failed the process exited with status 1: oh\n"},
		{"A", "", 1, 0, 0, "",
			"ended A release crash rss=900 error=the process "
			"exited with status 0\n"
			"gone failed the process exited with status 0\n"},
		/* It ended after its last job, as the next one came. */
		{"BA", "0 begun %B\n0 done %B\n", 1, 0, 0, "",
			"begun B\nended B ack none\n"
			"ended A release drain rss=900 error=the process "
			"exited with status 0\n"
			"gone well the process exited with status 0\n"},
		{"BA", "0 begun %B\n0 done %B\n", 1, 0, SIGSEGV, "",
			"begun B\nended B ack none\n"
			"ended A release crash rss=900 signal=11 error=the "
			"process was killed by signal 11\n"
			"gone failed the process was killed by signal 11\n"},
		/* The other job had begun: it is an attempt. */
		{"BA", "0 begun %B\n", 0, KEEPER_BEGUN_MS, SIGKILL, "",
			"begun B\nsignal 9\n"
			"ended A release crash rss=900 signal=9 error=the "
			"process did not begin a job within 5 s\n"
			"ended B retry crash rss=900 signal=9 error=the "
			"process did not begin a job within 5 s\n"
			"gone failed the process did not begin a job within "
			"5 s\n"},
	};

	ROWS_PLAY(*state, rows);
}

static void
a_process_that_does_not_read_is_killed(void **state)
{
	struct keeper_rig *r = *state;
	struct keeper_exit e = {.status = SIGKILL, .tail = {"", 0}};

	assert_int_equal(keeper_rig_give(r, 'A'), 0);
	keeper_written(&r->k, 20); /* the socket is full */
	keeper_rig_pass(r, KEEPER_BEGUN_MS - 1);
	keeper_rig_expect(r, "");
	assert_int_equal(keeper_room(&r->k), 0);
	keeper_rig_pass(r, 1);
	keeper_rig_expect(r, "signal 9\n");
	keeper_exited(&r->k, &e);
	keeper_rig_events(r);
	keeper_rig_expect(r, "ended A release crash signal=9 error=the process "
			     "did not begin a job within 5 s\n"
			     "gone failed the process did not begin a job "
			     "within 5 s\n");
	good_process(r);
}

/* Exit 0 is no "done". */
static void
an_end_after_begun_is_a_crash(void **state)
{
#define BEGUN "0 begun %A\n1 result %A\nx"
	static const struct row rows[] = {
		{"A", BEGUN, 1, 0, 0, "",
			"begun A\nended A retry crash rss=900 error=the "
			"process exited with status 0\n"
			"gone well the process exited with status 0\n"},
		{"A", BEGUN, 1, 0, 75 << EXITED, "a\nValueError: b\n",
			"begun A\nended A retry crash rss=900 exit=75 "
			"error=a\nValueError: b\n"
			"gone well the process exited with status 75: "
			"ValueError: b\n"},
		{"A", BEGUN, 1, 0, SIGABRT, "",
			"begun A\nended A retry crash rss=900 signal=6 "
			"error=the process was killed by signal 6\n"
			"gone well the process was killed by signal 6\n"},
		{"A", BEGUN, 0, 0, SIGKILL, "",
			"begun A\nended A retry oom rss=900 signal=9 "
			"error=" KILLED "\ngone well " KILLED "\n"},
	};
	struct keeper_rig *r = *state;
	struct keeper_exit e = {.status = SIGSEGV,
		.rss_kb = 900,
		.memory = 1000 << 10,
		.tail = {"", 0}};

	ROWS_PLAY(r, rows);
	give(r, "A");
	keeper_rig_say(r, BEGUN);
	keeper_exited(&r->k, &e);
	keeper_rig_events(r);
	keeper_rig_expect(r, "begun A\nended A retry oom rss=900 signal=11 "
			     "error=the process was killed by signal 11\n"
			     "gone well the process was killed by signal 11\n");
	good_process(r);
}

/* End of file decides nothing: the exit status does. */
static void
a_process_that_closes_its_socket_has_a_second(void **state)
{
	static const struct row rows[] = {
		{"A", BEGUN, 1, KEEPER_CLOSED_MS - 1, 7 << EXITED, "",
			"begun A\nended A retry crash rss=900 exit=7 "
			"error=the process exited with status 7\n"
			"gone well the process exited with status 7\n"},
		{"A", BEGUN, 1, KEEPER_CLOSED_MS, SIGKILL, "bye\n",
			"begun A\nsignal 9\n"
			"ended A retry crash rss=900 signal=9 error=the "
			"process closed its socket and went on\nbye\n"
			"gone well the process closed its socket and went "
			"on: bye\n"},
		{"A", BEGUN "0 done %A\n", 1, KEEPER_CLOSED_MS, SIGKILL, "",
			"begun A\nended A ack none result=x\nsignal 9\n"
			"gone well the process closed its socket and went "
			"on\n"},
	};

	ROWS_PLAY(*state, rows);
}

static void
what_is_no_message_crashes_all_jobs_at_hand(void **state)
{
	static const char *const said[] = {
		"print\n",
		"\n",
		"-1 done %A\n",
		"139265 result %A\n",
		"0  done %A\n",
		"0 done %A\r\n",
		"0 done \xc3\xa4\n",
	};
	struct keeper_rig *r = *state;
	struct row row = {.given = "AB", .status = SIGKILL, .tail = "t"};

	row.expected = "begun A\nsignal 9\n"
		       "ended B release crash rss=900 signal=9 "
		       "error=" NO_MESSAGE "\nt\n"
		       "ended A retry crash rss=900 signal=9 "
		       "error=" NO_MESSAGE "\nt\n"
		       "gone well " NO_MESSAGE ": t\n";
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		char text[256];

		/* What comes behind it does not count. */
		(void)snprintf(text, sizeof(text),
			"0 begun %%A\n%s0 done %%A\n", said[i]);
		row.said = text;
		row_play(r, &row);
	}
}

static void
a_message_that_does_not_fit_crashes_all_jobs_at_hand(void **state)
{
	static const struct {
		const char *said, *reason;
	} rows[] = {
		{"0 begun %C\n", "'begun' for a job that it does not have"},
		{"0 begun\n", "'begun' for a job that it does not have"},
		{"0 done %C\n", "'done' for a job that it does not have"},
		{"0 done %A\n", "'done' before 'begun'"},
		{"0 result %A\n", "'result' before 'begun'"},
		{"0 begun %A\n0 begun %A\n", "'begun' twice"},
		{"0 ready 1\n", "'ready' twice"},
		{"0 begun %A\n0 progress %A 101\n",
			"'progress' with wrong arguments"},
		{"0 begun %A\n0 progress %A\n",
			"'progress' with wrong arguments"},
		{"0 begun %A\n0 put %A q\n", "'put' with wrong arguments"},
		{"0 begun %A\n0 put %A q 1\n", "'put' with wrong arguments"},
		{"0 begun %A\n0 retry %A soon\n",
			"'retry' with wrong arguments"},
		{"0 begun %A\n0 retry %A 99 1\n",
			"'retry' with wrong arguments"},
		{"0 begun %A\n0 done %A 1\n", "'done' with wrong arguments"},
		{"0 begun %A\n0 fail %A x 1\n", "'fail' with wrong arguments"},
	};
	struct keeper_rig *r = *state;
	struct row row = {.given = "A", .status = SIGKILL, .tail = ""};
	char expected[512], said[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int begun = strncmp(rows[i].said, "0 begun %A", 10) == 0;

		(void)snprintf(expected, sizeof(expected),
			"%ssignal 9\nended A retry crash rss=900 signal=9 "
			"error=the process sent %s\n"
			"gone %s the process sent %s\n",
			begun ? "begun A\n" : "", rows[i].reason,
			begun ? "well" : "failed", rows[i].reason);
		/* What comes behind it does not count. */
		(void)snprintf(said, sizeof(said),
			"%s0 begun %%A\n0 done %%A\n", rows[i].said);
		row.said = said;
		row.expected = expected;
		row_play(r, &row);
	}
}

/* Each job is done once: what came behind "done" is of no job. */
static void
a_second_done_is_of_no_job(void **state)
{
	static const struct row rows[] = {
		{"AB", "0 begun %A\n0 begun %B\n0 done %A\n0 done %A\n", 0, 0,
			SIGKILL, "",
			"begun A\nbegun B\nended A ack none\nsignal 9\n"
			"ended B retry crash rss=900 signal=9 error=the "
			"process sent 'done' for a job that it does not "
			"have\ngone well the process sent 'done' for a job "
			"that it does not have\n"},
	};

	ROWS_PLAY(*state, rows);
}

/* The time that the process took to begin is not the job's. */
static void
the_timeout_counts_from_begun(void **state)
{
	struct keeper_rig *r = *state;
	char text[1024];

	give(r, "A");
	keeper_rig_pass(r, KEEPER_BEGUN_MS - 1);
	keeper_rig_say(r, "0 begun %A\n");
	keeper_rig_pass(r, 29999);
	keeper_rig_read(r, text, sizeof(text));
	assert_string_equal(text, "");
	keeper_rig_pass(r, 1);
	keeper_rig_read(r, text, sizeof(text));
	assert_int_equal(strncmp(text, "0 cancel 41000000-", 18), 0);
	keeper_rig_pass(r, KEEPER_CANCEL_MS - 1);
	keeper_rig_say(r, "4 fail %A 1 2\nlate");
	keeper_rig_expect(r, "begun A\nended A retry timeout cpu=1 rss=2 "
			     "error=late\n");
	good_job(r);
	give(r, "A");
	keeper_rig_say(r, "0 begun %A\n");
	keeper_rig_pass(r, 30001);
	keeper_rig_read(r, text, sizeof(text));
	keeper_rig_say(r, "0 done %A\n"); /* done is done */
	keeper_rig_expect(r, "begun A\nended A ack none\n");
	good_job(r);
}

/* `out` has what the process would read; it does not heed it. */
static void
ladder_pass(struct keeper_rig *r)
{
	char text[1024];

	keeper_rig_read(r, text, sizeof(text));
	assert_int_equal(strncmp(text, "0 cancel 41000000-", 18), 0);
	keeper_rig_pass(r, KEEPER_CANCEL_MS - 1);
	keeper_rig_expect(r, "");
	assert_true(keeper_room(&r->k) > 0);
	keeper_rig_pass(r, 1);
	keeper_rig_expect(r, "signal 15\n");
	assert_int_equal(keeper_room(&r->k), 0);
	keeper_rig_pass(r, KEEPER_TERM_MS - 1);
	keeper_rig_expect(r, "");
	keeper_rig_pass(r, 1);
	keeper_rig_expect(r, "signal 9\n");
	keeper_rig_exit(r, SIGKILL, "busy\n");
}

static void
a_timeout_that_is_not_heeded_ends_the_process(void **state)
{
	struct keeper_rig *r = *state;

	give(r, "A");
	keeper_rig_say(r, "0 begun %A\n");
	keeper_rig_pass(r, 29000);
	give(r, "BC");
	keeper_rig_say(r, "0 begun %B\n");
	keeper_rig_pass(r, 1000);
	keeper_rig_expect(r, "begun A\nbegun B\n");
	ladder_pass(r);
	/* Neither B nor C is at fault: they go back. */
	keeper_rig_expect(r,
		"ended C release drain rss=900 signal=9 error=busy\n"
		"ended B release drain rss=900 signal=9 error=busy\n"
		"ended A retry timeout rss=900 signal=9 error=busy\n"
		"gone well " KILLED ": busy\n");
	good_process(r);
}

static void
a_cancel_that_is_not_heeded_ends_the_process(void **state)
{
	struct keeper_rig *r = *state;

	give(r, "A");
	keeper_rig_say(r, "0 begun %A\n");
	keeper_cancel(&r->k, &r->names['B'], r->now_ms); /* has ended before */
	keeper_cancel(&r->k, &r->names['A'], r->now_ms);
	keeper_rig_expect(r, "begun A\n");
	ladder_pass(r);
	keeper_rig_expect(r, "ended A retry crash rss=900 signal=9 error=busy\n"
			     "gone well " KILLED ": busy\n");
	good_process(r);
}

static void
a_cancel_that_is_heeded_keeps_the_process(void **state)
{
	struct keeper_rig *r = *state;

	give(r, "A");
	keeper_rig_say(r, "0 begun %A\n");
	keeper_cancel(&r->k, &r->names['A'], r->now_ms);
	keeper_cancel(&r->k, &r->names['A'], r->now_ms + 1); /* one is enough */
	keeper_rig_pass(r, KEEPER_CANCEL_MS - 1);
	assert_int_equal(keeper_output(&r->k).len, 9 + 36 + 1);
	keeper_written(&r->k, keeper_output(&r->k).len);
	keeper_rig_say(r, "7 retry %A\nstopped");
	keeper_rig_expect(r, "begun A\nended A retry error error=stopped\n");
	keeper_rig_pass(r, 10000);
	keeper_rig_expect(r, "");
	good_job(r);
}

/* It may end its job on SIGTERM, and is not used again. */
static void
an_end_behind_sigterm_counts(void **state)
{
	struct keeper_rig *r = *state;

	give(r, "A");
	keeper_rig_say(r, "0 begun %A\n");
	keeper_cancel(&r->k, &r->names['A'], r->now_ms);
	keeper_rig_pass(r, KEEPER_CANCEL_MS);
	keeper_rig_say(r, "0 done %A\n");
	keeper_rig_expect(r, "begun A\nsignal 15\nended A ack none\n");
	assert_int_equal(keeper_room(&r->k), 0);
	keeper_rig_pass(r, KEEPER_TERM_MS); /* it lives on */
	keeper_rig_exit(r, SIGKILL, "");
	keeper_rig_expect(r, "signal 9\ngone well " KILLED "\n");
	good_process(r);
}

/* The process goes on; it was the job's own mistake. */
static void
what_cannot_be_stored_fails_its_job_alone(void **state)
{
	static char much[SW_RESULT_MAX + 1];
	struct keeper_rig *r = *state;
	char line[128];
	int n;

	memset(much, 'x', sizeof(much));
	give(r, "A");
	n = snprintf(line, sizeof(line), "%zu result %s\n", sizeof(much),
		keeper_rig_id(r, 'A'));
	keeper_rig_say(r, "0 begun %A\n");
	keeper_rig_say_bytes(r, bytes_of(line, (size_t)n));
	keeper_rig_say_bytes(r, bytes_of(much, sizeof(much)));
	keeper_rig_say(r, "0 done %A 1 2\n");
	keeper_rig_expect(r, "begun A\nended A fail permanent cpu=1 rss=2 "
			     "error=" KEPT_RESULT_TOOBIG "\n");
	good_job(r);
	give(r, "A");
	keeper_rig_say(r, "0 begun %A\n3 put %A Q! 0\nfff0 done %A 1 2\n");
	r->events[r->len] = '\0';
	assert_non_null(strstr(r->events,
		"ended A retry error cpu=1 rss=2 error=a follow-up for Q! is "
		"lost: "));
	r->len = 0;
	good_job(r);
}

static void
nothing_of_a_job_is_left_for_the_next(void **state)
{
	struct keeper_rig *r = *state;

	give(r, "A");
	keeper_rig_say(r, "0 begun %A\n3 result %A\nold3 put %A q 0\nold"
			  "3 put %A Q! 0\nold3 retry %A 99\nold");
	keeper_rig_expect(r, "begun A\nended A retry error ms=99 error=old\n");
	give(r, "B");
	keeper_rig_say(r, "0 begun %B\n0 done %B\n");
	keeper_rig_expect(r, "begun B\nended B ack none\n");
	keeper_rig_pass(r, 29999); /* the next one has all its time */
	give(r, "C");
	keeper_rig_say(r, "0 begun %C\n");
	keeper_rig_pass(r, 29999);
	keeper_rig_expect(r, "begun C\n");
	keeper_rig_say(r, "0 retry %C\n");
	keeper_rig_expect(r, "ended C retry error\n");
	good_job(r);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, keeper_rig_free)
	const struct CMUnitTest tests[] = {
		T(an_end_before_ready_pauses_the_route),
		T(a_job_that_did_not_begin_goes_back),
		T(a_process_that_does_not_read_is_killed),
		T(an_end_after_begun_is_a_crash),
		T(a_process_that_closes_its_socket_has_a_second),
		T(what_is_no_message_crashes_all_jobs_at_hand),
		T(a_message_that_does_not_fit_crashes_all_jobs_at_hand),
		T(a_second_done_is_of_no_job),
		T(the_timeout_counts_from_begun),
		T(a_timeout_that_is_not_heeded_ends_the_process),
		T(a_cancel_that_is_not_heeded_ends_the_process),
		T(a_cancel_that_is_heeded_keeps_the_process),
		T(an_end_behind_sigterm_counts),
		T(what_cannot_be_stored_fails_its_job_alone),
		T(nothing_of_a_job_is_left_for_the_next),
	};

	return cmocka_run_group_tests_name("keeper_faults", tests, NULL, NULL);
}
