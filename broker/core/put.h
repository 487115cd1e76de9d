/* SPDX-License-Identifier: MIT */
/*
 * put.h - deciding a put, from a producer or as a follow-up of a job
 *
 * A put whose job id is already stored is answered with the job's state, and
 * changes nothing: with status 0 if queue and body are the same, so a producer
 * may send a put again; else with SW_ECONFLICT.  Otherwise put_check() decides
 * and put_apply() writes.
 */
#ifndef BROKER_CORE_PUT_H
#define BROKER_CORE_PUT_H

#include "broker/job/reply.h"

/* Jobs that are checked but not yet put, and queues that they make. */
struct put_ahead {
	int64_t jobs, bytes;
	unsigned queues;
};

/* Why a job may not be put. */
struct put_refusal {
	struct sw_id holder;   /* SW_EUNIQUE: the job that has the key */
	char why[SW_WHY_ROOM]; /* one line that names the field, or "" */
};

/* Whether the limits of the queue leave room for a job, counting `ahead`: 0,
 * SW_EMAXJOBS or SW_EMAXBYTES, and unless it is NULL `why` says which. */
int put_room(const struct queue *, int64_t body_len, const struct put_ahead *,
	char *why) __attribute__((warn_unused_result));

/* Whether the unique key, or none, is free in the queue: 0; SW_EUNIQUE, and
 * *holder is the job that has it; SW_ECORRUPT, or an error of the store. */
int put_unique(struct core *, const struct queue *, struct bytes unique,
	struct sw_id *holder) __attribute__((warn_unused_result));

/*
 * Whether `it` may be put now; counts a queue that is to be made, and makes
 * none.  Sets the refusal on an error.  SW_EINVAL, SW_ETOOBIG, SW_EQUEUE:
 * sw_put_check(); SW_EQUEUES: core_queue_check(); SW_EFULL: the store is nearly
 * full; SW_EMAXJOBS, SW_EMAXBYTES: the limits of the queue, counting `ahead`;
 * SW_EUNIQUE: another job has the unique key; SW_ECORRUPT: the row of the
 * unique key is corrupt; or another error of the store.
 */
int put_check(struct core *, const struct sw_item *it, struct put_ahead *,
	struct put_refusal *);

/* Makes the job, ready or delayed, and its queue if there is none; put_check()
 * must have returned 0. */
void put_apply(struct core *, const struct sw_item *it);

/*
 * The item of an import, a job that was exported, is that of a put with what a
 * put must not have: STATE, ready, delayed or dead; ATTEMPT, CRASHES, CAUSE;
 * CREATED_AT_MS and ENDED_AT_MS, which are not later than now; EVENT, the
 * history without the put; ORIGIN, the queue that it died in.  A known id,
 * limits and unique keys are as with a put.
 */
op_fn op_put, op_import;

#endif
