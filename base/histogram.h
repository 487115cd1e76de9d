/* SPDX-License-Identifier: MIT */
/*
 * histogram.h - a log-linear histogram of numbers, as HdrHistogram (G. Tene)
 *
 * Each power of two has 128 buckets of equal width, so a quantile differs by
 * at most 1/256 (0.4 %) from the exact one; below 256 it is exact.  Merging
 * adds the buckets and loses nothing.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdint.h>

enum {
	HIST_SUB_BITS = 7,
	HIST_MAX_BITS = 40, /* values are below 2^40 */
	HIST_LEN = (HIST_MAX_BITS - HIST_SUB_BITS + 1) << HIST_SUB_BITS,
};

/* A zeroed one is empty. */
struct hist {
	uint64_t n[HIST_LEN];
};

/* The bucket of `value`; values from 2^40 share the last. */
unsigned hist_bucket(uint64_t value);

/* The middle of a bucket, rounded down, which represents its values. */
uint64_t hist_value(unsigned bucket);

void hist_add(struct hist *, uint64_t value);
void hist_merge(struct hist *into, const struct hist *from);

/*
 * The nearest-rank quantile of per_mille / 1000: the least value such that at
 * least this part of all values is not greater.  0 if the histogram is empty.
 */
uint64_t hist_quantile(const struct hist *, unsigned per_mille);

#endif
