/* SPDX-License-Identifier: MIT */
/*
 * guard.h - a limit on the memory that peers can make the broker use
 *
 * libzmq bounds the number of messages that wait on a link, but not their
 * bytes, and not the frames of a message.  So the broker checks its own memory,
 * and beyond the limit it closes all links: messages on them are lost, as when
 * a link breaks, and clients send their requests again.  libzmq has no call to
 * close a single link.
 */
#ifndef LINK_GUARD_H
#define LINK_GUARD_H

#include <stdint.h>

enum { GUARD_MS = 50 }; /* between two checks */

struct guard {
	int statm;	       /* /proc/self/statm; -1: there is none */
	int64_t limit;	       /* bytes beyond the baseline */
	int64_t baseline;      /* the least memory in use so far, bytes */
	int64_t checked_at_ms; /* boot clock, of the last check */
};

/* `limit`: bytes that links may use.  Never fails: without /proc no check finds
 * anything. */
void guard_open(struct guard *, int64_t limit);
void guard_close(struct guard *);

/* Whether the links use more than the limit and must be closed. */
int guard_check(struct guard *, int64_t mono_ms);

/* To be called when the links are closed: returns their memory to the system
 * and sets a new baseline. */
void guard_reset(struct guard *);

#endif
