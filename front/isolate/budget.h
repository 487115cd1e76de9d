/* SPDX-License-Identifier: MIT */
/*
 * budget.h - the CPU time of an isolate's request, and its enforcement
 *
 * Three layers, none of which the isolate can reach:
 *	1. a perf event on its task clock whose overflow is a SIGKILL from the
 *	   kernel (perf_event_open(2), F_SETSIG); needs CAP_PERFMON;
 *	2. without layer 1, a timer in the front, which reads the isolate's CPU
 *	   clock (clock_getcpuclockid(3)) and kills;
 *	3. RLIMIT_CPU, should the front fail to kill.
 *
 * death.h decides whether a killed isolate had used up its budget.
 */
#ifndef FRONT_BUDGET_H
#define FRONT_BUDGET_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct budget {
	pid_t pid;
	int perf;  /* layer 1's event, or -1 */
	int timer; /* layer 2's timerfd, or -1 */
	clockid_t clock;
	int timer_armed;
	int64_t renewed_ns; /* layer 1: CPU time at the last renewal; < 0: none
			     */
	int64_t slack_ns;   /* layer 1: granted then beyond the budget */
};

/* Whether layer 1 works here: 0, or -errno of perf_event_open(2). */
int budget_probe(void) __attribute__((warn_unused_result));

/* Watches a process with layer 1 (`perf`) or 2: 0; -errno: it has ended. */
int budget_open(struct budget *, pid_t, int64_t ns, int perf)
	__attribute__((warn_unused_result));
void budget_close(struct budget *);

/*
 * Grants `ns` from now on, and at most 1 % more.  `used_ns`: the last result
 * of budget_used().
 */
void budget_renew(struct budget *, int64_t ns, int64_t used_ns);

/* Whether an isolate with this CPU time is to be replaced, before layer 3. */
int budget_life_over(int64_t used_ns);

/* Make layer 2's timer readable after `ns`; consume its expiry. */
void budget_timer_set(struct budget *, int64_t ns);
void budget_timer_clear(struct budget *);

/* Slows layer 2's timer down for an isolate without a request. */
void budget_timer_idle(struct budget *);

/* CPU time of the process since its start; -1: it has ended. */
int64_t budget_used(const struct budget *);

#endif
