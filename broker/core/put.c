/* SPDX-License-Identifier: MIT */
#include "broker/core/put.h"

#include "base/error.h"
#include "base/must.h"
#include "base/plant.h"
#include "broker/job/job.h"
#include "wire/put.h"

int
put_room(const struct queue *q, int64_t body_len, const struct put_ahead *ahead,
	char *why)
{
	int64_t jobs = q->count[SW_DELAYED] + q->count[SW_READY] +
		       q->count[SW_LEASED] + q->count[SW_DEAD];
	int64_t bytes = q->total[TOTAL_BYTES] + body_len;
	int64_t max_jobs = q->set[SW_S_max_jobs];
	int64_t max_bytes = q->set[SW_S_max_bytes];

	if (max_jobs > 0 && jobs + ahead->jobs >= max_jobs)
		return sw_refuse(why, SW_EMAXJOBS,
			"queue %s has its max_jobs of %lld", q->name,
			(long long)max_jobs);
	if (max_bytes > 0 && bytes + ahead->bytes > max_bytes)
		return sw_refuse(why, SW_EMAXBYTES,
			"queue %s has its max_bytes of %lld", q->name,
			(long long)max_bytes);
	return 0;
}

int
put_unique(struct core *c, const struct queue *q, struct bytes unique,
	struct sw_id *holder)
{
	struct key k = key_unique(q->no, unique);
	struct bytes val;
	int err;

	if (unique.len == 0 || planted(LOST_UNIQUE))
		return 0;
	err = row_get(c, key_bytes(&k), &val);
	if (err < 0)
		return err == SW_ENOJOB ? 0 : err;
	if (val.len != SW_ID_LEN) {
		core_damage(c, "a unique key in queue %s", q->name);
		return SW_ECORRUPT; /* some job has the key */
	}
	memcpy(holder->b, val.p, SW_ID_LEN);
	return SW_EUNIQUE;
}

/* A queue that does not exist has no limit of its own and no job. */
int
put_check(struct core *c, const struct sw_item *it, struct put_ahead *ahead,
	struct put_refusal *refusal)
{
	struct bytes name = sw_bytes(it, SW_F_QUEUE);
	struct queue *q;
	int err;

	refusal->why[0] = '\0';
	err = sw_put_check(it, refusal->why);
	if (err < 0)
		return err;
	if (c->full)
		return SW_EFULL;
	q = core_queue_find(c, name);
	if (q == NULL)
		return core_queue_check(c, name, ++ahead->queues, refusal->why);
	err = put_room(q, (int64_t)it->f[SW_F_BODY].len, ahead, refusal->why);
	if (err == 0)
		err = put_unique(
			c, q, sw_bytes(it, SW_F_UNIQUE), &refusal->holder);
	return err;
}

/* A run_at in the future is left to the wall clock; otherwise the job is due
 * after its delay, in broker time. */
static void
start_set(const struct core *c, struct record *r)
{
	int has_time = sw_has(&r->it, SW_F_RUN_AT_MS);
	int64_t delay_ms = sw_int(
		&r->it, SW_F_DELAY_MS, r->q->set[SW_S_delay_ms]);

	if (has_time && r->run_at_ms > c->wall_ms)
		return;
	record_due_set(r, c->now_ms + (has_time ? 0 : delay_ms));
	r->rank = record_rank(r);
}

/* The queue of a job that may be put; made if there is none. */
static struct queue *
queue_ensure(struct core *c, const struct sw_item *it)
{
	char why[SW_WHY_ROOM];
	struct queue *q;

	must(core_queue_get(c, sw_bytes(it, SW_F_QUEUE), &q, why) == 0);
	return q;
}

/* `r` is of record_of_put(), with a created_at_ms. */
static void
put_record(struct core *c, struct record *r)
{
	int later;

	r->q = queue_ensure(c, &r->it);
	r->expires_at_ms = core_time_of(c, r->expires_at_ms);
	start_set(c, r);
	later = r->due_ms == 0 || r->due_ms > c->now_ms;
	job_move(c, r, later ? LIFE_PUT_LATER : LIFE_PUT, bytes_of(NULL, 0));
}

void
put_apply(struct core *c, const struct sw_item *it)
{
	struct record r;

	record_of_put(&r, it);
	r.created_at_ms = c->now_ms;
	put_record(c, &r);
}

/* How a put and an import differ. */
struct put_kind {
	int (*check)(
		struct core *, const struct sw_item *, struct put_refusal *);
	void (*apply)(struct core *, const struct sw_item *);
};

static void
put_one(struct request *rq, const struct sw_item *it,
	const struct put_kind *kind)
{
	struct sw_buf *b = &rq->reply;
	struct put_refusal refusal;
	struct sw_id id;
	struct record was;
	size_t mark = sw_item_begin(b);
	int err = SW_EINVAL, known = SW_ENOJOB;

	refusal.why[0] = '\0';
	if (sw_get_id(it, &id) && !planted(LOST_DEDUPE))
		known = job_load(rq->core, &id, &was);
	if (known == SW_ENOJOB)
		err = kind->check(rq->core, it, &refusal);
	if (known == SW_ENOJOB && err == 0)
		kind->apply(rq->core, it);
	if (known == 0)
		err = record_put_check(&was, it, refusal.why);
	if (known == SW_ECORRUPT ||
		(planted(SILENT_DROP) && err == SW_EMAXJOBS))
		err = 0;

	reply_status_put(b, err, refusal.why);
	if (known == 0 || known == SW_ECORRUPT)
		sw_put_int(
			b, SW_F_STATE, known == 0 ? (int)was.state : SW_DEAD);
	if (err == SW_EUNIQUE)
		sw_put_id(b, &refusal.holder);
	sw_item_end(b, mark);
}

