/* SPDX-License-Identifier: MIT */
/*
 * sandbox.h - restrictions for a program that reads untrusted files
 *
 * Entered by the child between fork and exec.  Layers: no new privileges
 * (prctl(2)); limits (setrlimit(2)); access only to the files named here and to
 * libraries (landlock(7)); and a list of allowed system calls (seccomp(2)),
 * without sockets, without new processes and without signals to other
 * processes.  A call that is not on the list fails with EPERM.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdint.h>

struct sandbox {
	const char *program; /* a file to execute and read */
	const char *input;   /* a file to read; NULL: none */
	const char *folder;  /* where files may be made, written and removed */
	int64_t memory;	     /* bytes of address space; 0: no limit */
	int64_t cpu_s;	     /* CPU seconds of all threads; 0: no limit */
	int64_t file_size;   /* bytes of one file; 0: no limit */
	int no_landlock;     /* accept a kernel without Landlock */
};

/*
 * Restricts this process and all that it will execute, for good.  -ENOSYS: the
 * kernel has no Landlock; or -errno, and then the process must not go on.
 */
int sandbox_enter(const struct sandbox *) __attribute__((warn_unused_result));

#endif
