/* SPDX-License-Identifier: MIT */
/*
 * note.h - what a turn has decided that a person may want to read
 *
 * The core has no log: it notes, and the broker logs what is committed.  A turn
 * keeps a few notes of each kind and counts the others.
 */
#ifndef BROKER_MODEL_NOTE_H
#define BROKER_MODEL_NOTE_H

#include "broker/model/record.h"

/* X(symbol, the event in the log) */
#define NOTE_MAP(X)                                                            \
	X(NOTE_DEAD, "dead")                                                   \
	X(NOTE_RETRY, "retry")                                                 \
	X(NOTE_JOINED, "worker-joined")                                        \
	X(NOTE_LEFT, "worker-left")                                            \
	X(NOTE_LOST, "worker-lost")                                            \
	X(NOTE_QUEUE, "queue-made")                                            \
	X(NOTE_KEPT, "dead-letter-refused")                                    \
	X(NOTE_UNTOLD, "notice-refused")                                       \
	X(NOTE_DROPPED, "dead-deleted")

enum note_kind {
#define X(sym, name) sym,
	NOTE_MAP(X)
#undef X
		NOTE_KINDS,
};

enum {
	NOTES_OF_KIND = 16, /* in a turn; others are counted */
	NOTE_ERROR = 201,   /* bytes of an error, with its NUL */
};

struct note {
	enum note_kind kind;
	struct sw_id id; /* of the job */
	char queue[SW_QUEUE_MAX + 1];
	char to[SW_QUEUE_MAX + 1]; /* the job's dead-letter queue, or empty */
	char worker[SW_NAME_MAX + 1];
	char error[NOTE_ERROR]; /* the last line of the last error */
	int64_t cause, attempt, attempts_most;
	int64_t in_ms;	       /* until the next attempt */
	int64_t slots, leased; /* of the worker */
	int64_t lost;	       /* jobs, by its silence */
	int64_t silent_ms;
	int err; /* of the queue that has refused the job or its notice */
};

struct notes {
	struct note list[NOTES_OF_KIND * NOTE_KINDS];
	unsigned n;
	unsigned of_kind[NOTE_KINDS]; /* noted and left out */
};

/* The event's name; static. */
const char *note_name(enum note_kind);

/* A job has died, and moves to its dead-letter queue, if `to` is not NULL. */
void note_dead(struct notes *, const struct record *, const struct queue *to);

/* A job has failed and waits for its next attempt. */
void note_retry(struct notes *, const struct record *, int64_t now_ms);

/* A job is deleted after retain_dead_ms. */
void note_dropped(struct notes *, const struct record *);

/* NOTE_KEPT: a job has died, and its dead-letter queue refuses it; NOTE_UNTOLD:
 * a queue refuses the notice of a job. */
void note_refused(struct notes *, enum note_kind, const struct queue *,
	const struct sw_id *, int err);

void note_worker(struct notes *, enum note_kind, const struct session *,
	int64_t mono_ms);
void note_queue(struct notes *, enum note_kind, const struct queue *);

#endif
