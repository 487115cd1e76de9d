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
 * failed with SW_ETIMEOUT or SW_EUNKNOWN may be there or not: put it again
 * under the same id (it is in the job) and there will be one job.  While a
 * call waits this is done for you: when the link breaks, what has no answer
 * is sent again under the same ids as soon as there is a broker.
 *
 * Threads.  A client belongs to one thread at a time; it has no lock.  After
 * fork() it goes on in the parent; in the child every call on it returns
 * -EPERM and sw_close() frees it silently: open one there.
 *
 * Errors are 0 or negative: one of enum sw_error, or -errno.  Every function
 * that takes a client and waits may return, besides what it names itself:
 *	SW_ELINK	there was no broker: nothing was sent
 *	SW_ETIMEOUT	sent, but there was no answer in time
 *	SW_EFULL, SW_ECORRUPT, SW_EINVAL, …	the broker says so
 *	-EPERM		the client belongs to the process that forked this one
 *	-EDEADLK	called from a sw_done_fn, which may only sw_submit()
 *	-ENOMEM
 * sw_why() has one line more on it.  Timeouts are in milliseconds, negative:
 * for ever.  Signals do not end a wait, but for that of sw_process().
 */
#ifndef SPILLWAY_H
#define SPILLWAY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SW_API __attribute__((visibility("default")))

/*
 * What is also in the wire's own headers is left out when those have been
 * included before; tests/unit/producer/test_api.c holds the two lists together.
 */
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
	SW_ESTALE = -5002,    /* the lease has passed to someone else */
	SW_ESTATE = -5003,    /* the job's state does not allow this */
	SW_EFULL = -5004,     /* the store is full, try again later */
	SW_EMAXJOBS = -5005,  /* the queue holds its maximum of jobs */
	SW_EMAXBYTES = -5006, /* the queue holds its maximum of bytes */
	SW_EINVAL = -5007,    /* a value that is missing or out of range */
	SW_ETOOBIG = -5008,   /* a body or field beyond its limit */
	SW_EUNIQUE = -5009,   /* another job holds this unique key */
	SW_EQUEUE = -5010,    /* bad queue name: 1-63 of [a-z0-9_-] */
	SW_ESETTING = -5011,  /* unknown setting or bad value */
	SW_EVERSION = -5012,  /* the broker speaks another version */
	SW_EOP = -5013,	      /* unknown operation */
	SW_EBUSY = -5014,     /* a table of the broker is full */
	SW_ESESSION = -5015,  /* no session (workers only) */
	SW_ECORRUPT = -5016,  /* a stored record fails its checksum */
	SW_EFENCED = -5017,   /* another broker has taken the store */
	SW_EUNKNOWN = -5018,  /* the outcome is unknown */
	SW_ETIMEOUT = -5019,  /* no answer in time */
	SW_ELINK = -5020,     /* no broker there */
	SW_EFORMAT = -5021,   /* not a Spillway store */
	SW_EID = -5022,	      /* malformed id: must be a UUID */
	SW_ECANCEL = -5023,   /* the job is to be cancelled */
	SW_ENOQUEUE = -5024   /* no such queue */
};
#endif

#ifndef SW_PROTO_H
enum sw_state {
	SW_NONE,
	SW_DELAYED,
	SW_READY,
	SW_LEASED, /* a worker has it */
	SW_DONE,
	SW_DEAD, /* given up; kept until a person acts */
	SW_CANCELLED
};

/* For sw_job.unique_also. */
enum { SW_UNIQUE_DEAD = 1, SW_UNIQUE_DONE = 2 };
#endif

#ifndef SW_ID_H
/* A UUID (version 7 when made here: such ids sort by age). */
struct sw_id {
	uint8_t b[SW_ID_LEN];
};
#endif

struct sw_client;

#ifndef SW_JOB_H
enum { SW_PRIORITY_LOWEST = -1 }; /* for sw_job.priority: below 1 */
/*
 * A job to be put.  Zero means "not set" throughout.  What it points to is
 * borrowed until the call returns.
 */
