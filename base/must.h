/* SPDX-License-Identifier: MIT */
/*
 * must.h - what has to be true, checked in every build
 *
 * For mistakes in our own code only; what the world does is an error code.
 */
#ifndef BROKER_MUST_H
#define BROKER_MUST_H

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#define must(what)                                                             \
	do {                                                                   \
		if (!(what)) {                                                 \
			(void)fprintf(stderr,                                  \
				"<2>ev=bug at=%s:%d must=\"%s\"\n", __FILE__,  \
				__LINE__, #what);                              \
			abort();                                               \
		}                                                              \
	} while (0)

/*
 * Memory without which a turn cannot go on.  Crash-only: the store is the
 * truth, so one line and an end at once; nothing of this turn was answered.
 */
#define must_have(memory)                                                      \
	do {                                                                   \
		if ((memory) == NULL)                                          \
			out_of_memory();                                       \
	} while (0)

__attribute__((noreturn)) static inline void
out_of_memory(void)
{
	(void)fputs(
		"<3>ev=memory error=ENOMEM text=\"out of memory\"\n", stderr);
	_exit(EX_OSERR);
}

/* What the hash tables do; wanted before <uthash.h>. */
#define uthash_fatal(what) out_of_memory()

#endif
