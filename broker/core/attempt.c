/* SPDX-License-Identifier: MIT */
#include "broker/core/attempt.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/must.h"
#include "base/plant.h"
#include "broker/core/dead.h"
#include "broker/core/notice.h"
#include "broker/job/job.h"

const struct attempt attempt_release = {SW_RELEASE, SW_C_DRAIN, 0, NULL, 0};
const struct attempt attempt_missed = {SW_RELEASE, SW_C_LOST, 0, NULL, 0};

/* Bytes of an entry of the history besides its texts. */
enum { ENTRY_ROOM = 1024 };

/* Fields that the history takes from a worker's report. */
static void
reported_copy(struct sw_buf *b, const struct sw_item *report, int done)
{
	static const enum sw_tag tags[] = {SW_F_ERROR, SW_F_EXIT_CODE,
		SW_F_SIGNAL, SW_F_CPU_MS, SW_F_RSS_KB, SW_F_OUTPUT};
	struct bytes warning;
	size_t at = 0;

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (sw_has(report, tags[i]) &&
			tags[i] != (done ? SW_F_ERROR : SW_F_OUTPUT))
			sw_put_bytes(b, tags[i], sw_bytes(report, tags[i]));
	for (int n = 0; n < SW_WARNINGS_MAX &&
			sw_item_each(report, SW_F_WARNING, &at, &warning);
		n++)
		sw_put_bytes(b, SW_F_WARNING, warning);
}

static struct bytes
history_entry(struct core *c, const struct record *r, const struct attempt *a,
	uint8_t *room, size_t cap)
{
	struct sw_buf b = {.p = room, .cap = cap};

	sw_put_int(&b, SW_F_KIND,
		a->outcome == SW_ACK ? SW_EV_DONE : SW_EV_ATTEMPT);
	sw_put_int(&b, SW_F_AT_MS, c->now_ms);
	sw_put_int(&b, SW_F_ATTEMPT, r->attempt + 1);
	sw_put_text(&b, SW_F_WORKER, r->lease->worker);
	sw_put_int(&b, SW_F_DURATION_MS, c->now_ms - r->lease->since_ms);
	if (a->outcome != SW_ACK) {
		sw_put_int(&b, SW_F_OUTCOME, a->outcome);
		sw_put_int(&b, SW_F_CAUSE, a->cause);
	}
	if (a->report != NULL)
		reported_copy(&b, a->report, a->outcome == SW_ACK);
	return sw_buf_bytes(&b);
}

/*
 * Exponential back-off with a cap: before attempt n + 1 a wait that differs
 * from the bound by up to BACKOFF_JITTER percent at random, so that jobs that
 * failed together do not come back together.  The core has no random source, so
 * a hash of the job and `seed` takes its place.
 */
static int64_t
backoff_ms(const struct record *r, int64_t nth, uint64_t seed)
{
	const int64_t *set = r->q->set;
	int64_t bound = set[SW_S_backoff_ms], cap = set[SW_S_backoff_cap_ms];
	int64_t most_off;
	uint64_t chance = XXH3_64bits_withSeed(r->id.b, SW_ID_LEN, seed);

	for (int64_t n = 1; n < nth && bound < cap; n++)
		bound *= set[SW_S_backoff_factor];
	if (bound > cap)
		bound = cap;
	most_off = bound * BACKOFF_JITTER / 100;
	return bound - most_off +
	       (int64_t)(chance % (uint64_t)(2 * most_off + 1));
}

static int
is_crash(enum sw_cause cause)
{
	return cause == SW_C_CRASH || cause == SW_C_OOM;
}

static int
attempts_used_up(const struct record *r, enum sw_cause cause)
{
	/* A crash in company was counted, and was no attempt: see attempt.h. */
	return r->attempt >= record_max_attempts(r) ||
	       (is_crash(cause) && r->crashes >= r->q->set[SW_S_max_crashes]);
}

/* What the end of a lease costs the job; attempt.h has the rules. */
enum cost { FREE, HAND_BACK, FAULT, LAPSE, CHARGED };

