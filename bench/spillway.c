/* SPDX-License-Identifier: MIT */
/*
 * spillway.c - Spillway's driver: DEALER sockets and the codec, no library
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include "base/error.h"
#include "bench/bench.h"
#include "link/endpoint.h"
#include "wire/msg.h"

enum {
	REPLY_MS = 10000,
	BEAT_NS = SW_HEARTBEAT_MS * 1000000,
};

struct link {
	void *context;
	void *producer, *worker;
	void *asker;	   /* for what the load does not count */
	const char *queue; /* borrowed */
	uint64_t seq, credit;
	int64_t beat;	    /* ns: when the worker last said it lives */
	struct sw_buf out;  /* puts and questions */
	struct sw_buf done; /* acks of the jobs taken in this turn */
	struct bench_count *count;
	uint8_t out_room[SW_BATCH_MAX], done_room[SW_BATCH_MAX];
};

static int
ready(const struct server *s)
{
	return server_said(s, "ev=ready");
}

static int
start(struct server *s)
{
	char data[sizeof(s->dir) + 8], at[sizeof(s->socket) + 8];
	char name[256], data_opt[] = "--data", listen_opt[] = "--listen";
	char *argv[] = {name, data_opt, data, listen_opt, at, NULL};

	(void)snprintf(name, sizeof(name), "%s", s->program);
	(void)snprintf(data, sizeof(data), "%s/data", s->dir);
	(void)snprintf(at, sizeof(at), "ipc://%s", s->socket);
	return server_start(s, argv, ready);
}

static int
zmq_failed(const char *what)
{
	return bench_fail(
		-zmq_errno(), "%s: %s", what, zmq_strerror(zmq_errno()));
}

static int
say(void *socket, const struct sw_buf *b)
{
	if (b->full)
		return bench_fail(-ENOBUFS, "a message is too large");
	if (zmq_send(socket, b->p, b->len, 0) < 0)
		return zmq_failed("zmq_send");
	return 0;
}

/* Checks a frame; a refused message ends the benchmark. */
static int
open_frame(zmq_msg_t *frame, struct sw_msg *m)
{
	struct sw_item it;
	char why[SW_TEXT_MAX + 1];
	int err;

	err = sw_msg_open(
		bytes_of(zmq_msg_data(frame), zmq_msg_size(frame)), m);
	if (err < 0)
		return bench_fail(err, "malformed reply: %s", sw_strerror(err));
	if (m->op != (SW_OP_ERROR | SW_REPLY) || !sw_msg_next(m, &it))
		return 0;
	err = (int)sw_int(&it, SW_F_STATUS, SW_EINVAL);
	sw_get_text(&it, SW_F_DETAIL, why, sizeof(why));
	return bench_fail(err < 0 ? err : SW_EINVAL, "refused: %s %s",
		sw_strerror(err), why);
}

/* All items must have STATUS 0. */
static int
check(struct sw_msg *m)
{
	struct sw_item it;

	while (sw_msg_next(m, &it)) {
		int status = (int)sw_int(&it, SW_F_STATUS, SW_EINVAL);
		char why[SW_TEXT_MAX + 1];

		if (status == 0)
			continue;
		sw_get_text(&it, SW_F_DETAIL, why, sizeof(why));
		return bench_fail(SW_EINVAL, "%s: %s %s",
			sw_op_name(m->op & ~SW_REPLY), sw_strerror(status),
			why);
	}
	return 0;
}

/* Asks what is in l->out and leaves the answer in `frame`, to be closed. */
static int
ask(struct link *l, void *socket, zmq_msg_t *frame, struct sw_msg *m)
{
	zmq_pollitem_t in = {.socket = socket, .events = ZMQ_POLLIN};
	int err = say(socket, &l->out);

	if (err < 0)
		return err;
	if (zmq_poll(&in, 1, REPLY_MS) != 1 ||
		zmq_msg_recv(frame, socket, 0) < 0)
		return bench_fail(-ETIMEDOUT, "the broker does not answer");
	return open_frame(frame, m);
}

static int
ask_check(struct link *l, void *socket)
{
	zmq_msg_t frame;
	struct sw_msg m;
	int err;

	zmq_msg_init(&frame);
	err = ask(l, socket, &frame, &m);
	if (err == 0)
		err = check(&m);
	zmq_msg_close(&frame);
	return err;
}

