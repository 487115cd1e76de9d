/* SPDX-License-Identifier: MIT */
#include "tests/lib/local.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "base/error.h"
#include "link/endpoint.h"
#include "tests/lib/deadline.h"
#include "tests/lib/folder.h"
#include "tests/lib/rig.h"

enum {
	MORE_MAX = 1000,
	ANSWERED_MAX = 256, /* the last ones are known */
	SILENCE_MS = 1000,  /* of producer/client.h */
};

struct local {
	pthread_t thread;
	pthread_mutex_t lock; /* over all below */
	pthread_cond_t news;
	int wake_fd;
	char dir[FOLDER_PATH], endpoint[128];
	struct rig *rig;

	int want_up, stop, release;
	unsigned is_up;
	const enum local_act *acts;
	size_t acts_n, act_at;
	local_answer_fn *answer;

	struct local_seen seen, shown;
	uint8_t last[SW_MSG_MAX], job[SW_MSG_MAX], reply[SW_MSG_MAX];
	size_t last_len, job_len;

	void *ctx, *sock;     /* the thread's */
	const struct out *of; /* the request it serves, and whose; or NULL */
	enum local_act act;
	uint64_t answered[ANSWERED_MAX]; /* sums of link and request */
	unsigned answered_n;
	int64_t since_ms;
	struct out late; /* its frame is on the heap, or NULL */
};

static void
die(const char *what)
{
	(void)fprintf(stderr, "local broker: %s\n", what);
	abort();
}

static void
listen_on(struct local *l)
{
	l->ctx = zmq_ctx_new();
	l->sock = zmq_socket(l->ctx, ZMQ_ROUTER);
	if (l->sock == NULL || sw_socket_set(l->sock) < 0 ||
		zmq_bind(l->sock, l->endpoint) != 0)
		die("cannot listen");
}

static void
late_set(struct local *l, const struct out *o)
{
	void *copy = NULL;

	free((void *)(uintptr_t)l->late.frame.p);
	if (o != NULL) {
		copy = malloc(o->frame.len);
		memcpy(copy, o->frame.p, o->frame.len);
		l->late.peer = o->peer;
	}
	l->late.frame = bytes_of(copy, o != NULL ? o->frame.len : 0);
}

static void
listen_off(struct local *l)
{
	if (l->sock == NULL)
		return;
	zmq_close(l->sock);
	zmq_ctx_term(l->ctx);
	l->sock = l->ctx = NULL;
	late_set(l, NULL);
}

/* --- what is said again --------------------------------------------------- */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* FNV-1a. */
static uint64_t
sum_of(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static uint64_t
request_sum(const struct out *r)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	sum = sum_of(sum, r->peer.b, r->peer.len);
	return sum_of(sum, r->frame.p, r->frame.len);
}

/*
 * A client asks again after a second of silence, so a broker that gets no
 * processor for that long sees a request twice.  Before, there is no reason.
 */
static int
was_answered(const struct local *l, const struct out *request)
{
	unsigned n = l->answered_n < ANSWERED_MAX ? l->answered_n
						  : ANSWERED_MAX;
	uint64_t sum = request_sum(request);

	for (unsigned i = 0; i < n; i++)
		if (l->answered[i] == sum) {
			if (now_ms() - l->since_ms < SILENCE_MS)
				die("asked again at once");
			return 1;
		}
	return 0;
}

/* --- what leaves --------------------------------------------------------- */

static void
send_to(struct local *l, const struct peer *to, const void *p, size_t len)
{
	(void)zmq_send(l->sock, to->b, to->len, ZMQ_SNDMORE);
	(void)zmq_send(l->sock, p, len, 0);
}

static void
late_send(struct local *l)
{
	if (l->late.frame.p == NULL)
		return;
	send_to(l, &l->late.peer, l->late.frame.p, l->late.frame.len);
	late_set(l, NULL);
}

/* Nothing, noise, a cut reply, wrong op, wrong count, another's, two frames. */
static void
garbage_send(struct local *l, const struct out *o)
{
	static const char noise[] = "SW\1\377\377\377 noise, and more of it";
	const struct peer *to = &o->peer;
	size_t len = o->frame.len;
	uint8_t *p = malloc(len + 1);

	memcpy(p, o->frame.p, len);
	send_to(l, to, "", 0);
	send_to(l, to, noise, sizeof(noise));
	send_to(l, to, p, len - 1);
	p[3] ^= 64;
	send_to(l, to, p, len);
	p[3] ^= 64;
	le_set(p + 6, 2, 0);
	send_to(l, to, p, SW_HEADER_LEN);
	p[3] = SW_OP_ERROR | SW_REPLY;
	send_to(l, to, p, SW_HEADER_LEN);
	memcpy(p, o->frame.p, len);
	le_set(p + 8, 8, UINT64_MAX);
	send_to(l, to, p, len);
	(void)zmq_send(l->sock, to->b, to->len, ZMQ_SNDMORE);
	(void)zmq_send(l->sock, o->frame.p, len, ZMQ_SNDMORE);
	(void)zmq_send(l->sock, o->frame.p, len, 0);
	free(p);
}

