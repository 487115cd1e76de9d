/* SPDX-License-Identifier: MIT */
/*
 * attach.h - the blob that a job refers to, as a file or as a stream
 *
 * Fetched in the job's own process: the worker's loop never waits for it,
 * and the job's time limit covers it.
 */
#ifndef WORKER_ATTACH_H
#define WORKER_ATTACH_H

#include "blob/blob.h"
#include "wire/msg.h"

enum { ATTACH_PATH = 4096 };

struct attached {
	char path[ATTACH_PATH];
	int64_t size;
	char why[BLOB_WHY];  /* of an error */
	struct blobs *store; /* of the stream */
	struct blob_get *stream;
};

/*
 * 1: `path` is the content, checked, to be read only, maybe within `dir`;
 * 0: the job refers to none; or an error of blob.h, that blob_is_final()
 * judges.  `uri` NULL: the worker was given no store.
 */
int attach(const struct sw_item *job, const char *uri, const char *dir,
	struct attached *) __attribute__((warn_unused_result));

/* The same, but 1 is `stream` at its start, checked when read to its end. */
int attach_open(const struct sw_item *job, const char *uri, struct attached *)
	__attribute__((warn_unused_result));
void attach_close(struct attached *);

#endif
