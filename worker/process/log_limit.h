/* SPDX-License-Identifier: MIT */
/*
 * log_limit.h - lines of the log that jobs cause: so many in a time, no more
 *
 * Pure code: the caller logs, and has the clock.
 */
#ifndef WORKER_PROCESS_LOG_LIMIT_H
#define WORKER_PROCESS_LOG_LIMIT_H

#include <stdint.h>

/* Zeroed but for `most` and `every_ms` before its first use. */
struct log_limit {
	int most;	   /* lines in a window of `every_ms` */
	int64_t every_ms;  /* a window begins with its first line */
	int64_t window_ms; /* when the last one began */
	int lines;	   /* in it; 0: there is none */
	int64_t left_out;
};

/* 1: log the line.  0: it is left out, and counted. */
int log_limit_take(struct log_limit *, int64_t now_ms);

/* Whether log_limit_take() would return 1. */
int log_limit_has_room(const struct log_limit *, int64_t now_ms);

/*
 * How many lines were left out, once their window is over: to be logged.  0:
 * none, or the window is not over.
 */
int64_t log_limit_left_out(struct log_limit *, int64_t now_ms);

#endif
