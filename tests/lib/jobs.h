/* SPDX-License-Identifier: MIT */
/*
 * jobs.h - jobs without a worker: configuration, and a kept process
 *
 * A test starts a program of the build, or a function in a process of its own,
 * with a stream socket on descriptor 3, and exchanges messages (wire/kept.h).
 * Each function fails the test where what comes is not what must come, or
 * where nothing comes before the deadline.
 */
#ifndef TESTS_JOBS_H
#define TESTS_JOBS_H

#include <sys/types.h>

#include "jobs/config.h"
#include "wire/kept.h"

/*
 * Reads `file` as a worker of these types does, or takes the defaults alone
 * where it is NULL.  All configurations of a test have the same types.
 */
int job_config_read(struct config **, const char *file,
	const struct job_type *types, char *why, size_t cap);

/* The same as the program of that type does, which skips other sections. */
int job_type_config_read(struct config **, const char *file,
	const struct job_type *, char *why, size_t cap);

enum { KEPT_SAID = 4096 };

struct kept_process {
	pid_t pid;
	int sock, errors; /* this end of the socket; the process's stderr */
	uint8_t *in;
	size_t in_len, taken; /* taken: the message that was returned last */
	char said[KEPT_SAID]; /* what came on stderr, when it has ended */
};

/* What a job has reported when it has ended. */
struct kept_end {
	char word[16];		/* "done", "retry" or "fail" */
	char error[4096 + 1];	/* its bytes */
	char result[64 * 1024]; /* of the last result */
	char alarm[512 + 1];	/* of the last alarm; "" */
	int64_t delay_ms;	/* of a retry; -1: none */
	int64_t cpu_ms, rss_kb; /* -1: not reported */
	size_t result_len, puts_n;
	int begun, results_n, progress_n;
	char queue[64], header[256], body[256]; /* of the last put, cut */
};

/* Starts argv[0] of the build under test; `env` is NAME=VALUE, or NULL. */
void kept_start(
	struct kept_process *, const char *const *argv, const char *const *env);

/* Runs main_fn() in a process, which exits with what it returns. */
void kept_fork(struct kept_process *, int (*main_fn)(void *), void *arg);

/* The next message; borrowed until the next call. */
struct kept_message kept_receive(struct kept_process *);

/* Receives "ready 1 1". */
void kept_ready(struct kept_process *);

void kept_send(struct kept_process *, const void *, size_t);

/* Hands over a job with these headers, NAME=VALUE, the last NULL; or NULL. */
void kept_job(struct kept_process *, const char *id, const char *const *headers,
	struct bytes body);

/* Receives all that a job reports up to its end. */
void kept_end(struct kept_process *, const char *id, struct kept_end *);

/* kept_job() and kept_end(). */
void kept_run(struct kept_process *, const char *id, const char *const *headers,
	struct bytes body, struct kept_end *);

/* Closes the socket and waits for the process: its status as of waitpid(). */
int kept_close(struct kept_process *);

/* Waits for the process to end by itself, and leaves the socket open. */
int kept_wait(struct kept_process *);

#endif
