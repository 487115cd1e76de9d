/* SPDX-License-Identifier: MIT */
/*
 * paths.h - what happened at each path of a piece of a log, exactly
 *
 * Nothing is estimated here but the quantiles of the time taken; the store
 * adds the counts of all jobs up and picks the greatest.
 */
#ifndef JOBS_PATHS_H
#define JOBS_PATHS_H

#include <stdint.h>

#include "base/bytes.h"
#include "report/path_times.h"

struct log_path {
	struct bytes key; /* owned by the table */
	uint64_t hash, n;
	uint64_t errors[2];  /* of 4xx and 5xx */
	uint64_t timed;	     /* requests that had a time */
	uint64_t us, us_max; /* all their times, and the longest */
	uint32_t *times;     /* PATH_TIMES buckets; NULL: none timed */
};

struct path_block;

/* All zero is empty. */
struct log_paths {
	struct log_path *entries;  /* in the order of first appearance */
	uint32_t *slots;	   /* hash table of 1 + index, 0 is free */
	size_t n, cap;		   /* cap: a power of 2; twice as many slots */
	struct path_block *blocks; /* where the keys lie */
	size_t bytes;		   /* of memory taken */
};

/*
 * Counts a request: `key` is copied, `us` is negative if no time is known.
 * 0 or -ENOMEM.
 */
int paths_add(struct log_paths *, struct bytes key, int status, int64_t us)
	__attribute__((warn_unused_result));
void paths_fini(struct log_paths *);

#endif
