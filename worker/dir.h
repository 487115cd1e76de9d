/* SPDX-License-Identifier: MIT */
/*
 * dir.h - the folders in which jobs run
 *
 * Each worker has one folder, $TMPDIR/spillway-worker.XXXXXX (else in /tmp),
 * locked as long as the worker lives, with a folder for each job in it.  A
 * worker that starts removes the folders of workers that were killed.
 */
#ifndef WORKER_DIR_H
#define WORKER_DIR_H

enum { DIR_PATH = 256 };

/*
 * Called once: removes stale folders and makes the worker's own.  0 or
 * -errno; -ENAMETOOLONG: $TMPDIR is too long.
 */
int dirs_open(void) __attribute__((warn_unused_result));
void dirs_close(void);

/* Makes a job's folder; path "": it could not be made. */
void dir_make(char path[DIR_PATH]);

/* Remove the content of a folder, or the folder with its content. */
void dir_empty(const char *path);
void dir_remove(const char *path);

#endif
