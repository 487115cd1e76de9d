/* SPDX-License-Identifier: MIT */
/*
 * reply.h - composing the messages that are sent after the commit
 */
#ifndef BROKER_JOB_REPLY_H
#define BROKER_JOB_REPLY_H

#include "broker/job/state.h"
#include "wire/msg.h"

enum {
	REPLY_SMALL = 64 * 1024, /* bytes for 100 items of some numbers */
	SHOW_ROOM = 1024,	 /* bytes that job_show() adds to a record */
	REDACTED_ROOM = 2 * (SW_NAMES_MAX + 1), /* of redacted_names() */
};

/* A request that is being answered. */
struct request {
	struct core *core;
	const struct peer *peer;
	struct sw_msg msg;
	struct sw_buf reply;
};

/* An operation of the protocol (wire/proto.h): answers one request. */
typedef void op_fn(struct request *);

/* Begins a message of at most `cap` bytes in the memory of this turn. */
void
out_begin(struct core *, struct sw_buf *, size_t cap, int op, uint64_t seq);

/* Adds a message that out_begin() began to core.outs. */
void out_send(struct core *, struct sw_buf *, const struct peer *);

void reply_begin(struct request *, size_t cap);
void reply_send(struct request *);

/* Adds STATUS to an item and, of an error, DETAIL: `why`, or if that is empty
 * the text of the error. */
void reply_status_put(struct sw_buf *, int status, const char *why);

/* Adds an item with a status, as reply_status_put(). */
void reply_status(struct request *, int status);
void reply_status_why(struct request *, int status, const char *why);

/* Adds the items of another message. */
void reply_append(struct request *, const struct sw_buf *message);

/* Answers the request `seq` of `peer` with SW_OP_ERROR. */
void reply_refuse(struct core *, const struct peer *, uint64_t seq, int status,
	const char *detail);

/* As reply_refuse(), with SW_ENOQUEUE and the name, which the request had. */
void reply_no_queue(struct request *, struct bytes name);

/* The names of a setting redact_*, of the job's queue and of its origin: what
 * has moved is shown no more than before.  Returns `names`. */
const char *redacted_names(struct core *, const struct record *,
	enum sw_text_setting, char names[REDACTED_ROOM]);

/*
 * Adds the fields of a job: all that GET shows if `whole`, else without body,
 * result and history, as in a list.  What the queue redacts is left out here,
 * for every answer about a job is made here.
 */
void job_show(struct core *, struct sw_buf *, const struct record *, int whole);

#endif
