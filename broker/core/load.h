/* SPDX-License-Identifier: MIT */
/*
 * load.h - reading queues and leases from the store at the start
 */
#ifndef BROKER_CORE_LOAD_H
#define BROKER_CORE_LOAD_H

#include "broker/core/state.h"

/*
 * Reads queues and leases into an empty core.  Corrupt rows are skipped and
 * counted by core_damage(), those of queues in `queues_lost` too.  -ENOMEM;
 * SW_EBUSY: more leases than LEASES_MAX; or an error of the store.
 */
int core_load(struct core *) __attribute__((warn_unused_result));

#endif
