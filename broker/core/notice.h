/* SPDX-License-Identifier: MIT */
/*
 * notice.h - jobs that tell of a queue's dead and of its age
 *
 * A notice is a job with a JSON object as body, the header
 * spillway-notice=KIND, and the queue's notice_header; docs/dead-jobs.md has
 * the members.
 *
 *	dead	in queue on_dead, when a job dies: in the commit of the death,
 *		but one in NOTICE_MS for each queue at most.  Deaths between are
 *		counted in the next, which tells of the last of them
 *	age	in queue on_age, when the oldest ready job has waited longer
 *		than on_age_ms: once, until the queue's age was below again
 *
 * The id of a notice follows from what it tells of, so that there is one.  The
 * death of a notice makes none.  A notice that its queue refuses is lost, and
 * the log says so; so are, by a restart, deaths that were only counted.
 */
#ifndef BROKER_CORE_NOTICE_H
#define BROKER_CORE_NOTICE_H

#include "broker/job/state.h"

enum {
	NOTICE_MS = 1000,
	AGE_LOOKS = 1000,    /* jobs that are read for on_age in NOTICE_MS */
	NOTICE_ERROR = 1000, /* bytes at the end of an error that it has */
};

/* To be called when a job has died, before it moves on. */
void notice_death(struct core *, const struct record *);

/* To be called in each turn: tells what is due by now. */
void notices_tick(struct core *);

#endif
