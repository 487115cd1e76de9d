/* SPDX-License-Identifier: MIT */
/*
 * scan.h - the scanner's short cuts against its plain way
 */
#ifndef TESTS_SCAN_H
#define TESTS_SCAN_H

#include <stdlib.h>

#include "jobs/logs/scan.h"

/* The same kind, and if it is a line the same in every field. */
static inline int
us_same(enum scan_kind k, const struct log_line *a, const struct log_line *b)
{
	if (k == SCAN_END)
		return 1;
	if (a->raw.p != b->raw.p || a->raw.len != b->raw.len ||
		a->why != b->why)
		return 0;
	return k == SCAN_BAD ||
	       (bytes_eq(a->client, b->client) &&
		       bytes_eq(a->method, b->method) &&
		       bytes_eq(a->path, b->path) &&
		       bytes_eq(a->referer, b->referer) &&
		       bytes_eq(a->agent, b->agent) && a->at_s == b->at_s &&
		       a->took_us == b->took_us && a->bytes == b->bytes &&
		       a->status == b->status);
}

/*
 * Whether both ways find the same in `text`, with so much behind it that
 * no line is too near the end for a short cut.  `cut` counts those that
 * could take one: good lines that are no JSON.
 */
static inline int
us_both_ways(const char *text, size_t len, size_t *cut)
{
	enum { BEHIND = 256 };
	size_t cap = len + BEHIND;
	char *padded = malloc(cap), *one = malloc(cap), *two = malloc(cap);
	struct log_scan quick, plain;
	struct log_line a, b;
	enum scan_kind k;
	int same;

	if (padded == NULL || one == NULL || two == NULL)
		abort();
	if (len > 0)
		memcpy(padded, text, len);
	memset(padded + len, '\n', BEHIND);
	scan_init(&quick, bytes_of(padded, cap), one, cap);
	scan_init(&plain, bytes_of(padded, cap), two, cap);
	do {
		k = scan_next(&quick, &a);
		same = k == scan_plain(&plain, &b) && us_same(k, &a, &b);
		*cut += k == SCAN_GOOD && *(const char *)a.raw.p != '{';
	} while (same && k != SCAN_END);
	free(padded);
	free(one);
	free(two);
	return same;
}

#endif
