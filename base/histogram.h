/* SPDX-License-Identifier: MIT */
/*
 * hist.h - a log-linear histogram of sizes, as in HdrHistogram (G. Tene)
 *
 * Each power of two is cut into 128 buckets of equal width, so a quantile
 * is off by at most 1/256 (0.4 %) of itself; below 256 it is exact.
 * Merging is adding bucket by bucket, and loses nothing.
 */
#ifndef JOBS_HIST_H
#define JOBS_HIST_H

#include <stdint.h>

enum {
	HIST_SUB_BITS = 7,
	HIST_MAX_BITS = 40, /* values are below 2^40 */
	HIST_LEN = (HIST_MAX_BITS - HIST_SUB_BITS + 1) << HIST_SUB_BITS,
};

/* All zero is empty. */
struct hist {
	uint64_t n[HIST_LEN];
};

/* The bucket of `value`; values from 2^40 share the last. */
unsigned hist_bucket(uint64_t value);

/* The middle of a bucket, rounded down: what stands for its values. */
uint64_t hist_value(unsigned bucket);

void hist_add(struct hist *, uint64_t value);
void hist_merge(struct hist *into, const struct hist *from);

/*
 * The nearest-rank quantile of per_mille / 1000: the least value that at
 * least so many of all values do not exceed.  0 of nothing.
 */
uint64_t hist_quantile(const struct hist *, unsigned per_mille);

#endif
