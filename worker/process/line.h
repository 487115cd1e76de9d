/* SPDX-License-Identifier: MIT */
/*
 * line.h - the reader of an exec job's reports on descriptor 3
 *
 *	progress PERCENT [TEXT]
 *	result TEXT
 *	result-bytes LENGTH		then LENGTH bytes
 *	retry-after DURATION		("30s"; for an exit that means retry)
 *	put QUEUE BODY			(a follow-up, stored with the ack)
 *	put-bytes QUEUE LENGTH		then LENGTH bytes
 *	not-run ERRNO			(of spillway-job-exec alone)
 *
 * A line ends with a newline.  A block is the LENGTH bytes right behind the
 * newline of its line.  Results and bodies may have any bytes in them, those of
 * lines any but a newline.  An empty line is nothing, so that a newline behind
 * a block does no harm.
 *
 * The reader keeps the unfinished line or block and no more: it has no memory
 * while it needs none, and skips what is longer than its limit.
 */
#ifndef WORKER_PROCESS_LINE_H
#define WORKER_PROCESS_LINE_H

#include "wire/msg.h"

enum {
	LINE_MAX_LEN = SW_BODY_MAX + 256, /* bytes of a line */
	LINE_TEXT = SW_WARNING_MAX, /* of a warning or a loss, with no NUL */
};

enum report_kind {
	LINE_PROGRESS,	  /* `number` is the percentage, `bytes` the text */
	LINE_RESULT,	  /* `bytes` */
	LINE_RETRY_AFTER, /* `number` milliseconds, at most SW_DELAY_MAX_MS */
	LINE_PUT,	  /* `bytes` for `queue` */
	LINE_NOT_RUN,	  /* `number`: why execve(2) has failed */
	LINE_WARNING,	  /* `bytes` says what was not understood, and where */
	LINE_LOST,	  /* `bytes` says which result or follow-up is lost */
};

/*
 * A result or a body beyond its limit (SW_RESULT_MAX, SW_BODY_MAX) has its
 * length, and NULL for its bytes.
 */
struct report_line {
	enum report_kind kind;
	int64_t number;
	char queue[SW_QUEUE_MAX + 1];
	struct bytes bytes; /* borrowed until the callback returns */
};

typedef void report_line_fn(void *arg, const struct report_line *);

struct report_reader {
	report_line_fn *fn;
	void *arg;
	uint8_t *p; /* the unfinished line or block; on the heap, or NULL */
	size_t len, cap;
	size_t seen;		/* of it, also what was not kept */
	int starved;		/* there was no memory for it */
	struct report_line now; /* that is being read */
	const char *word;	/* of the block, or NULL: lines are read */
	size_t left;		/* bytes of the block that are still to come */
	int64_t lines;		/* begun so far; blocks are no lines */
};

/* `fn` is called with `arg` for each line and block that is complete. */
void reader_init(struct report_reader *, report_line_fn *fn, void *arg);

/* Reads further bytes, wherever they were cut. */
void reader_feed(struct report_reader *, struct bytes);

/*
 * No bytes follow.  The last line may lack its newline; a block that lacks
 * bytes is a LINE_LOST.
 */
void reader_end(struct report_reader *);

/* Frees the memory; without reader_end() the unfinished is forgotten. */
void reader_fini(struct report_reader *);

#endif
