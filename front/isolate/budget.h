/* SPDX-License-Identifier: MIT */
/*
 * budget.h - CPU time taken from an isolate, and its end
 *
 * Three layers, none of which the isolate can reach:
 *	1. a perf event on its task clock whose overflow is a SIGKILL from the
 *	   kernel (perf_event_open(2), F_SETSIG); needs CAP_PERFMON;
 *	2. without it, a timer in the front that reads the isolate's CPU clock
 *	   (clock_getcpuclockid(3)) and kills;
 *	3. RLIMIT_CPU, for an isolate that the front has lost sight of.
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
	int timer_armed;    /* the timer runs */
	int64_t renewed_ns; /* layer 1: what was used then; < 0: never */
	int64_t slack_ns;   /* and what it was given beyond a budget */
};

/* Whether layer 1 works here: 0, or -errno of why not. */
int budget_probe(void) __attribute__((warn_unused_result));

/* For a process that has started; 0, or -errno: it is gone. */
int budget_open(struct budget *, pid_t, int64_t ns, int perf)
	__attribute__((warn_unused_result));
void budget_close(struct budget *);

/*
 * A whole budget from now on, and a percent more at most; `used_ns`: what
 * budget_used() said last.
 */
void budget_renew(struct budget *, int64_t ns, int64_t used_ns);

/* So much was used that the isolate is to go, long before layer 3 comes. */
int budget_life_over(int64_t used_ns);

/* Layer 2's timer is readable, or will be, after `ns`. */
void budget_timer_set(struct budget *, int64_t ns);
void budget_timer_clear(struct budget *);

/* It has answered, which says nothing of whether it has come to rest. */
void budget_timer_idle(struct budget *);

/* CPU time of the process since its birth; -1: it is gone. */
int64_t budget_used(const struct budget *);

#endif
