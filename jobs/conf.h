/* SPDX-License-Identifier: MIT */
/*
 * conf.h - the configuration of built-in jobs: an INI file
 *
 *	[email]
 *	url = smtp://mail.example.org
 *	[transcode hls]
 *	codec = h264
 *
 * [TYPE] holds what concerns all jobs of a type, [TYPE NAME] one of several
 * profiles that jobs choose by name.  Which keys there are stands in the type's
 * tables (job.h); they make the parser and the help.  The worker reads the
 * file once at its start, so a mistake is one line with its place before any
 * job runs, and the children inherit what was read.
 */
#ifndef WORKER_CONF_H
#define WORKER_CONF_H

#include <stdint.h>
#include <stdio.h>

#include "wire/setting.h"

struct job_type;
struct conf;

enum conf_kind { CONF_TEXT, CONF_COUNT, CONF_MS, CONF_BYTES, CONF_FLAG };

/* A table of them ends with a key without a name. */
struct conf_key {
	const char *name;
	enum conf_kind kind;
	int64_t min, max; /* of all but texts */
	const char *def;  /* as in the file; NULL: none, and 0 */
	const char *text; /* one line for --help */
};

/*
 * Reads `file`, or takes the defaults alone where it is NULL.  0, or a
 * negative error with one line in `why` that says what is wrong and where.
 * What a type's own check() says is not asked: it may not be served here.
 */
int conf_read(struct conf **, const char *file, const struct job_type *types,
	char *why, size_t cap) __attribute__((warn_unused_result));
void conf_free(struct conf *);

/*
 * The value in `section` ("email", "transcode hls"), or its default.  NULL and
 * 0 where there is none.  [TYPE] is always there; [TYPE NAME] only if the
 * file has a key in it, see conf_has().  To ask for a key that the table does
 * not have is a mistake of ours.  Borrowed as long as the conf is.
 */
const char *conf_text(const struct conf *, const char *section, const char *);
int64_t conf_number(const struct conf *, const char *section, const char *);
int conf_has(const struct conf *, const char *section);

/* The n-th section of the file as it is written, or NULL: to walk them. */
const char *conf_section(const struct conf *, size_t n);

/* The keys of all types, for people. */
void conf_help(FILE *, const struct job_type *types);

#endif
