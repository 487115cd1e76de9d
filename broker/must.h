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

#define must(what)                                                             \
	do {                                                                   \
		if (!(what)) {                                                 \
			(void)fprintf(stderr,                                  \
				"<2>ev=bug at=%s:%d must=\"%s\"\n", __FILE__,  \
				__LINE__, #what);                              \
			abort();                                               \
		}                                                              \
	} while (0)

#endif
