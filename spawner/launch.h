/* SPDX-License-Identifier: MIT */
/*
 * launch.h - one start: from vfork(2) to execve(2)
 *
 * By vfork(2), because a start then costs what the bare system calls cost:
 * nothing is copied, and the child tells a failed step through the memory
 * that it shares.  The child leads a session and a process group, takes over
 * its orphans (PR_SET_CHILD_SUBREAPER, which execve(2) keeps and children do
 * not inherit), dies with the spawner, is in its control group, and has no
 * descriptor but 0 to 3.
 * Limits come last, so that none of them hinders a step before.
 */
#ifndef SPAWNER_LAUNCH_H
#define SPAWNER_LAUNCH_H

#include <sys/types.h>

#include "spawner/cgroup.h"
#include "spawner/message.h"

struct launch_command {
	char *path;
	char *argv[SPAWN_WORDS + 1];
	/* "/bin/sh", path, argv[1] ...: of a script that names no interpreter.
	 */
	char *script[SPAWN_WORDS + 2];
};

struct launch {
	const struct launch_command *command; /* NULL: ends with status 0 */
	char *const *env;
	int files[SPAWN_FILES]; /* all above 3 */
	const char *folder;	/* NULL: none */
	const struct spawn_limits *limits;

	int procs; /* launch_run()'s: the control group's cgroup.procs, or -1 */

	/* Written by the child: */
	enum spawn_step step;
	int error; /* 0, or -errno of that step */
};

/*
 * Reads the texts of a COMMAND, `len` bytes: 0; -EINVAL: no path, no word,
 * more than SPAWN_WORDS, or the last NUL is missing; -ENOMEM.
 */
int launch_command_read(struct launch_command *, const char *texts, size_t len)
	__attribute__((warn_unused_result));

/*
 * To be called once: reads the most that limits may be.  All signals must be
 * blocked and have their default actions in the caller.
 */
void launch_init(void);

/*
 * The child's pid, and its control group's number as of cgroups_make(); or
 * -errno, and `step` says what failed.  No process and no group is left then.
 */
pid_t launch_run(struct launch *, struct cgroups *, unsigned long *cgroup)
	__attribute__((warn_unused_result));

#endif
