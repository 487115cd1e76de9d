/* SPDX-License-Identifier: MIT */
/*
 * keeper.h - a process that a worker keeps for one job after another
 *
 * The worker's side of the protocol of wire/kept.h, for one process.  Pure
 * code: bytes, moments and the exit status come in; events and bytes go out.
 * The caller starts the process, reads and writes its socket, sends signals.
 * `now_ms` is a clock that does not advance while the worker is stalled.
 *
 *	STARTING --ready--> SERVING --closed, signalled--> ENDING --> its exit
 *
 *	what the process does			what becomes of its jobs
 *	ends, or is not ready within 10 s	(it has none)
 *	no "begun" within 5 s			killed; free, others crash (*)
 *	ends before "begun"			free
 *	ends after "begun", also with 0		retry: crash or oom (*)
 *	closes its socket and lives on		killed after 1 s; as above
 *	sends no message, or of another job	killed; begun ones crash (*),
 *						others are free; if none had
 *						begun, a single one crashes
 *	past its timeout, cancelled		"cancel", SIGTERM after 2 s,
 *						SIGKILL after 2 more: that job
 *						times out, others are free
 *	idle for 60 s				its socket is closed; SIGTERM
 *						after 2 s, SIGKILL after 2 more
 *
 * (*) of several that had begun: they go back, see below.
 *
 * Free is SW_RELEASE: a job that had not begun costs no attempt.
 *
 * A crash of a process in which several jobs had begun says of none that it was
 * at fault.  Each goes back, with cause crash or oom: the broker counts that as
 * a crash and not as an attempt.  A job that has crashed is alone from then on,
 * so that its next crash is its own.
 */
#ifndef WORKER_KEPT_KEEPER_H
#define WORKER_KEPT_KEEPER_H

#include "wire/kept.h"
#include "worker/process/report.h"

enum {
	KEEPER_READY_MS = 10000, /* from its start to "ready" */
	KEEPER_BEGUN_MS = 5000,	 /* from "job" to "begun" */
	KEEPER_CANCEL_MS = 2000, /* from "cancel" to SIGTERM */
	KEEPER_TERM_MS = 2000,	 /* from SIGTERM to SIGKILL */
	KEEPER_CLOSED_MS = 1000, /* from its end of file to SIGKILL */
	KEEPER_IDLE_MS = 60000,	 /* until an idle process is ended */
};

enum keeper_state { KEEPER_STARTING, KEEPER_SERVING, KEEPER_ENDING };

/* Why a process ends. */
enum keeper_end {
	KEEPER_ITSELF,
	KEEPER_ASKED,	/* by the worker */
	KEEPER_LOST,	/* with the spawner that had started it */
	KEEPER_STUCK,	/* killed: it did not go on in time */
	KEEPER_FAULT,	/* killed: it broke the protocol */
	KEEPER_STARVED, /* killed: the worker had no memory for its bytes */
};

/* One job at hand; cleared at hand-over. */
struct keeper_job {
	void *job; /* the caller's */
	char id[SW_ID_TEXT];
	int begun, timed_out;
	int64_t given_ms, timeout_ms, deadline_ms;
	int64_t stop_ms; /* when "cancel" was sent; 0: not */
	struct job_report report;
};

struct keeper_exit {
	int status; /* of waitpid(2) */
	int64_t rss_kb;
	int64_t memory;	   /* the limit of the process in bytes; 0: none */
	struct bytes tail; /* of its output; borrowed until KEEPER_GONE */
};

struct keeper {
	enum keeper_state state;
	enum keeper_end end;
	struct keeper_job *jobs; /* at hand, the first `jobs_n` of `at_once` */
	int jobs_n, at_once, most;
	int alone;	       /* the job at hand has crashed before */
	int served;	       /* jobs that have begun */
	int unbegun;	       /* its end has freed a job */
	int exit_n, begun_n;   /* jobs at hand at its exit; those begun */
	int deaf, killed, eof; /* no message counts; SIGKILL; end of file */
	int signal, close;     /* events that are due */
	int64_t start_ms, idle_ms;
	int64_t term_ms, kill_ms; /* 0: not set */
	struct sw_buf in, out;	  /* on the heap */
	size_t in_at, out_at;	  /* parsed, and written, so far */
	int exited; /* 1: `exit` is set; 2: KEEPER_GONE was given */
	struct keeper_exit exit;
	char reason[160]; /* of an end that is not ITSELF, or "" */
	char why[SW_TEXT_MAX + 1];
};

