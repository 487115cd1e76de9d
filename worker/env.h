/* SPDX-License-Identifier: MIT */
/*
 * env.h - the environment of an exec job, set in its own process
 */
#ifndef WORKER_ENV_H
#define WORKER_ENV_H

#include "worker/leases.h"

/* SPILLWAY_JOB_ID and the like, and the headers. */
void env_job_set(const struct worker_lease *);

/*
 * SPILLWAY_BLOB and its size, where the job refers to a blob.  One that
 * cannot be had ends the process: for good, or to be tried again.
 */
void env_blob(const struct worker_lease *, const char *uri, const char *dir);

#endif
