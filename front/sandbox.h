/* SPDX-License-Identifier: MIT */
/*
 * sandbox.h - what a handler cannot do
 *
 * Layers, each of which would do alone for most: limits (setrlimit(2)), no
 * new privileges, no file by name (landlock(7)), and a list of the system
 * calls there are (seccomp(2)): memory, the clock, random bytes, and reading
 * and writing the two descriptors that are open.  Any other call returns
 * EPERM.
 */
#ifndef FRONT_SANDBOX_H
#define FRONT_SANDBOX_H

#include <linux/filter.h>
#include <stddef.h>

struct sandbox {
	struct sock_fprog filter; /* made once, entered by every isolate */
	size_t memory;		  /* bytes of address space, in all */
	int landlock;		  /* its version here, 0: none */
};

/* In the zygote, before it forks.  `memory` is what a handler may take. */
int sandbox_init(struct sandbox *, size_t memory)
	__attribute__((warn_unused_result));

/* In the isolate: there is no way back.  0 or -errno. */
int sandbox_enter(const struct sandbox *) __attribute__((warn_unused_result));

#endif