static void
answer_send(struct local *l, const struct out *o)
{
	if (l->act == LOCAL_DROP || l->act == LOCAL_BREAK ||
		l->act == LOCAL_CUT)
		return;
	if (l->act == LOCAL_HOLD) {
		late_set(l, o);
		return;
	}
	late_send(l);
	l->answered[l->answered_n++ % ANSWERED_MAX] = request_sum(l->of);
	if (l->act == LOCAL_GARBAGE)
		garbage_send(l, o);
	send_to(l, &o->peer, o->frame.p, o->frame.len);
	if (l->act == LOCAL_TWICE)
		send_to(l, &o->peer, o->frame.p, o->frame.len);
}

/* What the rig's own peers are told is for the test. */
static int
out_leaves(void *arg, const struct out *o)
{
	struct local *l = arg;

	if (o->peer.len == RIG_PEER_LEN)
		return 0;
	if (l->of == NULL)
		return 1; /* the socket is the thread's: it is lost */
	if (memcmp(&o->peer, &l->of->peer, sizeof(o->peer)) == 0)
		answer_send(l, o);
	else
		send_to(l, &o->peer, o->frame.p, o->frame.len);
	return 1;
}

/* --- what comes ---------------------------------------------------------- */

static void
refusal_write(struct sw_buf *b, uint64_t seq)
{
	size_t mark;

	sw_msg_begin(b, SW_OP_ERROR | SW_REPLY, 0, seq);
	mark = sw_item_begin(b);
	sw_put_int(b, SW_F_STATUS, SW_EBUSY);
	sw_put_text(b, SW_F_DETAIL, "not today");
	sw_item_end(b, mark);
}

static void
core_ask(struct local *l)
{
	int err = rig_turn(l->rig, &l->of->peer, l->of->frame);

	for (int i = 0; err == 0 && core_wait_ms(l->rig->core) == 0; i++) {
		if (i == MORE_MAX)
			die("the core does not come to rest");
		err = rig_turn(l->rig, NULL, l->of->frame);
	}
	if (err < 0)
		die(sw_strerror(err));
}

static void
request_do(struct local *l, const struct sw_msg *m)
{
	struct sw_buf b = {.p = l->reply, .cap = sizeof(l->reply)};
	int own = 0;

	if (l->act == LOCAL_REFUSE) {
		refusal_write(&b, m->seq);
		own = 1;
	} else if (l->answer != NULL) {
		sw_msg_begin(&b, m->op | SW_REPLY, 0, m->seq);
		own = l->answer(l->rig, *m, l->of->frame, &b);
	}
	if (own == 0)
		core_ask(l);
	else if (own > 0)
		answer_send(l, &(struct out){l->of->peer, sw_buf_bytes(&b)});
}

static void
note(struct local *l, struct bytes frame, struct sw_msg m)
{
	struct local_seen *s = &l->seen;
	struct sw_item it;

	s->same = frame.len == l->last_len &&
		  memcmp(frame.p, l->last, frame.len) == 0;
	memcpy(l->last, frame.p, frame.len);
	l->last_len = frame.len;
	s->requests++;
	s->of_op[m.op % LOCAL_OPS]++;
	if (frame.len > s->largest)
		s->largest = frame.len;
	if (m.count > s->most)
		s->most = m.count;
	while (m.op == SW_OP_PUT && sw_msg_next(&m, &it)) {
		memcpy(l->job, it.raw.p, it.raw.len);
		l->job_len = it.raw.len;
	}
}

static void
serve(struct local *l, const struct out *request)
{
	struct sw_msg m;

	if (sw_msg_open(request->frame, &m) < 0)
		die("a client sent rubbish");
	if (was_answered(l, request))
		return;
	l->act = l->act_at < l->acts_n ? l->acts[l->act_at++] : LOCAL_OK;
	note(l, request->frame, m);
	l->of = request;
	if (l->act != LOCAL_LOSE)
		request_do(l, &m);
	l->of = NULL;
	if (l->act == LOCAL_BREAK || l->act == LOCAL_CUT)
		listen_off(l);
	if (l->act == LOCAL_BREAK)
		listen_on(l);
	if (l->act == LOCAL_CUT) {
		l->want_up = 0;
		l->is_up = 0;
	}
	pthread_cond_broadcast(&l->news);
}

static void
requests_take(struct local *l)
{
	struct out r = {.frame = {NULL, 0}};
	zmq_msg_t msg;
	int n;

	zmq_msg_init(&msg);
	pthread_mutex_lock(&l->lock);
	while (l->sock != NULL &&
		(n = zmq_recv(l->sock, r.peer.b, PEER_MAX, ZMQ_DONTWAIT)) > 0 &&
		zmq_msg_recv(&msg, l->sock, 0) >= 0) {
		r.peer.len = (uint8_t)n;
		r.frame = bytes_of(zmq_msg_data(&msg), zmq_msg_size(&msg));
		serve(l, &r);
	}
	pthread_mutex_unlock(&l->lock);
	zmq_msg_close(&msg);
}

