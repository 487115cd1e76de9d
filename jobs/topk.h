/* SPDX-License-Identifier: MIT */
/*
 * topk.h - how often each of many byte strings came, exactly
 *
 * A job's body bounds how many there are, so nothing is estimated here;
 * the store adds the counts of all jobs up and picks the greatest.
 */
#ifndef JOBS_TOPK_H
#define JOBS_TOPK_H

#include <stdint.h>

#include "bytes.h"

struct topk_entry {
	struct bytes key; /* borrowed from whoever added it first */
	uint64_t hash, n;
};

/* All zero is empty. */
struct topk {
	struct topk_entry *entries; /* in the order of first appearance */
	uint32_t *slots;	    /* hash table of 1 + index, 0 is free */
	size_t n, cap;		    /* cap: a power of 2; twice as many slots */
};

/* Counts `key` once more, borrowed until topk_fini; 0 or -ENOMEM. */
int
topk_add(struct topk *, struct bytes key) __attribute__((warn_unused_result));
void topk_fini(struct topk *);

#endif
