/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "link/dial.h"
#include "producer/client.h"
#include "tests/lib/deadline.h"
#include "tests/lib/folder.h"
#include "tests/lib/local.h"

struct room {
	struct local *broker;
	struct client *c;
	uint8_t bytes[512];
	struct sw_buf b;
	struct sw_msg reply;
};

static int
dial_room(struct dial *d)
{
	int events = 0;
	size_t len = sizeof(events);

	(void)zmq_getsockopt(d->sock, ZMQ_EVENTS, &events, &len);
	return (events & ZMQ_POLLOUT) != 0;
}

static int
room_make(void **state, int up)
{
	struct room *r = calloc(1, sizeof(*r));

	r->broker = local_start(up);
	r->b = (struct sw_buf){.p = r->bytes, .cap = sizeof(r->bytes)};
	assert_int_equal(client_open(&r->c, local_endpoint(r->broker)), 0);
	*state = r;
	return 0;
}

static int
with_broker(void **state)
{
	return room_make(state, 1);
}

static int
without_broker(void **state)
{
	return room_make(state, 0);
}

static int
clean_up(void **state)
{
	struct room *r = *state;

	client_close(r->c);
	local_stop(r->broker);
	free(r);
	return 0;
}

static struct sw_buf *
request(struct room *r, int op)
{
	static const struct sw_id nobody = {{1}};
	size_t mark;

	sw_msg_begin(&r->b, op, 0, 0);
	mark = sw_item_begin(&r->b);
	if (op == SW_OP_GET || op == SW_OP_WAIT)
		sw_put_id(&r->b, &nobody);
	sw_item_end(&r->b, mark);
	return &r->b;
}

static int
stats(struct room *r, int64_t timeout_ms)
{
	return client_call(
		r->c, request(r, SW_OP_STATS), timeout_ms, &r->reply);
}

/* A request in flight together with others. */
struct aside {
	struct client_req req;
	uint8_t bytes[64];
	int n, err, op;
};

static void
aside_done(struct client_req *req, int err, const struct sw_msg *reply)
{
	struct aside *a = (struct aside *)(void *)req;

	a->n++;
	a->err = err;
	a->op = reply != NULL ? reply->op : 0;
}

static void
aside_start(struct room *r, struct aside *a, int op)
{
	struct sw_buf *b = request(r, op);

	*a = (struct aside){.req = {.timeout_ms = -1, .done = aside_done}};
	memcpy(a->bytes, b->p, b->len);
	a->req.frame = a->bytes;
	a->req.frame_len = b->len;
	client_start(r->c, &a->req);
}

static void
aside_await(struct room *r, struct aside *a)
{
	int64_t until_ms = client_now_ms() + PLENTY_MS;

	while (a->n == 0 && client_now_ms() < until_ms)
		assert_true(client_turn(r->c, 100) >= 0);
	assert_int_equal(a->n, 1);
}

static void
a_call_gets_its_reply(void **state)
{
	struct room *r = *state;
	struct sw_item it;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(stats(r, PLENTY_MS), 0);
		assert_int_equal(r->reply.op, SW_OP_STATS | SW_REPLY);
		assert_true(sw_msg_next(&r->reply, &it));
		assert_int_equal(sw_int(&it, SW_F_STATUS, -1), 0);
	}
	assert_int_equal(local_requests(r->broker, 0), 3);
	assert_true(client_up(r->c));
}

static void
a_call_without_a_broker_says_so(void **state)
{
	struct room *r = *state;

	assert_int_equal(stats(r, 30), SW_ELINK);
	assert_non_null(strstr(client_why(r->c), local_endpoint(r->broker)));
	assert_non_null(strstr(client_why(r->c), ": there is no socket"));
	assert_false(client_up(r->c));
}

static void
a_call_that_is_not_answered_times_out(void **state)
{
	static const enum local_act acts[] = {LOCAL_OK, LOCAL_LOSE, LOCAL_LOSE};
	struct room *r = *state;

	local_script(r->broker, acts, 3);
	assert_int_equal(stats(r, PLENTY_MS), 0);
	assert_int_equal(stats(r, 30), SW_ETIMEOUT);
	assert_non_null(strstr(client_why(r->c), "no answer"));
}

/* The link is cut after the request was sent, and stays so: the outcome is
 * unknown, and "no broker" would be untrue. */
