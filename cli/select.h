/* SPDX-License-Identifier: MIT */
/*
 * select.h - the selector grammar, one for all verbs
 *
 *	queue=NAME state=STATE since=TIME until=TIME error~TEXT
 *	header=NAME=VALUE id=UUID, or a plain UUID
 *
 * Words are joined by and; ids by or.  A word other than header and id may
 * stand once.
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

struct selector {
	int state;		    /* SW_NONE: not said */
	const char *queue, *match;  /* borrowed; NULL: not said */
	int64_t since_ms, until_ms; /* -1: not said */
	const char *headers[SELECT_HEADERS];
	int n_headers;
	struct sw_id *ids; /* owned */
	int n_ids;
};

/* 0; SW_EINVAL with a line in `why`; -ENOMEM. */
int selector_parse(struct selector *, char **words, int n, int64_t now_ms,
	char why[SELECT_WHY]) __attribute__((warn_unused_result));
void selector_fini(struct selector *);

/* Nothing was said: it means every job. */
int selector_empty(const struct selector *);

/* Its fields into an item that has been begun; `id` -1: none. */
void selector_put(struct sw_buf *, const struct selector *, int id);

#endif
