/* SPDX-License-Identifier: MIT */
/*
 * route.h - the job that serves a queue: --queue NAME[*WEIGHT]=JOB
 *
 * JOB is a built-in job's name, or exec:COMMAND.  COMMAND is split at blanks
 * into words as by a shell, but no shell runs: '...' and "..." keep blanks, \
 * keeps the next character, nothing is expanded.
 */
#ifndef WORKER_ROUTE_H
#define WORKER_ROUTE_H

#include "jobs/job.h"
#include "wire/limits.h"
#include "worker/command.h"

enum { ROUTE_WORDS = 64, ROUTE_TEXT = 4096 };

struct worker_route {
	char queue[SW_QUEUE_MAX + 1];
	int64_t weight;		     /* 0: the queue's own */
	const struct job_type *type; /* NULL: exec */
	char text[ROUTE_TEXT];	     /* the words of argv */
	char *argv[ROUTE_WORDS + 1];
	char path[COMMAND_PATH]; /* of argv[0]; route_resolve() */
	/* Its number for the spawner; one more: with the job's blob. */
	uint32_t command;
};

/* Parses `arg`: 0, or -EINVAL with one line in `why`. */
int route_parse(struct worker_route *, const char *arg,
	const struct job_type *types, char *why, size_t why_cap)
	__attribute__((warn_unused_result));

/*
 * Finds the command of an exec route: 0, or a -errno of command_find() with one
 * line in `why`.
 */
int route_resolve(struct worker_route *, char *why, size_t why_cap)
	__attribute__((warn_unused_result));

#endif
