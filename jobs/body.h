/* SPDX-License-Identifier: MIT */
/*
 * body.h - reads a job's body as a JSON object, strictly
 *
 * All kinds of jobs refuse an unknown key and a key that comes twice: a guess
 * would be wrong in silence.  Every error is SW_EINVAL with one line in `why`.
 */
#ifndef JOBS_BODY_H
#define JOBS_BODY_H

#include "jobs/parse.h"

enum { BODY_WHY = 512 };

/*
 * Parses one JSON value (RFC 8259) with nothing behind it: UTF-8, no NUL (nor
 * one in a string), no key twice in an object, at most JSON_PARSER_MAX_DEPTH
 * levels, integers of 64 bits.  The caller gives the value to json_decref().
 * `why` names the line and column of the error.
 */
int body_parse(struct bytes, json_t **, char why[BODY_WHY])
	__attribute__((warn_unused_result));

/* A key that an object may have; a table of keys ends with a NULL name. */
struct body_key {
	const char *name;
	/* Reads the value: 0, or an error with the caller's `why` set. */
	int (*take)(void *arg, const char *name, json_t *value);
};

/* Calls take() of each key's value; `what` names the object in errors. */
int body_take(json_t *object, const char *what, const struct body_key *,
	void *arg, char why[BODY_WHY]) __attribute__((warn_unused_result));

/* The string in `value`, borrowed from it; `name` is its key in errors. */
int body_text(const char *name, const json_t *value, const char **to,
	char why[BODY_WHY]) __attribute__((warn_unused_result));

#endif
