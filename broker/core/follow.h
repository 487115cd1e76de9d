/* SPDX-License-Identifier: MIT */
/*
 * follow.h - the follow-ups of an ack: all of them are put, or none
 *
 * A follow-up is decided as a put of its own (put.h), counting those of the
 * same report.  Two of one id are one job.
 */
#ifndef BROKER_CORE_FOLLOW_H
#define BROKER_CORE_FOLLOW_H

#include "broker/core/put.h"

/*
 * Whether all follow-ups of the report may be put: 0; SW_ETOOBIG: more than one
 * job may have; SW_EBUSY: more than this turn takes; SW_ECONFLICT: two of one
 * id are not the same, or a known job is another one; SW_EUNIQUE: two have one
 * unique key, or another job has it; or another error of a put.  Reads the
 * store.
 */
int follows_check(struct core *, const struct sw_item *report,
	struct put_refusal *) __attribute__((warn_unused_result));

/* Puts those that are not known yet; follows_check() must have returned 0. */
void follows_apply(struct core *, const struct sw_item *report);

#endif