/* Does what the test has asked for; 0 when that is to stop. */
static int
orders_take(struct local *l)
{
	int stop;

	pthread_mutex_lock(&l->lock);
	stop = l->stop;
	if (l->want_up && l->sock == NULL)
		listen_on(l);
	l->is_up = l->sock != NULL;
	if (l->release && l->sock != NULL)
		late_send(l);
	l->release = 0;
	pthread_cond_broadcast(&l->news);
	pthread_mutex_unlock(&l->lock);
	return !stop;
}

static void *
run(void *arg)
{
	struct local *l = arg;
	uint64_t n;

	while (orders_take(l)) {
		zmq_pollitem_t items[] = {
			{.fd = l->wake_fd, .events = ZMQ_POLLIN},
			{.socket = l->sock, .events = ZMQ_POLLIN},
		};

		(void)zmq_poll(items, l->sock != NULL ? 2 : 1, -1);
		if (items[0].revents != 0)
			(void)!read(l->wake_fd, &n, sizeof(n));
		requests_take(l);
	}
	listen_off(l);
	return NULL;
}

static void
wake(struct local *l)
{
	uint64_t one = 1;

	if (write(l->wake_fd, &one, sizeof(one)) != sizeof(one))
		die("cannot wake");
}

struct local *
local_start(int up)
{
	struct local *l = calloc(1, sizeof(*l));

	if (l == NULL)
		die("no memory");
	folder_make(l->dir);
	(void)snprintf(l->endpoint, sizeof(l->endpoint), "ipc://%s/broker.sock",
		l->dir);
	l->wake_fd = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->news, NULL);
	l->since_ms = now_ms();
	l->rig = rig_open("mem:");
	l->rig->on_out = out_leaves;
	l->rig->arg = l;
	if (pthread_create(&l->thread, NULL, run, l) != 0)
		die("no thread");
	if (up)
		local_up(l);
	return l;
}

void
local_stop(struct local *l)
{
	if (l == NULL)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = 1;
	pthread_mutex_unlock(&l->lock);
	wake(l);
	pthread_join(l->thread, NULL);
	rig_drop(l->rig);
	close(l->wake_fd);
	folder_remove(l->dir);
	free(l);
}

const char *
local_endpoint(const struct local *l)
{
	return l->endpoint;
}

/* With the lock: until `is` holds `want` at least. */
static void
await(struct local *l, const unsigned *is, unsigned want)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += deadline_s();
	while (*is < want)
		if (pthread_cond_timedwait(&l->news, &l->lock, &until) != 0)
			die("waited in vain");
}

void
local_up(struct local *l)
{
	pthread_mutex_lock(&l->lock);
	l->want_up = 1;
	wake(l);
	await(l, &l->is_up, 1);
	pthread_mutex_unlock(&l->lock);
}

void
local_answer(struct local *l, local_answer_fn *fn)
{
	pthread_mutex_lock(&l->lock);
	l->answer = fn;
	pthread_mutex_unlock(&l->lock);
}

struct rig *
local_lock(struct local *l)
{
	pthread_mutex_lock(&l->lock);
	return l->rig;
}

void
local_unlock(struct local *l)
{
	pthread_mutex_unlock(&l->lock);
}

void
local_script(struct local *l, const enum local_act *acts, size_t n)
{
	pthread_mutex_lock(&l->lock);
	l->acts = acts;
	l->acts_n = n;
	l->act_at = 0;
	pthread_mutex_unlock(&l->lock);
}

void
local_await(struct local *l, unsigned n)
{
	pthread_mutex_lock(&l->lock);
	await(l, &l->seen.requests, n);
	pthread_mutex_unlock(&l->lock);
}

void
local_release(struct local *l)
{
	pthread_mutex_lock(&l->lock);
	l->release = 1;
	pthread_mutex_unlock(&l->lock);
	wake(l);
}

const struct local_seen *
local_seen(struct local *l)
{
	pthread_mutex_lock(&l->lock);
	l->shown = l->seen;
	pthread_mutex_unlock(&l->lock);
	return &l->shown;
}

unsigned
local_requests(struct local *l, int op)
{
	const struct local_seen *s = local_seen(l);

	return op == 0 ? s->requests : s->of_op[op % LOCAL_OPS];
}

unsigned
local_jobs(struct local *l)
{
	const struct core *c = local_lock(l)->core;
	int64_t n = 0;

	for (unsigned i = 0; i < c->queues_n; i++)
		for (int s = SW_DELAYED; s < SW_STATES; s++)
			n += c->queues[i]->count[s];
	local_unlock(l);
	return (unsigned)n;
}

int
local_has(struct local *l, const struct sw_id *id)
{
	struct key k = key_id('j', id);
	int has = rig_row_is_there(local_lock(l), &k);

	local_unlock(l);
	return has;
}

size_t
local_last_put(struct local *l, void *item)
{
	size_t len;

	pthread_mutex_lock(&l->lock);
	len = l->job_len;
	memcpy(item, l->job, len);
	pthread_mutex_unlock(&l->lock);
	return len;
}
