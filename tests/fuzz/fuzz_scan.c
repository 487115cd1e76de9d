/* SPDX-License-Identifier: MIT */
/*
 * Any bytes through the log scanner: no over-read, lines within the text
 * and in order, fields within the line or the scratch; the short cuts find
 * what the plain way does.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/fuzz/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
must(int ok)
{
	if (!ok)
		abort();
}

/* Reads every byte, so that the sanitizer sees a field out of bounds. */
static unsigned
touch(struct bytes b)
{
	const unsigned char *p = b.p;
	unsigned sum = 0;

	for (size_t i = 0; i < b.len; i++)
		sum += p[i];
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	/* Exact copies; an odd length goes without a scratch. */
	size_t cap = len % 2 == 0 ? len : 0;
	char *text = malloc(len), *scratch = malloc(cap);
	const char *after = text;
	volatile unsigned sum = 0;
	struct log_line l;
	enum scan_kind k;
	struct log_scan s;
	size_t cut = 0;

	must((text != NULL && scratch != NULL) || len == 0 || cap == 0);
	if (len > 0)
		memcpy(text, data, len);
	scan_init(&s, bytes_of(text, len), scratch, cap);
	while ((k = scan_next(&s, &l)) != SCAN_END) {
		const char *p = l.raw.p;

		must(p >= after && l.raw.len > 0 &&
			p + l.raw.len <= text + len);
		after = p + l.raw.len;
		must((k == SCAN_BAD) == (l.why != NULL));
		if (k == SCAN_BAD)
			continue;
		must(l.client.len > 0 && l.status >= 0 && l.status <= 999);
		must(l.bytes <= SCAN_BYTES_MAX);
		sum += touch(l.client) + touch(l.method) + touch(l.path) +
		       touch(l.referer) + touch(l.agent);
	}
	must(us_both_ways(text, len, &cut));
	free(text);
	free(scratch);
	return 0;
}
