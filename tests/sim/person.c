/* SPDX-License-Identifier: MIT */
/* Somebody at the command: cancels, redrives, purges, changes settings. */
#include "tests/sim/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "tests/sim/model.h"

enum {
	ASKS = 24,
	FREE_SETTINGS = 7,
	WAITS = 10,	 /* for jobs, when calm: each is answered */
	LATE_MS = 15000, /* by then what was said before has arrived */
};

struct ask {
	struct client_req req; /* first: the one is the other */
	int open;
	struct sw_buf b;
	uint8_t bytes[2048];
};

struct sim_person {
	struct sim *w;
	int end;
	struct client *c;
	struct ask asks[ASKS];
	int open_n;
	int waits, settled;
	int hurried; /* queues that have got a short back-off */
	int freed;   /* settings taken back, of all queues, when calm */
	int64_t next_at, free_at;
};

struct sim_person *
sim_person_new(struct sim *w, int end)
{
	struct sim_person *s = calloc(1, sizeof(*s));
	char text[16];

	must(s != NULL);
	s->w = w;
	s->end = end;
	(void)snprintf(text, sizeof(text), "%d", end);
	must(client_open(&s->c, text) == 0);
	return s;
}

void
sim_person_free(struct sim_person *s)
{
	client_close(s->c);
	free(s);
}

static int
is_free(const struct sim_person *s)
{
	return s->freed == SIM_QUEUES * FREE_SETTINGS;
}

int
sim_person_idle(const struct sim_person *s)
{
	return s->open_n == 0 && s->waits == WAITS;
}

static void
answered(struct client_req *r, int err, const struct sw_msg *reply)
{
	struct ask *a = (struct ask *)(void *)r;
	struct sim_person *s = sim_here->person;

	(void)err;
	(void)reply;
	must(a->open);
	a->open = 0;
	s->open_n--;
	s->settled += s->freed > 0 && r->frame[3] == SW_OP_QUEUE_SET;
}

int
sim_person_settled(const struct sim_person *s)
{
	return s->settled == SIM_QUEUES * FREE_SETTINGS;
}

static struct ask *
ask_begin(struct sim_person *s, int op, unsigned flags)
{
	struct ask *a = s->asks;

	while (a->open)
		a++;
	a->open = 1;
	s->open_n++;
	a->b = (struct sw_buf){.p = a->bytes, .cap = sizeof(a->bytes)};
	sw_msg_begin(&a->b, op, flags, 0);
	return a;
}

static void
ask_send(struct sim_person *s, struct ask *a, int64_t timeout_ms)
{
	must(!a->b.full);
	a->req = (struct client_req){.frame = a->bytes,
		.frame_len = a->b.len,
		.timeout_ms = timeout_ms,
		.done = answered};
	client_start(s->c, &a->req);
}

static void
ask_ids(struct sim_person *s, int op)
{
	struct ask *a = ask_begin(s, op, 0);
	int n = op == SW_OP_WAIT ? 0 : sim_pick(s->w, 3);

	do {
		struct sw_id id = sim_model_any(s->w);
		size_t mark = sw_item_begin(&a->b);

		sw_put_id(&a->b, &id);
		sw_item_end(&a->b, mark);
	} while (n-- > 0);
	ask_send(s, a, -1);
}

/* As the library: the broker forgets the wait when the client does. */
static void
ask_wait(struct sim_person *s)
{
	struct ask *a = ask_begin(s, SW_OP_WAIT, 0);
	struct sw_id id = sim_model_any(s->w);
	size_t mark = sw_item_begin(&a->b);

	sw_put_id(&a->b, &id);
	if (sim_one_in(s->w, 2))
		sw_put_int(&a->b, SW_F_TIMEOUT_MS, sim_pick(s->w, 20000));
	sw_item_end(&a->b, mark);
	ask_send(s, a, 20000);
}

