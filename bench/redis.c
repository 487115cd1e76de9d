/* SPDX-License-Identifier: MIT */
/*
 * redis.c - the driver of Redis streams: hiredis, pipelined
 *
 * put: XADD.  lease: XREADGROUP.  ack: XACK and XDEL, so that, as in the other
 * systems, what is done is gone.
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

enum { COMMAND_MAX = BENCH_BODY + 256, IDS_MAX = BENCH_FLIGHT_MAX };

struct link {
	redisContext *producer, *worker;
	const char *queue;     /* borrowed */
	char add[COMMAND_MAX]; /* one XADD, encoded */
	size_t add_len;
	uint64_t wanted, leased;
	int reading; /* an XREADGROUP is on its way */
	int half;    /* the next integer is XDEL's, not XACK's */
	struct bench_count *count;
};

static int
ready(const struct server *s)
{
	redisContext *c = redisConnectUnix(s->socket);
	redisReply *r = c != NULL && !c->err ? redisCommand(c, "PING") : NULL;
	int ok = r != NULL && r->type == REDIS_REPLY_STATUS;

	if (r != NULL)
		freeReplyObject(r);
	if (c != NULL)
		redisFree(c);
	return ok;
}

static int
start(struct server *s)
{
	char name[256], dir[sizeof(s->dir)], at[sizeof(s->socket)];
	char words[][24] = {"--port", "0", "--unixsocket", "--dir",
		"--appendonly", "yes", "--appendfsync", "always", "--save", ""};
	char *argv[] = {name, words[0], words[1], words[2], at, words[3], dir,
		words[4], words[5], words[6], words[7], words[8], words[9],
		NULL};

	(void)snprintf(name, sizeof(name), "%s", s->program);
	(void)snprintf(dir, sizeof(dir), "%s", s->dir);
	(void)snprintf(at, sizeof(at), "%s", s->socket);
	return server_start(s, argv, ready);
}

static int
failed(const redisContext *c)
{
	return bench_fail(-EIO, "redis: %s", c->err ? c->errstr : "no memory");
}

static int
group_make(struct link *l)
{
	redisReply *r = redisCommand(
		l->worker, "XGROUP CREATE %s workers $ MKSTREAM", l->queue);
	int err = 0;

	if (r == NULL)
		return failed(l->worker);
	if (r->type == REDIS_REPLY_ERROR &&
		strncmp(r->str, "BUSYGROUP", 9) != 0)
		err = bench_fail(-EPROTO, "redis says: %s", r->str);
	freeReplyObject(r);
	return err;
}

static int
add_encode(struct link *l)
{
	const char *argv[] = {"XADD", l->queue, "*", "b", bench_body()};
	size_t lens[] = {4, strlen(l->queue), 1, 1, BENCH_BODY};
	char *text = NULL;
	long long n = redisFormatCommandArgv(&text, 5, argv, lens);

	if (n < 0 || n > COMMAND_MAX)
		return -ENOMEM;
	memcpy(l->add, text, (size_t)n);
	l->add_len = (size_t)n;
	redisFreeCommand(text);
	return 0;
}

static void
close_link(void *link)
{
	struct link *l = link;

	if (l == NULL)
		return;
	if (l->producer != NULL)
		redisFree(l->producer);
	if (l->worker != NULL)
		redisFree(l->worker);
	free(l);
}

static int
open_link(const struct server *s, const char *queue, void **link)
{
	struct link *l = calloc(1, sizeof(*l));
	int err;

	if (l == NULL)
		return -ENOMEM;
	l->queue = queue;
	l->producer = redisConnectUnix(s->socket);
	l->worker = redisConnectUnix(s->socket);
	if (l->producer == NULL || l->worker == NULL || l->producer->err ||
		l->worker->err) {
		close_link(l);
		return bench_fail(-ECONNREFUSED, "redis: no connection");
	}
	err = add_encode(l);
	if (err == 0)
		err = group_make(l);
	if (err < 0)
		close_link(l);
	else
		*link = l;
	return err;
}

static int
put(void *link, size_t n, size_t chunk)
{
	struct link *l = link;

	(void)chunk;
	for (; n > 0; n--)
		if (redisAppendFormattedCommand(
			    l->producer, l->add, l->add_len) != REDIS_OK)
			return failed(l->producer);
	return 0;
}

