/* SPDX-License-Identifier: MIT */
#include "broker/model/index.h"

int
index_is_pending(enum sw_state s)
{
	return s == SW_DELAYED || s == SW_READY || s == SW_LEASED;
}

static int
has_unique_row(const struct record *r, enum sw_state state)
{
	if (r->unique.len == 0)
		return 0;
	if (state == SW_DEAD)
		return (r->unique_also & SW_UNIQUE_DEAD) != 0;
	if (state == SW_DONE)
		return (r->unique_also & SW_UNIQUE_DONE) != 0;
	return index_is_pending(state);
}

static struct key
place_of(const struct record *r, enum sw_state state)
{
	switch (state) {
	case SW_READY:
		return key_ready(r->q->no, r->lane, r->rank, &r->id);
	case SW_DELAYED:
		return r->due_ms != 0 ? key_timed('d', r->q->no,
						(uint64_t)r->due_ms, &r->id)
				      : key_timed('w', r->q->no,
						(uint64_t)r->run_at_ms, &r->id);
	case SW_DEAD:
		return key_dead(r->q->no, (uint64_t)r->ended_at_ms, &r->id);
	case SW_DONE:
	case SW_CANCELLED:
		return key_timed(state == SW_DONE ? 'k' : 'n', r->q->no,
			(uint64_t)r->keep_until_ms, &r->id);
	case SW_NONE:
	case SW_LEASED:
	case SW_STATES:
		break;
	}
	return (struct key){.len = 0};
}

void
index_of(const struct record *r, enum sw_state state, struct index *x)
{
	int startable = state == SW_DELAYED || state == SW_READY;

	x->row[INDEX_PLACE] = place_of(r, state);
	x->row[INDEX_EXPIRY].len = 0;
	x->row[INDEX_UNIQUE].len = 0;
	if (startable && r->expires_at_ms != 0)
		x->row[INDEX_EXPIRY] = key_timed(
			'e', r->q->no, (uint64_t)r->expires_at_ms, &r->id);
	if (has_unique_row(r, state))
		x->row[INDEX_UNIQUE] = key_unique(r->q->no, r->unique);
}
