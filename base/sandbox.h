/* SPDX-License-Identifier: MIT */
/*
 * sandbox.h - what a program that reads foreign files cannot do
 *
 * Entered between fork and exec.  Layers: no new privileges; limits
 * (setrlimit(2)); files by name only where they are named here (landlock(7));
 * and a list of the system calls there are (seccomp(2)), without sockets,
 * without new processes, and without signals to others.  What is not on the
 * list returns EPERM.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdint.h>

struct sandbox {
	const char *program; /* may be run and read */
	const char *input;   /* may be read; NULL: none */
	const char *folder;  /* files in it may be made, written, removed */
	int64_t memory;	     /* bytes of address space; 0: no limit */
	int64_t cpu_s;	     /* seconds of CPU, all threads; 0: no limit */
	int64_t file_size;   /* bytes of one file; 0: no limit */
	int no_landlock;     /* go on where the kernel has none */
};

/* There is no way back.  0 or -errno, -ENOSYS: no Landlock here. */
int sandbox_enter(const struct sandbox *) __attribute__((warn_unused_result));

#endif
