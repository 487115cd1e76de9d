/* SPDX-License-Identifier: MIT */
/*
 * fake.h - a broker of a few lines that can be told to misbehave
 *
 * It runs in a thread of its own, listens on ipc:// in a folder of its own
 * and remembers what it was asked.  Each request takes the next act off the
 * script; after its end all is well.  A request that was answered and is sent
 * again for silence is passed over: it is not counted and takes no act.
 * Waiting here has the deadline of deadline.h.
 */
#ifndef TESTS_FAKE_H
#define TESTS_FAKE_H

#include <stddef.h>
#include <stdint.h>

struct fake;
struct sw_id;

enum fake_act {
	FAKE_OK,
	FAKE_DROP,    /* does what was asked, says nothing */
	FAKE_LOSE,    /* does nothing, says nothing */
	FAKE_BREAK,   /* as DROP, and the link breaks and comes back */
	FAKE_TWICE,   /* answers twice */
	FAKE_HOLD,    /* answers at fake_release() or before the next answer */
	FAKE_GARBAGE, /* sends all sorts of rubbish first, then answers */
	FAKE_REFUSE,  /* the whole message: SW_EBUSY, "not today" */
	FAKE_FULL,    /* each put: SW_EFULL, "the store is full" */
	FAKE_UNIQUE,  /* each put: SW_EUNIQUE, and an id of all 7 */
	FAKE_HALF,    /* each second put: SW_EFULL */
	FAKE_ACTS,
};

struct fake *fake_start(int up);
void fake_stop(struct fake *);
const char *fake_endpoint(const struct fake *);

void fake_up(struct fake *); /* returns when it listens */

/* `acts` is borrowed until the script is over. */
void fake_script(struct fake *, const enum fake_act *acts, size_t n);

/* Waits until `n` requests have come, ever; how many came. */
unsigned fake_await(struct fake *, unsigned n);
void fake_release(struct fake *);

unsigned fake_requests(struct fake *, int op); /* of this operation; 0: all */
unsigned fake_jobs(struct fake *);	       /* different ids stored */
unsigned fake_times(struct fake *, const struct sw_id *); /* put */
size_t fake_largest(struct fake *); /* bytes of a request */
unsigned fake_most(struct fake *);  /* items of a request */

/* Of the request before the last: 1 if it had the same bytes. */
int fake_same(struct fake *);

/* A field of the last job put, by its name; NULL or INT64_MIN: not there. */
const char *fake_text(struct fake *, const char *name);
int64_t fake_int(struct fake *, const char *name);

#endif