static enum cost
cost_of(const struct record *r, const struct attempt *a)
{
	const int64_t *set = r->q->set;
	int back = a->outcome == SW_RELEASE || a->outcome == SW_STOPPED;
	int died = a->outcome == SW_RELEASE && is_crash(a->cause) &&
		   !r->lease->cancel;

	if ((a->silent || died) && !r->lease->begun)
		return r->lapses + 1 < set[SW_S_max_crashes] ||
				       planted(NO_LAPSE_LIMIT)
			       ? LAPSE
			       : CHARGED;
	if (!back)
		return CHARGED;
	if (!r->lease->begun || r->lease->cancel)
		return FREE;
	if (a->outcome == SW_RELEASE && a->cause == SW_C_LOST)
		return r->lapses < set[SW_S_max_releases] ? FAULT : CHARGED;
	return r->releases < set[SW_S_max_releases] || planted(NO_RELEASE_LIMIT)
		       ? HAND_BACK
		       : CHARGED;
}

/* The attempt as it counts: a lapse is a hand-back that nobody reported, a stop
 * that nobody asked for is a hand-back, and one beyond the limit a failure. */
static struct attempt
attempt_counted(const struct record *r, const struct attempt *a, enum cost cost)
{
	struct attempt counted = *a;

	if (cost == LAPSE)
		counted.outcome = SW_RELEASE;
	if (cost == HAND_BACK ||
		(a->outcome == SW_STOPPED && !r->lease->cancel)) {
		counted.outcome = SW_RELEASE;
		if (a->outcome != SW_RELEASE || !is_crash(counted.cause))
			counted.cause = SW_C_DRAIN;
	}
	if (cost == CHARGED && counted.outcome == SW_RELEASE) {
		counted.outcome = SW_RETRY;
		if (!is_crash(counted.cause) && counted.cause != SW_C_LOST)
			counted.cause = SW_C_DRAIN;
		counted.delay_ms = -1;
	}
	return counted;
}

static void
cost_count(struct record *r, enum cost cost, enum sw_cause cause)
{
	if (cost == LAPSE || cost == FAULT)
		r->lapses++;
	if (cost == HAND_BACK)
		r->releases++;
	if (cost == HAND_BACK || cost == FAULT || cost == CHARGED)
		r->expires_at_ms = 0; /* expiry bounds the first start */
	if (cost == HAND_BACK || cost == CHARGED)
		r->crashes += is_crash(cause);
	if (cost != CHARGED)
		return;
	r->attempt += !planted(FREE_EXPIRY) || cause != SW_C_LOST;
	r->lapses = 0;
}

static void
run_later(struct core *c, struct record *r, int64_t delay_ms)
{
	record_due_set(r, c->now_ms + delay_ms);
	if (!planted(OLD_RANK))
		r->rank = record_rank(r);
}

/* The delay of the nth of its kind; its seeds are none of an attempt's. */
static enum life_event
release_later(struct core *c, struct record *r, int64_t nth, enum cost cost)
{
	uint64_t seeds = (uint64_t)cost << 32;
	int64_t delay_ms = backoff_ms(r, nth, seeds + (uint64_t)nth);

	run_later(c, r, delay_ms);
	return delay_ms > 0 ? LIFE_RELEASE_LATER : LIFE_RELEASE;
}

/* The life event of an outcome; counts its cost and sets cause and run_at. */
static enum life_event
event_of_outcome(struct core *c, struct record *r, const struct attempt *a,
	enum cost cost)
{
	cost_count(r, cost, a->cause);
	r->cause = a->outcome == SW_ACK ? SW_C_NONE : a->cause;
	if (a->outcome == SW_ACK)
		return LIFE_ACK;
	if (r->lease->cancel) {
		r->cause = SW_C_CANCELLED;
		return LIFE_STOPPED;
	}
	if (cost == HAND_BACK)
		return release_later(c, r, r->releases, cost);
	if (cost == FAULT)
		return release_later(c, r, r->lapses, cost);
	if (cost != CHARGED)
		return LIFE_RELEASE;
	r->q->total[TOTAL_FAILED]++;
	if (a->outcome == SW_FAIL || attempts_used_up(r, a->cause))
		return LIFE_BURY;
	run_later(c, r,
		a->delay_ms >= 0
			? a->delay_ms
			: backoff_ms(r, r->attempt, (uint64_t)r->attempt));
	return LIFE_RETRY;
}

