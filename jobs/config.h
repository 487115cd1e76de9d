/* SPDX-License-Identifier: MIT */
/*
 * config.h - the sections of the built-in jobs, for base/config.h
 *
 * [TYPE] holds what concerns all jobs of a type, [TYPE NAME] one of several
 * profiles that jobs choose by name.  The file is read once, at the worker's
 * start, and the children inherit what was read.
 */
#ifndef JOBS_CONFIG_H
#define JOBS_CONFIG_H

#include "jobs/job.h"

enum { JOB_GROUPS_MAX = 16 };

/*
 * Writes the groups of all types with keys and, behind them, one without a
 * name.  Returns how many there are.  They borrow from `types`.
 */
size_t job_groups(const struct job_type *types,
	struct config_group to[JOB_GROUPS_MAX + 1]);

#endif
