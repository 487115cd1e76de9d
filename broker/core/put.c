/* SPDX-License-Identifier: MIT */
#include "broker/core/put.h"

#include "base/error.h"
#include "base/plant.h"
#include "broker/core/job.h"
#include "wire/put.h"

static int
limits_check(const struct core *c, const struct queue *q,
	const struct sw_item *it, const struct put_ahead *ahead, char *why)
{
	int64_t jobs = q->count[SW_DELAYED] + q->count[SW_READY] +
		       q->count[SW_LEASED] + q->count[SW_DEAD];
	int64_t bytes = q->total[TOTAL_BYTES] + (int64_t)it->f[SW_F_BODY].len;
	int64_t max_jobs = q->set[SW_S_max_jobs];
	int64_t max_bytes = q->set[SW_S_max_bytes];

	if (c->full)
		return SW_EFULL;
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

static int
unique_check(struct core *c, const struct queue *q, struct bytes unique,
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

int
put_check(struct core *c, const struct sw_item *it,
	const struct put_ahead *ahead, struct put_refusal *refusal)
{
	unsigned queues_n = c->queues_n;
	struct queue *q;
	int err;

	refusal->why[0] = '\0';
	err = sw_put_check(it, refusal->why);
	if (err == 0)
		err = core_queue_get(c, sw_bytes(it, SW_F_QUEUE), &q);
	if (err == 0)
		err = limits_check(c, q, it, ahead, refusal->why);
	if (err == 0)
		err = unique_check(
			c, q, sw_bytes(it, SW_F_UNIQUE), &refusal->holder);
	if (err < 0)
		core_queues_drop(c, queues_n);
	return err;
}

void
put_apply(struct core *c, const struct sw_item *it)
{
	struct record r;
	int64_t delay;

	record_of_put(&r, it);
	r.q = queue_find(c->queues_by_name, sw_bytes(it, SW_F_QUEUE));
	delay = sw_int(it, SW_F_DELAY_MS,
		sw_has(it, SW_F_RUN_AT_MS) ? 0 : r.q->set[SW_S_delay_ms]);
	if (!sw_has(it, SW_F_RUN_AT_MS))
		r.run_at_ms = c->now_ms + delay;
	r.created_at_ms = c->now_ms;
	if (r.run_at_ms < c->now_ms)
		r.run_at_ms = c->now_ms;
	r.rank = (uint64_t)(r.run_at_ms + (SW_PRIORITY_MAX - r.priority) *
						  r.q->set[SW_S_ageing_ms]);
	job_move(c, &r, r.run_at_ms > c->now_ms ? LIFE_PUT_LATER : LIFE_PUT,
		bytes_of(NULL, 0));
}

static void
put_one(struct request *rq, const struct sw_item *it)
{
	struct sw_buf *b = &rq->reply;
	static const struct put_ahead none;
	struct put_refusal refusal;
	struct sw_id id;
	struct record was;
	size_t mark = sw_item_begin(b);
	int err = SW_EINVAL, known = SW_ENOJOB;

	refusal.why[0] = '\0';
	if (sw_get_id(it, &id) && !planted(LOST_DEDUPE))
		known = job_load(rq->core, &id, &was);
	if (known == SW_ENOJOB)
		err = put_check(rq->core, it, &none, &refusal);
	if (known == SW_ENOJOB && err == 0)
		put_apply(rq->core, it);

	if (known == 0 || known == SW_ECORRUPT ||
		(planted(SILENT_DROP) && err == SW_EMAXJOBS)) {
		sw_put_int(b, SW_F_STATUS, 0);
		sw_put_int(
			b, SW_F_STATE, known == 0 ? (int)was.state : SW_DEAD);
	} else {
		sw_put_int(b, SW_F_STATUS, err);
		if (refusal.why[0] != '\0')
			sw_put_text(b, SW_F_DETAIL, refusal.why);
		if (err == SW_EUNIQUE)
			sw_put_id(b, &refusal.holder);
	}
	sw_item_end(b, mark);
}

void
op_put(struct request *rq)
{
	struct sw_item it;

	reply_begin(rq, REPLY_SMALL);
	while (sw_msg_next(&rq->msg, &it))
		put_one(rq, &it);
	reply_send(rq);
}