/* A silent end tells no run time. */
static void
means_update(struct core *c, const struct record *r, enum sw_outcome outcome,
	int silent)
{
	struct session *s = r->lease->session;
	int64_t ms = c->now_ms - r->lease->since_ms;

	if (outcome == SW_RELEASE || outcome == SW_STOPPED)
		return;
	if (!silent)
		queue_run_add(r->q, ms);
	if (s != NULL)
		*(outcome == SW_ACK ? &s->done : &s->failed) += 1;
}

int64_t
attempt_digest(enum sw_outcome outcome, const struct sw_item *report)
{
	struct bytes b = sw_bytes(report, SW_F_RESULT);
	uint64_t sum = XXH3_64bits(b.p, b.len);
	size_t at = 0;

	if (outcome != SW_ACK)
		return 0;
	while (sw_item_each(report, SW_F_FOLLOW, &at, &b))
		sum = XXH3_64bits_withSeed(b.p, b.len, sum);
	return (int64_t)sum;
}

void
attempt_end(struct core *c, struct record *r, const struct attempt *a)
{
	uint8_t room[SW_ERROR_MAX + SW_WARNINGS_MAX * (SW_WARNING_MAX + 4) +
		     ENTRY_ROOM];
	enum cost cost = cost_of(r, a);
	struct attempt counted = attempt_counted(r, a, cost);
	struct bytes event = history_entry(c, r, &counted, room, sizeof(room));
	enum life_event how;

	means_update(c, r, counted.outcome, a->silent);
	if (a->report != NULL) {
		/* done_again() recognises the same report sent again. */
		r->token = r->lease->token;
		r->outcome = a->outcome;
		r->digest = attempt_digest(a->outcome, a->report);
		if (a->outcome == SW_ACK)
			r->result = sw_bytes(a->report, SW_F_RESULT);
	}
	how = event_of_outcome(c, r, &counted, cost);
	job_move(c, r, how, event);
	if (how == LIFE_RETRY)
		note_retry(&c->notes, r, c->now_ms);
	if (r->state == SW_DEAD)
		job_died(c, r);
}

static struct bytes
history_entry_plain(struct core *c, struct sw_buf *b, enum sw_event kind,
	enum sw_cause cause)
{
	sw_put_int(b, SW_F_KIND, kind);
	sw_put_int(b, SW_F_AT_MS, c->now_ms);
	sw_put_int(b, SW_F_CAUSE, cause);
	return sw_buf_bytes(b);
}

void
job_bury(struct core *c, struct record *r, enum sw_cause cause,
	enum sw_event kind)
{
	uint8_t room[64];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};

	r->cause = cause;
	job_move(c, r, LIFE_BURY, history_entry_plain(c, &b, kind, cause));
	job_died(c, r);
}

/* Decodes the fields of a record whose checksum is wrong, if possible. */
static int
corrupt_open(struct bytes raw, struct sw_item *it)
{
	return raw.len < RECORD_SUM
		       ? SW_ECORRUPT
		       : sw_item_open(
				 bytes_of((const uint8_t *)raw.p + RECORD_SUM,
					 raw.len - RECORD_SUM),
				 it);
}

/*
 * Keeps the bytes of a corrupt record in a row `c` for a person to look at.
 * The queue's bytes no longer count the body, if its length can be read.
 */
static void
corrupt_keep(struct core *c, struct queue *q, const struct sw_id *id,
	struct bytes raw)
{
	struct key kept = key_id('c', id);
	struct sw_item it;
	int64_t was = 0;

	batch_put(&c->batch, key_bytes(&kept),
		bytes_of(raw.p, raw.len < SW_MSG_MAX ? raw.len : SW_MSG_MAX));
	if (corrupt_open(raw, &it) == 0)
		was = (int64_t)sw_bytes(&it, SW_F_BODY).len;
	if (was <= q->total[TOTAL_BYTES])
		q->total[TOTAL_BYTES] -= was;
}

