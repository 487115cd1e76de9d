/* SPDX-License-Identifier: MIT */
/*
 * chance.h - what tests draw
 */
#ifndef TESTS_CHANCE_H
#define TESTS_CHANCE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t
number_of_env(const char *name, uint64_t otherwise)
{
	const char *env = getenv(name);

	return env != NULL && *env != '\0' ? strtoull(env, NULL, 10)
					   : otherwise;
}

/* $SEED, or another each second; said, so that what failed can be repeated. */
static inline uint64_t
chance_seed(void)
{
	uint64_t seed = number_of_env("SEED", (uint64_t)time(NULL));

	(void)printf("SEED=%llu\n", (unsigned long long)seed);
	(void)fflush(stdout);
	return seed;
}

/* SplitMix64 (Steele, Lea, Flood 2014); any state to begin with. */
static inline uint64_t
chance_draw(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

#endif
