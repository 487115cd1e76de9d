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
 * Adds a job that sw_job_check() let pass, copying it.  0; -EAGAIN: the batch
 * has SW_ITEMS_MAX jobs or would exceed SW_BATCH_MAX bytes; -ENOMEM.
 */
int sw_batch_add(struct sw_batch *, const struct sw_job *)
	__attribute__((warn_unused_result));

/*
 * What can be refused without asking: 0, SW_EQUEUE, SW_ETOOBIG or SW_EINVAL,
 * with a line in `why`.
 */
int sw_job_check(const struct sw_job *, char *why, size_t why_cap)
	__attribute__((warn_unused_result));

enum { SW_JOB_HEADERS = SW_HEADERS_MAX / 2 };

/*
 * The job in an item of PUT.  Its texts are copied into `text`, which has
 * room for the item's raw.len + 1 bytes, and the addresses of its headers
 * into `headers`; the body is borrowed from the item.  SW_ETOOBIG: more than
 * SW_JOB_HEADERS headers.
 */
int sw_job_read(const struct sw_item *, char *text,
	const char *headers[SW_JOB_HEADERS + 1], struct sw_job *)
	__attribute__((warn_unused_result));

#endif
