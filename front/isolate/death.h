/* SPDX-License-Identifier: MIT */
/*
 * death.h - decides why an isolate died: the outcome of its last request
 *
 * Exit status, CPU time and memory of the process, and the reason for which
 * the front itself killed it, if it did, give the cause: CPU, memory, wall
 * clock, crash or a broken mailbox.
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

/* Reaps the process of `pidfd`; waits for its end. */
struct death death_reap(int pidfd);

/* CPU time of the process since its start. */
int64_t death_cpu_ns(const struct death *);

/*
 * The outcome for the client and the accounting.  `killed` is the reason of
 * the front's own kill, OUTCOME_ANSWER if it sent none; `cpu_ns` the CPU time
 * of the last request, out of `budget_ns`; `memory` a handler's limit in bytes.
 */
enum request_outcome
death_outcome(const struct death *, enum request_outcome killed, int64_t cpu_ns,
	int64_t budget_ns, size_t memory);

#endif
