/* SPDX-License-Identifier: MIT */
/*
 * sandbox.h - the sandbox of an isolate: what a handler cannot do
 *
 * Its layers overlap: limits (setrlimit(2)), no new privileges, no file by
 * name (landlock(7)), and a list of allowed system calls (seccomp(2)):
 * memory, the clock, random bytes, reading the two open descriptors and
 * writing to the second.  Any other call returns EPERM.
 *
 * The isolate enters the sandbox before it loads the module, for loading runs
 * the module's code.  Until handler_sandbox_close() the dynamic loader's
 * calls are allowed too, and the system's libraries may be read.
 */
#ifndef FRONT_SANDBOX_H
#define FRONT_SANDBOX_H

#include <linux/filter.h>
#include <stddef.h>

struct handler_sandbox {
	struct sock_fprog load, run; /* filters, until closed and after */
	size_t memory;		     /* bytes of address space, in all */
	int libraries;		     /* a ruleset; -1: no landlock here */
};

/*
 * Prepares the sandbox in the zygote, before it forks.  `memory`: the bytes
 * that a module and its handler may take, beyond those in use now.  0 or
 * -errno.
 */
int handler_sandbox_init(struct handler_sandbox *, const char *module,
	size_t memory) __attribute__((warn_unused_result));

/* Called in the isolate, in this order; cannot be undone.  0 or -errno. */
int handler_sandbox_enter(const struct handler_sandbox *)
	__attribute__((warn_unused_result));
int handler_sandbox_close(const struct handler_sandbox *)
	__attribute__((warn_unused_result));

#endif
