/* SPDX-License-Identifier: MIT */
/*
 * output.h - what a job writes to stdout and stderr: its tail, and the log
 */
#ifndef WORKER_PROCESS_OUTPUT_H
#define WORKER_PROCESS_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "wire/limits.h"

enum {
	OUTPUT_LINE = 1024,	/* a longer line is logged in pieces */
	OUTPUT_LINES = 64,	/* that are logged in OUTPUT_WINDOW_MS */
	OUTPUT_WINDOW_MS = 100, /* further lines are counted */
};

/* Zeroed before its first use; memory is allocated with the first bytes. */
struct output {
	char *tail; /* a ring of SW_ERROR_MAX bytes */
	size_t len; /* of all output */
	char *line; /* the unfinished line, to be logged */
	size_t line_len;
	int lines, left_out;
	int64_t window_ms;
};

/* Where lines are logged; NULL in output_add(): they are not. */
struct output_log {
	const char *job, *queue;
	int64_t now_ms;
};

/* Adds bytes.  Without memory for them they are lost. */
void output_add(struct output *, struct bytes, const struct output_log *);

/* No bytes follow, of this job: logs the unfinished line. */
void output_end(struct output *, const struct output_log *);

/* What follows is of another job: the tail begins anew, the windows do not. */
void output_next(struct output *);

/* Copies the tail without blanks at its end; its length. */
size_t output_tail(const struct output *, char text[SW_ERROR_MAX]);

/* Frees the memory; as zeroed then. */
void output_fini(struct output *);

#endif
