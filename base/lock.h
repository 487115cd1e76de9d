/* SPDX-License-Identifier: MIT */
/*
 * lock.h - files that one process at a time may use
 *
 * A lock is an flock(2) on an open file: it ends with the process, however the
 * process ends.  A lock belongs to the file and not to its name, so who holds
 * one asks lock_is_named() from time to time.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <sys/types.h>

/*
 * Takes the lock of an open file.  -EBUSY: another process has it, and *holder
 * is its id, or 0 if that cannot be found; or -errno.
 */
int lock_take(int fd, pid_t *holder) __attribute__((warn_unused_result));

/*
 * Opens the lock file `path`, which is made if it is missing, takes its lock
 * and writes the id of this process into it, if the disk has room.  Returns the
 * descriptor, which the caller must close; or an error of lock_take() or of
 * open(2), which does not follow a symbolic link.
 */
int lock_file_open(const char *path, pid_t *holder)
	__attribute__((warn_unused_result));

/*
 * 0: `path` names the open file `fd`, or that cannot be found out; -ESTALE:
 * the file was removed or replaced.  Makes stat calls only, which wait where
 * the file system does.
 */
int lock_is_named(int fd, const char *path) __attribute__((warn_unused_result));

#endif
