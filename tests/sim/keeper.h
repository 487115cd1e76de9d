/* SPDX-License-Identifier: MIT */
/*
 * keeper.h - a kept process that a test plays, and what the worker makes of it
 *
 * keeper_rig_* calls are followed by all events, each a line of `events`:
 *
 *	ready | begun A | progress A 40 half | alarm TEXT | signal 15 | close
 *	ended A ack none [ms=N] [cpu=N] [rss=N] [exit=N] [signal=N]
 *[result=TEXT] [put=QUEUE:HEADERS:BODY] [error=TEXT] gone failed|well TEXT
 *
 * Jobs are named by a letter: A is the first byte of the id.
 */
#ifndef TESTS_SIM_KEEPER_H
#define TESTS_SIM_KEEPER_H

#include "worker/kept/keeper.h"

enum { KEEPER_RIG_EVENTS = 16384 };

struct keeper_rig {
	struct keeper k;
	int64_t now_ms;
	char names[256]; /* of jobs, what keeper_give() gets */
	char events[KEEPER_RIG_EVENTS];
	size_t len;
	int ended[256]; /* how often each job has ended */
	char id[SW_ID_TEXT];
};

/* A process that has said "ready 1 AT_ONCE", without an event so far. */
void keeper_rig_init(struct keeper_rig *, int at_once);
void keeper_rig_fini(struct keeper_rig *);

/* The same on the heap; the teardown of a test whose state it is. */
struct keeper_rig *keeper_rig_new(int at_once);
int keeper_rig_free(void **state);

/* A process that has just been started, in the place of the last one. */
void keeper_rig_start(struct keeper_rig *, int most);

/* The id of a job, in a buffer of the rig. */
const char *keeper_rig_id(struct keeper_rig *, char name);

/* Hands over a job of 30 s: what keeper_give() returns. */
int keeper_rig_give(struct keeper_rig *, char name);

/* Takes all that is to be written, as the process reads it. */
void keeper_rig_read(struct keeper_rig *, char *text, size_t cap);

/* The process says bytes; "%" stands for the id of the job of the letter
 * behind it. */
void keeper_rig_say(struct keeper_rig *, const char *text);
void keeper_rig_say_bytes(struct keeper_rig *, struct bytes);
void keeper_rig_eof(struct keeper_rig *);

/* Time passes, in steps to what is due. */
void keeper_rig_pass(struct keeper_rig *, int64_t ms);

/* The process ends; `tail` is of its output. */
void keeper_rig_exit(struct keeper_rig *, int status, const char *tail);

/* Takes the events that are due. */
void keeper_rig_events(struct keeper_rig *);

/* Fails unless these are the events since the last call. */
void keeper_rig_expect(struct keeper_rig *, const char *events);

#endif
