/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "broker/job/job.h"

/* Within a round the lowest rank is that of the longest wait. */
struct oldest {
	struct entry first[LANE_ROUNDS]; /* the lowest rank so far */
	int found[LANE_ROUNDS];
	int any;
};

static void
offer(struct oldest *o, unsigned round, const struct entry *e)
{
	if (o->found[round] && o->first[round].at <= e->at)
		return;
	o->first[round] = *e;
	o->found[round] = o->any = 1;
}

static void
look_in_memory(const struct queue *q, struct oldest *o)
{
	for (unsigned i = 0; q->lanes.rounds != NULL && i < LANE_ROUNDS; i++) {
		const struct round *r = q->lanes.rounds[i];

		for (unsigned n = 0; r != NULL && n < r->n; n++) {
			const struct entry *e = window_first(&r->lanes[n]->w);

			if (e != NULL)
				offer(o, i, e);
		}
	}
}

struct lane_row { /* the first row of a lane in the store */
	uint64_t lane;
	struct entry e;
	int found;
};

static int
row_each(void *arg, struct bytes key, struct bytes val)
{
	struct lane_row *row = arg;
	const uint8_t *tail = (const uint8_t *)key.p + LANE_KEY;

	(void)val;
	if (key.len != KEY_PLACE_MAX)
		return 1;
	row->found = 1;
	row->lane = be_get(tail - 8, 8);
	row->e.at = be_get(tail, 8);
	memcpy(row->e.id.b, tail + 8, SW_ID_LEN);
	return 1;
}

/* Offers the first row of the lanes `from` to `to`, and sets its lane. */
static int
lane_look(struct core *c, const struct queue *q, struct oldest *o,
	uint64_t from, uint64_t to, uint64_t *lane)
{
	struct key first = key_lane(q->no, from);
	struct key end = key_after(key_lane(q->no, to));
	struct lane_row row = {.found = 0};
	int err = c->store->driver->scan(c->store, c->claim.shard,
		key_bytes(&first), key_bytes(&end), 1, row_each, &row);

	if (err < 0)
		c->err = err;
	if (!row.found)
		return 0;
	offer(o, lane_round(row.lane), &row.e);
	*lane = row.lane;
	return 1;
}

/* Looks at a lane of each round, then at others of the rounds in turn. */
static void
look_in_store(struct core *c, const struct queue *q, struct oldest *o)
{
	uint64_t last[LANE_ROUNDS], lane = 0;
	int left[LANE_ROUNDS] = {0}, looks = 0, more = 1;

	while (lane_look(c, q, o, lane, UINT64_MAX, &lane)) {
		unsigned i = lane_round(lane);

		last[i] = lane;
		left[i] = 1;
		looks++;
		if (i + 1 == LANE_ROUNDS)
			break;
		lane = lane_first(i + 1);
	}
	while (more) {
		more = 0;
		for (unsigned i = 0; i < LANE_ROUNDS; i++) {
			if (!left[i] || looks++ >= OLDEST_LANES)
				continue;
			left[i] = last[i] < lane_last(i) &&
				  lane_look(c, q, o, last[i] + 1, lane_last(i),
					  &last[i]);
			more |= left[i];
		}
	}
}

int64_t
oldest_ready_ms(struct core *c, const struct queue *q, struct sw_id *id)
{
	struct oldest o = {.any = 0};
	int64_t oldest = 0;

	if (q->count[SW_READY] == 0)
		return 0;
	look_in_memory(q, &o);
	if (!o.any)
		look_in_store(c, q, &o);
	for (int i = 0; i < LANE_ROUNDS; i++) {
		struct record r;
		int64_t since;

		if (!o.found[i] || job_load(c, &o.first[i].id, &r) < 0)
			continue;
		since = r.due_ms != 0 ? r.due_ms : r.run_at_ms;
		if (since < r.created_at_ms)
			since = r.created_at_ms;
		if (c->now_ms - since <= oldest)
			continue;
		oldest = c->now_ms - since;
		*id = o.first[i].id;
	}
	return oldest;
}
