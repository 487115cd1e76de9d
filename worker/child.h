/* SPDX-License-Identifier: MIT */
/*
 * child.h - the processes that run jobs
 *
 * An exec job has a process of its own: body on stdin (a memfd), stdout and
 * stderr into one pipe of which the tail is kept, fd 3 for what it reports.
 * A built-in job's process runs many jobs in a row and talks over a socket
 * of packets.  Each leads a process group and dies with the worker.
 */
#ifndef WORKER_CHILD_H
#define WORKER_CHILD_H

#include <sys/resource.h>
#include <sys/types.h>

#include "worker/dir.h"
#include "worker/leases.h"

enum {
	CHILD_TERM_MS = 2000,	   /* between SIGTERM and SIGKILL */
	CHILD_JOBS_MAX = 10000,	   /* then a built-in's process is renewed */
	CHILD_PACKET = 320 * 1024, /* largest packet to or from a built-in */
};

struct child {
	pid_t pid; /* 0: none */
	const struct worker_route *route;
	struct worker_lease *job;     /* NULL: an idle built-in */
	int out;		      /* stdout and stderr, -1: closed */
	int report;		      /* fd 3, or the packet socket */
	char tail[SW_ERROR_MAX];      /* a ring of what it printed last */
	size_t tail_len;	      /* ever printed since the job began */
	char line[SW_BODY_MAX + 256]; /* of fd 3, not ended yet */
	size_t line_len;
	int line_long;		/* it is longer: cut */
	struct sw_buf reported; /* RESULT and FOLLOW so far */
	int64_t delay_ms;
	int64_t deadline_ms, kill_ms; /* boot clock; 0: none */
	int timed_out, killed, jobs;
	char alarm[SW_TEXT_MAX + 1]; /* its job's, not told yet, or "" */
	const char *lost;   /* why something it reported could not be kept */
	int result_long;    /* its last result is too large */
	char dir[DIR_PATH]; /* for its files, removed at its end; "" none */
};

struct child_limits {
	int64_t memory;		   /* bytes of address space, 0: no limit */
	const char *blobs;	   /* the URI of their store, or NULL */
	const struct config *conf; /* of built-in jobs */
};

/* Starts `job` in a process of its own; 0 or -errno. */
int child_exec(struct child *, struct worker_lease *job,
	const struct child_limits *, int64_t now_ms)
	__attribute__((warn_unused_result));

/* Starts a process for built-in jobs; it waits for child_give. */
int child_pool(struct child *, const struct worker_route *,
	const struct child_limits *) __attribute__((warn_unused_result));
int child_give(struct child *, struct worker_lease *job, int64_t now_ms)
	__attribute__((warn_unused_result));

/* Reads what it has printed and reported.  1: its job has ended (built-in). */
int child_read(struct child *);

/* Looks at time and disposition; sends the signals that are due. */
void child_watch(struct child *, int64_t now_ms);

/* The process is gone: fills job->report from its status and usage. */
void child_reaped(struct child *, int status, const struct rusage *,
	const struct child_limits *);

/* Gives up files, folder and what is left of the group; pid becomes 0. */
void child_fini(struct child *);

/* The process of a built-in (pool.c); does not return. */
void pool_run(const struct job_type *, int sock, const struct child_limits *,
	const char *dir) __attribute__((noreturn));

#endif
