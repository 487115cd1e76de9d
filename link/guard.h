/* SPDX-License-Identifier: MIT */
/*
 * guard.h - how much memory peers can make the broker hold
 *
 * libzmq bounds the messages that wait on a link, not their bytes, and a
 * message of ever more frames not at all.  So the broker looks at what it
 * holds, and beyond a limit it closes all links: what lay on them is lost,
 * as when a link breaks, and whoever means well asks again.  One link alone
 * cannot be closed: libzmq has no call for it.
 */
#ifndef BROKER_GUARD_H
#define BROKER_GUARD_H

#include <stdint.h>

enum { GUARD_MS = 50 }; /* it looks this often */

struct guard {
	int statm; /* /proc/self/statm; -1: there is none */
	int64_t limit,
		baseline;     /* bytes; used when there was nothing on links */
	int64_t looked_at_ms; /* boot clock */
};

/* `limit` is what links may hold.  Never fails: without /proc nothing is
 * looked at. */
void guard_open(struct guard *, int64_t limit);
void guard_close(struct guard *);

/* Whether links are to be closed. */
int guard_check(struct guard *, int64_t mono_ms);

/* They are: what they used goes back to the system. */
void guard_reset(struct guard *);

#endif
