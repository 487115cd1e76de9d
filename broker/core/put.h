/* SPDX-License-Identifier: MIT */
/*
 * put.h - jobs are put, by producers and as follow-ups
 */
#ifndef BROKER_CORE_PUT_H
#define BROKER_CORE_PUT_H

#include "broker/core/reply.h"

/* Jobs that were checked before and are not yet put. */
struct put_ahead {
	int64_t jobs, bytes;
};

/* Why a job may not be put. */
struct put_refusal {
	struct sw_id holder;   /* with SW_EUNIQUE: of the key */
	char why[SW_WHY_ROOM]; /* one line, or "" */
};

/* Whether `it` may be put; fills the refusal.  put_check, then put_apply. */
int put_check(struct core *, const struct sw_item *it, const struct put_ahead *,
	struct put_refusal *);
void put_apply(struct core *, const struct sw_item *it);

op_fn op_put;

#endif
