/* SPDX-License-Identifier: MIT */
/*
 * outputs.h - the files that a job has made, as blobs and a list of them
 *
 *	{"profile":"hls","duration_ms":1600,"bytes":B,"files":N,
 *	 "manifest":"sha256:HEX64;size=N",
 *	 "outputs":[{"name":"master.m3u8","type":"…","blob":"sha256:…"},…]}
 *
 * The manifest is a blob with the same object, without itself.  A list too
 * long for a result stands in the manifest alone.
 */
#ifndef JOBS_TRANSCODE_OUTPUTS_H
#define JOBS_TRANSCODE_OUTPUTS_H

#include "blob/blob.h"

enum {
	OUTPUTS_MAX = 100000,	    /* files */
	OUTPUTS_INLINE = 32 * 1024, /* bytes of a result with its list */
};

struct film_outputs {
	const char *profile;
	int64_t duration_ms;
	char *json; /* the result; free() it */
	char manifest[sizeof(MANIFEST_HEADER) + BLOB_REF]; /* as a header */
	char why[BLOB_WHY];
};

/*
 * Puts each file of `folder`; 0, or a negative error with `why`.  -ENODATA
 * (there is none) and SW_ETOOBIG (more than OUTPUTS_MAX, or one that the store
 * does not take) will be the same again.
 */
int outputs_put(struct film_outputs *, const char *blobs, const char *folder)
	__attribute__((warn_unused_result));

#endif