static void
what_was_sent_before_the_link_was_cut_is_unknown(void **state)
{
	static const enum local_act acts[] = {LOCAL_OK, LOCAL_CUT};
	struct room *r = *state;

	local_script(r->broker, acts, 2);
	assert_int_equal(stats(r, PLENTY_MS), 0);
	assert_int_equal(stats(r, 300), SW_ETIMEOUT);
	assert_int_equal(local_requests(r->broker, SW_OP_STATS), 2);
	while (client_up(r->c))
		assert_true(client_turn(r->c, 10) >= 0);
	assert_int_equal(stats(r, 30), SW_ELINK); /* this one was not sent */
}

static void
a_request_waits_for_a_broker_to_come(void **state)
{
	struct room *r = *state;
	struct aside a;

	aside_start(r, &a, SW_OP_STATS);
	assert_int_equal(client_turn(r->c, 0), 0);
	local_up(r->broker);
	aside_await(r, &a);
	assert_int_equal(a.err, 0);
}

static void
a_broken_link_sends_the_same_bytes_again(void **state)
{
	static const enum local_act acts[] = {LOCAL_BREAK, LOCAL_BREAK};
	struct room *r = *state;

	local_script(r->broker, acts, 2);
	assert_int_equal(stats(r, PLENTY_MS), 0);
	assert_int_equal(local_requests(r->broker, 0), 3);
	assert_true(local_seen(r->broker)->same);
}

static void
silence_sends_the_same_bytes_again(void **state)
{
	static const enum local_act acts[] = {LOCAL_LOSE};
	struct room *r = *state;

	local_script(r->broker, acts, 1);
	assert_int_equal(stats(r, PLENTY_MS), 0);
	assert_int_equal(local_requests(r->broker, 0), 2);
	assert_true(local_seen(r->broker)->same);
}

/* The other request was sent again after silence: enough time has passed. */
static void
a_wait_is_not_sent_again_for_silence(void **state)
{
	static const enum local_act acts[] = {LOCAL_LOSE, LOCAL_LOSE};
	struct room *r = *state;
	struct aside a;

	local_script(r->broker, acts, 2);
	aside_start(r, &a, SW_OP_WAIT);
	assert_int_equal(stats(r, PLENTY_MS), 0);
	assert_int_equal(local_requests(r->broker, SW_OP_STATS), 2);
	assert_int_equal(local_requests(r->broker, SW_OP_WAIT), 1);
	assert_int_equal(a.n, 0);
	client_drop(r->c, &a.req);
}

static void
a_wait_is_sent_again_after_a_broken_link(void **state)
{
	static const enum local_act acts[] = {LOCAL_BREAK};
	struct room *r = *state;

	local_script(r->broker, acts, 1);
	assert_int_equal(
		client_call(r->c, request(r, SW_OP_WAIT), PLENTY_MS, &r->reply),
		0);
	assert_int_equal(local_requests(r->broker, SW_OP_WAIT), 2);
}

static void
a_late_reply_is_ignored(void **state)
{
	static const enum local_act acts[] = {LOCAL_OK, LOCAL_HOLD};
	struct room *r = *state;

	local_script(r->broker, acts, 2);
	assert_int_equal(stats(r, PLENTY_MS), 0);
	assert_int_equal(stats(r, 30), SW_ETIMEOUT);
	assert_int_equal(client_call(r->c, request(r, SW_OP_QUEUES), PLENTY_MS,
				 &r->reply),
		0);
	assert_int_equal(r->reply.op, SW_OP_QUEUES | SW_REPLY);
}

static void
a_doubled_reply_is_ignored(void **state)
{
	static const enum local_act acts[] = {LOCAL_TWICE, LOCAL_TWICE};
	struct room *r = *state;
	struct aside a;

	local_script(r->broker, acts, 2);
	aside_start(r, &a, SW_OP_STATS);
	aside_await(r, &a);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(client_call(r->c, request(r, SW_OP_QUEUES),
					 PLENTY_MS, &r->reply),
			0);
		assert_int_equal(r->reply.op, SW_OP_QUEUES | SW_REPLY);
	}
	assert_int_equal(a.n, 1);
}

