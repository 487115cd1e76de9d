/* SPDX-License-Identifier: MIT */
/*
 * dir.h - the folders in which jobs run
 *
 * They lie in one folder of the worker, $TMPDIR/spillway-worker.XXXXXX (else
 * in /tmp), that is locked as long as the worker lives.  What a worker left
 * behind that died without a word is removed by the next one that starts.
 */
#ifndef WORKER_DIR_H
#define WORKER_DIR_H

enum { DIR_PATH = 256 };

/*
 * Once, at the start: sweeps, and makes the worker's folder.  0 or -errno,
 * with -ENAMETOOLONG for $TMPDIR.
 */
int dirs_open(void) __attribute__((warn_unused_result));
void dirs_close(void);

/* A new folder within it; "" where it cannot be made. */
void dir_make(char path[DIR_PATH]);

/* What is in it, and with _remove the folder itself. */
void dir_empty(const char *path);
void dir_remove(const char *path);

#endif