enum keeper_event_kind {
	KEEPER_READY,	 /* takes jobs now */
	KEEPER_BEGUN,	 /* `job` */
	KEEPER_PROGRESS, /* `job`: `number` percent, `text` */
	KEEPER_ENDED,	 /* `job`, at hand no longer: `report`, the caller's */
	KEEPER_ALARM,	 /* `text` of a fault in the set-up; "": over */
	KEEPER_SIGNAL,	 /* send signal `number` to the group of the process */
	KEEPER_CLOSE,	 /* close the socket */
	KEEPER_GONE,	 /* the last event: `text` is a line on the exit */
};

struct keeper_event {
	enum keeper_event_kind kind;
	void *job;
	int number; /* of KEEPER_GONE 1: a failed start, pause the route */
	struct bytes text; /* borrowed until the next call */
	struct attempt_report report;
};

/* A process was started; it gets at most `most` jobs at once. */
void keeper_init(struct keeper *, int most, int64_t now_ms);
void keeper_fini(struct keeper *);

/* How many jobs keeper_give() takes now. */
int keeper_room(const struct keeper *);

/* Whether the job of these fields must be the only one of its process. */
int keeper_is_alone(const struct sw_item *fields);

/*
 * Hands over a job: the fields of its lease; `job` comes back in events.  Only
 * while keeper_room() is above 0, and one that is alone only to a process
 * without a job.  0; -ENOMEM; -EEXIST: a job of that id is
 * still at hand; -EMSGSIZE: the job is larger than any job can be.  After an
 * error the job has not been handed over.
 */
int keeper_give(struct keeper *, const struct sw_item *fields, void *job,
	int64_t now_ms) __attribute__((warn_unused_result));

/* Asks the process to end the job, later by signals: for a job of it. */
void keeper_cancel(struct keeper *, const void *job, int64_t now_ms);

/* Ends an idle process; one with jobs is left as it is. */
void keeper_close(struct keeper *, int64_t now_ms);

/* Ends the process at once; its jobs are handed back. */
void keeper_kill(struct keeper *);

/* The same of a process that has ended with its spawner. */
void keeper_lose(struct keeper *);

/*
 * What its socket has said: take all events with keeper_next() before the next
 * call.  keeper_closed(): end of file, or an error of reading or writing.
 */
void keeper_input(struct keeper *, struct bytes);
void keeper_closed(struct keeper *, int64_t now_ms);

/* What is to be written; keeper_written() says how much of it was. */
struct bytes keeper_output(const struct keeper *);
void keeper_written(struct keeper *, size_t len);

/* The process has ended, and all that its socket had was input. */
void keeper_exited(struct keeper *, const struct keeper_exit *);

/* Does what is due; when the next is: INT64_MAX if nothing will be. */
void keeper_tick(struct keeper *, int64_t now_ms);
int64_t keeper_due_ms(const struct keeper *);

/* The next event: 1, or 0: none.  After each of the calls above. */
int keeper_next(struct keeper *, int64_t now_ms, struct keeper_event *);

/* --- between keeper.c, keeper_words.c and keeper_end.c
 * -------------------------- */

/* Kills a process with which the worker cannot go on, unless it is killed. */
void keeper_break(struct keeper *, enum keeper_end, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The job at hand of that id, or NULL. */
struct keeper_job *keeper_job_named(struct keeper *, struct bytes id);

/* Takes the job from those at hand. */
void keeper_job_drop(struct keeper *, struct keeper_job *, int64_t now_ms);

/* Takes a message: 1 with an event.  A word that is not known is skipped. */
int keeper_message_take(struct keeper *, const struct kept_message *,
	int64_t now_ms, struct keeper_event *);

/* The events of an exit: the end of each job at hand, then KEEPER_GONE. */
int keeper_exit_take(struct keeper *, struct keeper_event *);

#endif