static void
garbage_is_ignored(void **state)
{
	static const enum local_act acts[] = {LOCAL_GARBAGE};
	struct room *r = *state;
	struct aside a;

	local_script(r->broker, acts, 1);
	aside_start(r, &a, SW_OP_STATS);
	a.req.items = 1;
	aside_await(r, &a);
	assert_int_equal(a.err, 0);
	assert_int_equal(a.op, SW_OP_STATS | SW_REPLY);
	assert_int_equal(local_requests(r->broker, 0), 1);
	assert_int_equal(stats(r, PLENTY_MS), 0);
}

static void
a_refusal_comes_with_its_reason(void **state)
{
	static const enum local_act acts[] = {LOCAL_REFUSE};
	struct room *r = *state;

	local_script(r->broker, acts, 1);
	assert_int_equal(stats(r, PLENTY_MS), SW_EBUSY);
	assert_string_equal(client_why(r->c), "not today");
	assert_int_equal(stats(r, PLENTY_MS), 0);
	assert_string_equal(client_why(r->c), "");
}

static void
a_reply_outlives_what_comes_after_it(void **state)
{
	struct room *r = *state;
	struct aside a;
	struct sw_item it;

	assert_int_equal(
		client_call(r->c, request(r, SW_OP_GET), PLENTY_MS, &r->reply),
		0);
	for (int i = 0; i < 3; i++) {
		aside_start(r, &a, SW_OP_QUEUES);
		aside_await(r, &a);
	}
	assert_true(sw_msg_next(&r->reply, &it));
	assert_int_equal(sw_int(&it, SW_F_STATUS, 0), SW_ENOJOB);
}

/* Sending consumes the events of ZeroMQ's own descriptor. */
static void
the_descriptor_still_tells_of_a_reply_after_a_send(void **state)
{
	static const enum local_act acts[] = {LOCAL_HOLD, LOCAL_LOSE};
	struct room *r = *state;
	struct pollfd p = {.fd = client_fd(r->c), .events = POLLIN};
	struct aside a, b;

	local_script(r->broker, acts, 2);
	aside_start(r, &a, SW_OP_WAIT);
	while (local_requests(r->broker, 0) == 0) {
		assert_int_equal(poll(&p, 1, PLENTY_MS), 1);
		assert_int_equal(client_turn(r->c, 0), 0);
		if (client_up(r->c))
			local_await(r->broker, 1);
	}
	while (poll(&p, 1, 0) == 1)
		assert_int_equal(client_turn(r->c, 0), 0);
	local_release(r->broker);
	assert_int_equal(poll(&p, 1, PLENTY_MS), 1);
	aside_start(r, &b, SW_OP_WAIT);
	assert_int_equal(poll(&p, 1, PLENTY_MS), 1);
	assert_int_equal(client_turn(r->c, 0), 1);
	assert_int_equal(a.n, 1);
	client_drop(r->c, &b.req);
}

/*
 * ZeroMQ's descriptors do not report events from before a socket's first
 * read, so a link made between the open and the start would go unnoticed.
 */
