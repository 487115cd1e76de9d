/* SPDX-License-Identifier: MIT */
/*
 * env.h - the environment of an exec job, set in its own process
 */
#ifndef WORKER_ENV_H
#define WORKER_ENV_H

#include "worker/leases.h"

/* Sets SPILLWAY_JOB_ID and the other variables of a job, and its headers. */
void env_job_set(const struct worker_lease *);

/*
 * Fetches the job's blob, if it refers to one, and sets SPILLWAY_BLOB and
 * SPILLWAY_BLOB_SIZE.  A failed fetch exits: EX_NOINPUT, a permanent failure,
 * or EX_TEMPFAIL, a retry.
 */
void env_blob(const struct worker_lease *, const char *uri, const char *dir);

#endif
