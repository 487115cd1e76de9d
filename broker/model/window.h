/* SPDX-License-Identifier: MIT */
/*
 * window.h - the near end of a long ordered index
 *
 * A window holds, in memory, every entry of one key prefix from its first
 * up to a mark; the rest stays in the store.  Past the mark one scan
 * refills.  So a backlog of a hundred million jobs costs the memory of a
 * hundred.
 *
 * Invariant: an entry is in the window if and only if it is in the index
 * and not beyond the mark; a `whole` window has no mark, it holds all.
 * The index is the store and the batch in flight together, so a refill may
 * only run while the batch is empty.
 */
#ifndef BROKER_WINDOW_H
#define BROKER_WINDOW_H

#include "wire/id.h"
#include "broker/model/key.h"
#include "broker/store/store.h"

struct entry { /* the end of a key: order, then id */
	uint64_t at;
	struct sw_id id;
};

struct window {
	struct entry *e; /* [head, head + n), sorted */
	uint32_t head, n, cap;
	int whole;
	struct entry mark; /* unless whole: the last entry known */
};

/* `e` is the window's memory for `cap` entries, borrowed. */
void window_init(struct window *, struct entry *e, uint32_t cap);

void window_add(struct window *, uint64_t at, const struct sw_id *);
void window_remove(struct window *, uint64_t at, const struct sw_id *);

static inline const struct entry *
window_first(const struct window *w)
{
	return w->n > 0 ? &w->e[w->head] : NULL;
}

void window_pop(struct window *);

/* Whether a refill would bring the window more than it has. */
static inline int
window_low(const struct window *w)
{
	return !w->whole && w->n < w->cap / 4;
}

/* Reads on from the mark, below `prefix`; 0 or the store's error. */
int window_refill(struct window *, struct store *, uint32_t shard,
	const struct key *prefix) __attribute__((warn_unused_result));

#endif
