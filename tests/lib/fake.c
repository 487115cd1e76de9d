/* SPDX-License-Identifier: MIT */
#include "tests/lib/fake.h"

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
#include "tests/lib/answered.h"
#include "tests/lib/deadline.h"
#include "wire/msg.h"

enum { JOBS_MAX = 4096, OPS = 128 };

struct fake_job {
	struct sw_id id;
	unsigned times;
	int cancelled;
};

struct fake {
	pthread_t thread;
	pthread_mutex_t lock; /* over all below, but for the sockets */
	pthread_cond_t news;
	int wake_fd;
	char dir[64], endpoint[128];

	int want_up, stop, release;
	unsigned is_up;
	const enum fake_act *acts;
	size_t acts_n, act_at;

	unsigned ops[OPS], all, most, largest, jobs_n;
	struct fake_job jobs[JOBS_MAX];
	uint8_t last[SW_MSG_MAX], job[SW_MSG_MAX], out[SW_MSG_MAX];
	size_t last_len, job_len;
	unsigned same;
	char text[SW_BODY_MAX + 1];

	void *ctx, *sock; /* the thread's */
	zmq_msg_t peer, held;
	int holds;
	struct answered answered;
};

static void
die(const char *what)
{
	(void)fprintf(stderr, "fake broker: %s\n", what);
	abort();
}

static void
listen_on(struct fake *f)
{
	f->ctx = zmq_ctx_new();
	f->sock = zmq_socket(f->ctx, ZMQ_ROUTER);
	if (f->sock == NULL || sw_socket_set(f->sock) < 0 ||
		zmq_bind(f->sock, f->endpoint) != 0)
		die("cannot listen");
}

static void
listen_off(struct fake *f)
{
	if (f->sock == NULL)
		return;
	zmq_close(f->sock);
	zmq_ctx_term(f->ctx);
	f->sock = f->ctx = NULL;
	f->holds = 0;
}

static void
reply_send(struct fake *f, const void *p, size_t len)
{
	zmq_msg_t to;

	zmq_msg_init(&to);
	zmq_msg_copy(&to, &f->peer);
	if (zmq_msg_send(&to, f->sock, ZMQ_SNDMORE) < 0)
		zmq_msg_close(&to);
	(void)zmq_send(f->sock, p, len, 0);
}

static void
held_send(struct fake *f)
{
	if (f->holds)
		reply_send(f, zmq_msg_data(&f->held), zmq_msg_size(&f->held));
	f->holds = 0;
}

static void
held_set(struct fake *f, const struct sw_buf *b)
{
	zmq_msg_close(&f->held);
	zmq_msg_init_size(&f->held, b->len);
	memcpy(zmq_msg_data(&f->held), b->p, b->len);
	f->holds = 1;
}

static struct fake_job *
job_find(struct fake *f, const struct sw_id *id)
{
	for (unsigned i = 0; i < f->jobs_n; i++)
		if (memcmp(&f->jobs[i].id, id, sizeof(*id)) == 0)
			return &f->jobs[i];
	return NULL;
}

static void
job_add(struct fake *f, const struct sw_id *id)
{
	struct fake_job *j = job_find(f, id);

	if (j == NULL) {
		if (f->jobs_n == JOBS_MAX)
			die("too many jobs");
		j = &f->jobs[f->jobs_n++];
		*j = (struct fake_job){.id = *id};
	}
	j->times++;
}

static void
put_answer_write(struct fake *f, struct sw_buf *b, const struct sw_item *it,
	enum fake_act act, unsigned at)
{
	struct sw_id id, owner;
	int known;

	memset(&owner, 7, sizeof(owner));
	memcpy(f->job, it->raw.p, it->raw.len);
	f->job_len = it->raw.len;
	(void)sw_get_id(it, &id);
	known = job_find(f, &id) != NULL;
	if (act == FAKE_FULL || (act == FAKE_HALF && at % 2 == 1)) {
		sw_put_int(b, SW_F_STATUS, SW_EFULL);
		sw_put_text(b, SW_F_DETAIL, "the store is full");
	} else if (act == FAKE_UNIQUE) {
		sw_put_int(b, SW_F_STATUS, SW_EUNIQUE);
		sw_put_id(b, &owner);
	} else {
		sw_put_int(b, SW_F_STATUS, 0);
		if (known)
			sw_put_int(b, SW_F_STATE, SW_READY);
		job_add(f, &id);
	}
}

