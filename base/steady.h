/* SPDX-License-Identifier: MIT */
/*
 * steady.h - a clock that does not advance over stalls
 *
 * A process that is stopped, or whose machine is paused or overloaded, wakes
 * late from a sleep or needs long for a turn.  Nobody could be heard
 * meanwhile, so that time must count against nobody: the steady clock is the
 * boot clock without what a sleep took longer than planned, if that was more
 * than STEADY_LATE_MS, and without what a turn took longer than
 * STEADY_TURN_MS.
 *
 * A loop calls steady_sleep(), sleeps, and calls steady_wake().
 */
#ifndef BASE_STEADY_H
#define BASE_STEADY_H

#include <stdint.h>

enum { STEADY_LATE_MS = 200, STEADY_TURN_MS = 1000 };

struct steady { /* zeroed at the start; all times in ms of the boot clock */
	int64_t lost_ms; /* by all stalls */
	int64_t woke_ms; /* when the turn began; 0: the first one */
	int64_t slept_ms,
		wait_ms; /* when the sleep began, its planned length */
};

/* The turn is over, and a sleep of at most wait_ms begins. */
static inline void
steady_sleep(struct steady *s, int64_t boot_ms, int64_t wait_ms)
{
	s->slept_ms = boot_ms;
	s->wait_ms = wait_ms;
}

/* A turn begins.  Returns the length of the stall since the turn before; 0:
 * there was none. */
static inline int64_t
steady_wake(struct steady *s, int64_t boot_ms)
{
	int64_t late_ms = boot_ms - s->slept_ms - s->wait_ms, stall_ms = 0;
	int64_t turn_ms = s->woke_ms != 0 ? s->slept_ms - s->woke_ms : 0;

	if (late_ms > STEADY_LATE_MS)
		stall_ms += late_ms;
	if (turn_ms > STEADY_TURN_MS)
		stall_ms += turn_ms - STEADY_TURN_MS;
	s->woke_ms = boot_ms;
	s->lost_ms += stall_ms;
	return stall_ms;
}

static inline int64_t
steady_ms(const struct steady *s, int64_t boot_ms)
{
	return boot_ms - s->lost_ms;
}

#endif
