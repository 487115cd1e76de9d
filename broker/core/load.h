/* SPDX-License-Identifier: MIT */
/*
 * load.h - reading the store at the start, and converting an older one
 *
 * The formats 1 and 2 had one range of timers for all queues, rows `t time id`,
 * and a lane of ready jobs for each fair key, with jobs of any priority.
 * Records, leases, dead rows, unique keys and the rows of queues, with every
 * setting as it was stored, are those of format 3.
 *
 * Each batch of a conversion is one commit that writes the new rows of some
 * jobs and deletes their old rows `r` or `t`; the last one writes the row `a`
 * (time/stamp.h).  So a process that is killed leaves a store that the next
 * start converts further.
 */
#ifndef BROKER_CORE_LOAD_H
#define BROKER_CORE_LOAD_H

#include "broker/job/state.h"

/*
 * Reads queues and leases into an empty core.  Corrupt rows are skipped and
 * counted by core_damage(), those of queues in `queues_lost` too.  -ENOMEM;
 * SW_EBUSY: more leases than LEASES_MAX; or an error of the store.
 */
int core_load(struct core *) __attribute__((warn_unused_result));

enum {
	CONVERT_PAGE = 2000,	     /* old rows for one batch */
	CONVERT_ROW_BYTES = 128,     /* of the store, for each row; too many */
	CONVERT_MORE_BYTES = 8 << 20 /* ... and in all */
};

/*
 * Sets core->format to that of the rows, STORE_FORMAT for an empty store, and
 * *stamp to the row `a`, zero if there is none or a corrupt one.  SW_EFORMAT:
 * it is newer, and the store's `why` says so; or an error of the store.
 */
int convert_look(struct core *, struct stamp *stamp)
	__attribute__((warn_unused_result));

/*
 * Converts the rows, if they are older, `page` rows in a commit; the queues
 * have been read.  SW_EFULL: map or disk have too little room, and the store's
 * `why` has the figures; or an error of the store.
 */
int convert_run(struct core *, size_t page) __attribute__((warn_unused_result));

#endif
