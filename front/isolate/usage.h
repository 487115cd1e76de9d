/* SPDX-License-Identifier: MIT */
/*
 * usage.h - the CPU time and outcomes of a route's requests
 *
 * A histogram whose buckets are eighths of powers of two: a percentile read
 * from it is at most an eighth too large.
 */
#ifndef FRONT_USAGE_H
#define FRONT_USAGE_H

#include <stdint.h>

/*
 * The outcomes of a request; death.h decides those of a dead isolate.
 * X(id, name, status, text of the answer)
 */
#define OUTCOMES(X)                                                            \
	X(ANSWER, "answer", 0, "")                                             \
	X(CPU, "cpu", 503, "error code: 1102\n")                               \
	X(MEMORY, "memory", 503, "error code: 1102\n")                         \
	X(WALL, "wall", 504, "the handler took too long\n")                    \
	X(CRASH, "crash", 500, "error code: 1101\n")                           \
	X(BROKEN, "broken", 500, "error code: 1101\n")                         \
	X(BUSY, "busy", 503, "too many requests at once\n")                    \
	X(REFUSED, "refused", 503, "the job could not be handed over\n")

enum request_outcome {
#define X(id, name, status, text) OUTCOME_##id,
	OUTCOMES(X)
#undef X
		OUTCOMES_N
};

extern const char *const outcome_names[OUTCOMES_N];
extern const int outcome_status[OUTCOMES_N];
extern const char *const outcome_texts[OUTCOMES_N];

enum { USAGE_BUCKETS = 8 * 40 };

struct cpu_usage {
	uint64_t outcomes[OUTCOMES_N];
	uint64_t starts; /* of isolates */
	uint64_t cpu_ns, cpu_max_ns;
	uint32_t bucket[USAGE_BUCKETS];
};

void usage_add(struct cpu_usage *, enum request_outcome, int64_t cpu_ns);

/* The quantile `q` (0 to 1) of CPU times, in ns; 0 without requests. */
int64_t usage_percentile(const struct cpu_usage *, double q);

#endif