/* Asks for as many as it may have; one such question at a time. */
static int
want(void *link, uint64_t total)
{
	struct link *l = link;

	l->wanted = total;
	if (l->reading || total <= l->leased)
		return 0;
	l->reading = 1;
	if (redisAppendCommand(l->worker,
		    "XREADGROUP GROUP workers w COUNT %llu BLOCK 0 "
		    "STREAMS %s >",
		    (unsigned long long)(total - l->leased),
		    l->queue) != REDIS_OK)
		return failed(l->worker);
	return 0;
}

static int
ids_send(struct link *l, const char **argv, size_t *lens, size_t n)
{
	argv[0] = "XACK";
	argv[1] = l->queue;
	argv[2] = "workers";
	for (size_t i = 0; i < 3; i++)
		lens[i] = strlen(argv[i]);
	if (redisAppendCommandArgv(l->worker, (int)n + 3, argv, lens) !=
		REDIS_OK)
		return failed(l->worker);
	argv[1] = "XDEL";
	argv[2] = l->queue;
	lens[1] = 4;
	lens[2] = strlen(l->queue);
	if (redisAppendCommandArgv(l->worker, (int)n + 2, argv + 1, lens + 1) !=
		REDIS_OK)
		return failed(l->worker);
	return 0;
}

/* XREADGROUP's answer: [[stream, [[id, [field, value]], ...]]] */
static int
take_jobs(struct link *l, const redisReply *r)
{
	static const char *argv[IDS_MAX + 3];
	static size_t lens[IDS_MAX + 3];
	const redisReply *jobs;

	l->reading = 0;
	if (r->elements != 1 || r->element[0]->elements != 2)
		return bench_fail(-EPROTO, "redis: an odd answer");
	jobs = r->element[0]->element[1];
	for (size_t i = 0; i < jobs->elements && i < IDS_MAX; i++) {
		const redisReply *job = jobs->element[i];

		if (job->elements != 2 || job->element[1]->elements != 2 ||
			job->element[1]->element[1]->len != BENCH_BODY)
			return bench_fail(-EPROTO, "redis: an odd job");
		argv[i + 3] = job->element[0]->str;
		lens[i + 3] = job->element[0]->len;
	}
	l->leased += jobs->elements;
	l->count->leased += jobs->elements;
	return ids_send(l, argv, lens, jobs->elements);
}

static int
worker_reply(struct link *l, const redisReply *r)
{
	if (r->type == REDIS_REPLY_ARRAY)
		return take_jobs(l, r);
	if (r->type != REDIS_REPLY_INTEGER)
		return bench_fail(-EPROTO, "redis says: %s",
			r->str != NULL ? r->str : "nothing");
	if (l->half)
		l->count->acked += (uint64_t)r->integer;
	l->half = !l->half;
	return 0;
}

static int
producer_reply(struct link *l, const redisReply *r)
{
	if (r->type != REDIS_REPLY_STRING)
		return bench_fail(-EPROTO, "redis says: %s",
			r->str != NULL ? r->str : "nothing");
	l->count->put++;
	return 0;
}

/* Takes all whole replies. */
static int
take_all(struct link *l, redisContext *c,
	int (*each)(struct link *, const redisReply *))
{
	void *r = NULL;
	int err = 0;

	while (err == 0) {
		if (redisGetReplyFromReader(c, &r) != REDIS_OK)
			return failed(c);
		if (r == NULL)
			break;
		err = each(l, r);
		freeReplyObject(r);
	}
	return err;
}

static int
flush(redisContext *c)
{
	int done = 0;

	while (!done)
		if (redisBufferWrite(c, &done) != REDIS_OK)
			return failed(c);
	return 0;
}

static int
turn(void *link, int wait_ms, struct bench_count *c)
{
	struct link *l = link;
	redisContext *both[] = {l->producer, l->worker};
	struct pollfd f[2];
	int err = 0;

	l->count = c;
	for (size_t i = 0; err == 0 && i < 2; i++) {
		f[i] = (struct pollfd){.fd = both[i]->fd, .events = POLLIN};
		err = flush(both[i]);
	}
	if (err == 0 && poll(f, 2, wait_ms) < 0)
		err = -errno;
	for (size_t i = 0; err == 0 && i < 2; i++)
		if (f[i].revents != 0 && redisBufferRead(both[i]) != REDIS_OK)
			err = failed(both[i]);
	if (err == 0)
		err = take_all(l, l->producer, producer_reply);
	if (err == 0)
		err = take_all(l, l->worker, worker_reply);
	return err;
}

const struct bench_driver bench_redis = {
	.name = "redis",
	.label = "Redis streams, always",
	.start = start,
	.open = open_link,
	.close = close_link,
	.put = put,
	.want = want,
	.turn = turn,
};
