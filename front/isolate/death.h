/* SPDX-License-Identifier: MIT */
/*
 * death.h - how an isolate ended, and whose doing it was
 */
#ifndef FRONT_DEATH_H
#define FRONT_DEATH_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "front/isolate/usage.h"

struct death {
	siginfo_t how;
	struct rusage used;
};

/* Reaps who is behind `pidfd`, waiting for it if need be. */
struct death death_reap(int pidfd);

/* All of its CPU time since its birth. */
int64_t death_cpu_ns(const struct death *);

/*
 * `killed`: what the front killed it for, OUTCOME_ANSWER: it did not.  Its last
 * request had `cpu_ns` of `budget_ns`.
 */
enum request_outcome
death_outcome(const struct death *, enum request_outcome killed, int64_t cpu_ns,
	int64_t budget_ns, size_t memory);

#endif