static int
dial(struct link *l, const char *endpoint, void **socket)
{
	*socket = zmq_socket(l->context, ZMQ_DEALER);
	if (*socket == NULL || sw_socket_set(*socket) < 0 ||
		zmq_connect(*socket, endpoint) != 0)
		return zmq_failed(endpoint);
	return 0;
}

static int
hello(struct link *l)
{
	size_t mark;

	sw_msg_begin(&l->out, SW_OP_HELLO, 0, l->seq++);
	mark = sw_item_begin(&l->out);
	sw_put_text(&l->out, SW_F_WORKER, "bench:1");
	sw_put_int(&l->out, SW_F_SLOTS, BENCH_FLIGHT_MAX);
	sw_item_end(&l->out, mark);
	mark = sw_item_begin(&l->out);
	sw_put_text(&l->out, SW_F_QUEUE, l->queue);
	sw_item_end(&l->out, mark);
	return ask_check(l, l->worker);
}

static int
queue_set(struct link *l, const char *setting)
{
	size_t mark;

	if (setting == NULL)
		return 0;
	sw_msg_begin(&l->out, SW_OP_QUEUE_SET, 0, l->seq++);
	mark = sw_item_begin(&l->out);
	sw_put_text(&l->out, SW_F_QUEUE, l->queue);
	sw_put_text(&l->out, SW_F_SETTING, setting);
	sw_item_end(&l->out, mark);
	return ask_check(l, l->asker);
}

static void
close_link(void *link)
{
	struct link *l = link;

	if (l == NULL)
		return;
	if (l->producer != NULL)
		zmq_close(l->producer);
	if (l->worker != NULL)
		zmq_close(l->worker);
	if (l->asker != NULL)
		zmq_close(l->asker);
	if (l->context != NULL)
		zmq_ctx_term(l->context);
	free(l);
}

static int
open_link(const struct server *s, const char *queue, void **link)
{
	struct link *l = calloc(1, sizeof(*l));
	char at[sizeof(s->socket) + 8];
	int err;

	if (l == NULL)
		return -ENOMEM;
	l->queue = queue;
	l->out = (struct sw_buf){.p = l->out_room, .cap = sizeof(l->out_room)};
	l->done = (struct sw_buf){
		.p = l->done_room, .cap = sizeof(l->done_room)};
	l->beat = clock_ns();
	l->context = zmq_ctx_new();
	(void)snprintf(at, sizeof(at), "ipc://%s", s->socket);
	err = l->context != NULL ? dial(l, at, &l->producer) : -ENOMEM;
	if (err == 0)
		err = dial(l, at, &l->worker);
	if (err == 0)
		err = dial(l, at, &l->asker);
	if (err == 0)
		err = queue_set(l, s->setting);
	if (err == 0)
		err = hello(l);
	if (err < 0)
		close_link(l);
	else
		*link = l;
	return err;
}

static int64_t
wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
put(void *link, size_t n, size_t chunk)
{
	struct link *l = link;
	int64_t now_ms = wall_ms();
	int err = 0;

	while (err == 0 && n > 0) {
		sw_msg_begin(&l->out, SW_OP_PUT, 0, l->seq++);
		for (size_t i = 0; i < chunk && n > 0; i++, n--) {
			size_t mark = sw_item_begin(&l->out);
			struct sw_id id = sw_id_make(now_ms);

			sw_put_id(&l->out, &id);
			sw_put_text(&l->out, SW_F_QUEUE, l->queue);
			sw_put_bytes(&l->out, SW_F_BODY,
				bytes_of(bench_body(), BENCH_BODY));
			sw_item_end(&l->out, mark);
		}
		err = say(l->producer, &l->out);
	}
	return err;
}

static int
want(void *link, uint64_t total)
{
	struct link *l = link;
	size_t mark;

	if (total <= l->credit)
		return 0;
	l->credit = total;
	sw_msg_begin(&l->out, SW_OP_WANT, 0, l->seq++);
	mark = sw_item_begin(&l->out);
	sw_put_int(&l->out, SW_F_CREDIT, (int64_t)total);
	sw_item_end(&l->out, mark);
	return say(l->worker, &l->out);
}

static int
beat(struct link *l)
{
	int64_t now = clock_ns();

	if (now - l->beat < BEAT_NS)
		return 0;
	l->beat = now;
	sw_msg_begin(&l->out, SW_OP_EXTEND, 0, l->seq++);
	return say(l->worker, &l->out);
}