/* Queues that nobody serves: jobs in them expire, and the queue is deleted. */
static void
ask_spare(struct sim_person *s)
{
	static const char *const names[] = {"spare-a", "spare-b", "spare-c"};
	static const int ops[] = {SW_OP_PUT, SW_OP_QUEUE_SET,
		SW_OP_QUEUE_DELETE, SW_OP_QUEUE_DELETE, SW_OP_PURGE};
	struct sim *w = s->w;
	int op = ops[sim_pick(w, 5)];
	struct ask *a = ask_begin(s, op, 0);
	struct sw_id id = sim_id(w);
	size_t mark = sw_item_begin(&a->b);

	if (op == SW_OP_PUT) {
		sw_put_id(&a->b, &id);
		sw_put_text(&a->b, SW_F_BODY, "spare");
		sw_put_int(&a->b, SW_F_EXPIRES_AT_MS,
			sim_wall(w) + 1 + sim_pick(w, 3000));
	}
	sw_put_text(&a->b, SW_F_QUEUE, names[sim_pick(w, 3)]);
	if (op == SW_OP_QUEUE_SET)
		sw_put_text(&a->b, SW_F_SETTING,
			sim_one_in(w, 2) ? "weight=2" : "weight=1");
	sw_item_end(&a->b, mark);
	ask_send(s, a, -1);
}

/* Puts another body under an id that somebody has: longer than those of
 * producers, and always of the same queue. */
static void
ask_other(struct sim_person *s)
{
	static const char body[] = "0123456789 and another";
	struct sw_id id = sim_model_any(s->w);
	struct ask *a = ask_begin(s, SW_OP_PUT, 0);
	size_t mark = sw_item_begin(&a->b);

	sw_put_id(&a->b, &id);
	sw_put_text(&a->b, SW_F_QUEUE, sim_queues[0]);
	sw_put_text(&a->b, SW_F_BODY, body);
	sw_item_end(&a->b, mark);
	ask_send(s, a, -1);
}

static void
ask_page(struct sim_person *s, int op)
{
	static const int purged[] = {
		SW_DEAD, SW_DEAD, SW_READY, SW_DELAYED, SW_DONE, SW_CANCELLED};
	struct sim *w = s->w;
	struct ask *a = ask_begin(s, op, sim_one_in(w, 8) ? 1 : 0);
	size_t mark = sw_item_begin(&a->b);
	int state = SW_DEAD;

	if (op == SW_OP_PURGE)
		state = purged[sim_pick(w, 6)];
	else if (op == SW_OP_RUN)
		state = SW_DELAYED;
	else if (op == SW_OP_MOVE || op == SW_OP_BURY)
		state = SW_DELAYED + sim_pick(w, 2);
	else if (op == SW_OP_CANCEL_ALL)
		state = SW_DELAYED + sim_pick(w, 3);
	else if (op == SW_OP_LIST)
		state = SW_DELAYED + sim_pick(w, SW_STATES - SW_DELAYED);
	if (op == SW_OP_MOVE && sim_one_in(w, 4))
		state = SW_DEAD;
	sw_put_int(&a->b, SW_F_STATE, state);
	sw_put_int(&a->b, SW_F_LIMIT, 1 + sim_pick(w, 30));
	if (op == SW_OP_MOVE)
		sw_put_text(
			&a->b, SW_F_TEXT, sim_queues[sim_pick(w, SIM_QUEUES)]);
	if (op == SW_OP_REDRIVE && sim_one_in(w, 2))
		sw_put_int(&a->b, SW_F_RATE, 1 + sim_pick(w, 20));
	if (sim_one_in(w, 2))
		sw_put_text(
			&a->b, SW_F_QUEUE, sim_queues[sim_pick(w, SIM_QUEUES)]);
	if (sim_one_in(w, 6)) {
		struct sw_id id = sim_model_any(w);

		sw_put_id(&a->b, &id);
	}
	sw_item_end(&a->b, mark);
	ask_send(s, a, -1);
}

static void
ask_set(struct sim_person *s, const char *queue, const char *setting)
{
	struct ask *a = ask_begin(s, SW_OP_QUEUE_SET, 0);
	size_t mark = sw_item_begin(&a->b);

	sw_put_text(&a->b, SW_F_QUEUE, queue);
	sw_put_text(&a->b, SW_F_SETTING, setting);
	sw_item_end(&a->b, mark);
	ask_send(s, a, -1);
}

