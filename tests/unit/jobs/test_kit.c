/* SPDX-License-Identifier: MIT */
/* The kit of kept processes in C, with the worker's side played by the test. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include <signal.h>

#include "jobs/spillway-job.h"
#include "tests/lib/deadline.h"
#include "tests/lib/jobs.h"
#include "wire/limits.h"

#define ID "0190163d-8694-739b-aea5-966c26f8ad91"

static char much[SW_BODY_MAX + 1];
static struct kept_end end;

static int
body_is(const struct spillway_job *job, const char *text)
{
	return strcmp(job->body, text) == 0; /* a NUL follows the bytes */
}

/* Results, by the body: none, one a byte too large, a small one after it. */
static enum spillway_job_end
result_job(struct spillway_job *job)
{
	if (body_is(job, "none"))
		return SPILLWAY_JOB_DONE;
	if (spillway_job_result(job, much, SW_RESULT_MAX + 1) != -EMSGSIZE)
		return SPILLWAY_JOB_RETRY;
	if (body_is(job, "again"))
		(void)!spillway_job_result(job, much, SW_RESULT_MAX);
	return SPILLWAY_JOB_DONE;
}

/* Two puts that fill what a job may report, and a result by the body. */
static enum spillway_job_end
much_job(struct spillway_job *job)
{
	for (int i = 0; i < 2; i++)
		if (spillway_job_put(job, "next", NULL, much, SW_BODY_MAX) != 0)
			return SPILLWAY_JOB_FAIL;
	if (spillway_job_put(job, "next", NULL, much, SW_BODY_MAX) != -EMSGSIZE)
		return SPILLWAY_JOB_FAIL;
	if (body_is(job, "more") &&
		spillway_job_put(job, "next", NULL, much, 1) != 0)
		return SPILLWAY_JOB_FAIL;
	(void)!spillway_job_result(job, much, SW_RESULT_MAX);
	return SPILLWAY_JOB_DONE;
}

/* As many puts as a job may have, and one. */
static enum spillway_job_end
many_job(struct spillway_job *job)
{
	spillway_job_progress(job, 7, NULL);
	for (int i = 0; i < SW_FOLLOWS_MAX; i++)
		if (spillway_job_put(job, "next", NULL, "", 0) != 0)
			return SPILLWAY_JOB_FAIL;
	return spillway_job_put(job, "next", NULL, "", 0) == -EMSGSIZE
		       ? SPILLWAY_JOB_DONE
		       : SPILLWAY_JOB_FAIL;
}

static enum spillway_job_end
put_job(struct spillway_job *job)
{
	static const char *const good[] = {"a=b", "c==", NULL};
	static const char *const none[] = {"a", NULL};
	static const char *const nameless[] = {"=a", NULL};

	if (spillway_job_put(job, "no good", NULL, "", 0) != -EINVAL ||
		spillway_job_put(job, "", NULL, "", 0) != -EINVAL ||
		spillway_job_put(job, "q", none, "", 0) != -EINVAL ||
		spillway_job_put(job, "q", nameless, "", 0) != -EINVAL ||
		spillway_job_put(job, "q", NULL, much, sizeof(much)) !=
			-EMSGSIZE)
		return SPILLWAY_JOB_FAIL;
	return spillway_job_put(job, "next", good, "body", 4) == 0
		       ? SPILLWAY_JOB_DONE
		       : SPILLWAY_JOB_FAIL;
}

/* All that a job is told, as its result. */
static enum spillway_job_end
echo_job(struct spillway_job *job)
{
	const char *type = spillway_job_header(job, "content-type");
	char text[512];
	int n = snprintf(text, sizeof(text), "%s %s %d/%d %s %s %.*s %s",
		job->id, job->queue, job->attempt, job->max_attempts,
		type != NULL ? type : "-", spillway_job_header(job, "colour"),
		(int)job->body_len, (const char *)job->body,
		spillway_job_header(job, "col") != NULL ? "bad" : "good");

	spillway_job_progress(job, 400, "half way");
	return spillway_job_result(job, text, (size_t)n) == 0
		       ? SPILLWAY_JOB_DONE
		       : SPILLWAY_JOB_FAIL;
}

static enum spillway_job_end
end_job(struct spillway_job *job)
{
	memset(much, 'x', sizeof(much));
	if (body_is(job, "long"))
		spillway_job_error(job, "%.*s", 5000, much);
	else if (!body_is(job, "silent"))
		spillway_job_error(job, "no %s", "luck");
	if (body_is(job, "later"))
		spillway_job_retry_after(job, 2500);
	if (body_is(job, "alarm"))
		spillway_job_alarm(job, "the password is wrong");
	if (body_is(job, "crash"))
		abort();
	return body_is(job, "fail") ? SPILLWAY_JOB_FAIL : SPILLWAY_JOB_RETRY;
}

