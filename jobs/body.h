/* SPDX-License-Identifier: MIT */
/*
 * body.h - a job's body as an object of JSON, read strictly
 *
 * The same for every job: a key that it does not know is refused, and so is
 * one that comes twice, for a guess would be wrong in silence.  Each error is
 * SW_EINVAL, with one line in `why`.
 */
#ifndef JOBS_BODY_H
#define JOBS_BODY_H

/* Before our limits.h, which cJSON else gets from <limits.h>. */
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/bytes.h"

enum { BODY_WHY = 512 };

/*
 * UTF-8 without a NUL, one value of JSON and nothing behind it; to be deleted
 * by the caller.  cJSON would end a string at \u0000, and what was checked
 * would not be what was meant.
 */
int body_parse(struct bytes, cJSON **, char why[BODY_WHY])
	__attribute__((warn_unused_result));

/* A key that an object may have; a table, of 64 at most, ends with NULL. */
struct body_key {
	const char *name;
	/* 0, or an error, with `why` of the call filled. */
	int (*take)(void *arg, const cJSON *value);
};

/* Hands each value to its key; `what` is the object's name in errors. */
int body_take(const cJSON *object, const char *what, const struct body_key *,
	void *arg, char why[BODY_WHY]) __attribute__((warn_unused_result));

/* The string that a value is, borrowed from it. */
int body_text(const cJSON *value, const char **to, char why[BODY_WHY])
	__attribute__((warn_unused_result));

#endif
