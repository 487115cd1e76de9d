/* SPDX-License-Identifier: MIT */
/*
 * sweep.h - the same scene again and again, with one fault each time
 *
 * A sweep is a scene and a list of faults.  The scene is played once
 * untouched, to count its calls, and then once for each call and fault: a
 * point.  All points are run, in an order drawn by the seed, until the time
 * is up; where the last known call was reached one more is tried.
 *
 *	FAULTS_S	seconds; 0: all points (or FAULTS_ALL=1)
 *	SEED		of the order
 *	FAULTS_POINT	only this one, as a failure names it
 */
#ifndef TESTS_SWEEP_H
#define TESTS_SWEEP_H

#include <sys/types.h>

#include "tests/faults/preload_fault.h"

struct sweep_case {
	enum fault_group group;
	int how;
	enum fault_from from;
	int on; /* it goes on failing */
};

struct sweep {
	const char *name;
	/* Plays the scene under `plan`; what was seen goes into it.  0; 1: it
	 * was wrong, and a line on stderr said how. */
	int (*play)(const struct sweep *, struct fault_block *plan);
	const struct sweep_case *cases;
	int cases_n;
	int arg;
};

/* Runs them; the exit status.  `what` begins the line that sums it up. */
int sweep_run(const char *what, const struct sweep *, int n, int seconds);

/*
 * The positive control: each case of each sweep is a lie or a crash, and
 * must be found wrong at one of its first calls.  0; 1: one
 * was not, and a line on stderr said which.
 */
int sweep_control(const struct sweep *, int n);

/*
 * Memory that is shared with the processes that one forks.  Points run in
 * several processes at once: what belongs to a scene is one's own.
 */
struct sweep_own {
	pid_t pid;
	void *p;
};
void *sweep_share(unsigned long bytes);
void *sweep_own(struct sweep_own *, unsigned long bytes);

/*
 * Calls fn(arg) in a process of its own, 30 s at most, without faults or,
 * `plan` not being NULL, with them.  0, also where it ended by must_have for
 * want of memory; 1: it returned or exited with something else or died, and a
 * line on stderr said so.
 */
int sweep_fork(int (*fn)(void *), void *arg, struct fault_block *plan);

/* Says on stderr what is wrong; returns 1. */
int sweep_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* In the process of sweep_fork: no call counts; only this thread's do. */
void sweep_pause(void);
void sweep_go_on(void);

#endif