static void
get_answer_write(struct sw_buf *b)
{
	size_t mark;

	sw_put_int(b, SW_F_STATUS, 0);
	sw_put_int(b, SW_F_STATE, SW_DONE);
	sw_put_text(b, SW_F_QUEUE, "email");
	sw_put_text(b, SW_F_BODY, "hello");
	sw_put_text(b, SW_F_RESULT, "42");
	sw_put_int(b, SW_F_ATTEMPT, 2);
	mark = sw_nest_begin(b, SW_F_EVENT);
	sw_put_int(b, SW_F_KIND, SW_EV_ATTEMPT);
	sw_put_text(b, SW_F_ERROR, "it rained");
	sw_nest_end(b, mark);
}

static void
other_answer_write(
	struct fake *f, struct sw_buf *b, const struct sw_item *it, int op)
{
	struct sw_id id = {{0}};
	struct fake_job *j;

	(void)sw_get_id(it, &id);
	j = job_find(f, &id);
	if (op != SW_OP_GET && op != SW_OP_WAIT && op != SW_OP_CANCEL) {
		sw_put_int(b, SW_F_STATUS, 0);
	} else if (j == NULL) {
		sw_put_int(b, SW_F_STATUS, SW_ENOJOB);
	} else if (op != SW_OP_CANCEL) {
		get_answer_write(b);
	} else {
		sw_put_int(b, SW_F_STATUS, j->cancelled ? SW_ESTATE : 0);
		sw_put_int(b, SW_F_STATE, SW_CANCELLED);
		j->cancelled = 1;
	}
}

static void
answer_write(
	struct fake *f, struct sw_buf *b, struct sw_msg m, enum fake_act act)
{
	struct sw_item it;

	if (act == FAKE_REFUSE) {
		size_t mark;

		sw_msg_begin(b, SW_OP_ERROR | SW_REPLY, 0, m.seq);
		mark = sw_item_begin(b);
		sw_put_int(b, SW_F_STATUS, SW_EBUSY);
		sw_put_text(b, SW_F_DETAIL, "not today");
		sw_item_end(b, mark);
		return;
	}
	sw_msg_begin(b, m.op | SW_REPLY, 0, m.seq);
	for (unsigned i = 0; sw_msg_next(&m, &it); i++) {
		size_t mark = sw_item_begin(b);

		if (m.op == SW_OP_PUT)
			put_answer_write(f, b, &it, act, i);
		else
			other_answer_write(f, b, &it, m.op);
		sw_item_end(b, mark);
	}
}

/* Nothing, noise, a cut reply, wrong op, wrong count, another's, two frames. */
static void
garbage_send(struct fake *f, const struct sw_buf *reply)
{
	static const char noise[] = "SW\1\377\377\377 noise, and more of it";
	uint8_t *p = malloc(reply->len + 1);
	zmq_msg_t to;

	memcpy(p, reply->p, reply->len);
	reply_send(f, "", 0);
	reply_send(f, noise, sizeof(noise));
	reply_send(f, p, reply->len - 1);
	p[3] ^= 64;
	reply_send(f, p, reply->len);
	p[3] ^= 64;
	le_set(p + 6, 2, 0);
	reply_send(f, p, SW_HEADER_LEN);
	p[3] = SW_OP_ERROR | SW_REPLY;
	reply_send(f, p, SW_HEADER_LEN);
	memcpy(p, reply->p, reply->len);
	le_set(p + 8, 8, UINT64_MAX);
	reply_send(f, p, reply->len);
	zmq_msg_init(&to);
	zmq_msg_copy(&to, &f->peer);
	if (zmq_msg_send(&to, f->sock, ZMQ_SNDMORE) < 0)
		zmq_msg_close(&to);
	(void)zmq_send(f->sock, reply->p, reply->len, ZMQ_SNDMORE);
	(void)zmq_send(f->sock, reply->p, reply->len, 0);
	free(p);
}

static void
answer_send(struct fake *f, const struct sw_buf *b, enum fake_act act)
{
	if (act == FAKE_HOLD) {
		held_set(f, b);
		return;
	}
	if (act == FAKE_BREAK) {
		listen_off(f);
		listen_on(f);
		return;
	}
	if (act == FAKE_DROP)
		return;
	held_send(f);
	if (act == FAKE_GARBAGE)
		garbage_send(f, b);
	reply_send(f, b->p, b->len);
	if (act == FAKE_TWICE)
		reply_send(f, b->p, b->len);
}

