/* SPDX-License-Identifier: MIT */
#include "broker/core/due.h"

#include "base/error.h"
#include "broker/core/attempt.h"
#include "broker/core/dead.h"
#include "broker/job/job.h"

enum { LOOKS = TURN_TIMERS }; /* letters and queues scanned in a turn */

/* --- bounds --------------------------------------------------------------- */

/* Notes the queue and the time of the first row that a scan finds. */
struct first_row {
	uint32_t queue;
	uint64_t at_ms;
	int found, err;
};

static int
is_timed(struct bytes key)
{
	return key.len == 1 + 4 + 8 + SW_ID_LEN;
}

static int
first_each(void *arg, struct bytes key, struct bytes val)
{
	struct first_row *f = arg;

	(void)val;
	f->found = 1;
	if (key.len < 1 + 4) {
		f->err = SW_ECORRUPT;
		return 1;
	}
	f->queue = (uint32_t)be_get((const uint8_t *)key.p + 1, 4);
	f->at_ms = is_timed(key) ? be_get((const uint8_t *)key.p + 5, 8) : 0;
	return 1;
}

/* Rows of a number that no queue has are left to a repair. */
static void
bound_set(struct core *c, enum timer_kind kind, const struct first_row *f)
{
	struct queue *q = core_queue_of(c, f->queue);

	if (q != NULL)
		timer_set(core_timers(c, kind), &q->timers[kind],
			queue_row_due_ms(q, kind, f->at_ms));
}

static int
kind_load(struct core *c, enum timer_kind kind)
{
	struct key from = key_start(timer_letter(kind)), to = key_after(from);
	struct first_row f;
	int err;

	do {
		f = (struct first_row){0};
		err = c->store->driver->scan(c->store, c->claim.shard,
			key_bytes(&from), key_bytes(&to), 1, first_each, &f);
		if (err == 0)
			err = f.err;
		if (err == 0 && f.found)
			bound_set(c, kind, &f);
		from = key_after(key_of_queue(timer_letter(kind), f.queue));
	} while (err == 0 && f.found);
	return err;
}

int
due_load(struct core *c)
{
	int err = 0;

	for (int kind = 0; err == 0 && kind < TIMER_KINDS; kind++)
		err = kind_load(c, (enum timer_kind)kind);
	return err;
}

/* --- reading -------------------------------------------------------------- */

struct due_scan {
	struct core *core;
	const struct queue *q;
	const struct timer *timer;
	uint64_t now_ms, next_ms; /* next: of the first row that is not taken */
	int err;
};

static int
due_each(void *arg, struct bytes key, struct bytes val)
{
	struct due_scan *s = arg;
	struct core *c = s->core;
	const uint8_t *p = key.p;
	struct due_row *row;
	uint64_t at_ms;

	(void)val;
	if (!is_timed(key)) {
		s->err = SW_ECORRUPT;
		return 1;
	}
	at_ms = be_get(p + 5, 8);
	s->next_ms = queue_row_due_ms(s->q, s->timer->kind, at_ms);
	if (s->next_ms > s->now_ms || c->due_n == TURN_TIMERS)
		return 1;
	row = &c->due[c->due_n++];
	row->e.at = at_ms;
	memcpy(row->e.id.b, p + 13, SW_ID_LEN);
	row->queue = s->timer->queue;
	row->kind = s->timer->kind;
	s->next_ms = TIMER_NEVER;
	return 0;
}

static int
timer_read(struct core *c, struct timer *t, int64_t now_ms)
{
	struct key from = key_of_queue(timer_letter(t->kind), t->queue);
	struct key to = key_after(from);
	struct due_scan s = {
		c, c->queues[t->queue], t, (uint64_t)now_ms, TIMER_NEVER, 0};
	int err = c->store->driver->scan(c->store, c->claim.shard,
		key_bytes(&from), key_bytes(&to), TURN_TIMERS + 1, due_each,
		&s);

	timer_set(core_timers(c, t->kind), t, s.next_ms);
	return err < 0 ? err : s.err;
}

static int
heap_read(struct core *c, const struct timer_heap *h, int64_t now_ms)
{
	int err = 0;

	for (int looks = 0; err == 0; looks++) {
		struct timer *t = timer_first(h);

		if (t == NULL || t->at_ms > (uint64_t)now_ms)
			break;
		if (c->due_n == TURN_TIMERS || looks == LOOKS) {
			c->more = 1;
			break;
		}
		err = timer_read(c, t, now_ms);
	}
	return err;
}

