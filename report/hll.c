/* SPDX-License-Identifier: MIT */
#include "report/hll.h"

#include <math.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { HLL_Q = 64 - HLL_BITS }; /* bits of a hash that give the rank */

void
hll_add(struct hll *h, struct bytes thing)
{
	uint64_t hash = XXH3_64bits(thing.p, thing.len);
	uint64_t rest = hash << HLL_BITS;
	uint8_t rank =
		(uint8_t)(rest == 0 ? HLL_Q + 1 : __builtin_clzll(rest) + 1);
	uint8_t *reg = &h->reg[hash >> HLL_Q];

	if (rank > *reg)
		*reg = rank;
}

void
hll_merge(struct hll *into, const struct hll *from)
{
	for (int i = 0; i < HLL_LEN; i++)
		if (from->reg[i] > into->reg[i])
			into->reg[i] = from->reg[i];
}

int
hll_valid(const struct hll *h)
{
	for (int i = 0; i < HLL_LEN; i++)
		if (h->reg[i] > HLL_Q + 1)
			return 0;
	return 1;
}

/* Ertl's sigma for 0 <= x < 1: the share of the empty registers. */
static double
sigma(double x)
{
	double y = 1, z = x, before;

	do {
		x *= x;
		before = z;
		z += x * y;
		y += y;
	} while (z > before);
	return z;
}

/* Ertl's tau: the share of the full ones. */
static double
tau(double x)
{
	double y = 1, z = 1 - x, before;

	if (x <= 0 || x >= 1)
		return 0;
	do {
		x = sqrt(x);
		before = z;
		y *= 0.5;
		z -= (1 - x) * (1 - x) * y;
	} while (z < before);
	return z / 3;
}

double
hll_count(const struct hll *h)
{
	const double alpha = 0.721347520444481703680; /* 1 / (2 ln 2) */
	const double m = HLL_LEN;
	int n[HLL_Q + 2] = {0};
	double z;

	for (int i = 0; i < HLL_LEN; i++)
		n[h->reg[i]]++;
	if (n[0] == HLL_LEN)
		return 0;
	z = m * tau(1 - n[HLL_Q + 1] / m);
	for (int k = HLL_Q; k >= 1; k--)
		z = 0.5 * (z + n[k]);
	z += m * sigma(n[0] / m);
	return alpha * m * m / z;
}
