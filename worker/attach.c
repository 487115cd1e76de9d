/* SPDX-License-Identifier: MIT */
#include "worker/attach.h"

static const char header[] = BLOB_HEADER "=";

enum { HEADER = sizeof(header) - 1 };

/* The value of the first header that refers to a blob, or none. */
static struct bytes
ref_find(const struct sw_item *job)
{
	struct bytes h;
	size_t at = 0;

	while (sw_item_each(job, SW_F_HEADER, &at, &h)) {
		const char *p = h.p;
		struct bytes value;

		if (h.len < HEADER || memcmp(p, header, HEADER) != 0)
			continue;
		value = bytes_of(p + HEADER, h.len - HEADER);
		if (blob_ref_meant(value))
			return value;
	}
	return bytes_of(NULL, 0);
}

int
attach(const struct sw_item *job, const char *uri, const char *dir,
	struct attached *a)
{
	return attach_file(ref_find(job), uri, dir, a);
}

int
attach_open(const struct sw_item *job, const char *uri, struct attached *a)
{
	return attach_stream(ref_find(job), uri, a);
}
