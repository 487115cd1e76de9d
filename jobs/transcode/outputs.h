/* SPDX-License-Identifier: MIT */
/*
 * outputs.h - puts the files that a job has made as blobs, and lists them
 *
 *	{"profile":"hls","duration_ms":1600,"bytes":B,"files":N,
 *	 "manifest":"sha256:HEX64;size=N",
 *	 "outputs":[{"name":"master.m3u8","type":"…","blob":"sha256:…"},…]}
 *
 * The manifest is a blob with the same object but for "manifest".  A list over
 * OUTPUTS_INLINE bytes is in the manifest alone.
 */
#ifndef JOBS_TRANSCODE_OUTPUTS_H
#define JOBS_TRANSCODE_OUTPUTS_H

#include "blob/blob.h"

enum {
	OUTPUTS_MAX = 100000,	    /* files */
	OUTPUTS_INLINE = 32 * 1024, /* largest result with its list, bytes */
};

struct transcode_outputs {
	const char *profile;
	int64_t duration_ms;
	char *json; /* the result, which the caller frees */
	char manifest[sizeof(MANIFEST_HEADER) + BLOB_REF]; /* "manifest=..." */
	char why[BLOB_WHY];
};

/*
 * Puts each file of `folder` into the store `blobs` (a URI).  0, or a negative
 * error with one line in `why`.  A retry would give the same for -ENODATA (no
 * file) and SW_ETOOBIG (over OUTPUTS_MAX files, or a file too large for the
 * store).
 */
int outputs_put(struct transcode_outputs *, const char *blobs,
	const char *folder) __attribute__((warn_unused_result));

#endif
