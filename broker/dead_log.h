/* SPDX-License-Identifier: MIT */
/*
 * dead_log.h - the log's lines on what happens to jobs that are dead
 */
#ifndef BROKER_DEAD_LOG_H
#define BROKER_DEAD_LOG_H

#include "broker/core/core.h"

struct dead_log {
	int64_t kept_ms, untold_ms,
		dropped_ms; /* boot clock, of the last line */
};

/* Writes a line for each kind that has happened, but one a second at most:
 * with the number of jobs, and queue and id of the last of them. */
void dead_log_write(struct dead_log *, struct core *, int64_t boot_ms);

#endif
