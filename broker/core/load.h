/* SPDX-License-Identifier: MIT */
/*
 * load.h - what a core reads of its store at the start
 */
#ifndef BROKER_CORE_LOAD_H
#define BROKER_CORE_LOAD_H

#include "broker/core/state.h"

/*
 * Reads queues and leases into a core that is empty.  What is corrupt is
 * passed over: core_damage() counts it, `queues_lost` the queues.  0,
 * -ENOMEM, SW_EBUSY: more leases than fit; or the store's error.
 */
int core_load(struct core *) __attribute__((warn_unused_result));

#endif