struct sw_job {
	struct sw_id id;   /* zero: one is made and written back here */
	const char *queue; /* wanted: 1-63 of [a-z0-9_-] */
	const void *body;  /* NULL only with body_len 0 */
	size_t body_len;   /* up to SW_BODY_MAX */

	int priority;	       /* 1-9, 9 the most urgent; 0: the usual, 4 */
	int64_t delay_ms;      /* from now, up to 366 days; or: */
	int64_t run_at_ms;     /* Unix time to the year 9999; not both */
	int64_t expires_at_ms; /* Unix time: dead if not started by then */

	const char *unique; /* one job of the queue at a time has this key */
	int unique_also;    /* SW_UNIQUE_… bits: ended jobs hold it too */
	const char *fair;   /* e.g. a tenant: the queue serves these in turn */
	int max_attempts;   /* 0: the queue's setting */
	int64_t timeout_ms; /* of one try; 0: the queue's setting */
	const char *content_type;   /* this, fair and headers in UTF-8 */
	const char *const *headers; /* "name=value" …, NULL at the end */
};
#endif

/* What became of one put. */
struct sw_put_result {
	int status;	 /* 0: on disk; or why not */
	int state;	 /* enum sw_state if it was there before, or SW_NONE */
	struct sw_id id; /* the job's; with SW_EUNIQUE the key's holder's */
};

/*
 * Opens a client.  It connects in the background and for as long as it
 * lives, so a broker need not be there yet.  `endpoint`: as "ipc:///run/…"
 * or "tcp://127.0.0.1:7777"; NULL: the environment's SPILLWAY_BROKER, else
 * the usual place.  -EINVAL: no endpoint; -ENOENT: no usual place here
 * (XDG_RUNTIME_DIR is not set); -ENAMETOOLONG; -ENOMEM; -EMFILE.
 */
SW_API int sw_open(struct sw_client **, const char *endpoint);

/*
 * Ends it.  Jobs that were submitted and have no answer are called back
 * with SW_EUNKNOWN: sw_flush() first.  Accepts NULL.  Not from a sw_done_fn.
 */
SW_API void sw_close(struct sw_client *);

/*
 * One line on why the last call, or in a sw_done_fn the put at hand, failed;
 * "" after success.  Borrowed until the next call.
 */
SW_API const char *sw_why(const struct sw_client *);

/* Text and name ("SW_EFULL") of an error, name of a state ("ready"); static. */
SW_API const char *sw_error_text(int err);
SW_API const char *sw_error_name(int err);
SW_API const char *sw_state_text(int state);

/* A new id; to know it before the put, or to keep it with your own data. */
SW_API void sw_id_new(struct sw_id *);

/* Reads any UUID; 0 or SW_EID. */
SW_API int sw_id_read(const char *text, struct sw_id *);

/* Writes 36 characters and a NUL. */
SW_API void sw_id_write(const struct sw_id *, char text[SW_ID_TEXT]);

/*
 * Puts one job and waits until it is on disk.  `result` may be NULL.  Refused
 * before it is sent, as the broker would (docs/protocol.md), with the field in
 * sw_why(): SW_EQUEUE, SW_ETOOBIG, SW_EINVAL.  Refused by the broker:
 * SW_EUNIQUE, SW_EMAXJOBS, SW_EMAXBYTES, SW_EFULL.  A job that was stored
 * before under its id is a success; result->state says where it is.
 */
SW_API int sw_put(struct sw_client *, struct sw_job *, int64_t timeout_ms,
	struct sw_put_result *result);

/*
 * Puts `n` jobs and waits until each is on disk or refused; the messages
 * (100 jobs or 1 MiB each) are made here, and several are under way at once.
 * 0: all are on disk.  Else the first error in the order of the jobs, and
 * results[i].status tells of each one.  `results` may be NULL.
 */
SW_API int sw_put_many(struct sw_client *, struct sw_job *, size_t n,
	int64_t timeout_ms, struct sw_put_result *results);

