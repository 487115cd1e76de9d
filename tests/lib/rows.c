/* SPDX-License-Identifier: MIT */
#include "tests/lib/rows.h"

static int
holds_unique(const struct record *r, enum sw_state s)
{
	if (r->unique.len == 0 || s == SW_CANCELLED)
		return 0;
	if (s == SW_DEAD)
		return (r->unique_also & SW_UNIQUE_DEAD) != 0;
	if (s == SW_DONE)
		return (r->unique_also & SW_UNIQUE_DONE) != 0;
	return 1;
}

int
rows_of(const struct record *r, enum sw_state s, struct key keys[ROWS_MAX])
{
	uint32_t no = r->q->no;
	int n = 0;

	if (s == SW_READY)
		keys[n++] = key_ready(no, r->lane, r->rank, &r->id);
	if (s == SW_LEASED)
		keys[n++] = key_id('l', &r->id);
	if (s == SW_DEAD)
		keys[n++] = key_timed(
			'x', no, (uint64_t)r->ended_at_ms, &r->id);
	if (s == SW_DELAYED && r->due_ms == 0)
		keys[n++] = key_timed('w', no, (uint64_t)r->run_at_ms, &r->id);
	if (s == SW_DELAYED && r->due_ms != 0)
		keys[n++] = key_timed('d', no, (uint64_t)r->due_ms, &r->id);
	if (s == SW_DONE || s == SW_CANCELLED)
		keys[n++] = key_timed(s == SW_DONE ? 'k' : 'n', no,
			(uint64_t)r->keep_until_ms, &r->id);
	if ((s == SW_DELAYED || s == SW_READY) && r->expires_at_ms != 0)
		keys[n++] = key_timed(
			'e', no, (uint64_t)r->expires_at_ms, &r->id);
	if (holds_unique(r, s))
		keys[n++] = key_unique(r->q->no, r->unique);
	return n;
}

static int
entry_cmp(const struct entry *a, const struct entry *b)
{
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return memcmp(a->id.b, b->id.b, SW_ID_LEN);
}

static int
window_has(const struct window *w, const struct entry *e)
{
	uint32_t lo = 0, hi = w->n;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		int c = entry_cmp(&w->e[w->head + mid], e);

		if (c == 0)
			return 1;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return 0;
}

static int
in_window(const struct window *w, const struct entry *e)
{
	int beyond = !w->whole && entry_cmp(e, &w->mark) > 0;

	if (window_has(w, e))
		return beyond ? 0 : 1;
	return beyond ? -1 : 0;
}

int
row_in_window(const struct core *c, struct bytes key)
{
	const uint8_t *p = key.p;
	const uint8_t *end = p + key.len - SW_ID_LEN;
	struct entry e = {.at = be_get(end - 8, 8)};
	const struct queue *q;
	const struct lane *in;
	uint64_t lane;

	memcpy(e.id.b, end, SW_ID_LEN);
	q = core_queue_of(c, (uint32_t)be_get(p + 1, 4));
	lane = be_get(p + 5, 8);
	in = q != NULL ? lanes_find(&q->lanes, lane) : NULL;
	if (in != NULL)
		return in_window(&in->w, &e);
	return q == NULL || !lanes_cover(&q->lanes, lane) ? -1 : 0;
}

static size_t
round_entries(const struct round *r)
{
	size_t n = 0;

	for (unsigned i = 0; r != NULL && i < r->n; i++)
		n += r->lanes[i]->w.n;
	return n;
}

int
row_has_timer(const struct core *c, struct bytes key)
{
	const uint8_t *p = key.p;
	const struct queue *q = core_queue_of(c, (uint32_t)be_get(p + 1, 4));
	const struct timer *t = &q->timers[timer_kind_of((char)p[0])];

	int64_t retain_ms = q->set[SW_S_retain_dead_ms];

	if (p[0] == 'x' && retain_ms == 0)
		return 1;
	return t->at_ms <= be_get(p + 5, 8) +
				   (uint64_t)(p[0] == 'x' ? retain_ms : 0) &&
	       t->place != 0;
}

size_t
windows_entries(const struct core *c)
{
	size_t n = 0;

	for (unsigned i = 0; i < c->queues_n; i++) {
		struct round *const *r = c->queues[i] != NULL
						 ? c->queues[i]->lanes.rounds
						 : NULL;

		for (unsigned k = 0; r != NULL && k < LANE_ROUNDS; k++)
			n += round_entries(r[k]);
	}
	return n;
}