/* Whether only the row of the job's queue is lost: a repair can bring both
 * back, so the record must stay. */
static int
is_sound(struct core *c, const struct sw_id *id, struct bytes raw)
{
	char text[SW_ID_TEXT];
	struct record r;

	if (record_open(raw, id, &r) < 0)
		return 0;
	sw_id_format(id, text);
	core_damage(c, "the row of the queue of job %s", text);
	return 1;
}

/*
 * The record's length is corrupt, so the store can neither read the record nor
 * write over it (store.h).  Counts the job as dead and writes its dead row;
 * after a repair the job can be loaded as a dead one.
 */
static void
bury_unread(struct core *c, struct queue *q, const struct sw_id *id,
	enum sw_state was, int64_t at_ms)
{
	struct key x = key_dead(q->no, (uint64_t)at_ms, id);
	char text[SW_ID_TEXT];

	sw_id_format(id, text);
	core_damage(c, "the length of the record of job %s", text);
	batch_put(&c->batch, key_bytes(&x), bytes_of("", 0));
	q->count[was]--;
	q->count[SW_DEAD]++;
	q->total[TOTAL_DEAD] += was != SW_DEAD;
	queue_touch(q);
}

void
job_bury_corrupt(struct core *c, struct queue *q, const struct sw_id *id,
	enum sw_state was, int64_t at_ms)
{
	uint8_t fields[SW_QUEUE_MAX + 64], room[64];
	struct sw_buf f = {.p = fields, .cap = sizeof(fields)};
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct key j = key_id('j', id), l = key_id('l', id);
	struct lease *lease = lease_find(&c->leases, id);
	struct sw_item it;
	struct record r;
	struct bytes raw;
	int err;

	err = c->store->driver->get(
		c->store, c->claim.shard, key_bytes(&j), &raw);
	if (lease != NULL) {
		batch_delete(&c->batch, key_bytes(&l));
		lease_drop(&c->leases, lease);
	}
	if (err == 0 && raw.len == 0) {
		bury_unread(c, q, id, was, at_ms);
		return;
	}
	if (err == 0 && is_sound(c, id, raw))
		return;
	if (err == 0)
		corrupt_keep(c, q, id, raw);
	q->count[was]--;
	sw_put_id(&f, id);
	sw_put_text(&f, SW_F_QUEUE, q->name);
	must(sw_item_open(sw_buf_bytes(&f), &it) == 0);
	record_of_put(&r, &it);
	r.q = q;
	r.created_at_ms = r.ended_at_ms = at_ms;
	r.cause = SW_C_CORRUPT;
	r.state = SW_DEAD;
	record_put_dead(
		c, &r, history_entry_plain(c, &b, SW_EV_CORRUPT, SW_C_CORRUPT));
	note_dead(&c->notes, &r, NULL);
	if (was != SW_DEAD)
		notice_death(c, &r);
	q->total[TOTAL_DEAD] -= was == SW_DEAD; /* counted at its death */
}

int
corrupt_peek(struct core *c, const struct sw_id *id, struct queue **q,
	enum sw_state *was)
{
	struct key k = key_id('j', id);
	struct sw_item it;
	struct bytes raw;

	if (row_get(c, key_bytes(&k), &raw) < 0 || corrupt_open(raw, &it) < 0)
		return SW_ECORRUPT;
	*q = core_queue_find(c, sw_bytes(&it, SW_F_QUEUE));
	*was = (enum sw_state)sw_int(&it, SW_F_STATE, SW_NONE);
	if (*q == NULL ||
		(*was != SW_DELAYED && *was != SW_DONE && *was != SW_CANCELLED))
		return SW_ECORRUPT;
	return (*q)->count[*was] > 0 ? 0 : SW_ECORRUPT;
}

void
job_bury_from_timer(struct core *c, const struct sw_id *id)
{
	enum sw_state was;
	struct queue *q;

	if (corrupt_peek(c, id, &q, &was) == 0)
		job_bury_corrupt(c, q, id, was, c->now_ms);
}
