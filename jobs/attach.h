/* SPDX-License-Identifier: MIT */
/*
 * attach.h - the blob that a job refers to, as a file or as a stream
 *
 * The job's own process fetches the blob: the worker's loop never waits for
 * the store, and the job's timeout covers the fetch.
 */
#ifndef JOBS_ATTACH_H
#define JOBS_ATTACH_H

#include "base/bytes.h"
#include "blob/blob.h"

enum { ATTACH_PATH = 4096 };

struct attached {
	char path[ATTACH_PATH];
	int64_t size;
	char why[BLOB_WHY];  /* one line on an error */
	struct blobs *store; /* that the stream reads from */
	struct blob_get *stream;
};

/*
 * Fetches the blob that the value of a header `blob` refers to as a file.  1:
 * `path` has the checked content, read-only,
 * perhaps within `dir`; 0: the job refers to no blob; or an error of blob.h,
 * permanent if blob_is_final() says so.  `uri` NULL: the worker has no store.
 */
int attach_file(struct bytes value, const char *uri, const char *dir,
	struct attached *) __attribute__((warn_unused_result));

/* Opens it as a stream.  1: `stream` is at its start, checked at its end. */
int attach_stream(struct bytes value, const char *uri, struct attached *)
	__attribute__((warn_unused_result));
void attach_close(struct attached *);

#endif
