/* SPDX-License-Identifier: MIT */
#include "attach.h"

#include <errno.h>
#include <stdio.h>

#include "error.h"

static const char header[] = BLOB_HEADER "=";

enum { HEADER = sizeof(header) - 1 };

/* The first header that means a blob; 0 when there is none. */
static int
ref_find(const struct sw_item *job, struct bytes *value)
{
	struct bytes h;
	size_t at = 0;

	while (sw_item_each(job, SW_F_HEADER, &at, &h)) {
		const char *p = h.p;

		if (h.len < HEADER || memcmp(p, header, HEADER) != 0)
			continue;
		*value = bytes_of(p + HEADER, h.len - HEADER);
		if (blob_ref_meant(*value))
			return 1;
	}
	return 0;
}

static int
fetch(const char *uri, const struct blob_ref *ref, const char *dir,
	struct attached *a)
{
	struct blobs *s = NULL;
	int err = blobs_open(&s, uri, a->why);

	if (err < 0)
		return err == SW_EINVAL ? -EIO : err; /* not the job's fault */
	err = blobs_fetch(s, ref, dir, a->path, sizeof(a->path));
	(void)snprintf(a->why, sizeof(a->why), "%s", blobs_why(s));
	a->size = ref->size;
	blobs_close(s);
	return err < 0 ? err : 1;
}

int
attach(const struct sw_item *job, const char *uri, const char *dir,
	struct attached *a)
{
	struct blob_ref ref;
	struct bytes value;

	if (!ref_find(job, &value))
		return 0;
	if (blob_ref_parse(value, &ref) < 0) {
		(void)snprintf(a->why, sizeof(a->why),
			"header blob=%.*s: malformed, sha256:HEX64;size=N is "
			"wanted",
			(int)(value.len < 120 ? value.len : 120),
			(const char *)value.p);
		return SW_EINVAL;
	}
	if (uri == NULL) {
		(void)snprintf(a->why, sizeof(a->why),
			"the job refers to a blob, but this worker has no "
			"--blobs");
		return -ENODEV;
	}
	return fetch(uri, &ref, dir, a);
}