/* By the body: uses memory itself, or reports that of a program. */
static enum spillway_job_end
memory_job(struct spillway_job *job)
{
	static const size_t len = 64 << 20;
	char *p;

	if (body_is(job, "ran")) {
		spillway_job_ran(job, 1 << 20);
		spillway_job_ran(job, 1); /* and a second one */
	}
	if (!body_is(job, "own"))
		return SPILLWAY_JOB_DONE;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return p != MAP_FAILED && munmap(p, len) == 0 ? SPILLWAY_JOB_DONE
						      : SPILLWAY_JOB_FAIL;
}

/* Runs until it is cancelled: so a job that is not would hang the test. */
static enum spillway_job_end
cancel_job(struct spillway_job *job)
{
	if (body_is(job, "quick"))
		return spillway_job_cancelled(job) ? SPILLWAY_JOB_FAIL
						   : SPILLWAY_JOB_DONE;
	while (!spillway_job_cancelled(job))
		(void)usleep(1000);
	spillway_job_error(job, "cancelled");
	return SPILLWAY_JOB_RETRY;
}

static suseconds_t pause_us;

/* The next one comes a little later, or a slow machine would do nothing else.
 */
static void
signal_take(int sig)
{
	const struct itimerval once = {.it_value.tv_usec = pause_us};

	(void)sig;
	if (pause_us > 0 && pause_us < 10000)
		pause_us += 2;
	(void)setitimer(ITIMER_REAL, &once, NULL);
}

/* Puts through a small buffer, while a signal comes again and again. */
static enum spillway_job_end
interrupted_job(struct spillway_job *job)
{
	static const struct sigaction take = {.sa_handler = signal_take};
	static const struct itimerval never;
	static const int size = 4608;
	int err;

	if (setsockopt(KEPT_FD, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) !=
			0 ||
		sigaction(SIGALRM, &take, NULL) != 0)
		return SPILLWAY_JOB_FAIL;
	pause_us = 20;
	signal_take(0);
	memset(much, 'z', sizeof(much));
	err = spillway_job_put(job, "next", NULL, much, SW_BODY_MAX);
	if (err == 0)
		err = spillway_job_put(job, "last", NULL, much, SW_BODY_MAX);
	pause_us = 0; /* a signal that is on its way sets no timer */
	(void)setitimer(ITIMER_REAL, &never, NULL);
	return err == 0 ? SPILLWAY_JOB_DONE : SPILLWAY_JOB_FAIL;
}

static int
kit_main(void *arg)
{
	union {
		void *p;
		spillway_job_fn *run;
	} u = {arg};

	return spillway_job_run(u.run, NULL);
}

static void
kit_start(struct kept_process *p, spillway_job_fn *run)
{
	union {
		spillway_job_fn *run;
		void *p;
	} u = {run};

	(void)alarm(deadline_s());
	kept_fork(p, kit_main, u.p);
	kept_ready(p);
}

static void
run(struct kept_process *p, const char *body)
{
	kept_run(p, ID, NULL, bytes_str(body), &end);
}

static void
assert_well(struct kept_process *p)
{
	assert_int_equal(kept_close(p), 0);
	assert_string_equal(p->said, "");
}

/* --- reports -------------------------------------------------------------- */

static void
a_job_gets_what_the_worker_sent(void **state)
{
	static const char *const headers[] = {
		"content-type=text/plain; a=b", "colour=red=", NULL};
	struct kept_process p;

	(void)state;
	kit_start(&p, echo_job);
	for (int i = 0; i < 3; i++) {
		kept_run(&p, ID, headers, bytes_str("hello"), &end);
		assert_string_equal(end.word, "done");
		end.result[end.result_len] = '\0';
		assert_string_equal(end.result,
			ID " queue 2/20 text/plain; a=b red= hello good");
		assert_int_equal(end.progress_n, 1);
		assert_true(end.cpu_ms >= 0 && end.rss_kb > 0);
	}
	assert_well(&p);
}

static void
a_job_that_fails_says_why_and_when(void **state)
{
	struct kept_process p;

	(void)state;
	kit_start(&p, end_job);
	run(&p, "");
	assert_string_equal(end.word, "retry");
	assert_string_equal(end.error, "no luck");
	assert_int_equal(end.delay_ms, -1);
	assert_true(end.cpu_ms >= 0 && end.rss_kb > 0);
	run(&p, "later");
	assert_int_equal(end.delay_ms, 2500);
	assert_true(end.cpu_ms >= 0 && end.rss_kb > 0);
	run(&p, "silent");
	assert_int_equal(end.delay_ms, -1); /* not that of the job before */
	assert_string_equal(end.error, "");
	run(&p, "fail");
	assert_string_equal(end.word, "fail");
	assert_true(end.cpu_ms >= 0 && end.rss_kb > 0);
	run(&p, "long");
	assert_int_equal(strlen(end.error), SW_ERROR_MAX);
	run(&p, "alarm");
	assert_string_equal(end.alarm, "the password is wrong");
	assert_well(&p);
}

