/* SPDX-License-Identifier: MIT */
/*
 * subprocess.h - runs a program in a sandbox, within limits
 *
 * The program has no stdin, `take` gets its stdout, and the end of its stderr
 * is stored.  It stays in its parent's process group and ends when the parent
 * does, so that the worker's signals for a cancel or a timeout reach it.
 */
#ifndef JOBS_TRANSCODE_SUBPROCESS_H
#define JOBS_TRANSCODE_SUBPROCESS_H

#include <stddef.h>

#include "base/sandbox.h"

enum { SUBPROCESS_STDERR = 4096 };

enum subprocess_end {
	SUBPROCESS_EXITED,  /* with `code` */
	SUBPROCESS_KILLED,  /* by signal `code`, which was not sent here */
	SUBPROCESS_CPU,	    /* used up its CPU time */
	SUBPROCESS_FILE,    /* a file grew beyond its limit */
	SUBPROCESS_DISK,    /* the folder grew beyond its limit */
	SUBPROCESS_REFUSED, /* `take` returned other than 0 */
};

struct subprocess {
	char *const *argv; /* argv[0] is the program's path */
	const struct sandbox *sandbox;
	int64_t disk; /* bytes in sandbox->folder while it runs; 0: any */
	int without_sandbox; /* tests: to see what the sandbox is for */
	/* Gets stdout in pieces; other than 0 ends the program. */
	int (*take)(void *arg, const char *, size_t);
	void *arg;

	enum subprocess_end end;
	int code;
	int64_t rss_kb;			     /* the most memory that it had */
	char stderr_text[SUBPROCESS_STDERR]; /* the end of stderr, a string */
	size_t stderr_len;
};

/*
 * Runs the program and waits for its end: 0, with the fields from `end` on set.
 * -errno: the program could not be started; -ENOSYS: no Landlock.
 */
int subprocess_run(struct subprocess *) __attribute__((warn_unused_result));

/* Bytes on disk of the files in `folder`, without its subfolders. */
int64_t folder_size(const char *folder);

#endif
