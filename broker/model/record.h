/* SPDX-License-Identifier: MIT */
/*
 * record.h - a job as the store has it
 *
 * Eight bytes, XXH3-64 of the rest in little-endian, then an item (wire/msg.h):
 * the fields of the put and those that the core adds.  A lease is a row of its
 * own and does not change the record, so a job that succeeds is written twice,
 * at the put and at the ack, and its body once.
 */
#ifndef BROKER_MODEL_RECORD_H
#define BROKER_MODEL_RECORD_H

#include "broker/model/arena.h"
#include "broker/model/queue.h"
#include "broker/model/session.h"
#include "wire/msg.h"

enum {
	RECORD_EVENTS = 32, /* of the history: the first and the newest; COUNT
			       has the number of those left out */
	RECORD_SUM = 8,	    /* bytes of the checksum, at the front */
	RECORD_MAX = 1024 * 1024,
};

struct record {
	struct sw_id id;
	struct queue *q;
	struct lease *lease; /* NULL unless state is SW_LEASED */
	enum sw_state state;
	int64_t attempt;   /* attempts that have ended */
	int64_t crashes;   /* by a crash or out of memory, also in company */
	int64_t releases;  /* hand-backs of the begun job that were free */
	int64_t lapses;	   /* leases that ended by silence before the job began,
			      or by a fault of the worker, since the last
			      attempt */
	int64_t run_at_ms; /* Unix time, of a job that waits for it; the other
			      times are broker time */
	int64_t due_ms;	   /* since when, or from when, the job is ready; 0: by
			      run_at_ms */
	int64_t expires_at_ms, created_at_ms, ended_at_ms, keep_until_ms;
	int64_t cause, unique_also, max_attempts;
	int64_t outcome; /* of the last report, under `token`; 0: not known */
	int64_t digest;	 /* of what that report brought; 0: not known */
	int64_t priority;
	uint64_t rank, lane, token;
	struct bytes queue;  /* its name */
	struct bytes origin; /* the queue that it has left, dead; or empty */
	struct bytes unique, result;
	int64_t body_len;
	struct sw_item it; /* borrowed, as the bytes above */
};

/*
 * Decodes a record; `stored` is borrowed as long as the record is used.  `q`
 * and `lease` are left NULL.  SW_ECORRUPT: checksum or layout is wrong, or the
 * record is of another id.
 */
int record_open(struct bytes stored, const struct sw_id *id, struct record *)
	__attribute__((warn_unused_result));

/* Sets the id that a record itself has, for a record under a corrupt key.
 * SW_ECORRUPT: checksum or layout is wrong. */
int record_owner(struct bytes stored, struct sw_id *)
	__attribute__((warn_unused_result));

/* Sets the members from `it`, a checked item of PUT; the state is SW_NONE. */
void record_of_put(struct record *, const struct sw_item *it);

/* Attempts before the job is dead: its own maximum, but not in a dead-letter
 * queue, or else the queue's. */
int64_t record_max_attempts(const struct record *);

/*
 * Encodes a record in the arena: the fields of `it` except those in `without`
 * (SW_BIT), the members above, and `event`, the fields of an entry that is
 * added to the history, or empty.  In the place of a body that is left out
 * MATCH has its digest.
 */
struct bytes record_seal(struct arena *, const struct record *,
	uint64_t without, struct bytes event);

/*
 * Whether a put under the id of `r` is that of `r` sent again: 0, or
 * SW_ECONFLICT with a line in `why`: the queue (of an import, the origin if the
 * job has one) or the body is another.  A job that was moved is still that of
 * the queues it was in.  The body of an ended
 * job is compared by its digest; that of a corrupt job, or of a job that an
 * older broker has ended, is not known and so not compared.
 */
int record_put_check(const struct record *r, const struct sw_item *put,
	char *why) __attribute__((warn_unused_result));

/* The error text of the last attempt, or the reason of a burial after it;
 * empty: there is none, or the job is done. */
struct bytes record_last_error(const struct record *);

/* The job is due at this broker time, whatever the wall clock says. */
static inline void
record_due_set(struct record *r, int64_t due_ms)
{
	r->due_ms = due_ms;
	r->run_at_ms = 0;
}

/*
 * The place among the queue's ready jobs of one that is ready since due_ms.  It
 * is set at the put, and anew at each retry, hand-back and redrive, and where a
 * person lets the job run at once or moves it, so that a job that comes back is
 * behind those that were ready before.
 */
static inline uint64_t
record_rank(const struct record *r)
{
	return (uint64_t)(r->due_ms + (SW_PRIORITY_MAX - r->priority) *
					      r->q->set[SW_S_ageing_ms]);
}

#endif
