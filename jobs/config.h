/* SPDX-License-Identifier: MIT */
/*
 * config.h - the sections of the built-in jobs, for base/config.h
 *
 * [TYPE] has the settings of all jobs of a type, [TYPE NAME] those of one of
 * several profiles that jobs choose by name.  The type's program reads the file
 * once, at its start.
 */
#ifndef JOBS_CONFIG_H
#define JOBS_CONFIG_H

#include "jobs/job.h"

enum { JOB_TYPE_GROUPS = 2 };

/*
 * Writes a group for each table of keys of a type and, behind the last, one
 * without a name.  Returns their number.  The groups borrow from the type.
 */
size_t job_type_groups(
	const struct job_type *, struct config_group to[JOB_TYPE_GROUPS + 1]);

/*
 * Whether this process may use the file, or the folder, that a key names, for
 * `mode` of access(2).  0, also when the key is not set; or SW_EINVAL, and
 * `why` names the key, the path and what is wrong with it.
 */
int job_file_check(const struct config *, const char *section, const char *key,
	int mode, char *why, size_t cap) __attribute__((warn_unused_result));
int
job_folder_check(const struct config *, const char *section, const char *key,
	int mode, char *why, size_t cap) __attribute__((warn_unused_result));

#endif
