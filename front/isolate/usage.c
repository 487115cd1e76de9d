/* SPDX-License-Identifier: MIT */
#include "front/isolate/usage.h"

#define X(id, name, status, text) status,
const int outcome_status[OUTCOMES_N] = {OUTCOMES(X)};
#undef X
#define X(id, name, status, text) text,
const char *const outcome_texts[OUTCOMES_N] = {OUTCOMES(X)};
#undef X
#define X(id, name, status, text) name,
const char *const outcome_names[OUTCOMES_N] = {OUTCOMES(X)};
#undef X

/* Bucket b holds values below bucket_bound(b), and not below bucket_bound(b -
 * 1). */
static int64_t
bucket_bound(unsigned b)
{
	return b < 8 ? b + 1 : (int64_t)(8 + b % 8 + 1) << (b / 8 - 1);
}

static unsigned
bucket_of(int64_t ns)
{
	unsigned top, b;

	if (ns < 8)
		return ns < 0 ? 0 : (unsigned)ns;
	top = 63 - (unsigned)__builtin_clzll((unsigned long long)ns);
	b = (top - 2) * 8 + (unsigned)(ns >> (top - 3) & 7);
	return b < USAGE_BUCKETS ? b : USAGE_BUCKETS - 1;
}

void
usage_add(struct cpu_usage *u, enum request_outcome outcome, int64_t cpu_ns)
{
	u->outcomes[outcome]++;
	if (cpu_ns < 0)
		return;
	u->cpu_ns += (uint64_t)cpu_ns;
	if ((uint64_t)cpu_ns > u->cpu_max_ns)
		u->cpu_max_ns = (uint64_t)cpu_ns;
	u->bucket[bucket_of(cpu_ns)]++;
}

int64_t
usage_percentile(const struct cpu_usage *u, double q)
{
	uint64_t n = 0, seen = 0, rank;

	for (unsigned b = 0; b < USAGE_BUCKETS; b++)
		n += u->bucket[b];
	rank = (uint64_t)(q * (double)n);
	for (unsigned b = 0; b < USAGE_BUCKETS; b++) {
		seen += u->bucket[b];
		if (seen > rank || (seen == n && n > 0))
			return bucket_bound(b) < (int64_t)u->cpu_max_ns
				       ? bucket_bound(b)
				       : (int64_t)u->cpu_max_ns;
	}
	return 0;
}
