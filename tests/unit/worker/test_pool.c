/* SPDX-License-Identifier: MIT */
/* The packet that a process of built-in jobs sends at the end of a job. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/lib/deadline.h"
#include "worker/pooled.h"
#include "worker/report.h"

static char much[SW_BODY_MAX];

/* By the body: no result, one a byte too large, or a small one after it. */
static enum job_disposition
result_run(struct job *job)
{
	if (bytes_eq(job->body, bytes_str("none")))
		return JOB_ACK;
	job->result(job, bytes_of(much, SW_RESULT_MAX + 1));
	if (bytes_eq(job->body, bytes_str("again")))
		job->result(job, bytes_of(much, 1));
	return JOB_ACK;
}

/* Two follow-ups and, by the body, a result that fits with them. */
static enum job_disposition
much_run(struct job *job)
{
	int small = bytes_eq(job->body, bytes_str("small"));
	enum job_disposition verdict = JOB_ACK;

	for (int i = 0; i < 2; i++)
		if (job->follow(job, "next", NULL,
			    bytes_of(much, sizeof(much))) < 0)
			return JOB_FAIL;
	if (job->follow(job, "next", NULL, bytes_of(much, sizeof(much))) !=
		SW_ETOOBIG)
		return JOB_FAIL;
	job->result(job, bytes_of(much, small ? 1 : SW_RESULT_MAX));
	if (bytes_eq(job->body, bytes_str("retry"))) {
		job->error(job, "not now");
		verdict = JOB_RETRY;
	}
	return verdict;
}

/* By the body: uses memory itself, or reports that of a program. */
static enum job_disposition
memory_run(struct job *job)
{
	static const size_t len = 64 << 20;
	char *p;

	if (bytes_eq(job->body, bytes_str("ran"))) {
		job->ran(job, 1 << 20);
		job->ran(job, 1); /* and a second one */
	}
	if (!bytes_eq(job->body, bytes_str("own")))
		return JOB_ACK;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return p != MAP_FAILED && munmap(p, len) == 0 ? JOB_ACK : JOB_FAIL;
}

static const struct job_type memory_type = {.name = "mem", .run = memory_run};
static const struct job_type much_type = {.name = "much", .run = much_run},
			     result_type = {.name = "long", .run = result_run};
static uint8_t packet[POOLED_PACKET];

/* Runs one job with that body; its last packet. */
static struct sw_item
said_of(int sock, const char *body)
{
	uint8_t room[64];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_item it;
	ssize_t n;

	sw_put_text(&b, SW_F_QUEUE, "much");
	sw_put_bytes(&b, SW_F_BODY, bytes_str(body));
	assert_int_equal(send(sock, b.p, b.len, 0), (ssize_t)b.len);
	n = recv(sock, packet, sizeof(packet), 0);
	assert_true(n > 0);
	assert_int_equal(sw_item_open(bytes_of(packet, (size_t)n), &it), 0);
	return it;
}

/* The process, and this end of its socket. */
static pid_t
pool_begin(const struct job_type *type, int *end)
{
	static const int size = POOLED_PACKET * 2;
	static const struct child_limits limits;
	int sock[2];
	pid_t pid;

	alarm(deadline_s()); /* ends a wait for an outcome that never comes */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(setsockopt(sock[i], SOL_SOCKET, SO_SNDBUF,
					 &size, sizeof(size)),
			0);
	pid = fork();
	if (pid == 0) {
		close(sock[0]); /* or the process never reads end of file */
		pool_run(type, sock[1], &limits, "");
	}
	close(sock[1]);
	*end = sock[0];
	return pid;
}

static void
pool_end(pid_t pid, int end)
{
	close(end);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
what_has_no_room_is_not_acknowledged(void **state)
{
	char error[SW_ERROR_MAX];
	struct sw_item it;
	int end;
	pid_t pid = pool_begin(&much_type, &end);

	(void)state;
	it = said_of(end, "small");
	assert_int_equal(sw_int(&it, SW_F_OUTCOME, -1), SW_ACK);
	assert_int_equal(sw_bytes(&it, SW_F_RESULT).len, 1);
	it = said_of(end, "large");
	assert_int_equal(sw_int(&it, SW_F_OUTCOME, -1), SW_RETRY);
	sw_get_text(&it, SW_F_ERROR, error, sizeof(error));
	assert_string_equal(
		error, "the worker had no room for what the job reported");
	assert_false(sw_has(&it, SW_F_RESULT));
	it = said_of(end, "retry");
	assert_int_equal(sw_int(&it, SW_F_OUTCOME, -1), SW_RETRY);
	sw_get_text(&it, SW_F_ERROR, error, sizeof(error));
	assert_string_equal(error, "not now");
	it = said_of(end, "small");
	assert_int_equal(sw_int(&it, SW_F_OUTCOME, -1), SW_ACK);
	pool_end(pid, end);
}

static void
a_result_that_is_too_large_fails_its_job_and_no_other(void **state)
{
	char error[SW_ERROR_MAX];
	struct sw_item it;
	int end;
	pid_t pid = pool_begin(&result_type, &end);

	(void)state;
	it = said_of(end, "once");
	assert_int_equal(sw_int(&it, SW_F_OUTCOME, -1), SW_FAIL);
	assert_int_equal(sw_int(&it, SW_F_CAUSE, -1), SW_C_PERMANENT);
	sw_get_text(&it, SW_F_ERROR, error, sizeof(error));
	assert_string_equal(error, RESULT_TOOBIG);
	assert_false(sw_has(&it, SW_F_RESULT));
	it = said_of(end, "none");
	assert_int_equal(sw_int(&it, SW_F_OUTCOME, -1), SW_ACK);
	it = said_of(end, "again");
	assert_int_equal(sw_int(&it, SW_F_OUTCOME, -1), SW_ACK);
	assert_int_equal(sw_bytes(&it, SW_F_RESULT).len, 1);
	pool_end(pid, end);
}

static int64_t
rss_kb_of(int end, const char *body)
{
	struct sw_item it = said_of(end, body);

	assert_int_equal(sw_int(&it, SW_F_OUTCOME, -1), SW_ACK);
	return sw_int(&it, SW_F_RSS_KB, -1);
}

static void
the_memory_of_a_job_is_not_that_of_one_before_it(void **state)
{
	int end;
	pid_t pid = pool_begin(&memory_type, &end);
	int64_t little = rss_kb_of(end, ""), own = rss_kb_of(end, "own"),
		after = rss_kb_of(end, ""), ran = rss_kb_of(end, "ran"),
		last = rss_kb_of(end, "");

	(void)state;
	assert_true(little > 0);
	assert_in_range(own, little + (63 << 10), 1 << 20);
	assert_in_range(after, 1, little + (8 << 10));
	assert_int_equal(ran, 1 << 20);
	assert_in_range(last, 1, little + (8 << 10));
	pool_end(pid, end);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_no_room_is_not_acknowledged),
		cmocka_unit_test(
			a_result_that_is_too_large_fails_its_job_and_no_other),
		cmocka_unit_test(
			the_memory_of_a_job_is_not_that_of_one_before_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
