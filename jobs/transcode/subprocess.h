/* SPDX-License-Identifier: MIT */
/*
 * tool.h - a program run in a sandbox, and watched
 *
 * It has no stdin, its stdout goes to `take`, the tail of its stderr is kept.
 * It stays in the process group of whoever runs it and dies with him, so
 * that the worker's signals for a cancel or a timeout reach it.
 */
#ifndef JOBS_TRANSCODE_SUBPROCESS_H
#define JOBS_TRANSCODE_SUBPROCESS_H

#include <stddef.h>

#include "base/sandbox.h"

enum { SUBPROCESS_STDERR = 4096 };

enum subprocess_end {
	SUBPROCESS_EXITED,  /* with `code` */
	SUBPROCESS_KILLED,  /* by signal `code`, not ours */
	SUBPROCESS_CPU,	    /* used up its CPU time */
	SUBPROCESS_FILE,    /* a file grew beyond its limit */
	SUBPROCESS_DISK,    /* the folder grew beyond its limit */
	SUBPROCESS_REFUSED, /* `take` did not want more */
};

struct subprocess {
	char *const *argv; /* argv[0] is the program's path */
	const struct sandbox *sandbox;
	int64_t disk; /* bytes in sandbox->folder while it runs; 0: any */
	int without_sandbox; /* tests: to see what the sandbox is for */
	/* stdout, as it comes; what it returns other than 0 ends the program */
	int (*take)(void *arg, const char *, size_t);
	void *arg;

	enum subprocess_end end;
	int code;
	int64_t rss_kb;			     /* the most memory that it had */
	char stderr_text[SUBPROCESS_STDERR]; /* the end of stderr, a string */
	size_t stderr_len;
};

/* Until it has ended.  0 or -errno: it could not be started. */
int subprocess_run(struct subprocess *) __attribute__((warn_unused_result));

/* Bytes on disk of the files right in `folder`. */
int64_t folder_size(const char *folder);

#endif
