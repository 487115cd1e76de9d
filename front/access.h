/* SPDX-License-Identifier: MIT */
/*
 * access.h - the access log, in the combined format of Apache and nginx
 *
 * What a client sent is written with \xHH for quotes, backslashes and bytes
 * that are not printable ASCII, as nginx does.
 */
#ifndef FRONT_ACCESS_H
#define FRONT_ACCESS_H

#include <stddef.h>
#include <stdio.h>
#include <time.h>

struct access_log {
	FILE *f; /* NULL: no log */
	char *path;
	time_t at; /* of `stamp` */
	char stamp[32];
};

/* `path`, copied: NULL: no log; "-": the standard output.  0 or -errno. */
int access_open(struct access_log *, const char *path)
	__attribute__((warn_unused_result));
void access_close(struct access_log *);

/* Anew under its path, for who has renamed the file. */
void access_reopen(struct access_log *);

struct access_line {
	const char *client;
	const char *method; /* NULL: it was no request */
	const char *target, *version;
	int status;
	size_t bytes;
	const char *referer, *agent; /* may be NULL */
};

void access_write(struct access_log *, const struct access_line *);
void access_flush(struct access_log *);

#endif
