/* SPDX-License-Identifier: MIT */
/*
 * watch.h - polls the mailboxes of running isolates
 *
 * A running isolate is watched: as long as the loop has other work, it polls
 * the mailbox for the answer, without a system call.  Only the isolates that
 * have not answered when the loop goes to sleep are asked for a wake-up.
 */
#ifndef FRONT_WATCH_H
#define FRONT_WATCH_H

#include <sys/queue.h>

#include "front/isolate/mailbox.h"

/* A watched mailbox, embedded by its owner. */
struct watched {
	LIST_ENTRY(watched) link;
	int on;
	const struct mailbox *mail;

	/*
	 * Takes the answer: 1; 0: there is none.  May begin and end watches,
	 * but must not free another watched mailbox.
	 */
	int (*look)(struct watched *);
};

LIST_HEAD(watch, watched);

/* Called before the request is posted. */
void watch_begin(struct watch *, struct watched *);

/* Ends a watch, if there is one. */
void watch_end(struct watched *);

/*
 * Called before each turn of the loop.  1: answers were taken, the loop must
 * not sleep; 0: it may, all watches have ended and wake-ups are on.
 */
int watch_turn(struct watch *);

#endif
