/* SPDX-License-Identifier: MIT */
#include "broker/core/put.h"

#include "base/error.h"
#include "base/plant.h"
#include "broker/core/job.h"

/* What a producer may say of a job; the rest is ours. */
#define PUT_FIELDS                                                             \
	(SW_BIT(SW_F_ID) | SW_BIT(SW_F_QUEUE) | SW_BIT(SW_F_BODY) |            \
		SW_BIT(SW_F_PRIORITY) | SW_BIT(SW_F_DELAY_MS) |                \
		SW_BIT(SW_F_RUN_AT_MS) | SW_BIT(SW_F_EXPIRES_AT_MS) |          \
		SW_BIT(SW_F_UNIQUE) | SW_BIT(SW_F_UNIQUE_ALSO) |               \
		SW_BIT(SW_F_FAIR) | SW_BIT(SW_F_MAX_ATTEMPTS) |                \
		SW_BIT(SW_F_TIMEOUT_MS) | SW_BIT(SW_F_HEADER) |                \
		SW_BIT(SW_F_CONTENT_TYPE))

struct range {
	enum sw_tag tag;
	int64_t min, max;
};

static const struct range ranges[] = {
	{SW_F_PRIORITY, SW_PRIORITY_MIN, SW_PRIORITY_MAX},
	{SW_F_DELAY_MS, 0, SW_DELAY_MAX_MS},
	{SW_F_RUN_AT_MS, 0, INT64_MAX / 2},
	{SW_F_EXPIRES_AT_MS, 1, INT64_MAX / 2},
	{SW_F_UNIQUE_ALSO, 0, SW_UNIQUE_DEAD | SW_UNIQUE_DONE},
	{SW_F_MAX_ATTEMPTS, 1, 1000},
	{SW_F_TIMEOUT_MS, 1, SW_DELAY_MAX_MS},
};

static int
fields_check(const struct sw_item *it, struct sw_id *id)
{
	static const struct sw_id nil;
	size_t at = 0, headers = 0;
	struct bytes h;

	if ((it->have & ~PUT_FIELDS) != 0 || !sw_get_id(it, id) ||
		!sw_has(it, SW_F_QUEUE) || !sw_has(it, SW_F_BODY) ||
		memcmp(id, &nil, sizeof(nil)) == 0)
		return SW_EINVAL;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		const struct range *r = &ranges[i];
		int64_t v = sw_int(it, r->tag, r->min);

		if (v < r->min || v > r->max)
			return SW_EINVAL;
	}
	while (sw_item_each(it, SW_F_HEADER, &at, &h)) {
		headers += h.len;
		if (memchr(h.p, '=', h.len) == NULL)
			return SW_EINVAL;
	}
	return headers > SW_HEADERS_MAX ? SW_ETOOBIG : 0;
}

static int
limits_check(const struct core *c, const struct queue *q,
	const struct sw_item *it, const struct put_ahead *ahead)
{
	int64_t jobs = q->count[SW_DELAYED] + q->count[SW_READY] +
		       q->count[SW_LEASED] + q->count[SW_DEAD];
	int64_t max_jobs = q->set[SW_S_max_jobs];
	int64_t max_bytes = q->set[SW_S_max_bytes];

	if (c->full)
		return SW_EFULL;
	if (max_jobs > 0 && jobs + ahead->jobs >= max_jobs)
		return SW_EMAXJOBS;
	if (max_bytes > 0 &&
		q->total[TOTAL_BYTES] + ahead->bytes +
				(int64_t)sw_bytes(it, SW_F_BODY).len >
			max_bytes)
		return SW_EMAXBYTES;
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
		return SW_ECORRUPT; /* somebody holds it */
	}
	memcpy(holder->b, val.p, SW_ID_LEN);
	return SW_EUNIQUE;
}

int
put_check(struct core *c, const struct sw_item *it,
	const struct put_ahead *ahead, struct sw_id *holder)
{
	struct queue *q;
	struct sw_id id;
	int err = fields_check(it, &id);

	if (err == 0)
		err = core_queue_get(c, sw_bytes(it, SW_F_QUEUE), &q);
	if (err == 0)
		err = limits_check(c, q, it, ahead);
	if (err == 0)
		err = unique_check(c, q, sw_bytes(it, SW_F_UNIQUE), holder);
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
	struct sw_id id, holder;
	struct record was;
	size_t mark = sw_item_begin(b);
	int err = SW_EINVAL, known = SW_ENOJOB;

	if (sw_get_id(it, &id) && !planted(LOST_DEDUPE))
		known = job_load(rq->core, &id, &was);
	if (known == SW_ENOJOB)
		err = put_check(rq->core, it, &none, &holder);
	if (known == SW_ENOJOB && err == 0)
		put_apply(rq->core, it);

	if (known == 0 || known == SW_ECORRUPT ||
		(planted(SILENT_DROP) && err == SW_EMAXJOBS)) {
		sw_put_int(b, SW_F_STATUS, 0);
		sw_put_int(
			b, SW_F_STATE, known == 0 ? (int)was.state : SW_DEAD);
	} else {
		sw_put_int(b, SW_F_STATUS, err);
		if (err == SW_EUNIQUE)
			sw_put_id(b, &holder);
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
