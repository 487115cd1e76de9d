/* SPDX-License-Identifier: MIT */
/*
 * put.h - what may be put
 *
 * One check, made by all that takes a job in: the library before it sends,
 * the front for what its handlers put, the worker and the broker for
 * follow-ups, and the broker for every put.  It is the field table (field.h)
 * and the rules that span fields: either DELAY_MS or RUN_AT_MS, the length of
 * all headers together, and their form.
 *
 * Only what is put is checked, never what is stored.
 */
#ifndef SW_PUT_H
#define SW_PUT_H

#include "wire/msg.h"

/*
 * 0; SW_EINVAL: a field that a put may not or must have, a value out of its
 * range, a text that is not UTF-8, a header that is not name=value, both
 * times; SW_EQUEUE; SW_ETOOBIG: the headers together.  Then one line in
 * `why`, which has SW_WHY_ROOM bytes or is NULL, names the field and its
 * limit.
 */
int sw_put_check(const struct sw_item *, char *why)
	__attribute__((warn_unused_result));

/* Opens the fields in `raw` and checks them; errors of both. */
int sw_put_open(struct bytes raw, struct sw_item *, char *why)
	__attribute__((warn_unused_result));

#endif
