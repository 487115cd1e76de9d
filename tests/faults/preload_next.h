/* SPDX-License-Identifier: MIT */
/*
 * preload_next.h - for libraries that stand before libc's functions
 */
#ifndef TESTS_PRELOAD_NEXT_H
#define TESTS_PRELOAD_NEXT_H

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>

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

/* Stands before open() or a sibling: returns `result` of path, flags, mode. */
#define NEXT_OPEN(name, result)                                                \
	NEXT(int, name, const char *, int, ...)                                \
	OPEN_TO_ALL int name(const char *path, int flags, ...)                 \
	{                                                                      \
		mode_t mode = 0;                                               \
		va_list ap;                                                    \
                                                                               \
		va_start(ap, flags);                                           \
		if (flags & (O_CREAT | __O_TMPFILE))                           \
			mode = va_arg(ap, mode_t);                             \
		va_end(ap);                                                    \
		return result;                                                 \
	}

#endif
