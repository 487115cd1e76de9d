/* SPDX-License-Identifier: MIT */
/*
 * put.h - the check of a job that is put
 *
 * The library makes this check before it sends a job, the front for the jobs
 * of its handlers, the worker for follow-ups, the broker for every put.  The
 * rules are the field table (field.h) and three that span fields: DELAY_MS
 * and RUN_AT_MS exclude each other, headers are name=value, and all headers
 * together have a limit.  Stored records are never checked by these rules.
 *
 * `why` is SW_WHY_ROOM bytes, or NULL.  An error leaves a line there that names
 * the field and its limit; success leaves it as it is.
 */
#ifndef SW_PUT_H
#define SW_PUT_H

#include "wire/msg.h"

/*
 * 0; SW_EINVAL: a field that a put must not have or that is missing, a number
 * out of its range, a text that is not UTF-8, a header that is not name=value,
 * or both DELAY_MS and RUN_AT_MS; SW_EQUEUE: a bad queue name; SW_ETOOBIG:
 * too many bytes of headers.
 */
int sw_put_check(const struct sw_item *, char *why)
	__attribute__((warn_unused_result));

/* Checks one header: 0; SW_EINVAL: not name=value, or not UTF-8. */
int sw_put_header_check(struct bytes header, char *why)
	__attribute__((warn_unused_result));

/* sw_item_open() and sw_put_check() on the fields in `raw`; errors of both. */
int sw_put_open(struct bytes raw, struct sw_item *, char *why)
	__attribute__((warn_unused_result));

#endif
