/* SPDX-License-Identifier: MIT */
/*
 * spillway.h - put jobs into Spillway
 *
 *	struct sw_client *c = NULL;
 *	struct sw_job job = {.queue = "email", .body = "hello", .body_len = 5};
 *
 *	if (sw_open(&c, NULL) == 0 && sw_put(c, &job, 5000, NULL) == 0)
 *		puts("on disk");
 *	sw_close(c);
 * Build with `pkg-config --cflags --libs spillway`.
 *
 * Confirmed means durable.  A put that succeeded is on disk.  A put that
 * failed with SW_ETIMEOUT or SW_EUNKNOWN is stored or not: put the job again
 * under the same id (which is in the job), and one job results.  A call that
 * waits does so by itself: when the link breaks, jobs without an answer are
 * sent again under the same ids as soon as the broker is back.
 *
 * Threads.  A client is used by one thread at a time; it has no lock.  After
 * fork() it belongs to the parent; in the child every call on it returns
 * -EPERM and sw_close() frees it without callbacks: open a client of its own.
 *
 * Errors are 0 or negative: one of enum sw_error, or -errno.  Every function
 * that takes a client and waits may also return:
 *	SW_ELINK	no broker was reached: nothing was sent
 *	SW_ETIMEOUT	sent, but not answered in time: the outcome is unknown
 *	SW_EFULL, SW_ECORRUPT, SW_EINVAL, …	the broker's refusal
 *	-EPERM		the client belongs to the process that forked this one
 *	-EDEADLK	called from a sw_done_fn, which may only sw_submit()
 *	-ENOMEM
 * sw_why() has a line on the cause.  Timeouts are in milliseconds; a negative
 * one never ends; 0 does not wait: sw_process() and sw_flush() take what has
 * come, a call that needs an answer fails with SW_ELINK or SW_ETIMEOUT (and may
 * have been sent).  Signals end no wait but that of sw_process().
 */
#ifndef SPILLWAY_H
#define SPILLWAY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SW_API __attribute__((visibility("default")))

/* Copies of our own headers, left out behind them; test_api.c compares. */
#ifndef SW_LIMITS_H
enum {
	SW_ID_LEN = 16,	 /* bytes of a job's id */
	SW_ID_TEXT = 37, /* its text with the final NUL */
	SW_BODY_MAX = 128 * 1024,
	SW_HEADERS_MAX = 4096, /* all headers of one job */
	SW_QUEUE_MAX = 63,
	SW_UNIQUE_MAX = 255,
	SW_FAIR_MAX = 63,
	SW_NAME_MAX = 127, /* a content type; a worker's name */
	SW_TEXT_MAX = 512,
	SW_PRIORITY_MAX = 9
};
#endif

#ifndef SW_ERROR_H
enum sw_error {
	SW_ENOJOB = -5001,    /* no such job, or it ended too long ago */
	SW_ESTALE = -5002,    /* the lease has passed to another worker */
	SW_ESTATE = -5003,    /* the job's state does not allow this */
	SW_EFULL = -5004,     /* the store is full, try again later */
	SW_EMAXJOBS = -5005,  /* the queue has max_jobs jobs */
	SW_EMAXBYTES = -5006, /* the queue has max_bytes bytes */
	SW_EINVAL = -5007,    /* a value that is missing or out of range */
	SW_ETOOBIG = -5008,   /* a body or field beyond its limit */
	SW_EUNIQUE = -5009,   /* another job has this unique key */
	SW_EQUEUE = -5010,    /* bad queue name: 1-63 of [a-z0-9_-] */
	SW_ESETTING = -5011,  /* unknown setting or bad value */
	SW_EVERSION = -5012,  /* the broker speaks another version */
	SW_EOP = -5013,	      /* unknown operation */
	SW_EBUSY = -5014,     /* the broker is at a limit */
	SW_ESESSION = -5015,  /* no session (workers only) */
	SW_ECORRUPT = -5016,  /* a stored record fails its checksum */
	SW_EFENCED = -5017,   /* another broker has taken the store */
	SW_EUNKNOWN = -5018,  /* the outcome is unknown */
	SW_ETIMEOUT = -5019,  /* no answer in time */
	SW_ELINK = -5020,     /* no broker was reached */
	SW_EFORMAT = -5021,   /* not a Spillway store */
	SW_EID = -5022,	      /* malformed id: must be a UUID */
	SW_ECANCEL = -5023,   /* the job is to be cancelled */
	SW_ENOQUEUE = -5024,  /* no such queue */
	SW_ECONFLICT = -5025, /* a job of this id has another queue or body */
	SW_EQUEUES = -5026,   /* the broker has its largest number of queues */
	SW_EINUSE = -5027,    /* the queue is in use */
	SW_EWAITS = -5028     /* too many waits at a time */
};
#endif