int
due_read(struct core *c)
{
	int err = heap_read(c, &c->wall_timers, c->wall_ms);

	return err < 0 ? err : heap_read(c, &c->timers, c->now_ms);
}

/* --- firing --------------------------------------------------------------- */

/*
 * The wall clock has reached the job's run_at: since when the job is ready, in
 * broker time.  A clock that was set forward makes many jobs due at once, and
 * these are not older than the jobs that are ready already.
 */
static int64_t
due_since(const struct core *c, const struct record *r)
{
	int64_t since_ms = c->now_ms - (c->wall_ms - r->run_at_ms);

	return since_ms > c->settled_ms ? since_ms : c->settled_ms;
}

static void
job_start(struct core *c, struct record *r)
{
	if (r->due_ms == 0) {
		r->due_ms = due_since(c, r);
		r->run_at_ms = 0;
		r->rank = record_rank(r);
	}
	job_move(c, r, LIFE_DUE, bytes_of(NULL, 0));
}

static int
is_due(const struct core *c, const struct record *r)
{
	return r->due_ms != 0 ? r->due_ms <= c->now_ms
			      : r->run_at_ms <= c->wall_ms;
}

static void
dead_row_fire(struct core *c, const struct due_row *row)
{
	struct queue *q = core_queue_of(c, row->queue);
	struct record r;
	int err;

	if (q == NULL) /* it was deleted after the row was read */
		return;
	err = job_load(c, &row->e.id, &r);
	if (err == SW_ECORRUPT && q->count[SW_DEAD] > 0)
		job_bury_corrupt(c, q, &row->e.id, SW_DEAD, (int64_t)row->e.at);
	else if (err == 0 && r.state == SW_DEAD && r.q == q &&
		 queue_row_due_ms(q, TIMER_DEAD, (uint64_t)r.ended_at_ms) <=
			 (uint64_t)c->now_ms)
		dead_drop(c, &r);
}

static void
row_delete(struct core *c, const struct due_row *row, uint32_t queue)
{
	struct key k = key_timed(
		timer_letter(row->kind), queue, row->e.at, &row->e.id);

	batch_delete(&c->batch, key_bytes(&k));
}

static void
row_fire(struct core *c, const struct due_row *row)
{
	struct record r;
	int err = job_load(c, &row->e.id, &r);

	row_delete(c, row, row->queue);
	if (err == SW_ECORRUPT)
		job_bury_from_timer(c, &row->e.id);
	if (err < 0)
		return;
	if (r.q->no != row->queue) /* a job that has moved since it was read */
		row_delete(c, row, r.q->no);
	if ((r.state == SW_DELAYED || r.state == SW_READY) &&
		r.expires_at_ms != 0 && r.expires_at_ms <= c->now_ms)
		job_bury(c, &r, SW_C_EXPIRED, SW_EV_EXPIRED);
	else if (r.state == SW_DELAYED && is_due(c, &r))
		job_start(c, &r);
	else if ((r.state == SW_DONE || r.state == SW_CANCELLED) &&
		 r.keep_until_ms <= c->now_ms)
		job_forget(c, &r);
}

void
due_fire(struct core *c)
{
	for (unsigned i = 0; i < c->due_n; i++)
		(c->due[i].kind == TIMER_DEAD ? dead_row_fire : row_fire)(
			c, &c->due[i]);
	c->due_n = 0;
	if (timer_first(&c->wall_timers) == NULL ||
		timer_first(&c->wall_timers)->at_ms > (uint64_t)c->wall_ms)
		c->settled_ms = c->now_ms;
}

static int64_t
sooner(int64_t wait_ms, const struct timer_heap *h, int64_t now_ms)
{
	const struct timer *t = timer_first(h);

	/* The time of a corrupt row may exceed INT64_MAX. */
	if (t == NULL || t->at_ms > INT64_MAX)
		return wait_ms;
	if ((int64_t)t->at_ms <= now_ms)
		return 0;
	return (int64_t)t->at_ms - now_ms < wait_ms ? (int64_t)t->at_ms - now_ms
						    : wait_ms;
}

int64_t
due_wait_ms(const struct core *c, int64_t most_ms)
{
	most_ms = sooner(most_ms, &c->wall_timers, c->wall_ms);
	return sooner(most_ms, &c->timers, c->now_ms);
}
