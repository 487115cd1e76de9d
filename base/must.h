/* SPDX-License-Identifier: MIT */
/*
 * must.h - assertions that stay in every build
 *
 * For mistakes in Spillway's own code only; what input, system or peers may
 * cause is an error that is returned.
 */
#ifndef BASE_MUST_H
#define BASE_MUST_H

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
 * Ends the process with EX_OSERR and one line in the log if an allocation has
 * failed that a turn cannot do without.  This loses nothing: no answer of the
 * turn was sent, and the store has all that was confirmed.
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

/* uthash.h calls this on a failed allocation; include must.h before it. */
#define uthash_fatal(what) out_of_memory()

#endif
