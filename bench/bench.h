/* SPDX-License-Identifier: MIT */
/*
 * bench.h - a system under test, and what is measured of it
 *
 * Every system is driven by the same loop (load.c) through a driver: a
 * producer that puts jobs of BENCH_BODY bytes, and a worker that acks each job
 * as soon as it has it.  Both live in the one thread of the benchmark, each
 * with a connection of its own.  Requests that are ready at the same time
 * leave together (pipelined, or in one message): in every system alike.
 *
 * Errors are negative; what went wrong is said on stderr by whoever found it.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/measure.h"

enum {
	BENCH_BODY = 256,
	BENCH_FLIGHT_MAX = 2048, /* jobs in flight */
};

/* A server that was started for one round, in a folder of its own. */
struct server {
	pid_t pid;
	char dir[160];
	char socket[200];    /* path of its unix socket */
	const char *program; /* borrowed */
	const char *setting; /* of Spillway's queues, or NULL; borrowed */
};

/* What the server has confirmed on one link, ever. */
struct bench_count {
	uint64_t put;
	uint64_t leased; /* handed to us */
	uint64_t acked;
};

/* The server's own counters of its store, ever. */
struct bench_store {
	uint64_t commits, ops;
};

struct bench_driver {
	const char *name;  /* in the JSON */
	const char *label; /* in the table */

	/* Starts the server in s->dir and returns when it serves. */
	int (*start)(struct server *s);

	/* A producer and a worker on this queue, which is made if need be. */
	int (*open)(const struct server *s, const char *queue, void **link);
	void (*close)(void *link);

	/* Queues up n puts, at most `chunk` to a message if it has such. */
	int (*put)(void *link, size_t n, size_t chunk);

	/* The worker takes jobs until it has had `total` since open. */
	int (*want)(void *link, uint64_t total);

	/*
	 * Sends what is queued, waits at most wait_ms for something to come,
	 * takes all that has come, acks the jobs among it, and counts.
	 */
	int (*turn)(void *link, int wait_ms, struct bench_count *c);

	/* May be NULL. */
	int (*store)(void *link, struct bench_store *);
};

extern const struct bench_driver bench_spillway, bench_beanstalk, bench_redis;

enum bench_mode {
	BENCH_PUT,   /* puts alone */
	BENCH_CYCLE, /* put, lease, ack, all confirmed; then the next */
	BENCH_DRAIN, /* lease and ack of what is there */
};

/* One figure.  It ends after `seconds`, or after `jobs` unless that is 0. */
struct bench_plan {
	enum bench_mode mode;
	size_t in_flight; /* at most BENCH_FLIGHT_MAX */
	size_t batch;	  /* puts are begun so many at a time */
	size_t chunk;	  /* and at most so many to a message */
	double seconds;
	uint64_t jobs;
	int waiting; /* more jobs wait than are begun: the worker, whose
		      * slots are always open, gets in_flight too many */
};

/* X(name, text) */
#define BENCH_VALUE_MAP(X)                                                     \
	X(per_s, "jobs a second")                                              \
	X(p50_us, "median latency")                                            \
	X(p99_us, "99th percentile")                                           \
	X(cpu_us, "CPU of the server per job")                                 \
	X(rss_mb, "resident memory of the server")                             \
	X(anon_mb, "... less mapped files")                                    \
	X(commits_s, "commits a second")                                       \
	X(ops_commit, "operations in a commit")

enum bench_value {
#define X(name, text) BENCH_##name,
	BENCH_VALUE_MAP(X)
#undef X
		BENCH_VALUES,
};

struct bench_result {
	double v[BENCH_VALUES];
};

/* Runs one figure and leaves no job of it unconfirmed.  -ETIMEDOUT: stalled. */
int load_run(const struct bench_driver *, void *link, const struct server *,
	const struct bench_plan *, struct bench_result *)
	__attribute__((warn_unused_result));

/*
 * Starts argv with its output in s->dir/log and waits until `ready` (called
 * every few ms) returns 1.  It dies with the benchmark.  -ECHILD: it ended,
 * -ETIMEDOUT; the end of its log is shown.
 */
int server_start(struct server *s, char *const argv[],
	int (*ready)(const struct server *))
	__attribute__((warn_unused_result));

/*
 * Makes s->dir below `parent` and calls the driver's start.  The caller has set
 * program and setting, and closes also after an error.
 */
int server_open(struct server *s, const struct bench_driver *,
	const char *parent) __attribute__((warn_unused_result));

/* Ends the server and removes its folder. */
void server_close(struct server *s);

/* 1 when the log holds `text`. */
int server_said(const struct server *s, const char *text);

/* A connection to s->socket, or -errno. */
int server_dial(const struct server *s);

/* The body of every job. */
const char *bench_body(void);

/* One line on stderr; returns err. */
int
bench_fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
