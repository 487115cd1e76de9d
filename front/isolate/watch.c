/* SPDX-License-Identifier: MIT */
#include "front/isolate/watch.h"

#include <sched.h>

enum { PASSES_MAX = 64 }; /* before the loop looks at its sockets again */

void
watch_begin(struct watch *w, struct watched *d)
{
	LIST_INSERT_HEAD(w, d, link);
	d->on = 1;
	mailbox_polling_set(d->mail, 1);
}

void
watch_end(struct watched *d)
{
	if (d->on)
		LIST_REMOVE(d, link);
	d->on = 0;
}

static int
watched_look(struct watch *w)
{
	struct watched *d, *next;
	int found = 0;

	for (d = LIST_FIRST(w); d != NULL; d = next) {
		next = LIST_NEXT(d, link);
		found |= d->look(d);
	}
	return found;
}

/* Repeats: an answer makes room for a request that may be answered at once. */
static int
answers_take(struct watch *w)
{
	int n = 0;

	while (n < PASSES_MAX && watched_look(w))
		n++;
	return n > 0;
}

int
watch_turn(struct watch *w)
{
	struct watched *d;

	if (LIST_EMPTY(w))
		return 0;
	if (answers_take(w))
		return 1;
	sched_yield(); /* to isolates that wait for this processor */
	if (answers_take(w))
		return 1;
	for (d = LIST_FIRST(w); d != NULL; d = LIST_NEXT(d, link))
		mailbox_polling_set(d->mail, 0);
	if (answers_take(w))
		return 1;
	while ((d = LIST_FIRST(w)) != NULL)
		watch_end(d);
	return 0;
}