static void
a_crash_is_no_end_of_a_job(void **state)
{
	struct kept_message m;
	struct kept_process p;
	int status;

	(void)state;
	kit_start(&p, end_job);
	kept_job(&p, ID, NULL, bytes_str("crash"));
	m = kept_receive(&p);
	assert_true(kept_is(&m, "begun"));
	status = kept_wait(&p);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
a_result_that_is_too_large_fails_its_job_and_no_other(void **state)
{
	struct kept_process p;

	(void)state;
	kit_start(&p, result_job);
	run(&p, "once");
	assert_string_equal(end.word, "fail");
	assert_string_equal(end.error, KEPT_RESULT_TOOBIG);
	run(&p, "none");
	assert_string_equal(end.word, "done");
	assert_int_equal(end.results_n, 0);
	run(&p, "again");
	assert_string_equal(end.word, "done");
	assert_int_equal(end.result_len, SW_RESULT_MAX);
	assert_well(&p);
}

static void
what_has_no_room_is_not_acknowledged(void **state)
{
	struct kept_process p;

	(void)state;
	kit_start(&p, much_job);
	run(&p, "");
	assert_string_equal(end.word, "done");
	assert_int_equal(end.puts_n, 2);
	run(&p, "more");
	assert_string_equal(end.word, "retry");
	assert_string_equal(end.error, KEPT_REPORTS_TOOBIG);
	run(&p, "");
	assert_string_equal(end.word, "done");
	assert_well(&p);
}

static void
a_put_beyond_those_that_a_job_may_have_is_refused(void **state)
{
	struct kept_process p;

	(void)state;
	kit_start(&p, many_job);
	for (int i = 0; i < 2; i++) {
		run(&p, "");
		assert_string_equal(end.word, "done");
		assert_int_equal(end.puts_n, SW_FOLLOWS_MAX);
	}
	assert_well(&p);
}

static void
a_put_has_a_queue_headers_and_a_body(void **state)
{
	struct kept_process p;

	(void)state;
	kit_start(&p, put_job);
	run(&p, "");
	assert_string_equal(end.word, "done");
	assert_int_equal(end.puts_n, 1);
	assert_string_equal(end.queue, "next");
	assert_string_equal(end.header, "a=b");
	assert_string_equal(end.body, "body");
	assert_well(&p);
}

static void
the_memory_of_a_job_is_not_that_of_one_before_it(void **state)
{
	struct kept_process p;
	int64_t little;

	(void)state;
	kit_start(&p, memory_job);
	run(&p, "");
	little = end.rss_kb;
	assert_true(little > 0);
	run(&p, "own");
	assert_in_range(end.rss_kb, little + (63 << 10), 1 << 20);
	run(&p, "");
	assert_in_range(end.rss_kb, 1, little + (8 << 10));
	run(&p, "ran");
	assert_int_equal(end.rss_kb, 1 << 20);
	run(&p, "");
	assert_in_range(end.rss_kb, 1, little + (8 << 10));
	assert_well(&p);
}

static void
a_signal_in_the_middle_of_a_report_loses_nothing(void **state)
{
	struct kept_process p;

	(void)state;
	kit_start(&p, interrupted_job);
	for (int i = 0; i < 20; i++) {
		run(&p, "");
		assert_string_equal(end.word, "done");
		assert_int_equal(end.puts_n, 2);
		assert_string_equal(end.queue, "last");
	}
	assert_well(&p);
}

/* --- the worker ------------------------------------------------------------
 */

static void
a_job_learns_that_it_is_cancelled(void **state)
{
	static const char cancels[] = "3 news x\nabc0 cancel other\n"
				      "0 cancel " ID "\n";
	struct kept_message m;
	struct kept_process p;

	(void)state;
	kit_start(&p, cancel_job);
	kept_job(&p, ID, NULL, bytes_str(""));
	m = kept_receive(&p);
	assert_true(kept_is(&m, "begun"));
	for (size_t i = 0; cancels[i] != '\0'; i++) /* cut anywhere */
		kept_send(&p, cancels + i, 1);
	m = kept_receive(&p);
	assert_true(kept_is(&m, "retry"));
	assert_true(bytes_eq(m.bytes, bytes_str("cancelled")));
	run(&p, "quick"); /* and the next one is not */
	assert_string_equal(end.word, "done");
	assert_well(&p);
}

/* In one piece with the job: the kit has read it before the job runs. */
static void
a_cancel_right_behind_a_job_is_for_the_job_that_it_names(void **state)
{
	static const char mine[] = "5 job " ID " queue 2 20 500 0\nquick"
				   "0 cancel " ID "\n",
			  others[] = "5 job " ID " queue 2 20 500 0\nquick"
				     "0 cancel other\n";
	struct kept_process p;

	(void)state;
	kit_start(&p, cancel_job);
	kept_send(&p, mine, sizeof(mine) - 1);
	kept_end(&p, ID, &end);
	assert_string_equal(end.word, "fail");
	kept_send(&p, others, sizeof(others) - 1);
	kept_end(&p, ID, &end);
	assert_string_equal(end.word, "done");
	assert_well(&p);
}

static void
a_job_whose_worker_is_gone_ends(void **state)
{
	struct kept_message m;
	struct kept_process p;

	(void)state;
	kit_start(&p, cancel_job);
	kept_job(&p, ID, NULL, bytes_str(""));
	m = kept_receive(&p);
	assert_true(kept_is(&m, "begun"));
	assert_int_equal(kept_close(&p), 0);
}

static void
messages_may_come_in_any_pieces(void **state)
{
	static const char in[] =
		"0 cancel " ID "\n4 unknown\nabcd"
		"16 job " ID " queue 2 20 500 11 and more\ncolour=red\0hello";
	struct kept_process p;

	(void)state;
	kit_start(&p, echo_job);
	for (size_t i = 0; i < sizeof(in) - 1; i++)
		kept_send(&p, in + i, 1);
	kept_end(&p, ID, &end);
	end.result[end.result_len] = '\0';
	assert_string_equal(end.result, ID " queue 2/20 - red hello good");
	assert_well(&p);
}

static void
the_largest_job_arrives_whole(void **state)
{
	struct kept_process p;

	(void)state;
	memset(much, 'y', SW_BODY_MAX);
	kit_start(&p, put_job);
	kept_run(&p, ID, NULL, bytes_of(much, SW_BODY_MAX), &end);
	assert_string_equal(end.word, "done");
	run(&p, "");
	assert_string_equal(end.word, "done");
	assert_well(&p);
}

static void
what_is_no_message_ends_the_process(void **state)
{
	static const char *const bad[] = {
		"hello\n",
		"0 job " ID "\n",
		"0 job " ID " queue 2 20 500 1\n",
		"0 job " ID " queue two 20 500 0\n",
		"4 job " ID " queue 2 20 500 4\nabc",
		"139265 job " ID " queue 2 20 500 0\n",
	};
	struct kept_process p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		kit_start(&p, echo_job);
		/* With a NUL, which ends the header block of one of them. */
		kept_send(&p, bad[i], strlen(bad[i]) + 1);
		assert_int_equal(kept_wait(&p), EX_PROTOCOL << 8);
		assert_non_null(strstr(p.said, "not of the protocol"));
	}
}

