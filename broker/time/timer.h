/* SPDX-License-Identifier: MIT */
/*
 * timer.h - when the rows of a queue must be looked at next
 *
 * Rows whose time comes are ordered by time within their letter and queue
 * (key.h).  So one bound for each letter and queue is enough: none of its rows
 * has an earlier time.  A heap orders the bounds.  Memory does not grow with
 * the number of rows.
 *
 * A row is due at its time, one of TIMER_DEAD later (queue_row_due_ms()).
 *
 * A bound may be too early, for the row that it was set for may be gone: then
 * one look at the store sets it right.
 */
#ifndef BROKER_TIME_TIMER_H
#define BROKER_TIME_TIMER_H

#include <stdint.h>

#define TIMER_NEVER UINT64_MAX

/* X(symbol, letter): the rows `letter` of a queue */
#define TIMER_MAP(X)                                                           \
	X(TIMER_RUN_AT, 'w')                                                   \
	X(TIMER_DELAY, 'd')                                                    \
	X(TIMER_DONE, 'k')                                                     \
	X(TIMER_CANCELLED, 'n')                                                \
	X(TIMER_EXPIRY, 'e')                                                   \
	X(TIMER_DEAD, 'x') /* due retain_dead_ms after its time */

enum timer_kind {
#define X(sym, letter) sym,
	TIMER_MAP(X)
#undef X
		TIMER_KINDS,
};

struct timer {
	uint64_t at_ms; /* no row is due earlier; TIMER_NEVER: none ever is */
	uint32_t queue;
	enum timer_kind kind;
	uint32_t place; /* in the heap, from 1; 0: in none */
};

struct timer_heap {		 /* zeroed: empty */
	struct timer **of_place; /* [0] is not used */
	uint32_t n, cap;
};

char timer_letter(enum timer_kind);

/* The kind of that letter, or TIMER_KINDS. */
enum timer_kind timer_kind_of(char letter);

void timer_heap_fini(struct timer_heap *);

/* Sets the bound; a timer with TIMER_NEVER is in no heap.  `t` is borrowed
 * until then. */
void timer_set(struct timer_heap *, struct timer *t, uint64_t at_ms);

/* Lowers the bound, if it is later than `at_ms`. */
void timer_lower(struct timer_heap *, struct timer *t, uint64_t at_ms);

/* The timer with the lowest bound, or NULL. */
static inline struct timer *
timer_first(const struct timer_heap *h)
{
	return h->n > 0 ? h->of_place[1] : 0;
}

#endif
