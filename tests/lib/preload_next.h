/* SPDX-License-Identifier: MIT */
/*
 * preload_next.h - for libraries that stand before libc's functions
 */
#ifndef TESTS_PRELOAD_NEXT_H
#define TESTS_PRELOAD_NEXT_H

#include <dlfcn.h>
#include <stddef.h>

/* Replaced functions are redeclared on purpose, some under other names. */
#pragma GCC diagnostic ignored "-Wredundant-decls"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wpedantic"

#define OPEN_TO_ALL __attribute__((visibility("default")))

/* `next_NAME` is the function that this one stands before. */
#define NEXT(ret, name, ...)                                                   \
	typedef ret name##_fn(__VA_ARGS__);                                    \
	static name##_fn *next_##name(void)                                    \
	{                                                                      \
		static name##_fn *next;                                        \
		union {                                                        \
			void *p;                                               \
			name##_fn *fn;                                         \
		} u;                                                           \
                                                                               \
		if (next == NULL) {                                            \
			u.p = dlsym(RTLD_NEXT, #name);                         \
			next = u.fn;                                           \
		}                                                              \
		return next;                                                   \
	}

#endif