#ifndef SW_PROTO_H
enum sw_state {
	SW_NONE,
	SW_DELAYED,
	SW_READY,
	SW_LEASED, /* a worker runs the job, or is about to */
	SW_DONE,
	SW_DEAD, /* failed for good; kept until a person acts */
	SW_CANCELLED
};

/* For sw_job.unique_also. */
enum { SW_UNIQUE_DEAD = 1, SW_UNIQUE_DONE = 2 };
#endif

#ifndef SW_ID_H
/* A UUID; ids made by this library are of version 7 and sort by age. */
struct sw_id {
	uint8_t b[SW_ID_LEN];
};
#endif

struct sw_client;

#ifndef SW_JOB_H
enum { SW_PRIORITY_LOWEST = -1 }; /* for sw_job.priority: below 1 */
/* A job to be put.  Zero means "not set" throughout.  Pointers are borrowed
 * until the call returns. */
struct sw_job {
	struct sw_id id;   /* zero: an id is made and written here */
	const char *queue; /* required: 1-63 of [a-z0-9_-] */
	const void *body;  /* NULL only with body_len 0 */
	size_t body_len;   /* up to SW_BODY_MAX */

	int priority;	       /* 1-9, 9 the most urgent; 0: the default, 4 */
	int64_t delay_ms;      /* from now, up to 366 days; excludes: */
	int64_t run_at_ms;     /* Unix time, to the year 9999 */
	int64_t expires_at_ms; /* Unix time: dead if not started by then */

	const char *unique; /* one job of the queue at a time has this key */
	int unique_also;    /* SW_UNIQUE_… bits: jobs that ended keep it */
	const char *fair;   /* such as a tenant; a queue serves all in turn */
	int max_attempts;   /* 0: the queue's setting */
	int64_t timeout_ms; /* of one attempt; 0: the queue's setting */
	const char *content_type;   /* UTF-8, as are fair and headers */
	const char *const *headers; /* "name=value" …, NULL at the end */
};
#endif

/* The outcome of one put. */
struct sw_put_result {
	int status;	 /* 0: the job is on disk; or an error */
	int state;	 /* SW_NONE; of a job stored before, its sw_state */
	struct sw_id id; /* the job's; with SW_EUNIQUE, that of the other job */
};

/*
 * Opens a client, which connects in the background and reconnects until it is
 * closed: no broker need run yet.  `endpoint`: such as "ipc:///run/…" or
 * "tcp://127.0.0.1:7777"; NULL: the environment's SPILLWAY_BROKER, else the
 * default.  -EINVAL: not an endpoint; -ENOENT: there is no default
 * (XDG_RUNTIME_DIR is not set); -ENAMETOOLONG; -ENOMEM; -EMFILE.
 */
SW_API int sw_open(struct sw_client **, const char *endpoint);

/* Closes a client, or NULL.  Submitted jobs without an answer are called back
 * with SW_EUNKNOWN: sw_flush() first.  Does nothing in a sw_done_fn. */
SW_API void sw_close(struct sw_client *);

/* One line on why the last call failed, or in a sw_done_fn the job's put; ""
 * after success.  Borrowed until the next call. */
SW_API const char *sw_why(const struct sw_client *);

/* An error's text and name ("SW_EFULL"), a state's name ("ready"); static. */
SW_API const char *sw_error_text(int err);
SW_API const char *sw_error_name(int err);
SW_API const char *sw_state_text(int state);

/* Makes a new id: to know it before the put, or to store it with your data. */
SW_API void sw_id_new(struct sw_id *);

/* Reads a UUID of any version: 0, or SW_EID: not a UUID. */
SW_API int sw_id_read(const char *text, struct sw_id *);

/* Writes 36 characters and a NUL. */
SW_API void sw_id_write(const struct sw_id *, char text[SW_ID_TEXT]);

/*
 * Puts one job and waits until it is on disk.  `result` may be NULL.  The
 * library refuses a malformed job before sending it (SW_EQUEUE, SW_ETOOBIG,
 * SW_EINVAL; rules in docs/protocol.md), the broker may refuse it with
 * SW_EUNIQUE, SW_EMAXJOBS, SW_EMAXBYTES or SW_EFULL.  A job stored before under
 * this id is a success, or SW_ECONFLICT; result->state is its state.
 */
SW_API int sw_put(struct sw_client *, struct sw_job *, int64_t timeout_ms,
	struct sw_put_result *result);

