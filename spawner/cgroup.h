/* SPDX-License-Identifier: MIT */
/*
 * cgroup.h - a control group for each child, where one is delegated
 *
 * With Delegate=yes systemd leaves a service's own control group (version 2)
 * to the service, and marks the folder with an extended attribute.  In it the
 * spawner makes a root, spillway-worker.PID-N, locked as long as the spawner
 * lives, and in the root a group for each child.  No process leaves its control
 * group by fork(2) or setsid(2), and one write to cgroup.kill (Linux 5.14)
 * kills all that is in a group and below, also what is being forked meanwhile.
 *
 * No controller is enabled below: the groups limit nothing, and the rule that
 * processes are in leaves alone does not apply.
 *
 * rmdir(2) removes a group in which nothing lives.  One that cannot be removed
 * yet is tried again by cgroups_turn(), which also kills and removes the roots
 * of spawners that were killed: those whose lock is free.
 */
#ifndef SPAWNER_CGROUP_H
#define SPAWNER_CGROUP_H

#include <stdint.h>

enum {
	CGROUP_PATH = 1024,
	CGROUP_NAME = 64,
	CGROUP_LATER = 256,   /* groups that could not be removed yet */
	CGROUP_LOOKS = 16,    /* at such groups, in one turn */
	CGROUP_REMOVES = 16,  /* of groups within a group, in one look */
	CGROUP_AGAIN_MS = 50, /* between two such turns */
};

/* What makes and removes groups; tests have their own. */
struct cgroup_kernel {
	int (*make)(int dir, const char *name);	  /* as mkdirat(2) */
	int (*remove)(int dir, const char *name); /* as rmdir(2) */
};

extern const struct cgroup_kernel cgroup_kernel;

/* Zeroed: no child has a control group. */
struct cgroups {
	const struct cgroup_kernel *kernel; /* NULL: none is delegated */
	int parent, root;		    /* folders; the lock is root's */
	char name[CGROUP_NAME];		    /* of root */
	unsigned roots;			    /* made so far */
	unsigned long made;
	unsigned long later[CGROUP_LATER]; /* a ring */
	unsigned first, later_n;
	int stale; /* there may be roots of spawners that were killed */
	int64_t again_ms;
};

/*
 * The folder of this process's own group, by the texts of /proc/self/cgroup
 * and /proc/self/mountinfo.  0; -ENODATA: none is mounted here; or -errno.
 */
int cgroup_own(const char *cgroup_file, const char *mounts_file,
	char path[CGROUP_PATH]) __attribute__((warn_unused_result));

/*
 * Makes the root in the folder `path`.  0; or no child will have a group:
 * -ENODATA: the folder is not there or not delegated; -ENOSYS: the kernel has
 * no cgroup.kill; another -errno: the root cannot be made, such as -EROFS.
 */
int cgroups_open(struct cgroups *, const struct cgroup_kernel *,
	const char *path) __attribute__((warn_unused_result));

/*
 * A new group, and its cgroup.procs to write to, which is the caller's to
 * close: a process that writes "0" enters.  0 or -errno.  Where no child has
 * a group: 0, *number is 0 and *procs is -1.
 */
int cgroups_make(struct cgroups *, unsigned long *number, int *procs)
	__attribute__((warn_unused_result));

/*
 * Kills what lives in the group and removes it.  1: nothing lives in it, and
 * the number is forgotten; 0: to be called again, or cgroups_later().
 */
int cgroups_end(struct cgroups *, unsigned long number);

/* Leaves the group's end to cgroups_turn(). */
void cgroups_later(struct cgroups *, unsigned long number);

/* Bounded work.  Milliseconds until it is to be called again; -1: not so. */
int cgroups_turn(struct cgroups *, int64_t now_ms);

/* Kills what lives in any of the groups. */
void cgroups_kill(struct cgroups *);

/* Kills all and removes the root, for `most_ms` at most. */
void cgroups_close(struct cgroups *, int64_t most_ms);

#endif
