/* SPDX-License-Identifier: MIT */
/*
 * away.h - when to say that the broker is not reached
 *
 * The first time after AWAY_FIRST_MS, then at intervals that double from
 * AWAY_AGAIN_MS to AWAY_MOST_MS, until the broker is reached again.
 */
#ifndef WORKER_AWAY_H
#define WORKER_AWAY_H

#include <stdint.h>

enum {
	AWAY_FIRST_MS = 1000,
	AWAY_AGAIN_MS = 10000,
	AWAY_MOST_MS = 600000,
};

struct away { /* zeroed: the broker is reached */
	int64_t since_ms, due_ms, pause_ms;
	int is_away;
};

/* To be called once a turn.  1: it is to be said now. */
static inline int
away_due(struct away *a, int reached, int64_t now_ms)
{
	if (reached) {
		*a = (struct away){0};
		return 0;
	}
	if (!a->is_away)
		*a = (struct away){.since_ms = now_ms,
			.due_ms = now_ms + AWAY_FIRST_MS,
			.is_away = 1};
	if (now_ms < a->due_ms)
		return 0;
	a->pause_ms = a->pause_ms == 0 ? AWAY_AGAIN_MS : 2 * a->pause_ms;
	if (a->pause_ms > AWAY_MOST_MS)
		a->pause_ms = AWAY_MOST_MS;
	a->due_ms = now_ms + a->pause_ms;
	return 1;
}

#endif
