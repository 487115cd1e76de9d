/* SPDX-License-Identifier: MIT */
/*
 * config.h - the configuration of jobs, without a worker
 */
#ifndef TESTS_CONFIG_H
#define TESTS_CONFIG_H

#include "jobs/config.h"

/*
 * Reads `file` as a worker of these types does, or takes the defaults alone
 * where it is NULL.  All configurations of a test have the same types.
 */
int job_config_read(struct config **, const char *file,
	const struct job_type *types, char *why, size_t cap);

/* The same as the program of that type does, which skips other sections. */
int job_type_config_read(struct config **, const char *file,
	const struct job_type *, char *why, size_t cap);

#endif
