/* SPDX-License-Identifier: MIT */
/*
 * due.h - things in the order of their time: a binary heap
 *
 * The first costs nothing to find, a change the logarithm of their number.
 * Of two with the same time the one that was set earlier comes first, so that
 * the same history gives the same order.
 */
#ifndef BROKER_TIME_DUE_H
#define BROKER_TIME_DUE_H

#include <stddef.h>
#include <stdint.h>

struct due { /* a member of the thing; zeroed before its first use */
	int64_t at;
	uint64_t order;
	uint32_t place; /* in the heap, from 1; 0: not in it */
};

struct due_heap { /* zeroed before its first use */
	struct due **all;
	uint32_t n, cap;
	uint64_t orders;
};

/* The struct of this type that has `d` as its member. */
#define due_owner(d, type, member)                                             \
	((type *)(void *)((char *)(d)-offsetof(type, member)))

/* Frees the heap's memory; its things are the caller's. */
void due_fini(struct due_heap *);

/* Adds `d`, or moves it to another time.  Ends the process if there is no
 * memory (base/must.h). */
void due_set(struct due_heap *, struct due *d, int64_t at);

/* Does nothing if `d` is not in the heap. */
void due_drop(struct due_heap *, struct due *d);

static inline struct due *
due_first(const struct due_heap *h)
{
	return h->n > 0 ? h->all[0] : NULL;
}

/* The first, if its time has come by `now`, else NULL. */
static inline struct due *
due_now(const struct due_heap *h, int64_t now)
{
	return h->n > 0 && h->all[0]->at <= now ? h->all[0] : NULL;
}

#endif
