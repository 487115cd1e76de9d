/* SPDX-License-Identifier: MIT */
#include "base/histogram.h"

unsigned
hist_bucket(uint64_t value)
{
	const uint64_t max = ((uint64_t)1 << HIST_MAX_BITS) - 1;
	unsigned top, shift;

	if (value > max)
		value = max;
	top = 63 - (unsigned)__builtin_clzll(value | 1);
	shift = top > HIST_SUB_BITS ? top - HIST_SUB_BITS : 0;
	return (shift << HIST_SUB_BITS) + (unsigned)(value >> shift);
}

uint64_t
hist_value(unsigned bucket)
{
	unsigned octave = bucket >> HIST_SUB_BITS;
	unsigned shift = octave > 1 ? octave - 1 : 0;
	uint64_t low = (uint64_t)(bucket - (shift << HIST_SUB_BITS)) << shift;

	return low + (((uint64_t)1 << shift) - 1) / 2;
}

void
hist_add(struct hist *h, uint64_t value)
{
	h->n[hist_bucket(value)]++;
}

void
hist_merge(struct hist *into, const struct hist *from)
{
	for (unsigned i = 0; i < HIST_LEN; i++)
		into->n[i] += from->n[i];
}

uint64_t
hist_quantile(const struct hist *h, unsigned per_mille)
{
	uint64_t all = 0, seen = 0, rank;

	for (unsigned i = 0; i < HIST_LEN; i++)
		all += h->n[i];
	if (all == 0)
		return 0;
	rank = (all / 1000) * per_mille + (all % 1000 * per_mille + 999) / 1000;
	if (rank == 0)
		rank = 1;
	for (unsigned i = 0; i < HIST_LEN; i++) {
		seen += h->n[i];
		if (seen >= rank)
			return hist_value(i);
	}
	return hist_value(HIST_LEN - 1);
}
