/* SPDX-License-Identifier: MIT */
/*
 * record.h - a job as it lies in the store
 *
 * Eight bytes of XXH3-64 over the rest, then an item: what the producer put
 * and what has happened since.  A lease is a row of its own and leaves the
 * record alone, so a job that goes well is written when it comes and when it
 * ends, and its body once.
 */
#ifndef BROKER_RECORD_H
#define BROKER_RECORD_H

#include "broker/model/arena.h"
#include "broker/model/queue.h"
#include "broker/model/session.h"
#include "wire/msg.h"

enum {
	RECORD_EVENTS = 32, /* ledger entries kept: the first and the newest */
	RECORD_SUM = 8,	    /* bytes of the checksum, at the front */
	RECORD_MAX = 1024 * 1024,
};

struct record {
	struct sw_id id;
	struct queue *q;
	struct lease *lease; /* NULL unless state is SW_LEASED */
	enum sw_state state;
	int64_t attempt; /* deliveries that ran and ended */
	int64_t crashes;
	int64_t run_at_ms, expires_at_ms, created_at_ms;
	int64_t ended_at_ms, keep_until_ms;
	int64_t cause, unique_also, max_attempts;
	int64_t priority;
	uint64_t rank, lane, token;
	struct bytes unique, result;
	int64_t body_len;
	struct sw_item it; /* as stored; borrowed like the bytes above */
};

/*
 * Reads a record.  `q` is not set: the name is in `it`.  SW_ECORRUPT: the
 * checksum or the layout is wrong, or it is the record of another id.
 */
int record_open(struct bytes stored, const struct sw_id *id, struct record *)
	__attribute__((warn_unused_result));

/*
 * Whose record this is, where the checksum is right: a corrupt key does not
 * tell.  SW_ECORRUPT.
 */
int record_owner(struct bytes stored, struct sw_id *)
	__attribute__((warn_unused_result));

/* Fills what `it`, an item of PUT, says; no checks. */
void record_of_put(struct record *, const struct sw_item *it);

/*
 * Encodes into the arena: the fields of `it` without those in `without`
 * (bits), the members above, and `event` (fields, may be empty) at the end
 * of the ledger.
 */
struct bytes record_seal(struct arena *, const struct record *,
	uint64_t without, struct bytes event);

/* The last ledger entry that tells of an attempt; 0: there is none. */
int record_last_attempt(const struct record *, struct sw_item *event);

#endif
