/* SPDX-License-Identifier: MIT */
#include "jobs/attach.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"

/* Reads the job's reference: 1 with the store open; 0: none; or an error. */
static int
blob_begin(struct bytes value, const char *uri, struct blob_ref *ref,
	struct attached *a)
{
	int err;

	a->store = NULL;
	a->stream = NULL;
	if (value.len == 0 || !blob_ref_meant(value))
		return 0;
	if (blob_ref_parse(value, ref) < 0) {
		(void)snprintf(a->why, sizeof(a->why),
			"header blob=%.*s: must be sha256:HEX64;size=N",
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
	a->size = ref->size;
	err = blobs_open(&a->store, uri, a->why);
	if (err < 0)
		return err == SW_EINVAL ? -EIO : err; /* the worker's URI */
	return 1;
}

/* 1, or an error of the open store with its line in `why`. */
static int
blob_begun(struct attached *a, int err)
{
	(void)snprintf(a->why, sizeof(a->why), "%s", blobs_why(a->store));
	return err < 0 ? err : 1;
}

int
attach_file(struct bytes value, const char *uri, const char *dir,
	struct attached *a)
{
	struct blob_ref ref;
	int err = blob_begin(value, uri, &ref, a);

	if (err == 1)
		err = blob_begun(a, blobs_fetch(a->store, &ref, dir, a->path,
					    sizeof(a->path)));
	attach_close(a);
	return err;
}

int
attach_stream(struct bytes value, const char *uri, struct attached *a)
{
	struct blob_ref ref;
	int err = blob_begin(value, uri, &ref, a);

	if (err == 1)
		err = blob_begun(
			a, blob_get_open_ref(a->store, &ref, &a->stream));
	if (err < 0)
		attach_close(a);
	return err;
}

void
attach_close(struct attached *a)
{
	blob_get_close(a->stream);
	if (a->store != NULL)
		blobs_close(a->store);
	a->store = NULL;
	a->stream = NULL;
}
