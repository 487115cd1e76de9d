/* SPDX-License-Identifier: MIT */
#include "jobs/parse.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * After a failed allocation jansson's reader drops bytes of a string, and may
 * then read behind its buffer: so a failed allocation aborts.
 */
static void *
json_alloc(size_t n)
{
	void *p = malloc(n);

	if (p == NULL) {
		(void)fputs("out of memory for JSON\n", stderr);
		abort();
	}
	return p;
}

json_t *
parse_json(struct bytes json, size_t flags, json_error_t *error)
{
	json_set_alloc_funcs(json_alloc, free);
	return json_loadb(json.len > 0 ? json.p : "", json.len, flags, error);
}