/*
 * Called once for each submitted job: from sw_process() and sw_flush(), also
 * from any other call that waits, and from sw_close().  `result` is borrowed
 * until it returns.  It may sw_submit(); all else returns -EDEADLK.
 */
typedef void sw_done_fn(void *arg, const struct sw_put_result *result);

/*
 * Puts one job without waiting.  It is copied, and leaves with the next
 * sw_process(), sw_flush() or other call that waits, or as soon as a message
 * is full: what was submitted in between goes out as one message, and costs
 * the broker one.  `done` may be NULL.  0: `done` will be called.  Else it
 * will not: -EAGAIN: the window is full, sw_process() first; and what sw_put
 * refuses before sending.
 */
SW_API int
sw_submit(struct sw_client *, struct sw_job *, sw_done_fn *done, void *arg);

/*
 * Sends what was submitted and runs the callbacks of what was answered; if
 * there are none, waits for one.  The number of callbacks; 0: none in time,
 * or a signal, or nothing is submitted.
 */
SW_API int sw_process(struct sw_client *, int64_t timeout_ms);

/*
 * Sends what was submitted and waits until all of it is answered.
 * SW_ETIMEOUT or SW_ELINK: not all is; it stays submitted.
 */
SW_API int sw_flush(struct sw_client *, int64_t timeout_ms);

/*
 * A descriptor for poll(), select() or epoll: when it is readable, call
 * sw_process(c, 0).  Close-on-exec; belongs to the client.  -EMFILE and what
 * else epoll_create1() and timerfd_create() give.
 */
SW_API int sw_fd(struct sw_client *);

/* How many jobs may be submitted and unanswered; 256 at first, at least 1. */
SW_API void sw_window_set(struct sw_client *, unsigned jobs);

/*
 * How long after its sending a job without an answer is called back with
 * SW_ETIMEOUT or SW_ELINK; never (negative) at first.  For jobs submitted from
 * now on.  The second name is that of 0.1.0; it goes after the next version.
 */
SW_API void sw_timeout_set(struct sw_client *, int64_t ms);
SW_API void sw_patience_set(struct sw_client *, int64_t ms)
	__attribute__((deprecated("use sw_timeout_set()")));

/* What the broker knows of a job; pointers are borrowed until the next call. */
struct sw_info {
	struct sw_id id;
	int state; /* enum sw_state */
	char queue[SW_QUEUE_MAX + 1];
	int64_t created_at_ms, run_at_ms, ended_at_ms; /* 0: not known */
	int attempt;				       /* deliveries that ran */
	int crashes;	   /* of them that killed their process */
	const char *cause; /* of its last failure: "none", "timeout", … */
	const void *body;
	size_t body_len;
	const void *result; /* what the job left when it was done */
	size_t result_len;
	const void *error; /* what its last failure said */
	size_t error_len;
	int progress;		      /* 0-100; -1: it has told none */
	char text[SW_TEXT_MAX + 1];   /* what it says it is doing */
	char worker[SW_NAME_MAX + 1]; /* who has it */
};

/* Looks at a job.  SW_ENOJOB; SW_ECORRUPT. */
SW_API int sw_get(struct sw_client *, const struct sw_id *, int64_t timeout_ms,
	struct sw_info *);

/*
 * Waits until a job has ended: done, dead or cancelled; `info` is then as
 * from sw_get().  SW_ENOJOB; SW_EBUSY: too many wait at the broker;
 * SW_ETIMEOUT: it has not ended yet.
 */
SW_API int sw_wait(struct sw_client *, const struct sw_id *, int64_t timeout_ms,
	struct sw_info *);

/*
 * Cancels a job that has not ended.  `state` (may be NULL) is SW_CANCELLED;
 * or SW_LEASED: it runs, its worker was told to stop it.  SW_ENOJOB;
 * SW_ESTATE: it had ended before, `state` says how.
 */
SW_API int sw_cancel(struct sw_client *, const struct sw_id *,
	int64_t timeout_ms, int *state);

#ifdef __cplusplus
}
#endif

#endif
