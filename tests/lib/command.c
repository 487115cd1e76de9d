/* SPDX-License-Identifier: MIT */
#include "tests/lib/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <zmq.h>

#include "base/error.h"
#include "cli/cmd.h"
#include "tests/lib/answered.h"
#include "tests/lib/deadline.h"
#include "wire/proto.h"

enum { ASKED = 64, FRAME = 4096, STORED = 8 << 20 };

struct seen seen;
struct script script;

static struct {
	char dir[64], endpoint[96];
	pthread_t thread;
	pthread_mutex_t lock; /* over what an answer reads and writes */
	_Atomic int stop;
	void *ctx, *socket;
	uint8_t reply[SW_MSG_MAX];
	struct sw_buf b;
	uint8_t asked[ASKED][FRAME];
	size_t asked_len[ASKED];
	struct sw_id last; /* that was put */
	struct answered answered;
} own = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct sw_id
id_of(const char *text)
{
	struct sw_id id;

	assert_int_equal(sw_id_parse(text, &id), 0);
	return id;
}

int
script_is(const struct sw_item *it, const char *text)
{
	struct sw_id id, want = id_of(text);

	return sw_get_id(it, &id) && memcmp(&id, &want, sizeof(id)) == 0;
}

static void
status(struct sw_buf *b, int err)
{
	sw_put_int(b, SW_F_STATUS, err);
}

/*
 * A put that is said again makes no second job.  The ids of one run grow,
 * and requests of one link come in order.
 */
static int
put_before(const struct sw_item *it)
{
	struct sw_id id;

	assert_true(sw_get_id(it, &id));
	if (memcmp(&id, &own.last, sizeof(id)) <= 0)
		return 1;
	own.last = id;
	return 0;
}

static void
one_put(struct sw_buf *b, const struct sw_item *it)
{
	struct bytes queue = sw_bytes(it, SW_F_QUEUE);
	struct bytes body = sw_bytes(it, SW_F_BODY);
	struct sw_id id = id_of(DEAD);

	if (bytes_eq(queue, bytes_str("full"))) {
		status(b, SW_EFULL);
		sw_put_text(b, SW_F_DETAIL, "90 % used\033[31m");
		return;
	}
	if (bytes_eq(queue, bytes_str("taken"))) {
		status(b, SW_EUNIQUE);
		sw_put_id(b, &id);
		return;
	}
	if (put_before(it) || script.stored_len + body.len > STORED) {
		status(b, 0);
		return;
	}
	memcpy(script.stored + script.stored_len, body.p, body.len);
	script.stored_len += body.len;
	script.bodies++;
	script.largest = body.len > script.largest ? body.len : script.largest;
	status(b, 0);
	if (bytes_eq(queue, bytes_str("again")))
		sw_put_int(b, SW_F_STATE, SW_DONE);
}

static void
dead_fields(struct sw_buf *b)
{
	struct sw_id id = id_of(DEAD);

	sw_put_id(b, &id);
	sw_put_text(b, SW_F_QUEUE, "mail");
	sw_put_int(b, SW_F_STATE, SW_DEAD);
	sw_put_int(b, SW_F_CAUSE, SW_C_CRASH);
	sw_put_int(b, SW_F_ATTEMPT, 2);
	sw_put_int(b, SW_F_CRASHES, 1);
	sw_put_int(b, SW_F_MAX_ATTEMPTS, 5);
	sw_put_int(b, SW_F_CREATED_AT_MS, 1769846400000LL);
	sw_put_int(b, SW_F_ENDED_AT_MS, 1769846460000LL);
	sw_put_text(b, SW_F_HEADER, "tenant=acme");
}

static void
dead_full(struct sw_buf *b)
{
	size_t mark;

	dead_fields(b);
	mark = sw_nest_begin(b, SW_F_EVENT);
	sw_put_int(b, SW_F_KIND, SW_EV_PUT);
	sw_put_int(b, SW_F_AT_MS, 1769846400000LL);
	sw_nest_end(b, mark);
	mark = sw_nest_begin(b, SW_F_EVENT);
	sw_put_int(b, SW_F_KIND, SW_EV_ATTEMPT);
	sw_put_int(b, SW_F_AT_MS, 1769846410000LL);
	sw_put_int(b, SW_F_ATTEMPT, 1);
	sw_put_text(b, SW_F_WORKER, "box:12");
	sw_put_int(b, SW_F_CAUSE, SW_C_ERROR);
	sw_put_int(b, SW_F_EXIT_CODE, 3);
	sw_put_int(b, SW_F_CPU_MS, 40);
	sw_put_int(b, SW_F_RSS_KB, 12595);
	sw_put_int(b, SW_F_DURATION_MS, 1250);
	sw_put_text(b, SW_F_ERROR, "first line\nno such \033[31mhost\n");
	sw_nest_end(b, mark);
	mark = sw_nest_begin(b, SW_F_EVENT);
	sw_put_int(b, SW_F_KIND, SW_EV_ATTEMPT);
	sw_put_int(b, SW_F_AT_MS, 1769846460000LL);
	sw_put_int(b, SW_F_ATTEMPT, 2);
	sw_put_int(b, SW_F_CAUSE, SW_C_CRASH);
	sw_put_int(b, SW_F_SIGNAL, 11);
	sw_nest_end(b, mark);
	sw_put_bytes(b, SW_F_BODY, bytes_of("to: \xff\0\n", 7));
}

