/* SPDX-License-Identifier: MIT */
/*
 * match.h - the fields of a selector, and whether a job has what they say
 */
#ifndef BROKER_MODEL_MATCH_H
#define BROKER_MODEL_MATCH_H

#include "broker/model/record.h"

/*
 * 0, or SW_EINVAL with a line in `why`: the item has a field that is no part
 * of a selector.  An older broker that ignored a field of a newer client would
 * change more jobs than that client has selected.
 */
int match_check(const struct sw_item *selector, char why[SW_WHY_ROOM])
	__attribute__((warn_unused_result));

/*
 * Whether the job has these fields of the selector: PRIORITY, FAIR, UNIQUE,
 * CONTENT_TYPE and CAUSE as they are; ATTEMPT at least and MAX_ATTEMPTS at most
 * so many attempts; WORKER, which has the job or had it last.
 */
int match_job(const struct sw_item *selector, const struct record *);

#endif
