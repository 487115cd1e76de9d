/* SPDX-License-Identifier: MIT */
/*
 * child.h - the processes that run jobs
 *
 * An exec job has a process of its own: its body on stdin (a memfd), stdout
 * and stderr in one pipe of which the tail is kept, reports on descriptor 3.
 * A process for built-in jobs (pool.c) runs many jobs in a row and exchanges
 * packets over a socket.  Each process leads a process group and is killed
 * when the worker dies.
 *
 * A job's end becomes a report here: child_reaped() for exec jobs, by
 * disposition.h; child_read() for built-in ones.  leases.h then sends it.
 */
#ifndef WORKER_CHILD_H
#define WORKER_CHILD_H

#include <sys/resource.h>
#include <sys/types.h>

#include "worker/dir.h"
#include "worker/leases.h"
#include "worker/report.h"

enum {
	CHILD_TERM_MS = 2000,	   /* between SIGTERM and SIGKILL */
	CHILD_JOBS_MAX = 10000,	   /* built-in jobs of one process */
	CHILD_PACKET = 320 * 1024, /* largest packet of a built-in job */
};

struct child {
	pid_t pid; /* 0: no process */
	const struct worker_route *route;
	struct worker_lease *job;     /* NULL: idle, for built-in jobs */
	int out;		      /* stdout and stderr, -1: closed */
	int report;		      /* descriptor 3, or the packet socket */
	char tail[SW_ERROR_MAX];      /* a ring of the last output */
	size_t tail_len;	      /* all output since the job began */
	struct report_reader reader;  /* of descriptor 3 of an exec job */
	struct job_report reported;   /* what it has said so far */
	int64_t deadline_ms, kill_ms; /* boot clock; 0: none */
	int timed_out, killed, jobs;
	char alarm[SW_TEXT_MAX + 1]; /* of its job, not logged yet, or "" */
	char dir[DIR_PATH]; /* the job's folder, removed at its end; or "" */
};

struct child_limits {
	int64_t memory;		   /* bytes of address space, 0: no limit */
	const char *blobs;	   /* the blob store's URI, or NULL */
	const struct config *conf; /* of built-in jobs */
};

/* Starts `job` in a process of its own; 0 or -errno. */
int child_exec(struct child *, struct worker_lease *job,
	const struct child_limits *, int64_t now_ms)
	__attribute__((warn_unused_result));

/* Starts a process for built-in jobs: 0 or -errno.  It waits for a job. */
int child_pool(struct child *, const struct worker_route *,
	const struct child_limits *) __attribute__((warn_unused_result));

/* Sends an idle process its next job: 0 or -errno. */
int child_give(struct child *, struct worker_lease *job, int64_t now_ms)
	__attribute__((warn_unused_result));

/*
 * Reads output and reports.  1: a built-in job has ended, and job->report is
 * filled from its packet.
 */
int child_read(struct child *);

/* Ends a job past its deadline or to be stopped: SIGTERM, later SIGKILL. */
void child_watch(struct child *, int64_t now_ms);

/*
 * The process has ended, with a status of wait4(2): fills job->report by
 * disposition.h and report.h.
 */
void child_reaped(struct child *, int status, const struct rusage *,
	const struct child_limits *);

/* Closes files, removes the folder, kills what is left of the group. */
void child_fini(struct child *);

/* pool.c: the main loop of a process for built-in jobs. */
void pool_run(const struct job_type *, int sock, const struct child_limits *,
	const char *dir) __attribute__((noreturn));

#endif
