/* SPDX-License-Identifier: MIT */
/*
 * alarm.h - faults in the configuration that built-in jobs report
 *
 * A refused password fails every mail, but a person needs to read so once.
 * So a type's alarm is logged when its text differs from the last one of that
 * type, and its end is logged when a job of the type succeeds.
 */
#ifndef WORKER_ALARM_H
#define WORKER_ALARM_H

#include "jobs/job.h"
#include "wire/limits.h"

enum { ALARM_TYPES = 16 };

/* Zeroed before its first use. */
struct alarms {
	struct {
		const struct job_type *type;
		char text[SW_TEXT_MAX + 1]; /* "": no alarm */
	} of[ALARM_TYPES];
};

/* Records a type's alarm, "" for none.  1: it differs from the last: log it. */
int alarms_note(struct alarms *, const struct job_type *, const char *text);

#endif
