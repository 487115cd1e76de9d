/* SPDX-License-Identifier: MIT */
/*
 * alarm.h - what built-in jobs find wrong with their set-up
 *
 * A password that is refused fails every mail; a person needs to read it
 * once.  So a text is logged when it is not the one that this type of job
 * gave last, and its end when a job of that type has ended well.
 */
#ifndef WORKER_ALARM_H
#define WORKER_ALARM_H

#include "jobs/job.h"
#include "wire/limits.h"

enum { ALARM_TYPES = 16 }; /* all zero is none */

struct alarms {
	struct {
		const struct job_type *type;
		char text[SW_TEXT_MAX + 1]; /* "": all is well */
	} of[ALARM_TYPES];
};

/* 1: this is news.  `text` "" means that all is well. */
int alarms_note(struct alarms *, const struct job_type *, const char *text);

#endif