static void
done_full(struct sw_buf *b)
{
	struct sw_id id = id_of(DONE);

	sw_put_id(b, &id);
	sw_put_int(b, SW_F_STATE, SW_DONE);
	sw_put_int(b, SW_F_CAUSE, SW_C_LOST);
	sw_put_bytes(b, SW_F_RESULT, bytes_of("4\0002\n", 4));
	sw_put_bytes(b, SW_F_BODY, bytes_of("\x01\0raw", 5));
}

static void
one_get(struct sw_buf *b, const struct sw_item *it)
{
	status(b, script_is(it, NONE) ? SW_ENOJOB : 0);
	if (script_is(it, DEAD))
		dead_full(b);
	else if (!script_is(it, NONE))
		done_full(b);
}

static void
one_cancel(struct sw_buf *b, const struct sw_item *it)
{
	status(b, script_is(it, DEAD) ? SW_ESTATE : 0);
	sw_put_int(b, SW_F_STATE, script_is(it, DEAD) ? SW_DEAD : SW_CANCELLED);
}

static void
one_why(struct sw_buf *b, const struct sw_item *it)
{
	status(b, script_is(it, NONE) ? SW_ENOJOB : 0);
	sw_put_int(b, SW_F_STATE, SW_READY);
	sw_put_text(b, SW_F_TEXT, "queue mail is \033[5mpaused");
}

static void
one_set(struct sw_buf *b, const struct sw_item *it)
{
	(void)it;
	status(b, 0);
}

/* Pages "" -> "c1" (empty) -> "c2" -> end; only the dead are there. */
static void
all_list(struct sw_buf *b, const struct sw_item *it)
{
	struct bytes cursor = sw_bytes(it, SW_F_CURSOR);
	int dead = sw_int(it, SW_F_STATE, SW_DEAD) == SW_DEAD;
	size_t mark = sw_item_begin(b);
	int last = bytes_eq(cursor, bytes_str("c2"));

	status(b, 0);
	sw_put_int(b, SW_F_COUNT, 7);
	if (dead && !last)
		sw_put_text(b, SW_F_CURSOR, cursor.len == 0 ? "c1" : "c2");
	sw_item_end(b, mark);
	if (!dead || bytes_eq(cursor, bytes_str("c1")))
		return;
	mark = sw_item_begin(b);
	dead_fields(b);
	sw_put_text(b, SW_F_ERROR, "trace\nno such host\n");
	sw_item_end(b, mark);
}

/* 99 and 5 jobs; on the last page one is left as it was. */
static void
all_sweep(struct sw_buf *b, const struct sw_item *it)
{
	int first = !sw_has(it, SW_F_CURSOR);
	struct sw_id id = id_of(first ? DONE : DEAD);
	size_t mark = sw_item_begin(b);

	status(b, 0);
	sw_put_int(b, SW_F_COUNT, first ? 99 : 5);
	if (first)
		sw_put_text(b, SW_F_CURSOR, "next");
	sw_item_end(b, mark);
	mark = sw_item_begin(b);
	status(b, first ? 0 : SW_EUNIQUE);
	sw_put_id(b, &id);
	sw_item_end(b, mark);
}

static void
all_queues(struct sw_buf *b, const struct sw_item *it)
{
	int known = !sw_has(it, SW_F_QUEUE) ||
		    bytes_eq(it->f[SW_F_QUEUE], bytes_str("mail"));
	size_t mark = sw_item_begin(b);

	status(b, known ? 0 : SW_ENOQUEUE);
	sw_item_end(b, mark);
	if (!known)
		return;
	mark = sw_item_begin(b);
	sw_put_text(b, SW_F_QUEUE, "mail");
	sw_put_text(b, SW_F_SETTING, "paused=1");
	sw_put_text(b, SW_F_SETTING, "backoff_cap_ms=3600000");
	sw_put_text(b, SW_F_STAT, "ready=1234567");
	sw_put_text(b, SW_F_STAT, "dead=2");
	sw_put_text(b, SW_F_STAT, "oldest_ready_ms=192000");
	sw_put_text(b, SW_F_STAT, "arrival_per_s=12.5");
	sw_item_end(b, mark);
}

