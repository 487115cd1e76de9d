/* SPDX-License-Identifier: MIT */
/*
 * top.h - the live screen: what it shows, and what a person does on it
 *
 * look.c asks the broker, draw.c draws, act.c changes what is selected, and
 * top.c has the terminal and the keys.  Functions that ask or change return an
 * exit code; its line is on the command's stderr.
 */
#ifndef CLI_TOP_TOP_H
#define CLI_TOP_TOP_H

#include "cli/cmd.h"

enum {
	QUEUES_MAX = 1000,
	WORKERS_MAX = 1000,
	JOBS_MAX = SW_ITEMS_MAX - 1, /* one page */
	NOTE_TEXT = 160,
	COLUMNS_MIN = 60, /* narrower screens cut the ends of lines off */
};

struct top_queue {
	char name[SW_QUEUE_MAX + 1];
	int64_t ready, leased, delayed, dead, oldest_ms, wanted;
	char in[8], out[8]; /* per second, the broker's text */
	int paused;
};

struct top_worker {
	char name[SW_NAME_MAX + 1], queues[64];
	int64_t slots, leased, done, failed, seen_ms;
};

struct top_job {
	struct sw_id id;
	char queue[SW_QUEUE_MAX + 1];
	int64_t at_ms;	  /* since then leased, or dead; due then */
	int64_t progress; /* percent; -1: none */
	int64_t attempt;
	char text[64]; /* its progress text, or the last line of its error */
};

enum top_kind { TOP_NOTHING, TOP_QUEUE, TOP_JOB };

struct top_selection {
	enum top_kind kind;
	char queue[SW_QUEUE_MAX + 1];
	struct sw_id job;
};

struct top {
	struct cmd *c;
	struct top_queue *queues;
	struct top_worker *workers;
	struct top_job *jobs;
	size_t n_queues, n_workers, n_jobs;
	int64_t uptime_ms, commits, ops, used, most;
	int64_t ops_before, commits_before, at_ms, before_ms;
	int frozen; /* no refresh */
	int rows, cols;
	int state; /* of the jobs shown */
	char filter[SW_QUEUE_MAX + 1]; /* the queue whose jobs; "": all */
	struct top_selection selected;
	char asked;	      /* a key that waits for y or n; 0: none */
	char note[NOTE_TEXT]; /* what the last key has done */
};

/* Asks for all that a screen shows. */
int top_look(struct top *);

/* Draws for `rows` and `cols`; 0 rows: all of them, as plain text. */
void top_draw(struct top *, const struct cmd_out *);

/* Prints at most `columns` characters of UTF-8. */
void top_cut(FILE *, const char *text, int columns);

/* Moves the selection by so many lines; up from none is the last job. */
void top_select(struct top *, int by);

/* Shows the jobs of the selected queue alone, or again of all. */
void top_filter(struct top *);

/* Shows the jobs of the next state. */
void top_state_next(struct top *);

/*
 * Does what a key means for the selected queue or job, or asks for y or n first
 * where that cannot be undone; the note says which.  0: the key means nothing.
 */
int top_act(struct top *, char key);

/* The selected queue or job, as it was shown last; NULL: none is selected. */
const struct top_queue *top_selected_queue(const struct top *);
const struct top_job *top_selected_job(const struct top *);

/* What the keys mean now, in a line. */
const char *top_help(const struct top *);

#endif