static unsigned
done_count(const struct link *l)
{
	return l->done.len < SW_HEADER_LEN ? 0
					   : (unsigned)le_get(l->done.p + 6, 2);
}

static int
done_send(struct link *l)
{
	int err = done_count(l) > 0 ? say(l->worker, &l->done) : 0;

	l->done.len = 0;
	return err;
}

/* Acks what was handed out; a full message of acks leaves at once. */
static int
take_jobs(struct link *l, struct sw_msg *m)
{
	struct sw_item job;
	int err = 0;

	while (err == 0 && sw_msg_next(m, &job)) {
		size_t mark;
		struct sw_id id;

		if (!sw_get_id(&job, &id) || !sw_has(&job, SW_F_TOKEN) ||
			sw_bytes(&job, SW_F_BODY).len != BENCH_BODY)
			return bench_fail(SW_EINVAL, "an odd job");
		l->count->leased++;
		if (l->done.len == 0)
			sw_msg_begin(&l->done, SW_OP_DONE, 0, l->seq++);
		mark = sw_item_begin(&l->done);
		sw_put_id(&l->done, &id);
		sw_put_int(&l->done, SW_F_TOKEN, sw_int(&job, SW_F_TOKEN, 0));
		sw_put_int(&l->done, SW_F_OUTCOME, SW_ACK);
		sw_item_end(&l->done, mark);
		if (done_count(l) == SW_ITEMS_MAX)
			err = done_send(l);
	}
	return err;
}

static int
take(struct link *l, zmq_msg_t *frame)
{
	struct sw_msg m;
	int err = open_frame(frame, &m);

	if (err < 0)
		return err;
	switch (m.op) {
	case SW_OP_PUT | SW_REPLY:
		l->count->put += m.count;
		return check(&m);
	case SW_OP_DONE | SW_REPLY:
		l->count->acked += m.count;
		return check(&m);
	case SW_OP_JOBS:
		return take_jobs(l, &m);
	default:
		return check(&m);
	}
}

static int
take_all(struct link *l, void *socket)
{
	zmq_msg_t frame;
	int err = 0;

	zmq_msg_init(&frame);
	while (err == 0 && zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) >= 0)
		err = take(l, &frame);
	zmq_msg_close(&frame);
	return err;
}

static int
turn(void *link, int wait_ms, struct bench_count *c)
{
	struct link *l = link;
	zmq_pollitem_t in[] = {
		{.socket = l->producer, .events = ZMQ_POLLIN},
		{.socket = l->worker, .events = ZMQ_POLLIN},
	};
	int err = beat(l);

	l->count = c;
	if (err == 0 && zmq_poll(in, 2, wait_ms) < 0)
		err = zmq_failed("zmq_poll");
	if (err == 0)
		err = take_all(l, l->producer);
	if (err == 0)
		err = take_all(l, l->worker);
	if (err == 0)
		err = done_send(l);
	return err;
}

/* The number in a stat "name=value" of this name. */
static uint64_t
stat_of(const struct sw_item *it, const char *name)
{
	size_t at = 0, len = strlen(name);
	struct bytes v;

	while (sw_item_each(it, SW_F_STAT, &at, &v)) {
		const char *p = v.p;
		uint64_t n = 0;

		if (v.len <= len || memcmp(p, name, len) != 0)
			continue;
		for (size_t i = len; i < v.len; i++)
			n = n * 10 + (uint64_t)(p[i] - '0');
		return n;
	}
	return 0;
}

static int
store(void *link, struct bench_store *st)
{
	struct link *l = link;
	struct sw_item it;
	zmq_msg_t frame;
	struct sw_msg m;
	int err;

	zmq_msg_init(&frame);
	sw_msg_begin(&l->out, SW_OP_STATS, 0, l->seq++);
	err = ask(l, l->asker, &frame, &m);
	if (err == 0 && sw_msg_next(&m, &it)) {
		st->commits = stat_of(&it, "commits=");
		st->ops = stat_of(&it, "ops=");
	}
	zmq_msg_close(&frame);
	return err;
}

const struct bench_driver bench_spillway = {
	.name = "spillway",
	.label = "Spillway",
	.start = start,
	.open = open_link,
	.close = close_link,
	.put = put,
	.want = want,
	.turn = turn,
	.store = store,
};
