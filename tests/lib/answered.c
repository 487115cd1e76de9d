/* SPDX-License-Identifier: MIT */
#include "tests/lib/answered.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SILENCE_MS = 1000 }; /* of producer/client.h */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
answered_begin(struct answered *a)
{
	*a = (struct answered){.since_ms = now_ms()};
}

/* FNV-1a. */
static uint64_t
sum_of(uint64_t sum, struct bytes b)
{
	const uint8_t *p = b.p;

	for (size_t i = 0; i < b.len; i++)
		sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static uint64_t
sum(struct bytes peer, struct bytes frame)
{
	return sum_of(sum_of(UINT64_C(0xcbf29ce484222325), peer), frame);
}

int
answered_has(const struct answered *a, struct bytes peer, struct bytes frame)
{
	unsigned n = a->n < ANSWERED_MAX ? a->n : ANSWERED_MAX;
	uint64_t it = sum(peer, frame);

	for (unsigned i = 0; i < n; i++)
		if (a->sums[i] == it) {
			if (now_ms() - a->since_ms < SILENCE_MS) {
				(void)fputs("asked again at once\n", stderr);
				abort();
			}
			return 1;
		}
	return 0;
}

void
answered_add(struct answered *a, struct bytes peer, struct bytes frame)
{
	a->sums[a->n++ % ANSWERED_MAX] = sum(peer, frame);
}
