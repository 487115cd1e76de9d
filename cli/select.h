/* SPDX-License-Identifier: MIT */
/*
 * select.h - the selector grammar, one for all verbs
 *
 *	queue=NAME state=STATE since=TIME until=TIME error~TEXT
 *	header=NAME=VALUE id=UUID, or a plain UUID
 *	priority=N attempts=N, N- or N-M cause=NAME worker=NAME fair=NAME
 *	unique=KEY content-type=TYPE
 *
 * A job must match every word, but only one of the ids.  A word other than
 * header= and id= is given once.
 */
#ifndef CMD_SELECT_H
#define CMD_SELECT_H

#include <stdint.h>

#include "wire/id.h"
#include "wire/msg.h"

enum {
	SELECT_WHY = 240,
	SELECT_HEADERS = 64, /* header= */
};

enum { SELECT_FAIR, SELECT_UNIQUE, SELECT_TYPE, SELECT_WORKER, SELECT_TEXTS };

struct selector {
	int state;		    /* SW_NONE: not given */
	int cause;		    /* SW_C_NONE: not given */
	const char *queue, *match;  /* borrowed; NULL: not given */
	int64_t since_ms, until_ms; /* -1: not given */
	int64_t priority, attempts, attempts_most; /* -1: not given */
	const char *texts[SELECT_TEXTS];	   /* NULL: not given */
	const char *headers[SELECT_HEADERS];
	int n_headers;
	struct sw_id *ids; /* owned */
	int n_ids;
};

/* Parses words: 0; SW_EINVAL with a line in `why`; -ENOMEM. */
int selector_parse(struct selector *, char **words, int n, int64_t now_ms,
	char why[SELECT_WHY]) __attribute__((warn_unused_result));
void selector_fini(struct selector *);

/* Whether nothing is given: every job matches. */
int selector_empty(const struct selector *);

/* Writes the selector's fields into a begun item; `id`: an index, -1: none. */
void selector_put(struct sw_buf *, const struct selector *, int id);

#endif