/*
 * Puts `n` jobs and waits until each is on disk or refused.  They are packed
 * into messages (100 jobs or 1 MiB each), several of them in flight at once.
 * 0: all jobs are on disk.  Else the first error in the order of the jobs;
 * results[i].status has the error of job i.  `results` may be NULL.
 */
SW_API int sw_put_many(struct sw_client *, struct sw_job *, size_t n,
	int64_t timeout_ms, struct sw_put_result *results);

/*
 * Called once for each submitted job, from sw_process(), sw_flush(), any
 * other call that waits, or sw_close().  `result` is borrowed until the
 * callback returns.  It may call sw_submit(); other calls return -EDEADLK.
 */
typedef void sw_done_fn(void *arg, const struct sw_put_result *result);

/*
 * Puts one job without waiting.  The job is copied, and sent by the next
 * sw_process(), sw_flush() or other call that waits, or once a message is
 * full: jobs submitted in between share a message.  `done` may be NULL.
 * 0: `done` will be called.  An error: it will not be; -EAGAIN: the window is
 * full, call sw_process(); -ECANCELED: the client is being closed; and the
 * library's own refusals of sw_put().
 */
SW_API int
sw_submit(struct sw_client *, struct sw_job *, sw_done_fn *done, void *arg);

/*
 * Sends submitted jobs and runs the callbacks of answered ones; without any,
 * waits for one.  Returns the number of callbacks; 0: none in time, or a
 * signal came, or nothing is submitted.
 */
SW_API int sw_process(struct sw_client *, int64_t timeout_ms);

/*
 * Sends submitted jobs and waits until all of them are answered.
 * SW_ETIMEOUT, or if none of them was sent SW_ELINK: some are not answered, and
 * stay submitted.
 */
SW_API int sw_flush(struct sw_client *, int64_t timeout_ms);

/*
 * A descriptor for poll(), select() or epoll: when it is readable, call
 * sw_process(c, 0).  Close-on-exec; sw_close() closes it.  -EPERM; -EMFILE
 * and other errors of epoll_create1() and timerfd_create().
 */
SW_API int sw_fd(struct sw_client *);

/* The most submitted jobs without an answer: 256 at first, at least 1. */
SW_API void sw_window_set(struct sw_client *, unsigned jobs);

/*
 * The time from sending a submitted job to its callback with SW_ETIMEOUT or
 * SW_ELINK.  Negative, as at first: never; 0: unless answered, in the next call
 * that sends or waits.  Applies to messages sent from now on.
 * The second name is that of 0.1.0; 0.3.0 drops it.
 */
SW_API void sw_timeout_set(struct sw_client *, int64_t ms);
SW_API void sw_patience_set(struct sw_client *, int64_t ms)
	__attribute__((deprecated("use sw_timeout_set()")));

/* A job as the broker has it; pointers are borrowed until the next call. */
struct sw_info {
	struct sw_id id;
	int state; /* enum sw_state */
	char queue[SW_QUEUE_MAX + 1];
	int64_t created_at_ms, run_at_ms, ended_at_ms; /* 0: not known */
	int attempt;				       /* attempts that ran */
	int crashes;	   /* attempts that killed their process */
	const char *cause; /* of its last failure, "timeout"; done: "none" */
	const void *body;
	size_t body_len;
	const void *result; /* the result that a done job left */
	size_t result_len;
	const void *error; /* text of the last failed attempt; done: empty */
	size_t error_len;
	int progress;		      /* 0-100; -1: none reported */
	char text[SW_TEXT_MAX + 1];   /* the text of its progress */
	char worker[SW_NAME_MAX + 1]; /* the worker of its lease, or "" */
};

/* Reads a job.  SW_ENOJOB: unknown, or ended too long ago; SW_ECORRUPT. */
SW_API int sw_get(struct sw_client *, const struct sw_id *, int64_t timeout_ms,
	struct sw_info *);

/*
 * Waits until a job has ended: done, dead or cancelled; `info` is then as
 * from sw_get().  SW_ENOJOB; SW_EWAITS: broker or connection has too many
 * waits; SW_ETIMEOUT: the job has not ended yet.
 */
SW_API int sw_wait(struct sw_client *, const struct sw_id *, int64_t timeout_ms,
	struct sw_info *);

/*
 * Cancels a job that has not ended.  `state` (may be NULL) is SW_CANCELLED;
 * or SW_LEASED: the job runs, and its worker was asked to stop it.
 * SW_ENOJOB; SW_ESTATE: the job had ended before, in `state`.
 */
SW_API int sw_cancel(struct sw_client *, const struct sw_id *,
	int64_t timeout_ms, int *state);

#ifdef __cplusplus
}
#endif

#endif