static void
the_descriptor_asks_for_a_first_look_at_the_link(void **state)
{
	struct room *r = *state;
	struct pollfd p = {.fd = client_fd(r->c), .events = POLLIN};
	struct aside a;

	aside_start(r, &a, SW_OP_WAIT);
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_int_equal(client_turn(r->c, 0), 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	client_drop(r->c, &a.req);
}

/* Room to send is noticed, too, with no other event on the link. */
static void
the_descriptor_still_tells_of_room_after_a_look(void **state)
{
	static uint8_t much[64 * 1024];
	void *ctx = zmq_ctx_new(), *peer = zmq_socket(ctx, ZMQ_ROUTER);
	char dir[FOLDER_PATH], endpoint[FOLDER_FILE];
	struct pollfd p = {.events = POLLIN};
	struct dial d;
	int n = 0;

	(void)state;
	folder_make(dir);
	(void)snprintf(endpoint, sizeof(endpoint), "ipc://%s/s", dir);
	assert_int_equal(zmq_bind(peer, endpoint), 0);
	assert_int_equal(dial_open(&d, endpoint), 0);
	p.fd = dial_fd(&d);
	while (!d.up && dial_wait(&d, PLENTY_MS, 0) == 0)
		(void)dial_watch(&d);
	assert_int_equal(dial_wait(&d, PLENTY_MS, 1), 0);
	while (dial_send(&d, bytes_of(much, sizeof(much))) == 0)
		n++;
	for (int i = 0; i < 2 * n; i++) /* each follows its sender's name */
		assert_true(zmq_recv(peer, much, sizeof(much), 0) > 0);
	dial_arm(&d, INT64_MAX);
	while (poll(&p, 1, 0) == 1)
		assert_true(dial_room(&d));
	dial_settle(&d, INT64_MAX, 1);
	assert_int_equal(poll(&p, 1, PLENTY_MS), 1);
	dial_close(&d);
	zmq_close(peer);
	zmq_ctx_term(ctx);
	folder_remove(dir);
}

static void
a_request_beyond_its_buffer_is_refused(void **state)
{
	struct room *r = *state;
	static const uint8_t much[600];

	sw_put_bytes(request(r, SW_OP_STATS), SW_F_MATCH,
		bytes_of(much, sizeof(much)));
	assert_int_equal(
		client_call(r->c, &r->b, PLENTY_MS, &r->reply), SW_ETOOBIG);
	assert_int_equal(local_requests(r->broker, 0), 0);
}

static void
what_is_no_endpoint_is_refused(void **state)
{
	static const char *const bad[] = {"nonsense", "http://example.org",
		"tcp://", "ipc", "://", "pgm:"};
	struct client *c = NULL;
	char far[400];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(client_open(&c, bad[i]), -EINVAL);
	memset(far, 'x', sizeof(far));
	memcpy(far, "ipc:///", 7);
	far[sizeof(far) - 1] = '\0';
	assert_int_equal(client_open(&c, far), -ENAMETOOLONG);
	far[200] = '\0';
	assert_int_equal(client_open(&c, far), -ENAMETOOLONG);
	assert_null(c);
}

static void
the_environment_names_the_broker(void **state)
{
	struct room *r = *state;

	client_close(r->c);
	r->c = NULL;
	setenv("SPILLWAY_BROKER", local_endpoint(r->broker), 1);
	assert_int_equal(client_open(&r->c, NULL), 0);
	unsetenv("SPILLWAY_BROKER");
	assert_string_equal(client_endpoint(r->c), local_endpoint(r->broker));
	assert_int_equal(stats(r, PLENTY_MS), 0);
}

static void
a_fork_leaves_the_client_to_its_parent(void **state)
{
	struct room *r = *state;
	int status;
	pid_t pid;

	assert_int_equal(stats(r, PLENTY_MS), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int ok = stats(r, 1000) == -EPERM &&
			 client_turn(r->c, 0) == -EPERM;

		client_close(r->c);
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(stats(r, PLENTY_MS), 0);
	assert_int_equal(local_requests(r->broker, 0), 2);
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, with_broker, clean_up)
#define WITHOUT(test)                                                          \
	cmocka_unit_test_setup_teardown(test, without_broker, clean_up)
	const struct CMUnitTest tests[] = {
		WITH(a_call_gets_its_reply),
		WITHOUT(a_call_without_a_broker_says_so),
		WITH(a_call_that_is_not_answered_times_out),
		WITH(what_was_sent_before_the_link_was_cut_is_unknown),
		WITHOUT(a_request_waits_for_a_broker_to_come),
		WITH(a_broken_link_sends_the_same_bytes_again),
		WITH(silence_sends_the_same_bytes_again),
		WITH(a_wait_is_not_sent_again_for_silence),
		WITH(a_wait_is_sent_again_after_a_broken_link),
		WITH(a_late_reply_is_ignored),
		WITH(a_doubled_reply_is_ignored),
		WITH(garbage_is_ignored),
		WITH(a_refusal_comes_with_its_reason),
		WITH(a_reply_outlives_what_comes_after_it),
		WITH(the_descriptor_still_tells_of_a_reply_after_a_send),
		WITHOUT(the_descriptor_asks_for_a_first_look_at_the_link),
		cmocka_unit_test(
			the_descriptor_still_tells_of_room_after_a_look),
		WITH(a_request_beyond_its_buffer_is_refused),
		cmocka_unit_test(what_is_no_endpoint_is_refused),
		WITH(the_environment_names_the_broker),
		WITH(a_fork_leaves_the_client_to_its_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
