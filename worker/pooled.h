/* SPDX-License-Identifier: MIT */
/*
 * pooled.h - the processes that run built-in jobs, one job after the other
 *
 * Such a process (pool.c) is a fork of the worker, leads a process group, and
 * exchanges packets over a socket.  It is killed when the worker dies.
 */
#ifndef WORKER_POOLED_H
#define WORKER_POOLED_H

#include <sys/resource.h>
#include <sys/types.h>

#include "worker/child.h"
#include "worker/dir.h"

enum {
	POOLED_JOBS_MAX = 10000,    /* of one process */
	POOLED_PACKET = 320 * 1024, /* largest packet of a job */
};

struct pooled {
	pid_t pid; /* 0: no process */
	const struct job_type *type;
	struct worker_lease *job; /* NULL: idle */
	int out, socket;	  /* -1: closed */
	struct output output;
	int64_t deadline_ms, kill_ms; /* steady clock; 0: none */
	int timed_out, killed, jobs;
	char alarm[SW_TEXT_MAX + 1]; /* of its job, not logged yet, or "" */
	char dir[DIR_PATH];	     /* its folder; or "" */
};

/* Starts a process for that kind of job: 0 or -errno.  It waits for a job. */
int pooled_open(struct pooled *, const struct job_type *,
	const struct child_limits *) __attribute__((warn_unused_result));

/* Sends an idle process its next job: 0 or -errno. */
int pooled_give(struct pooled *, struct worker_lease *job, int64_t now_ms)
	__attribute__((warn_unused_result));

/* Reads output and packets.  1: its job has ended, and job->report is filled.
 */
int pooled_read(struct pooled *);

/* Ends a job past its deadline or to be stopped: SIGTERM, later SIGKILL. */
void pooled_watch(struct pooled *, int64_t now_ms);

/* It has ended, with a status of wait4(2), and its job with it. */
void pooled_reaped(struct pooled *, int status, const struct rusage *,
	const struct child_limits *);

/* Closes files, removes the folder, kills what is left of the group. */
void pooled_fini(struct pooled *);

/* pool.c: the main loop of the process. */
void pool_run(const struct job_type *, int sock, const struct child_limits *,
	const char *dir) __attribute__((noreturn));

#endif
