/* SPDX-License-Identifier: MIT */
/*
 * spawn.h - the worker's end of its spawner
 *
 * The spawner (spawner/message.h) starts the processes of a worker, ends whole
 * process groups, and makes and removes their folders.  No call here waits
 * for it but spawn_open() and spawn_close(), which are for the start and the
 * end of a worker.
 *
 * Commands are given once, at the start.  A child is an owner's: the owner is
 * called for each of its events, STARTED or FAILED first, ENDED last.
 */
#ifndef WORKER_PROCESS_SPAWN_H
#define WORKER_PROCESS_SPAWN_H

#include <sys/types.h>

#include "base/bytes.h"
#include "spawner/message.h"

enum {
	SPAWN_READY_MS = 10000, /* for the spawner's own start */
	SPAWN_CLOSE_MS = 2000,	/* for its end */
	SPAWN_STUCK_MS = 30000, /* without a step: a slow exec is not stuck */
};

/* FAILED and ENDED are the last event: the child is no more. */
typedef void spawn_event_fn(void *owner, const struct spawn_event *);

struct spawn_command_line {
	const char *path;	 /* absolute */
	const char *const *argv; /* with argv[0], and NULL behind the last */
};

/* What a start is to have; `files` stay the caller's. */
struct spawn_request {
	uint32_t command; /* index of the command line */
	uint32_t flags;	  /* enum spawn_flag */
	struct spawn_limits limits;
	struct bytes env; /* NAME=VALUE, a NUL behind each */
	int files[SPAWN_FILES];
};

struct spawn_owner {
	spawn_event_fn *event; /* NULL: the number is free */
	void *owner;
	uint32_t next_free;
};

struct spawn {
	int socket; /* to poll for reading; -1: not open */
	pid_t pid;
	int open;     /* it has answered */
	int starting; /* starts without an answer yet */
	int children; /* that have not ended */
	int blind;    /* the kernel does not list children: spawner/group.h */
	int cgroup_error; /* 0: each child has a control group; or why not */
	int moved;	  /* there were events since the last look */
	int unread;	  /* bytes it had not taken at the last look */
	int64_t moved_ms; /* when it was last seen to move; 0: never */
	char folder[SPAWN_FOLDER]; /* in which folders are made, or "" */
	const struct spawn_command_line *lines; /* those to be sent */
	size_t lines_n, lines_sent;
	int64_t begun_ms;	    /* when it was started */
	struct spawn_owner *owners; /* SPAWN_CHILDREN of them */
	uint32_t free;
};

/*
 * Starts the program.  `lines` are borrowed until spawn_opening() has returned
 * something else than 1.  0; or -errno: -ENOENT and others of execve(2): no
 * such program.  spawn_close() or spawn_leave() in both cases.
 */
int spawn_begin(struct spawn *, const char *program,
	const struct spawn_command_line *lines, size_t lines_n, int64_t now_ms)
	__attribute__((warn_unused_result));

/*
 * Gives it the commands, and takes its answer.  1: it has not answered yet, to
 * be called again; 0: it is open; or -errno: -ETIMEDOUT: no answer within
 * SPAWN_READY_MS; -EPIPE: it has ended.  With 0 `folder_error` is 0 or the
 * -errno with which the folder of jobs could not be made: starts will try
 * again.
 */
int spawn_opening(struct spawn *, int64_t now_ms, int *folder_error)
	__attribute__((warn_unused_result));

/* Both, and waits for the answer: 0 or -errno. */
int spawn_open(struct spawn *, const char *program,
	const struct spawn_command_line *lines, size_t lines_n,
	int *folder_error) __attribute__((warn_unused_result));

/*
 * Logs what keeps the processes of a job together: groups=cgroup, or
 * groups=session and, where a control group is delegated but of no use, why.
 */
void spawn_log(const struct spawn *);

/* Ends all children.  Waits for the spawner, SPAWN_CLOSE_MS at most. */
void spawn_close(struct spawn *);

/*
 * Kills a spawner that is lost or does not answer, and does not wait: the
 * caller reaps the process, and kills what it has left: spawn_orphans_kill().
 */
void spawn_leave(struct spawn *);

/*
 * The child's number, 0 or more, to be freed with its last event; or -EAGAIN:
 * the socket or the table is full, or the spawner is not open; -E2BIG: the
 * environment is too large; -EPIPE: the spawner has ended.
 */
int spawn_start(struct spawn *, const struct spawn_request *, spawn_event_fn *,
	void *owner) __attribute__((warn_unused_result));

/* Signals the child's process group: 0, -EAGAIN or -EPIPE as above. */
int spawn_signal(struct spawn *, int child, int sig)
	__attribute__((warn_unused_result));

/*
 * Calls the owners of up to `most` packets of events.  The number of packets,
 * below `most` if there is no more; -EPIPE: the spawner has ended, and what
 * it had started has ended or will be killed by its parent's death.
 */
int spawn_events(struct spawn *, int most) __attribute__((warn_unused_result));

/*
 * To be called often.  1: for SPAWN_STUCK_MS the spawner has taken nothing of
 * what was sent to it, and told nothing: it is stopped, or hangs.  The time
 * begins anew then.
 */
int spawn_is_stuck(struct spawn *, int64_t now_ms);

/*
 * After a spawner was lost: what it had started is the worker's by now, which
 * is a subreaper.  Kills all of it, but not `helper`, a child of the worker's
 * own, or 0.  1: some may live, to be called again.
 */
int spawn_orphans_kill(const struct spawn *, pid_t helper);

#endif