static void
without_a_worker_there_is_no_job(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		(void)close(KEPT_FD);
		_exit(spillway_job_run(echo_job, NULL));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, EX_USAGE << 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_gets_what_the_worker_sent),
		cmocka_unit_test(a_job_that_fails_says_why_and_when),
		cmocka_unit_test(a_crash_is_no_end_of_a_job),
		cmocka_unit_test(
			a_result_that_is_too_large_fails_its_job_and_no_other),
		cmocka_unit_test(what_has_no_room_is_not_acknowledged),
		cmocka_unit_test(
			a_put_beyond_those_that_a_job_may_have_is_refused),
		cmocka_unit_test(a_put_has_a_queue_headers_and_a_body),
		cmocka_unit_test(
			the_memory_of_a_job_is_not_that_of_one_before_it),
		cmocka_unit_test(
			a_signal_in_the_middle_of_a_report_loses_nothing),
		cmocka_unit_test(a_job_learns_that_it_is_cancelled),
		cmocka_unit_test(
			a_cancel_right_behind_a_job_is_for_the_job_that_it_names),
		cmocka_unit_test(a_job_whose_worker_is_gone_ends),
		cmocka_unit_test(messages_may_come_in_any_pieces),
		cmocka_unit_test(the_largest_job_arrives_whole),
		cmocka_unit_test(what_is_no_message_ends_the_process),
		cmocka_unit_test(without_a_worker_there_is_no_job),
	};

	return cmocka_run_group_tests_name("kit", tests, NULL, NULL);
}
