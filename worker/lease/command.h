/* SPDX-License-Identifier: MIT */
/*
 * command.h - where the programs are that a worker starts
 */
#ifndef WORKER_LEASE_COMMAND_H
#define WORKER_LEASE_COMMAND_H

#include <stddef.h>

enum { COMMAND_PATH = 4096 };

/*
 * The absolute path of a command: a name with a slash is a path, from the
 * working directory unless it begins with one; any other is looked for in
 * $PATH.  0; -ENOENT, -EACCES (the file is there, but must not be executed) or
 * another -errno; -ENAMETOOLONG.
 */
int command_find(const char *name, char path[COMMAND_PATH])
	__attribute__((warn_unused_result));

/* Whether a path is that of a file that may be executed: 0 or -errno. */
int command_check(const char *path) __attribute__((warn_unused_result));

/* The path of a program beside the worker's own: 0 or -errno. */
int command_beside(const char *name, char path[COMMAND_PATH])
	__attribute__((warn_unused_result));

#endif
