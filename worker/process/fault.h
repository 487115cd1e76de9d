/* SPDX-License-Identifier: MIT */
/*
 * fault.h - what a worker cannot do for a while: a cause, and when to try again
 *
 * A fault is the worker's own: no space for a folder, no descriptor, no
 * process, a command that is not there.  It costs no job an attempt.  A
 * worker or a route that has the fault is closed, and is tried again after 1,
 * 2, 4 ... 60 s.
 */
#ifndef WORKER_PROCESS_FAULT_H
#define WORKER_PROCESS_FAULT_H

#include <stdint.h>

#include "spawner/message.h"

enum { FAULT_FIRST_MS = 1000, FAULT_MOST_MS = 60000 };

/* Zeroed before its first use. */
struct fault {
	int64_t pause_ms; /* 0: there is no fault */
	int64_t retry_ms; /* the steady time of the next try */
	int trying;
	const char *step; /* what failed, and with which -errno */
	int error;
};

/*
 * It has failed at `now_ms`.  The pause becomes longer when that was a try, and
 * not when it was begun before the first failure.  1: another cause than the
 * last: log it.
 */
int fault_note(struct fault *, const char *step, int error, int64_t now_ms);

/* 1, once for each pause: try again now. */
int fault_try(struct fault *, int64_t now_ms);

/* A try went well.  1: that ends a fault: log it. */
int fault_over(struct fault *);

/* The name of a step of a start. */
const char *fault_step_name(uint32_t step);

/*
 * Whether a failed start is the fault of the route, its command, and not of
 * the worker as a whole.  `limited`: the job had a limit of memory.
 */
int fault_is_of_route(uint32_t step, int error, int limited);

/* Whether a fault at the start of a worker may be gone at the next one. */
int fault_may_pass(int error);

#endif
