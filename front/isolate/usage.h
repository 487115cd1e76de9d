/* SPDX-License-Identifier: MIT */
/*
 * usage.h - what a route's requests have cost
 *
 * CPU time goes into a histogram of eighths of powers of two: a percentile
 * read from it is at most an eighth too large.
 */
#ifndef FRONT_USAGE_H
#define FRONT_USAGE_H

#include <stdint.h>

/* How a request ended. X(id, name, status, text of the answer) */
#define FATES(X)                                                               \
	X(ANSWER, "answer", 0, "")                                             \
	X(CPU, "cpu", 503, "error code: 1102\n")                               \
	X(MEMORY, "memory", 503, "error code: 1102\n")                         \
	X(WALL, "wall", 504, "the handler took too long\n")                    \
	X(CRASH, "crash", 500, "error code: 1101\n")                           \
	X(BROKEN, "broken", 500, "error code: 1101\n")                         \
	X(BUSY, "busy", 503, "too many requests at once\n")                    \
	X(REFUSED, "refused", 503, "the job could not be handed over\n")

enum fate {
#define X(id, name, status, text) FATE_##id,
	FATES(X)
#undef X
		FATES_N
};

extern const char *const fate_names[FATES_N];
extern const int fate_status[FATES_N];
extern const char *const fate_texts[FATES_N];

enum { USAGE_BUCKETS = 8 * 40 };

struct usage {
	uint64_t fates[FATES_N];
	uint64_t starts; /* of isolates */
	uint64_t cpu_ns, cpu_max_ns;
	uint32_t bucket[USAGE_BUCKETS];
};

void usage_add(struct usage *, enum fate, int64_t cpu_ns);

/* In ns, of 0 to 1; 0 when there is nothing. */
int64_t usage_percentile(const struct usage *, double);

#endif