static void
all_workers(struct sw_buf *b, const struct sw_item *it)
{
	size_t mark = sw_item_begin(b);

	(void)it;
	status(b, 0);
	sw_item_end(b, mark);
	mark = sw_item_begin(b);
	sw_put_text(b, SW_F_WORKER, "box\033]0;owned\007:12");
	sw_put_int(b, SW_F_SLOTS, 8);
	sw_put_text(b, SW_F_STAT, "leased=3");
	sw_put_text(b, SW_F_STAT, "seen_ms_ago=250");
	sw_put_text(b, SW_F_STAT, "queues=mail,logs");
	sw_item_end(b, mark);
}

static void
all_stats(struct sw_buf *b, const struct sw_item *it)
{
	size_t mark = sw_item_begin(b);

	(void)it;
	status(b, 0);
	sw_put_text(b, SW_F_STAT, "version=0.1.0");
	sw_put_text(b, SW_F_STAT, "uptime_ms=192000");
	sw_put_text(b, SW_F_STAT, "commits=1234");
	sw_item_end(b, mark);
}

typedef void answer_fn(struct sw_buf *, const struct sw_item *);

static const struct {
	answer_fn *each; /* an item for an item */
	answer_fn *all;	 /* all items, for the first */
} answers[128] = {
	[SW_OP_PUT] = {one_put, NULL},
	[SW_OP_GET] = {one_get, NULL},
	[SW_OP_WAIT] = {one_get, NULL},
	[SW_OP_CANCEL] = {one_cancel, NULL},
	[SW_OP_WHY] = {one_why, NULL},
	[SW_OP_QUEUE_SET] = {one_set, NULL},
	[SW_OP_LIST] = {NULL, all_list},
	[SW_OP_REDRIVE] = {NULL, all_sweep},
	[SW_OP_PURGE] = {NULL, all_sweep},
	[SW_OP_QUEUES] = {NULL, all_queues},
	[SW_OP_WORKERS] = {NULL, all_workers},
	[SW_OP_STATS] = {NULL, all_stats},
};

/* A reply may hold fewer items than a GET has asked for. */
static void
answer_each(struct sw_buf *b, struct sw_msg *m)
{
	struct sw_item it;
	int n = 0;

	while (sw_msg_next(m, &it)) {
		size_t mark;

		if (m->op == SW_OP_WAIT && script_is(&it, MUTE))
			return;
		if (m->op == SW_OP_GET && ++n > 2)
			return;
		mark = sw_item_begin(b);
		answers[m->op].each(b, &it);
		sw_item_end(b, mark);
	}
}

static void
ask_keep(struct bytes frame)
{
	int n = script.asked_n;

	if (n == ASKED || frame.len > FRAME)
		return;
	memcpy(own.asked[n], frame.p, frame.len);
	own.asked_len[n] = frame.len;
	script.asked_n = n + 1;
}

/* 0: say nothing. */
static int
answer(struct bytes frame)
{
	struct sw_buf *b = &own.b;
	struct sw_item it = {.have = 0, .raw = {"", 0}};
	struct sw_msg m;

	if (sw_msg_open(frame, &m) < 0 || m.op > 127)
		return 0;
	if (m.op != SW_OP_PUT)
		ask_keep(frame);
	sw_msg_begin(b, m.op + SW_REPLY, 0, m.seq);
	if (answers[m.op].each != NULL) {
		answer_each(b, &m);
	} else {
		(void)sw_msg_next(&m, &it);
		answers[m.op].all(b, &it);
	}
	return b->len > SW_HEADER_LEN;
}

/* One request that has not been answered before. */
static void
request_serve(zmq_msg_t *who, zmq_msg_t *frame)
{
	struct bytes peer = bytes_of(zmq_msg_data(who), zmq_msg_size(who));
	struct bytes asked = bytes_of(zmq_msg_data(frame), zmq_msg_size(frame));
	int answered;

	pthread_mutex_lock(&own.lock);
	answered = !answered_has(&own.answered, peer, asked) && answer(asked);
	if (answered)
		answered_add(&own.answered, peer, asked);
	pthread_mutex_unlock(&own.lock);
	if (!answered)
		return;
	(void)zmq_msg_send(who, own.socket, ZMQ_SNDMORE);
	(void)zmq_send(own.socket, own.b.p, own.b.len, 0);
}

