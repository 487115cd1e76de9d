/* SPDX-License-Identifier: MIT */
/*
 * preload_trace.h - what a process does to the files below a folder
 *
 * preload_trace.so writes a record for each call that changes a file, a
 * folder, or what of them is durable, after it has succeeded, in order.  It
 * is silent until trace_begin; a process that is forked goes on with it.
 * Descriptors that are copied, and memory that is mapped, are not followed:
 * who replays a trace should hold its end against the folder.
 */
#ifndef TESTS_PRELOAD_TRACE_H
#define TESTS_PRELOAD_TRACE_H

#include <stdint.h>

enum trace_kind {
	TRACE_LIFE,	  /* a process begins; it has no descriptors */
	TRACE_OPEN,	  /* fd; arg: flags; the path */
	TRACE_WRITE,	  /* fd, at; the bytes */
	TRACE_SYNC,	  /* fd: the file, or the folder's entries */
	TRACE_SYNC_RANGE, /* fd, at, arg: so many bytes (O_DSYNC) */
	TRACE_SIZE,	  /* fd; arg: the file's length */
	TRACE_GROW,	  /* fd; arg: its least length (fallocate) */
	TRACE_CUT,	  /* arg: the file's length; its path */
	TRACE_RENAME,	  /* two paths, a NUL behind each */
	TRACE_UNLINK,	  /* the path */
	TRACE_MKDIR,	  /* the path */
	TRACE_MARK,	  /* what trace_mark was given, in at and arg */
};

struct trace_rec { /* and `len` bytes behind it, padded */
	uint32_t kind;
	int32_t fd;
	uint64_t at, arg, len;
};

enum { TRACE_ALIGN = 8 };
#define TRACE_PADDED(len)                                                      \
	(((len) + TRACE_ALIGN - 1) / TRACE_ALIGN * TRACE_ALIGN)

/* The process ends with this status in place of a further call. */
enum { TRACE_KILLED = 77 };

/*
 * Appends to `file` what happens below `root`, which is absolute; after
 * `last` calls (0: never) the process ends.
 */
typedef void trace_begin_fn(const char *root, const char *file, uint32_t last);
typedef void trace_mark_fn(uint64_t at, uint64_t arg);

/* From now on no file system knows of fallocate: it is half of the time that
 * it takes to open a store on a tmpfs. */
typedef void trace_spare_fn(void);

trace_begin_fn trace_begin;
trace_mark_fn trace_mark;
trace_spare_fn trace_spare;

#endif
