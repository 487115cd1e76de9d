/* SPDX-License-Identifier: MIT */
/*
 * clocks.h - broker time, which nobody sets, and the wall clock
 *
 * Broker time is the boot clock and an offset, so that it advances by a second
 * each second, whatever is done to the wall clock.  It began as Unix time.  The
 * store keeps the offset: a restart in the same boot goes on exactly, and one
 * in another boot begins with the wall clock, or with the latest time that is
 * stored if the wall clock is behind that.  So broker time never goes back.
 *
 * Everything that is ordered, lasts or ends is in broker time.  Only a job's
 * run_at is of the wall clock.  Users are shown broker time as the present wall
 * clock has it.
 */
#ifndef BROKER_TIME_CLOCKS_H
#define BROKER_TIME_CLOCKS_H

#include <stdint.h>

#include "broker/time/stamp.h"

enum {
	CLOCKS_AHEAD_MS = 2000, /* of the time that is stored, once a second */
	CLOCKS_APART_MS = 50,	/* two clocks that are read one by one */
};

struct clocks {
	uint64_t boot_id;  /* 0: unknown, taken for another boot */
	int64_t offset_ms; /* broker time less the boot clock */
	int64_t until_ms;  /* as stored; 0: not yet */
	int64_t now_ms;	   /* broker time */
	int64_t wall_ms;   /* Unix time */
	int64_t shown_ms;  /* what is shown less broker time */
};

/* Sets the clocks at a start; `stored` is NULL if the store has no time yet. */
void clocks_start(struct clocks *, const struct stamp *stored, uint64_t boot_id,
	int64_t wall_ms, int64_t boot_ms);

/* Sets them for a turn. */
void clocks_set(struct clocks *, int64_t wall_ms, int64_t boot_ms);

/* Whether a commit must store the time: rows may have later ones. */
int clocks_are_due(const struct clocks *);

/* Sets the time to store, in *stamp, and takes it for stored. */
void clocks_store(struct clocks *, struct stamp *stamp);

#endif
