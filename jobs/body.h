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

#include "jobs/parse.h"

enum { BODY_WHY = 512 };

/*
 * UTF-8 without a NUL, one value of JSON (RFC 8259) and nothing behind it, no
 * key twice in any object, nested at most JSON_PARSER_MAX_DEPTH deep, integers
 * of 64 bits; json_decref() it.  `why` says where the reader stopped.  Strings
 * have no NUL in them, so what is checked is what is meant.
 */
int body_parse(struct bytes, json_t **, char why[BODY_WHY])
	__attribute__((warn_unused_result));

/* A key that an object may have; a table ends with NULL. */
struct body_key {
	const char *name;
	/* 0, or an error, with `why` of the call filled. */
	int (*take)(void *arg, const char *name, json_t *value);
};

/* Hands each value to its key; `what` is the object's name in errors. */
int body_take(json_t *object, const char *what, const struct body_key *,
	void *arg, char why[BODY_WHY]) __attribute__((warn_unused_result));

/* The string that the value of `name` is, borrowed from it. */
int body_text(const char *name, const json_t *value, const char **to,
	char why[BODY_WHY]) __attribute__((warn_unused_result));

#endif