static void
put_all(struct request *rq, const struct put_kind *kind)
{
	struct sw_item it;

	reply_begin(rq, REPLY_SMALL);
	while (sw_msg_next(&rq->msg, &it))
		put_one(rq, &it, kind);
	reply_send(rq);
}

static int
put_alone_check(
	struct core *c, const struct sw_item *it, struct put_refusal *refusal)
{
	struct put_ahead none = {0};

	return put_check(c, it, &none, refusal);
}

void
op_put(struct request *rq)
{
	static const struct put_kind put = {put_alone_check, put_apply};

	put_all(rq, &put);
}

/* --- import -------------------------------------------------------------- */

/* What a put must not have; record_seal() writes all of them from the members
 * of the record. */
#define IMPORTED                                                               \
	(SW_BIT(SW_F_STATE) | SW_BIT(SW_F_ATTEMPT) | SW_BIT(SW_F_CRASHES) |    \
		SW_BIT(SW_F_CAUSE) | SW_BIT(SW_F_CREATED_AT_MS) |              \
		SW_BIT(SW_F_ENDED_AT_MS) | SW_BIT(SW_F_EVENT) |                \
		SW_BIT(SW_F_ORIGIN))

static int
in_range(const struct sw_item *it, enum sw_tag tag, int64_t min, int64_t max)
{
	int64_t v = sw_int(it, tag, min);

	return v >= min && v <= max;
}

static int
numbers_check(const struct sw_item *it, char *why)
{
	static const struct {
		enum sw_tag tag;
		int64_t min, max;
	} rules[] = {
		{SW_F_ATTEMPT, 0, SW_ATTEMPTS_MAX},
		{SW_F_CRASHES, 0, SW_ATTEMPTS_MAX},
		{SW_F_CAUSE, SW_C_NONE, SW_CAUSES - 1},
		{SW_F_CREATED_AT_MS, 0, SW_TIME_MAX_MS},
		{SW_F_ENDED_AT_MS, 0, SW_TIME_MAX_MS},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (!in_range(it, rules[i].tag, rules[i].min, rules[i].max))
			return sw_refuse(why, SW_EINVAL,
				"%s must be %lld to %lld",
				sw_field_rules[rules[i].tag].name,
				(long long)rules[i].min,
				(long long)rules[i].max);
	return 0;
}

static int
imported_check(const struct sw_item *it, char *why)
{
	int64_t state = sw_int(it, SW_F_STATE, SW_NONE);
	struct sw_item event;
	struct bytes e;
	size_t at = 0;

	if (state != SW_READY && state != SW_DELAYED && state != SW_DEAD)
		return sw_refuse(
			why, SW_EINVAL, "state must be ready, delayed or dead");
	while (sw_item_each(it, SW_F_EVENT, &at, &e))
		if (sw_item_open(e, &event) < 0)
			return sw_refuse(why, SW_EINVAL, "events: malformed");
	if (sw_has(it, SW_F_ORIGIN) &&
		sw_field_queue_check(sw_bytes(it, SW_F_ORIGIN), why) < 0)
		return SW_EQUEUE;
	return numbers_check(it, why);
}

/* A dead job has a unique key only if its put says so. */
static int
import_check(
	struct core *c, const struct sw_item *it, struct put_refusal *refusal)
{
	struct sw_item put = *it;
	int err;

	put.have &= ~IMPORTED;
	if (sw_int(it, SW_F_STATE, 0) == SW_DEAD &&
		(sw_int(it, SW_F_UNIQUE_ALSO, 0) & SW_UNIQUE_DEAD) == 0)
		put.have &= ~SW_BIT(SW_F_UNIQUE);
	err = imported_check(it, refusal->why);
	return err < 0 ? err : put_alone_check(c, &put, refusal);
}

/* Times of another machine's clock may be later than now. */
static int64_t
time_of(const struct core *c, const struct sw_item *it, enum sw_tag tag)
{
	int64_t at = core_time_of(c, sw_int(it, tag, 0));

	return at != 0 && at < c->now_ms ? at : c->now_ms;
}

static void
import_apply(struct core *c, const struct sw_item *it)
{
	struct record r;

	record_of_put(&r, it);
	r.created_at_ms = time_of(c, it, SW_F_CREATED_AT_MS);
	r.attempt = sw_int(it, SW_F_ATTEMPT, 0);
	r.crashes = sw_int(it, SW_F_CRASHES, 0);
	r.cause = sw_int(it, SW_F_CAUSE, SW_C_NONE);
	if (sw_int(it, SW_F_STATE, 0) != SW_DEAD) {
		put_record(c, &r);
		return;
	}
	r.q = queue_ensure(c, it);
	r.state = SW_DEAD;
	r.expires_at_ms = core_time_of(c, r.expires_at_ms);
	r.ended_at_ms = time_of(c, it, SW_F_ENDED_AT_MS);
	record_put_dead(c, &r, bytes_of(NULL, 0));
}

void
op_import(struct request *rq)
{
	static const struct put_kind import = {import_check, import_apply};

	put_all(rq, &import);
}
