/* SPDX-License-Identifier: MIT */
/*
 * access.h - the access log, in the combined format of Apache and nginx
 *
 * In the client's texts quotes, backslashes and bytes that are not printable
 * ASCII are written as \xHH, as nginx does.
 */
#ifndef FRONT_ACCESS_H
#define FRONT_ACCESS_H

#include <stddef.h>
#include <stdio.h>
#include <time.h>

struct access_log {
	FILE *f; /* NULL: no log */
	char *path;
	time_t at; /* the second of `stamp` */
	char stamp[32];
};

/* `path`, copied: NULL: no log; "-": the standard output.  0 or -errno. */
int access_open(struct access_log *, const char *path)
	__attribute__((warn_unused_result));
void access_close(struct access_log *);

/* Opens the path again, after a rotation; on an error keeps the old file. */
void access_reopen(struct access_log *);

struct access_line {
	const char *client;
	const char *method; /* NULL: the bytes were no request */
	const char *target, *version;
	int status;
	size_t bytes;
	const char *referer, *agent; /* may be NULL */
};

void access_write(struct access_log *, const struct access_line *);
void access_flush(struct access_log *);

#endif
