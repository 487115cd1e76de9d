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
#include "base/histogram.h"

/*
 * The buckets of times: 8 for each power of two of microseconds, so that a
 * quantile is off by at most 1/16 (6 %) of itself.
 */
enum { PATH_TIME_BITS = 4, PATH_TIMES = HIST_LEN >> PATH_TIME_BITS };

/* What stands for the times of a bucket. */
static inline uint64_t
path_time_us(unsigned bucket)
{
	return hist_value(
		(bucket << PATH_TIME_BITS) + (1U << (PATH_TIME_BITS - 1)));
}

struct path {
	struct bytes key; /* owned by the table */
	uint64_t hash, n;
	uint64_t errors[2];  /* of 4xx and 5xx */
	uint64_t timed;	     /* requests that had a time */
	uint64_t us, us_max; /* all their times, and the longest */
	uint32_t *times;     /* PATH_TIMES buckets; NULL: none timed */
};

struct block;

/* All zero is empty. */
struct paths {
	struct path *entries; /* in the order of first appearance */
	uint32_t *slots;      /* hash table of 1 + index, 0 is free */
	size_t n, cap;	      /* cap: a power of 2; twice as many slots */
	struct block *blocks; /* where the keys lie */
	size_t bytes;	      /* of memory taken */
};

/*
 * Counts a request: `key` is copied, `us` is negative if no time is known.
 * 0 or -ENOMEM.
 */
int paths_add(struct paths *, struct bytes key, int status, int64_t us)
	__attribute__((warn_unused_result));
void paths_fini(struct paths *);

#endif
