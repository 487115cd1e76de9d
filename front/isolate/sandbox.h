/* SPDX-License-Identifier: MIT */
/*
 * sandbox.h - what a handler cannot do
 *
 * Layers, each of which would do alone for most: limits (setrlimit(2)), no
 * new privileges, no file by name (landlock(7)), and a list of the system
 * calls there are (seccomp(2)): memory, the clock, random bytes, reading the
 * two descriptors that are open and writing to the second.  Any other call
 * returns EPERM.
 *
 * It is entered before the module is loaded, as loading runs its code; until
 * it is closed there are also the calls that a loader makes, and the
 * system's libraries may be read.
 */
#ifndef FRONT_SANDBOX_H
#define FRONT_SANDBOX_H

#include <linux/filter.h>
#include <stddef.h>

struct handler_sandbox {
	struct sock_fprog load, run; /* made once, entered by every isolate */
	size_t memory;		     /* bytes of address space, in all */
	int libraries;		     /* a ruleset; -1: no landlock here */
};

/*
 * In the zygote, before it forks, with what little it has: `memory` is what
 * a module and its handler may take.  0 or -errno.
 */
int handler_sandbox_init(struct handler_sandbox *, const char *module,
	size_t memory) __attribute__((warn_unused_result));

/* In the isolate, one after the other: no way back.  0 or -errno. */
int handler_sandbox_enter(const struct handler_sandbox *)
	__attribute__((warn_unused_result));
int handler_sandbox_close(const struct handler_sandbox *)
	__attribute__((warn_unused_result));

#endif
