/* SPDX-License-Identifier: MIT */
/*
 * job.h - struct sw_job, and its codec to and from an item of PUT
 */
#ifndef SW_JOB_H
#define SW_JOB_H

#include "wire/msg.h"

enum { SW_PRIORITY_LOWEST = -1 };

/*
 * The same struct as in spillway.h, which documents its members and leaves
 * its copy out when this header was included first.  The library's tests are
 * built with spillway.h alone and check that every member arrives.
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

/* A PUT message that jobs are added to, one at a time. */
struct sw_batch {
	struct sw_buf buf; /* the message; its memory belongs to the batch */
	unsigned n;	   /* jobs */
};

/* Makes an empty batch: 0 or -ENOMEM. */
int sw_batch_init(struct sw_batch *) __attribute__((warn_unused_result));
void sw_batch_fini(struct sw_batch *);

/* Removes all jobs; keeps the memory. */
void sw_batch_reset(struct sw_batch *);

/*
 * Copies a job into the batch.  0; -EAGAIN: the batch has SW_ITEMS_MAX jobs
 * or would exceed SW_BATCH_MAX bytes; -ENOMEM; or the job is refused with a
 * line in `why` (SW_WHY_ROOM bytes): SW_ETOOBIG or SW_EQUEUE: a text or the
 * body is too long; SW_EINVAL: the body is NULL and its length is not 0; and
 * the errors of sw_put_check().  On an error the batch stays as it was.
 * `queue` NULL counts as an empty name.
 */
int sw_batch_add(struct sw_batch *, const struct sw_job *, char *why)
	__attribute__((warn_unused_result));

/* The most headers of a job: each takes at least 2 bytes of SW_HEADERS_MAX. */
enum { SW_JOB_HEADERS = SW_HEADERS_MAX / 2 };

/*
 * Reads the job from an item that sw_put_check() accepted.  Texts are copied
 * into `text`, which has room for the item's raw.len + 1 bytes, and pointers
 * to the headers into `headers`; the body is borrowed from the item.
 */
void sw_job_read(const struct sw_item *, char *text,
	const char *headers[SW_JOB_HEADERS + 1], struct sw_job *);

#endif
