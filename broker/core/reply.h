/* SPDX-License-Identifier: MIT */
/*
 * reply.h - messages that leave after the commit
 */
#ifndef BROKER_CORE_REPLY_H
#define BROKER_CORE_REPLY_H

#include "broker/core/state.h"
#include "wire/msg.h"

enum {
	REPLY_SMALL = 64 * 1024, /* room for 100 items of some numbers */
	SHOW_ROOM = 1024,	 /* what job_show adds to a record, at most */
};

/* A request being answered. */
struct request {
	struct core *core;
	const struct peer *peer;
	struct sw_msg msg;
	struct sw_buf reply;
};

/* An operation of the protocol: answers one request. */
typedef void op_fn(struct request *);

/* A message of at most `cap` bytes in the turn's memory, then queued. */
void
out_begin(struct core *, struct sw_buf *, size_t cap, int op, uint64_t seq);
void out_send(struct core *, struct sw_buf *, const struct peer *);

void reply_begin(struct request *, size_t cap);
void reply_send(struct request *);
void reply_status(struct request *, int status); /* an item of its own */
void reply_status_why(struct request *, int status, const char *why);
void
reply_append(struct request *, const struct sw_buf *message); /* its items */
void reply_refuse(struct core *, const struct peer *, uint64_t seq, int status,
	const char *detail);

/* The fields of a job as GET shows them, or without body and ledger. */
void job_show(struct core *, struct sw_buf *, const struct record *, int whole);

#endif
