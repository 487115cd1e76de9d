/* SPDX-License-Identifier: MIT */
/*
 * env.h - the variables of an exec job, beside those of its worker
 */
#ifndef WORKER_PROCESS_ENV_H
#define WORKER_PROCESS_ENV_H

#include "spawner/message.h"
#include "worker/lease/leases.h"

enum { ENV_ROOM = SPAWN_PACKET - 1024 };

/*
 * Writes SPILLWAY_JOB_ID, _QUEUE, _ATTEMPT, _DEADLINE_MS and a
 * SPILLWAY_HEADER_<NAME> for each header, NAME=VALUE with a NUL behind each.
 * <NAME> is in upper case, and what is neither letter nor digit is '_'; of
 * headers with the same <NAME> the last one counts.  `wall_ms` is the time of
 * day, for the deadline.  The length; -E2BIG: they do not fit.
 */
ssize_t env_of_job(const struct worker_lease *, int64_t wall_ms,
	char room[ENV_ROOM]) __attribute__((warn_unused_result));

#endif
