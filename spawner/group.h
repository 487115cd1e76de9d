/* SPDX-License-Identifier: MIT */
/*
 * group.h - the children of a spawner, and all that they start
 *
 * Each child leads a process group and takes over its own orphans.  When it
 * ends, its group is killed while its pid cannot be used again (the child is
 * not reaped yet), and what had left the group becomes a child of the spawner,
 * its subreaper.  So every child of the spawner that is neither a leader nor
 * its deleter is a left-over and is killed, again and again until there is
 * none.  Only then the end is reported.
 *
 * A child with a control group (cgroup.h) is ended by that first: what forks
 * and leaves its session faster than it is found in a list does not leave its
 * control group.
 *
 * The kernel lists children in /proc/self/task/TID/children.  Where it does
 * not, what has left its group lives on: groups_open() says so.
 */
#ifndef SPAWNER_GROUP_H
#define SPAWNER_GROUP_H

#include <sys/types.h>

#include "spawner/cgroup.h"
#include "spawner/folder.h"
#include "spawner/message.h"

enum {
	GROUP_REAPS = 64,     /* in one turn */
	GROUP_LAST_MS = 1000, /* an end waits so long for its left-overs */
	GROUP_AGAIN_MS = 20,  /* between two looks at left-overs that live */
	GROUP_SOON_MS = 1,    /* the first such pause for a control group */
};

struct group; /* a child and what it has started */

/* What is removed at a child's end; 0: it has none. */
struct group_parts {
	unsigned long folder, cgroup; /* as of folders_make(), launch_run() */
	int large;		      /* as of folders_remove() */
};

/* An event for the worker is ready. */
typedef void group_event_fn(void *arg, const struct spawn_event *);

/*
 * To be called once; makes the process a subreaper.  0 or -errno; *blind is
 * set to 1 where the kernel does not list children.
 */
int groups_open(struct folders *folders, struct cgroups *cgroups,
	group_event_fn *event, void *arg, int *blind)
	__attribute__((warn_unused_result));

/* Whether a child may be started under that number. */
int group_is_free(uint32_t number);

/* A child was started; the parts are copied. */
void group_add(uint32_t number, pid_t, const struct group_parts *);

/* Signals the child's group; nothing when the child has ended. */
void group_signal(uint32_t number, int sig);

/*
 * Collects who has ended, kills left-overs, reports ends: bounded work.
 * Returns milliseconds until it is to be called again even without a SIGCHLD;
 * 0: at once; -1: not before that.
 */
int groups_turn(int64_t now_ms);

/* Kills all children and their left-overs, for `most_ms` at most. */
void groups_kill(int64_t most_ms);

#endif
