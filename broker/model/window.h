/* SPDX-License-Identifier: MIT */
/*
 * window.h - the first entries of a long ordered index, in memory
 *
 * A window has every entry of one key prefix up to a mark, the others are only
 * in the store.  When few are left one scan of the store refills the window.
 * So a backlog of a hundred million jobs costs the memory of a hundred.
 *
 * Invariant: an entry is in the window if and only if the index has it and it
 * is not beyond the mark; a `whole` window has no mark and all entries.  The
 * index is the store with the uncommitted batch applied, so a refill, which
 * reads only the store, may run only while the batch is empty.
 */
#ifndef BROKER_MODEL_WINDOW_H
#define BROKER_MODEL_WINDOW_H

#include "broker/model/key.h"
#include "broker/store/store.h"
#include "wire/id.h"

struct entry {	     /* the last two parts of a key */
	uint64_t at; /* rank or time */
	struct sw_id id;
};

struct window {
	struct entry *e; /* [head, head + n), sorted; grows from `cap` to `most`
			  */
	uint32_t head, n, cap, most;
	int whole;
	struct entry mark; /* unless whole: no later entry is in `e` */
};

/* At most `most` entries; memory is taken as it is needed. */
void window_init(struct window *, uint32_t most);
void window_fini(struct window *);

/* Bytes that the entries take. */
static inline size_t
window_bytes(const struct window *w)
{
	return w->cap * sizeof(struct entry);
}

/* To be called for each entry that is added to or removed from the index. */
void window_add(struct window *, uint64_t at, const struct sw_id *);
void window_remove(struct window *, uint64_t at, const struct sw_id *);

static inline const struct entry *
window_first(const struct window *w)
{
	return w->n > 0 ? &w->e[w->head] : NULL;
}

void window_pop(struct window *);

/* Whether less than a quarter is left and the store may have more. */
static inline int
window_low(const struct window *w)
{
	return !w->whole && w->n < w->most / 4;
}

/* Reads entries of `prefix` behind the mark until the window has `want` of
 * them, at most `most`.  SW_ECORRUPT: a key of a wrong length; or another error
 * of the store. */
int window_refill(struct window *, struct store *, uint32_t shard,
	const struct key *prefix, uint32_t want)
	__attribute__((warn_unused_result));

#endif