static void *
serve(void *arg)
{
	zmq_pollitem_t p = {.socket = own.socket, .events = ZMQ_POLLIN};
	zmq_msg_t who, frame;

	(void)arg;
	while (!own.stop) {
		if (zmq_poll(&p, 1, 20) <= 0)
			continue;
		(void)zmq_msg_init(&who);
		(void)zmq_msg_init(&frame);
		(void)zmq_msg_recv(&who, own.socket, 0);
		(void)zmq_msg_recv(&frame, own.socket, 0);
		request_serve(&who, &frame);
		(void)zmq_msg_close(&who);
		(void)zmq_msg_close(&frame);
	}
	return NULL;
}

int
script_up(void **state)
{
	(void)state;
	(void)snprintf(own.dir, sizeof(own.dir), "/tmp/spillway-XXXXXX");
	assert_non_null(mkdtemp(own.dir));
	(void)snprintf(
		own.endpoint, sizeof(own.endpoint), "ipc://%s/s", own.dir);
	script.stored = malloc(STORED);
	assert_non_null(script.stored);
	own.b.p = own.reply;
	own.b.cap = sizeof(own.reply);
	own.ctx = zmq_ctx_new();
	own.socket = zmq_socket(own.ctx, ZMQ_ROUTER);
	assert_int_equal(zmq_bind(own.socket, own.endpoint), 0);
	assert_int_equal(setenv("SPILLWAY_BROKER", own.endpoint, 1), 0);
	return pthread_create(&own.thread, NULL, serve, NULL);
}

int
script_down(void **state)
{
	char path[96];

	(void)state;
	own.stop = 1;
	(void)pthread_join(own.thread, NULL);
	(void)zmq_close(own.socket);
	(void)zmq_ctx_term(own.ctx);
	free(script.stored);
	free(seen.out);
	free(seen.err);
	(void)snprintf(path, sizeof(path), "%s/s", own.dir);
	(void)unlink(path);
	return rmdir(own.dir);
}

/* Runs the command with words split at '|', `text` on its stdin. */
int
seen_run_in(const char *words, const char *text, size_t len)
{
	char copy[512], timeout[32], *argv[24];
	FILE *in = tmpfile(), *o, *e;
	int n = 1, rc;

	free(seen.out);
	free(seen.err);
	o = open_memstream(&seen.out, &seen.out_len);
	e = open_memstream(&seen.err, &seen.err_len);
	assert_true(in != NULL && o != NULL && e != NULL);
	assert_int_equal(fwrite(text, 1, len, in), len);
	rewind(in);
	(void)snprintf(copy, sizeof(copy), "%s", words);
	argv[0] = copy + sizeof(copy) - 1;
	(void)snprintf(
		timeout, sizeof(timeout), "--broker-timeout=%us", deadline_s());
	if (strstr(words, "--broker-timeout") == NULL &&
		strstr(words, "--patience") == NULL)
		argv[n++] = timeout;
	for (char *w = strtok(copy, "|"); w != NULL; w = strtok(NULL, "|"))
		argv[n++] = w;
	argv[n] = NULL;
	pthread_mutex_lock(&own.lock);
	script.asked_n = 0;
	answered_begin(&own.answered);
	memset(&own.last, 0, sizeof(own.last));
	script.stored_len = script.bodies = script.largest = 0;
	pthread_mutex_unlock(&own.lock);
	rc = cmd_main(cmd_verbs, n, argv, in, o, e);
	pthread_mutex_lock(&own.lock); /* what it asked is read from now on */
	pthread_mutex_unlock(&own.lock);
	(void)fclose(in);
	(void)fclose(o);
	(void)fclose(e);
	/* no control character ever, but the line's end and, in a pipe, data */
	for (char *p = seen.err; *p != '\0'; p++)
		assert_true(*p == '\n' || (unsigned char)*p >= 0x20);
	return rc;
}

int
seen_run(const char *words)
{
	return seen_run_in(words, "", 0);
}

/* The first item of request `n`; its fields borrow from the script. */
struct sw_item
script_asked(int n, int op)
{
	struct sw_item it = {.have = 0, .raw = {"", 0}};
	struct sw_msg m;

	assert_true(n < script.asked_n);
	assert_int_equal(
		sw_msg_open(bytes_of(own.asked[n], own.asked_len[n]), &m), 0);
	assert_int_equal(m.op, op);
	(void)sw_msg_next(&m, &it);
	return it;
}

unsigned
script_flags(int n)
{
	return (unsigned)le_get(own.asked[n] + 4, 2);
}
