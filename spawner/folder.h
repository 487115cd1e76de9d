/* SPDX-License-Identifier: MIT */
/*
 * folder.h - the folders of jobs, and the process that deletes them
 *
 * A spawner has a root, PARENT/spillway-worker.XXXXXX, locked as long as it
 * lives, with a folder for each child in it; and a second root on a disk for
 * large files, once a child may need it.  PARENT is $TMPDIR; without that the
 * first of $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR and /dev/shm that is a tmpfs
 * and writable, else /tmp; for large files $TMPDIR, /var/tmp or /tmp.
 *
 * An empty folder goes by one rmdir(2).  Any other is moved into the root's
 * folder "gone", which a process of lowest priority empties, one at a time: a
 * job that leaves 400,000 files delays nobody.  That process also removes the
 * roots of spawners that were killed: those whose lock is free.
 */
#ifndef SPAWNER_FOLDER_H
#define SPAWNER_FOLDER_H

#include <sys/types.h>

#include "spawner/message.h"

struct folder_root {
	char path[SPAWN_FOLDER - 32]; /* "": not there */
	int fd;			      /* of the root, with the lock; -1 */
};

struct folders {
	struct folder_root jobs, large;
	unsigned long made;
	int gone;      /* there is something to delete */
	int stale;     /* roots of others were not looked for yet */
	int doubt;     /* a root may not be where its path says */
	pid_t deleter; /* 0: none runs */
};

/* Makes the root of jobs: 0 or -errno, and then folders_make() tries again. */
int folders_open(struct folders *) __attribute__((warn_unused_result));

/* The root of jobs, or the folder in which it could not be made; maybe in
 * `room`. */
const char *folders_place(const struct folders *, char room[SPAWN_FOLDER]);

/* Removes all of it, however long that takes. */
void folders_close(struct folders *);

/*
 * A new folder, `number` names it.  0; or -errno: its root cannot be made, or
 * is full.
 */
int folders_make(struct folders *, char path[SPAWN_FOLDER],
	unsigned long *number) __attribute__((warn_unused_result));

/*
 * The path for a folder of large files beside it, which is not made.  0 or
 * -errno: its root cannot be made.
 */
int folders_large(struct folders *, unsigned long number,
	char path[SPAWN_FOLDER]) __attribute__((warn_unused_result));

/* A child could not enter its folder: the root is looked at again. */
void folders_doubt(struct folders *);

/* Removes what is there of both, at once or by the deleter. */
void folders_remove(struct folders *, unsigned long number, int large);

/* Starts a deleter if there is work for one and none runs. */
void folders_turn(struct folders *);

/* A process has ended: 1: it was the deleter. */
int folders_reaped(struct folders *, pid_t);

#endif
