/* SPDX-License-Identifier: MIT */
/*
 * serve.h - the spawner's loop
 *
 * It serves nothing but starts, signals and ends, so that these wait for
 * nothing else.  All of it is one process without threads.
 */
#ifndef SPAWNER_SERVE_H
#define SPAWNER_SERVE_H

#include "base/exit.h"
#include "spawner/cgroup.h"

/* Where the spawner looks for its own control group. */
struct serve_cgroups {
	const char *cgroup_file, *mounts_file; /* as of cgroup_own() */
	const struct cgroup_kernel *kernel;
};

extern const struct serve_cgroups serve_cgroups; /* those of /proc/self */

/* Whether a worker has started this process: SPAWN_SOCKET is its socket. */
int serve_is_asked(void);

/* Serves the worker to its end, then ends all that was started. */
enum exit_status serve_worker(const struct serve_cgroups *);

#endif
