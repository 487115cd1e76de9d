/* SPDX-License-Identifier: MIT */
/*
 * tool.h - a program run in a sandbox, and watched
 *
 * It has no stdin, its stdout goes to `take`, the tail of its stderr is kept.
 * It stays in the process group of whoever runs it and dies with him, so
 * that the worker's signals for a cancel or a timeout reach it.
 */
#ifndef JOBS_TOOL_H
#define JOBS_TOOL_H

#include <stddef.h>

#include "base/sandbox.h"

enum { TOOL_SAID = 4096 };

enum tool_end {
	TOOL_EXITED,  /* with `code` */
	TOOL_KILLED,  /* by signal `code`, not ours */
	TOOL_CPU,     /* used up its CPU time */
	TOOL_FILE,    /* a file grew beyond its limit */
	TOOL_DISK,    /* the folder grew beyond its limit */
	TOOL_REFUSED, /* `take` did not want more */
};

struct tool {
	char *const *argv; /* argv[0] is the program's path */
	const struct sandbox *sandbox;
	int64_t disk;	  /* bytes in sandbox->folder while it runs; 0: any */
	int without_sandbox;	  /* tests: to see what the sandbox is for */
	/* stdout, as it comes; what it returns other than 0 ends the program */
	int (*take)(void *arg, const char *, size_t);
	void *arg;

	enum tool_end end;
	int code;
	int64_t rss_kb;	      /* the most memory that it had */
	char said[TOOL_SAID]; /* the end of stderr, a string */
	size_t said_len;
};

/* Until it has ended.  0 or -errno: it could not be started. */
int tool_run(struct tool *) __attribute__((warn_unused_result));

/* Bytes on disk of the files right in `folder`. */
int64_t tool_folder_size(const char *folder);

#endif
