/* SPDX-License-Identifier: MIT */
/*
 * child.h - the process of an exec job, from its start to its report
 *
 * The spawner starts it: with its body on stdin (a memfd), stdout and stderr
 * in one pipe of which the tail is kept, reports on descriptor 3, and a
 * session, a process group and a folder of its own.  All of that has ended
 * when the spawner reports its end.  Memory for output and reports is
 * allocated when there is some.
 *
 * A job's end becomes a report here, by disposition.h; leases.h then sends it.
 */
#ifndef WORKER_PROCESS_CHILD_H
#define WORKER_PROCESS_CHILD_H

#include "worker/lease/leases.h"
#include "worker/process/output.h"
#include "worker/process/report.h"
#include "worker/process/spawn.h"
#include "worker/process/watch.h"

enum {
	CHILD_TERM_MS = 2000,	/* between SIGTERM and SIGKILL */
	CHILD_FILES = 1024,	/* open files of a job, by default */
	CHILD_READ = 64 * 1024, /* bytes of one file in one turn */
};

struct child_limits {
	int64_t memory;	   /* bytes of address space, 0: no limit */
	int log_output;	   /* lines of output go to the log */
	const char *blobs; /* the blob store's URI, or NULL */
};

struct child {
	struct child *next, *prev; /* in the list of those that run */
	struct worker_lease *job;  /* NULL: there is none */
	void *of;		   /* the caller's */
	int number;		   /* of the spawner */
	int begun;		   /* execve(2) has succeeded */
	int with_blob;		   /* of the program that fetches the blob */
	int out, report;	   /* stdout and stderr; descriptor 3; -1 */
	struct watch out_watch, report_watch;
	struct output output;
	struct report_reader reader;  /* of descriptor 3 */
	struct job_report reported;   /* what it has said so far */
	int64_t deadline_ms, kill_ms; /* steady clock; 0: none */
	int timed_out, killed, told;  /* told: SIGTERM, as its worker drains */
	int log_output;
	char id[SW_ID_TEXT];
};

/* What a child needs of its worker; borrowed. */
struct child_host {
	struct spawn *spawn;
	int epoll;
	const struct child_limits *limits;
	const int64_t *now_ms; /* the steady clock */
	spawn_event_fn *event; /* called with the child */
};

/*
 * Asks the spawner to start `job`: `event` is called with what becomes of it.
 * 0; -EAGAIN: the spawner takes no more now; or another -errno, and `step`
 * names what failed: the worker lacks something, or a header of the job is
 * too much ("environment").
 */
int
child_start(struct child *, const struct child_host *, struct worker_lease *job,
	const char **step) __attribute__((warn_unused_result));

/* Its process runs: its time-out begins. */
void child_begun(struct child *, int64_t now_ms);

/* Ends a job past its deadline or to be stopped: SIGTERM, later SIGKILL. */
void child_watch(struct child *, const struct child_host *);

/*
 * Starts a process that ends at once, with all that a job's start needs but a
 * command: `event` is called with `owner` for what becomes of it.  As
 * child_start().
 */
int child_probe(const struct child_host *, spawn_event_fn *event, void *owner,
	const char **step) __attribute__((warn_unused_result));

/*
 * The worker drains: SIGTERM, and SIGKILL at `kill_ms`.  Unless the job ends
 * well, it is handed back.  Nothing if it is to stop for another reason.
 * child_hand_back() does so at once.
 */
void child_drain(struct child *, const struct child_host *, int64_t kill_ms);
void child_hand_back(struct child *);

/*
 * All of its processes have ended: fills job->report by disposition.h and
 * report.h: 0.  Or -errno: nothing of the job has run, for its command could
 * not be executed once its blob was there.
 */
int child_ended(
	struct child *, const struct child_host *, const struct spawn_event *);

/* Closes its files and frees its memory; it has no job then. */
void child_fini(struct child *);

#endif
