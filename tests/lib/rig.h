/* SPDX-License-Identifier: MIT */
/*
 * rig.h - a core on a store, with a clock that stands until moved
 *
 * What a test sends is taken in one turn; the answers are there when the
 * call returns, for they leave after the commit.
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "broker/core/core.h"
#include "wire/msg.h"

enum { RIG_OUTS = 256 };

struct rig {
	struct core *core;
	struct store *store;
	struct claim claim;
	int64_t now_ms, mono_ms;
	struct out outs[RIG_OUTS]; /* of the last turn; frames are copies */
	size_t outs_n;
	uint64_t seq;
	uint8_t request[SW_MSG_MAX];
	struct sw_buf b; /* over `request` */
};

/* `uri` as store_open; ends the test on an error. */
struct rig *rig_open(const char *uri);
void rig_close(struct rig *); /* its counters are right */
void rig_drop(struct rig *);  /* ... or speak of what is damaged */

/* A broker that dies and starts anew on what was committed. */
void rig_restart(struct rig *);

/* A turn with nothing taken in; `ms` later. */
void rig_pass(struct rig *, int64_t ms);

/* Begin a request, add items to rig->b, send it as peer number `who`. */
void rig_begin(struct rig *, int op);
void rig_send(struct rig *, int who);

/* Item `i` of the answer to `who`'s last request, or of the JOBS it got. */
int rig_item(struct rig *, int who, int op, int i, struct sw_item *);

/* Shorthands.  Ids are small numbers; each returns the STATUS it got. */
struct sw_id rig_id(int n);
int rig_put(struct rig *, int n, const char *queue, const char *body);
int rig_hello(struct rig *, int who, const char *queue, int credit);
int rig_cancel(struct rig *, int n);
void rig_want(struct rig *, int who, int64_t credit); /* in all */
int
rig_done(struct rig *, int who, int n, uint64_t token, int outcome, int cause);
enum sw_state rig_state(struct rig *, int n);

/* Gives `who` credit for one more job than it has had; its number and token; 0:
 * none came. */
int rig_take(struct rig *, int who, uint64_t *token);

/* Takes and acks jobs until none comes; their numbers, static. */
const char *rig_drain(struct rig *, int who, const char *queue);

/* Rows that no broker wrote. */
void rig_row_change(
	struct rig *, enum store_op_kind, const struct key *, struct bytes val);
int rig_row_is_there(struct rig *, const struct key *);
struct key rig_key(char letter, int n); /* of job n's row, as key_id */

/* Flips a bit of job `n`'s record, or leaves so many bytes of it. */
void rig_record_damage(struct rig *, int n, size_t keep);

int rig_set(struct rig *, const char *queue, const char *setting);

/* The counters of all queues equal what a walk over the records finds. */
void rig_check_counters(struct rig *);

#endif
