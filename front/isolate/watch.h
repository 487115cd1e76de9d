/* SPDX-License-Identifier: MIT */
/*
 * watch.h - mailboxes whose answers are looked for
 *
 * An isolate that has begun is watched: as long as the loop has other work
 * it looks for the answer, which costs nothing.  Only those whose answers
 * are not there when it goes to sleep are asked to wake it.
 */
#ifndef FRONT_WATCH_H
#define FRONT_WATCH_H

#include <sys/queue.h>

#include "front/isolate/mailbox.h"

/* Its owner embeds it. */
struct watched {
	LIST_ENTRY(watched) link;
	int on;
	const struct mailbox *mail;

	/*
	 * Takes the answer: 1; 0: it is not there.  May begin and end whatever
	 * it likes, but nobody else who is watched may cease to exist.
	 */
	int (*look)(struct watched *);
};

LIST_HEAD(watch, watched);

/* Before it can answer. */
void watch_begin(struct watch *, struct watched *);

/* Accepts who is not watched. */
void watch_end(struct watched *);

/*
 * Before each turn of the loop.  1: answers were taken, it must not sleep;
 * 0: it may, and nobody is watched any more.
 */
int watch_turn(struct watch *);

#endif
