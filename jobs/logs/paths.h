/* SPDX-License-Identifier: MIT */
/*
 * paths.h - counts the requests of each path of a piece of a log
 *
 * All counts are exact; only the quantiles of the times are estimated, from
 * buckets (report/path_times.h).
 */
#ifndef JOBS_PATHS_H
#define JOBS_PATHS_H

#include <stdint.h>

#include "base/bytes.h"
#include "report/path_times.h"

struct log_path {
	struct bytes key; /* owned by the table */
	uint64_t hash, n;
	uint64_t errors[2];  /* answers with 4xx, with 5xx */
	uint64_t timed;	     /* requests whose time is known */
	uint64_t us, us_max; /* the sum of their times, and the longest */
	uint32_t *times;     /* PATH_TIMES buckets; NULL: no time known */
};

struct path_block;

/* All zero is empty. */
struct log_paths {
	struct log_path *entries;  /* in the order of first appearance */
	uint32_t *slots;	   /* hash table of 1 + index, 0 is free */
	size_t n, cap;		   /* cap: a power of 2; twice as many slots */
	struct path_block *blocks; /* the bytes of the keys */
	size_t bytes;		   /* of memory allocated */
};

/*
 * Counts a request.  `key` is copied; a negative `us` is an unknown time.  0 or
 * -ENOMEM.
 */
int paths_add(struct log_paths *, struct bytes key, int status, int64_t us)
	__attribute__((warn_unused_result));
void paths_fini(struct log_paths *);

#endif
