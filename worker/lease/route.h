/* SPDX-License-Identifier: MIT */
/*
 * route.h - the job that serves a queue: --queue NAME[*WEIGHT]=JOB
 *
 * JOB is exec:COMMAND, a process for each job; keep:COMMAND, a process that
 * runs one job after another; or a name x: keep:spillway-job-x, which is
 * looked for beside the worker first.  COMMAND is split at blanks into words
 * as by a shell, but no shell runs: '...' and "..." keep blanks, \ keeps the
 * next character, nothing is expanded.
 */
#ifndef WORKER_LEASE_ROUTE_H
#define WORKER_LEASE_ROUTE_H

#include <stdint.h>

#include "wire/limits.h"
#include "worker/lease/command.h"

#define ROUTE_PROGRAM "spillway-job-"

enum { ROUTE_WORDS = 64, ROUTE_TEXT = 4096 };

enum route_kind { ROUTE_EXEC, ROUTE_KEEP };

struct worker_route {
	char queue[SW_QUEUE_MAX + 1];
	int64_t weight; /* 0: the queue's own */
	enum route_kind kind;
	const char *name;      /* in `text`, of a job that is named; NULL */
	char text[ROUTE_TEXT]; /* the words of argv */
	char *argv[ROUTE_WORDS + 1];
	char path[COMMAND_PATH]; /* of argv[0]; route_resolve() */
	/* Its number for the spawner; one more: with the job's blob. */
	uint32_t command;
};

/* Parses `arg`: 0, or -EINVAL with one line in `why`. */
int route_parse(struct worker_route *, const char *arg, char *why,
	size_t why_cap) __attribute__((warn_unused_result));

/* Finds the command: 0, or a -errno of command_find(), one line in `why`. */
int route_resolve(struct worker_route *, char *why, size_t why_cap)
	__attribute__((warn_unused_result));

/*
 * Finds the program of a named job beside the worker, else in $PATH: 0, or a
 * -errno of command_find(); -EINVAL: no such name.
 */
int route_program_find(const char *name, char path[COMMAND_PATH])
	__attribute__((warn_unused_result));

#endif
