/* SPDX-License-Identifier: MIT */
/*
 * local.h - a broker within the test: the real core on a link that can be
 * told to misbehave
 *
 * A rig in memory, behind a socket at ipc:// in a folder of its own, served
 * by a thread; its clock stands.  It remembers what it was asked.  Each
 * request takes the next act off the script; after its end all is well.  A
 * request that was answered and is sent again for silence is passed over: it
 * is not counted and takes no act.  Waiting here has the deadline of
 * deadline.h.
 */
#ifndef TESTS_LOCAL_H
#define TESTS_LOCAL_H

#include <stddef.h>

struct bytes;
struct local;
struct rig;
struct sw_buf;
struct sw_id;
struct sw_msg;

enum local_act {
	LOCAL_OK,
	LOCAL_DROP,  /* does what was asked, says nothing */
	LOCAL_LOSE,  /* does nothing, says nothing */
	LOCAL_BREAK, /* as DROP, and the link breaks and comes back */
	LOCAL_CUT,   /* as DROP, and the link breaks until local_up() */
	LOCAL_TWICE, /* answers twice */
	LOCAL_HOLD,  /* answers at local_release() or before the next answer */
	LOCAL_GARBAGE, /* sends all sorts of rubbish first, then answers */
	LOCAL_REFUSE,  /* the whole message: SW_EBUSY, "not today" */
	LOCAL_ACTS,
};

struct local *local_start(int up);
void local_stop(struct local *); /* NULL is nothing */
const char *local_endpoint(const struct local *);

void local_up(struct local *); /* returns when it listens */

/* `acts` is borrowed until the script is over. */
void local_script(struct local *, const enum local_act *acts, size_t n);

/*
 * What is to be said instead of what the core would, or beside it: called in
 * the broker's thread, with its lock, for each request that no act keeps from
 * being answered.  1: `reply`, begun as the answer to it, is sent; 0: the core
 * is asked; -1: nothing is said.
 */
typedef int local_answer_fn(struct rig *, struct sw_msg request,
	struct bytes frame, struct sw_buf *reply);
void local_answer(struct local *, local_answer_fn *);

/*
 * Between these two the rig is the caller's, and its turns are turns of the
 * broker.  What they tell its clients is lost.
 */
struct rig *local_lock(struct local *);
void local_unlock(struct local *);

/* Waits until `n` requests have come, ever. */
void local_await(struct local *, unsigned n);
void local_release(struct local *);

enum { LOCAL_OPS = 128 };

/* What it was asked so far. */
struct local_seen {
	unsigned requests, of_op[LOCAL_OPS];
	unsigned most;	/* items of one */
	size_t largest; /* bytes of one */
	int same;	/* the last had the bytes of the one before */
};
const struct local_seen *local_seen(struct local *); /* until the next call */
unsigned local_requests(struct local *, int op);     /* 0: all */

unsigned local_jobs(struct local *);		     /* that are stored */
int local_has(struct local *, const struct sw_id *); /* whether one is */

/* Copies the item of the last job put, SW_MSG_MAX bytes at most; its length. */
size_t local_last_put(struct local *, void *item);

#endif
