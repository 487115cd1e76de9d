/* SPDX-License-Identifier: MIT */
/*
 * job.h - a job as a C program writes it down, and as an item of PUT
 */
#ifndef SW_JOB_H
#define SW_JOB_H

#include "wire/msg.h"

enum { SW_PRIORITY_LOWEST = -1 };

/*
 * As in spillway.h, which explains the members and leaves the struct out
 * where this header came first; the tests of the library, which are built
 * without it, see every member arrive.
 */
struct sw_job {
	struct sw_id id;
	const char *queue;
	const void *body;
	size_t body_len;

	int priority;
	int64_t delay_ms;
	int64_t run_at_ms;
	int64_t expires_at_ms;

	const char *unique;
	int unique_also;
	const char *fair;
	int max_attempts;
	int64_t timeout_ms;
	const char *content_type;
	const char *const *headers;
};

/* A PUT message that grows by a job at a time. */
struct sw_batch {
	struct sw_buf buf; /* the message; its memory belongs to the batch */
	unsigned n;	   /* jobs */
};

/* An empty batch: 0 or -ENOMEM. */
int sw_batch_init(struct sw_batch *) __attribute__((warn_unused_result));
void sw_batch_fini(struct sw_batch *);

/* Makes it empty again; keeps its memory. */
void sw_batch_reset(struct sw_batch *);

/*
 * Adds a job, copying it.  0; -EAGAIN: the batch has SW_ITEMS_MAX jobs or
 * would exceed SW_BATCH_MAX bytes; -ENOMEM; or the job is refused, the batch
 * stays as it was, and `why`, which has SW_WHY_ROOM bytes, says why in one
 * line: SW_ETOOBIG or SW_EQUEUE: a text or the body is too long; SW_EINVAL:
 * the body is NULL and its length is not 0; and what sw_put_check() refuses.
 * A queue of NULL is one without a name.
 */
int sw_batch_add(struct sw_batch *, const struct sw_job *, char *why)
	__attribute__((warn_unused_result));

/* No more fit: each takes 2 bytes of SW_HEADERS_MAX. */
enum { SW_JOB_HEADERS = SW_HEADERS_MAX / 2 };

/*
 * The job in an item that sw_put_check() let pass.  Its texts are copied into
 * `text`, which has room for the item's raw.len + 1 bytes, and the addresses
 * of its headers into `headers`; the body is borrowed from the item.
 */
void sw_job_read(const struct sw_item *, char *text,
	const char *headers[SW_JOB_HEADERS + 1], struct sw_job *);

#endif
