/* SPDX-License-Identifier: MIT */
/*
 * hll.h - counts distinct things in 4 KB: HyperLogLog with 2^12 registers
 *
 * P. Flajolet, E. Fusy, O. Gandouet, F. Meunier, "HyperLogLog: the analysis
 * of a near-optimal cardinality estimation algorithm" (2007), with hashes of
 * 64 bits (XXH3), so that no correction is due for large counts (S. Heule,
 * M. Nunkesser, A. Hall, "HyperLogLog in Practice", 2013).  The estimator
 * is that of O. Ertl, "New cardinality estimation algorithms for HyperLogLog
 * sketches" (2017), the improved raw estimator: no bias for small counts
 * either, without tables or a change of method on the way.
 *
 * The standard error is 1.04 / sqrt(2^12) = 1.6 %.  Merging loses nothing:
 * the merge of two sketches is the sketch of both inputs.
 */
#ifndef REPORT_HLL_H
#define REPORT_HLL_H

#include <stdint.h>

#include "base/bytes.h"

#define HLL_BITS 12
#define HLL_LEN	 (1 << HLL_BITS)

/* All zero is an empty sketch.  The report stores the registers as they are. */
struct hll {
	uint8_t reg[HLL_LEN];
};

void hll_add(struct hll *, struct bytes thing);
void hll_merge(struct hll *into, const struct hll *from);

/* The estimated number of distinct things added. */
double hll_count(const struct hll *);

/* Whether all registers are in range, for a sketch read from a file. */
int hll_valid(const struct hll *);

#endif