static void
note(struct fake *f, struct bytes frame, const struct sw_msg *m)
{
	f->same = frame.len == f->last_len &&
		  memcmp(frame.p, f->last, frame.len) == 0;
	memcpy(f->last, frame.p, frame.len);
	f->last_len = frame.len;
	f->all++;
	f->ops[m->op % OPS]++;
	if (frame.len > f->largest)
		f->largest = (unsigned)frame.len;
	if (m->count > f->most)
		f->most = m->count;
}

/* What has no answer yet may come again, and then takes the next act. */
static int
is_answer(enum fake_act act)
{
	return act != FAKE_DROP && act != FAKE_LOSE && act != FAKE_BREAK &&
	       act != FAKE_HOLD;
}

static void
serve(struct fake *f, struct bytes frame)
{
	struct bytes peer = bytes_of(
		zmq_msg_data(&f->peer), zmq_msg_size(&f->peer));
	struct sw_buf b = {.p = f->out, .cap = sizeof(f->out)};
	enum fake_act act = FAKE_OK;
	struct sw_msg m;

	if (sw_msg_open(frame, &m) < 0)
		die("a client sent rubbish");
	if (answered_has(&f->answered, peer, frame))
		return;
	pthread_mutex_lock(&f->lock);
	if (f->act_at < f->acts_n)
		act = f->acts[f->act_at++];
	if (act != FAKE_LOSE)
		answer_write(f, &b, m, act);
	note(f, frame, &m);
	pthread_mutex_unlock(&f->lock);
	if (act != FAKE_LOSE)
		answer_send(f, &b, act);
	if (is_answer(act))
		answered_add(&f->answered, peer, frame);
	pthread_mutex_lock(&f->lock);
	pthread_cond_broadcast(&f->news);
	pthread_mutex_unlock(&f->lock);
}

static void
requests_take(struct fake *f)
{
	zmq_msg_t from, msg;

	zmq_msg_init(&from);
	zmq_msg_init(&msg);
	while (f->sock != NULL &&
		zmq_msg_recv(&from, f->sock, ZMQ_DONTWAIT) >= 0 &&
		zmq_msg_recv(&msg, f->sock, 0) >= 0) {
		zmq_msg_copy(&f->peer, &from);
		serve(f, bytes_of(zmq_msg_data(&msg), zmq_msg_size(&msg)));
	}
	zmq_msg_close(&from);
	zmq_msg_close(&msg);
}

/* Does what the test has asked for; 0 when that is to stop. */
static int
orders_take(struct fake *f)
{
	int stop;

	pthread_mutex_lock(&f->lock);
	stop = f->stop;
	if (f->want_up && f->sock == NULL)
		listen_on(f);
	f->is_up = f->sock != NULL;
	if (f->release && f->sock != NULL)
		held_send(f);
	f->release = 0;
	pthread_cond_broadcast(&f->news);
	pthread_mutex_unlock(&f->lock);
	return !stop;
}

static void *
run(void *arg)
{
	struct fake *f = arg;
	uint64_t n;

	while (orders_take(f)) {
		zmq_pollitem_t items[] = {
			{.fd = f->wake_fd, .events = ZMQ_POLLIN},
			{.socket = f->sock, .events = ZMQ_POLLIN},
		};

		(void)zmq_poll(items, f->sock != NULL ? 2 : 1, -1);
		if (items[0].revents != 0)
			(void)!read(f->wake_fd, &n, sizeof(n));
		requests_take(f);
	}
	listen_off(f);
	return NULL;
}

static void
wake(struct fake *f)
{
	uint64_t one = 1;

	if (write(f->wake_fd, &one, sizeof(one)) != sizeof(one))
		die("cannot wake");
}

struct fake *
fake_start(int up)
{
	struct fake *f = calloc(1, sizeof(*f));

	if (f == NULL)
		die("no memory");
	strcpy(f->dir, "/tmp/spillway-fake-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		die("no folder");
	(void)snprintf(f->endpoint, sizeof(f->endpoint), "ipc://%s/broker.sock",
		f->dir);
	f->wake_fd = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->news, NULL);
	zmq_msg_init(&f->peer);
	zmq_msg_init(&f->held);
	answered_begin(&f->answered);
	if (pthread_create(&f->thread, NULL, run, f) != 0)
		die("no thread");
	if (up)
		fake_up(f);
	return f;
}