static void
ask_setting(struct sim_person *s)
{
	static const char *const settings[] = {"paused=yes", "paused=no",
		"paused=no", "concurrency=1", "concurrency=3", "concurrency=0",
		"rate=5", "rate=40", "rate=90/m", "rate=0", "burst=4",
		"max_jobs=40", "max_jobs=150", "max_jobs=0", "max_bytes=300",
		"max_bytes=0", "lease_ms=1000", "lease_ms=4000",
		"lease_ms=9000", "retain_done_ms=0", "retain_done_ms=3000",
		"retain_done_ms=60000", "backoff_ms=0", "backoff_ms=2000",
		"backoff_cap_ms=9000", "max_attempts=2", "max_attempts=5",
		"max_crashes=1", "max_crashes=3", "max_releases=0",
		"max_releases=2", "max_releases=20", "ageing_ms=100",
		"weight=5", "delay_ms=0", "delay_ms=700", "dead_to=mail",
		"dead_to=video", "dead_to=short", "dead_to=fair",
		"dead_to=", "retain_dead_ms=0", "retain_dead_ms=500",
		"retain_dead_ms=20s", "on_dead=short", "on_dead=mail",
		"on_dead=", "on_age=fair", "on_age_ms=2s"};
	struct sim *w = s->w;
	size_t n = sizeof(settings) / sizeof(settings[0]);

	ask_set(s, sim_queues[sim_pick(w, SIM_QUEUES)],
		settings[sim_pick(w, (int)n)]);
}

static void
ask_all(struct sim_person *s, int op)
{
	ask_send(s, ask_begin(s, op, 0), -1);
}

static void
ask_one(struct sim_person *s)
{
	static const int changes[] = {SW_OP_RUN, SW_OP_RUN, SW_OP_MOVE,
		SW_OP_MOVE, SW_OP_BURY, SW_OP_CANCEL_ALL};
	struct sim *w = s->w;

	if (s->hurried < SIM_QUEUES) {
		ask_set(s, sim_queues[s->hurried++], "backoff_ms=1s");
		return;
	}
	switch (sim_pick(w, 20)) {
	case 0:
	case 1:
	case 2:
		ask_ids(s, SW_OP_CANCEL);
		break;
	case 3:
	case 4:
		ask_page(s, SW_OP_REDRIVE);
		break;
	case 5:
		ask_page(s, SW_OP_PURGE);
		break;
	case 6:
		ask_page(s, SW_OP_LIST);
		break;
	case 7:
		ask_wait(s);
		break;
	case 8:
		ask_ids(s, SW_OP_WHY);
		break;
	case 9:
		ask_all(s, SW_OP_QUEUES + sim_pick(w, 3));
		break;
	case 10:
		ask_ids(s, SW_OP_GET);
		break;
	case 11:
		ask_other(s);
		break;
	case 12:
	case 13:
	case 14:
		ask_page(s, changes[sim_pick(w, 6)]);
		break;
	case 15:
	case 16:
		ask_spare(s);
		break;
	default:
		ask_setting(s);
	}
}

/* When all is to end nothing may stand in the way. */
static void
queues_free(struct sim_person *s)
{
	static const char *const settings[FREE_SETTINGS] = {"paused=no",
		"concurrency=0", "rate=0", "max_jobs=0", "max_bytes=0",
		"max_attempts=5", "backoff_ms=1s"};

	while (s->freed < SIM_QUEUES * FREE_SETTINGS && s->open_n < ASKS) {
		ask_set(s, sim_queues[s->freed / FREE_SETTINGS],
			settings[s->freed % FREE_SETTINGS]);
		s->freed++;
	}
	for (; is_free(s) && s->waits < WAITS && s->open_n < ASKS; s->waits++)
		ask_ids(s, SW_OP_WAIT);
}

void
sim_person_wake(struct sim *w, int end)
{
	struct sim_person *s = w->person;

	if (w->calm && s->free_at == 0)
		s->free_at = w->now + LATE_MS;
	if (w->calm) {
		if (s->freed > 0 || (s->open_n == 0 && w->now >= s->free_at))
			queues_free(s);
	} else if (s->next_at <= w->now) {
		s->next_at = w->now + sim_about(w, w->plan.person_ms);
		if (s->open_n < ASKS)
			ask_one(s);
	}
	must(client_turn(s->c, 0) >= 0);
	if (!w->calm)
		sim_wake(w, end, s->next_at);
	else if (!sim_person_idle(s))
		sim_wake(w, end, w->now + 500);
}