void
fake_stop(struct fake *f)
{
	char path[160];

	if (f == NULL)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = 1;
	pthread_mutex_unlock(&f->lock);
	wake(f);
	pthread_join(f->thread, NULL);
	zmq_msg_close(&f->peer);
	zmq_msg_close(&f->held);
	close(f->wake_fd);
	(void)snprintf(path, sizeof(path), "%s/broker.sock", f->dir);
	(void)unlink(path);
	(void)rmdir(f->dir);
	free(f);
}

const char *
fake_endpoint(const struct fake *f)
{
	return f->endpoint;
}

/* With the lock: until `is` holds `want` at least. */
static void
await(struct fake *f, const unsigned *is, unsigned want)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += deadline_s();
	while (*is < want)
		if (pthread_cond_timedwait(&f->news, &f->lock, &until) != 0)
			die("waited in vain");
}

void
fake_up(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	f->want_up = 1;
	wake(f);
	await(f, &f->is_up, 1);
	pthread_mutex_unlock(&f->lock);
}

void
fake_script(struct fake *f, const enum fake_act *acts, size_t n)
{
	pthread_mutex_lock(&f->lock);
	f->acts = acts;
	f->acts_n = n;
	f->act_at = 0;
	pthread_mutex_unlock(&f->lock);
}

unsigned
fake_await(struct fake *f, unsigned n)
{
	pthread_mutex_lock(&f->lock);
	await(f, &f->all, n);
	n = f->all;
	pthread_mutex_unlock(&f->lock);
	return n;
}

void
fake_release(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	f->release = 1;
	pthread_mutex_unlock(&f->lock);
	wake(f);
}

static unsigned
number(struct fake *f, const unsigned *which)
{
	unsigned n;

	pthread_mutex_lock(&f->lock);
	n = *which;
	pthread_mutex_unlock(&f->lock);
	return n;
}

unsigned
fake_requests(struct fake *f, int op)
{
	return number(f, op == 0 ? &f->all : &f->ops[op % OPS]);
}

unsigned
fake_jobs(struct fake *f)
{
	return number(f, &f->jobs_n);
}

unsigned
fake_times(struct fake *f, const struct sw_id *id)
{
	const struct fake_job *j;
	unsigned n;

	pthread_mutex_lock(&f->lock);
	j = job_find(f, id);
	n = j != NULL ? j->times : 0;
	pthread_mutex_unlock(&f->lock);
	return n;
}

size_t
fake_largest(struct fake *f)
{
	return number(f, &f->largest);
}

unsigned
fake_most(struct fake *f)
{
	return number(f, &f->most);
}

int
fake_same(struct fake *f)
{
	return (int)number(f, &f->same);
}

/* The field of that name in the last job; NULL if it is not there. */
static const struct bytes *
field(struct fake *f, const char *name, struct sw_item *it)
{
	if (sw_item_open(bytes_of(f->job, f->job_len), it) < 0)
		die("no job yet");
	for (int tag = 0; tag < SW_TAGS; tag++)
		if (sw_field_rules[tag].name != NULL &&
			strcmp(sw_field_rules[tag].name, name) == 0)
			return sw_has(it, (enum sw_tag)tag) ? &it->f[tag]
							    : NULL;
	die("no such field");
	return NULL;
}

const char *
fake_text(struct fake *f, const char *name)
{
	const struct bytes *b;
	struct sw_item it;

	pthread_mutex_lock(&f->lock);
	b = field(f, name, &it);
	if (b != NULL) {
		memcpy(f->text, b->p, b->len);
		f->text[b->len] = '\0';
	}
	pthread_mutex_unlock(&f->lock);
	return b != NULL ? f->text : NULL;
}

int64_t
fake_int(struct fake *f, const char *name)
{
	const struct bytes *b;
	struct sw_item it;
	int64_t v = INT64_MIN;

	pthread_mutex_lock(&f->lock);
	b = field(f, name, &it);
	if (b != NULL)
		v = (int64_t)le_get(b->p, b->len);
	pthread_mutex_unlock(&f->lock);
	return v;
}
