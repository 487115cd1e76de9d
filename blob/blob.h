/* SPDX-License-Identifier: MIT */
/*
 * blob.h - bodies too large for a message, kept by the hash of their content
 *
 * A blob's name is "sha256:" and 64 hex digits.  A job refers to one by a
 * header:
 *
 *	blob=sha256:HEX64;size=N
 *
 * and by manifest=sha256:HEX64 (;size=N may follow) to a blob that names
 *further blobs; all of them are kept as long as the job.
 *
 * A store is named by a URI:
 *
 *	dir:/path[?quota=SIZE], or just a path with a / in it
 *	s3://bucket[/prefix][?endpoint=URL&region=NAME&tries=N&backoff=TIME]
 *
 * What the s3 URI leaves out comes from AWS_ENDPOINT_URL and AWS_REGION; the
 * credentials always come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
 * AWS_SESSION_TOKEN.  docs/blobs.md explains the stores.
 *
 * A blob is durable once blob_put_finish() has returned its name.  No blob is
 * in memory as a whole.  One thread at a time may use a store; several stores,
 * also over one folder, may be open in one process or many.
 *
 * Functions return 0 or a negative error; blobs_why() describes the last one.
 *	-ENOENT		there is no such blob
 *	-ENODEV		there is no such store: an unmounted disk, no bucket
 *	-EBUSY		the blob to delete is younger than `age_ms`
 *	SW_ECORRUPT	the content does not have the hash that its name says
 *	SW_EFULL	the quota or the disk is full
 *	SW_EINVAL	malformed: a URI, a name, a reference
 *	SW_ETOOBIG	larger than the store accepts (S3: 5 GB)
 *	-EACCES, -EIO, -ETIMEDOUT, …	the error of the folder or the server
 */
#ifndef BLOB_H
#define BLOB_H

#include <sys/types.h>

#include "base/bytes.h"

enum {
	BLOB_HASH = 32,
	BLOB_NAME = 7 + 64 + 1, /* "sha256:HEX64" and a NUL */
	BLOB_REF = 112,
	BLOB_URI = 4096,
	BLOB_WHY = 512,
	BLOB_CHUNK = 256 * 1024, /* a good size to read and write by */
};

#define BLOB_HEADER	"blob"
#define MANIFEST_HEADER "manifest" /* names a blob that names others */
#define BLOBS_ENV	"SPILLWAY_BLOBS"

struct blob_hash {
	uint8_t b[BLOB_HASH];
};

struct blob_ref {
	struct blob_hash hash;
	int64_t size;
};

struct blob_info {
	struct blob_hash hash;
	int64_t size;
	int64_t age_ms; /* since the last put, by the store's clock */
};

struct blobs;
struct blob_put;
struct blob_get;

/* Parses exactly "sha256:HEX64"; 0 or SW_EINVAL. */
int blob_name_parse(struct bytes, struct blob_hash *)
	__attribute__((warn_unused_result));
void blob_name_write(const struct blob_hash *, char text[BLOB_NAME]);

/* Parses the value of the header, "sha256:HEX64;size=N"; 0 or SW_EINVAL. */
int blob_ref_parse(struct bytes, struct blob_ref *)
	__attribute__((warn_unused_result));
void blob_ref_write(const struct blob_ref *, char text[BLOB_REF]);

/*
 * Whether the value of a header `blob` begins as a reference, and so must
 * parse.  Any other value belongs to an application's own header of that name.
 */
int blob_ref_meant(struct bytes);

/* 1: a retry cannot succeed: no such blob, or a malformed reference. */
int blob_is_final(int err);

/*
 * Reads the URI and the environment; neither creates nor contacts the store.
 * On an error `why` is one line.
 */
int blobs_open(struct blobs **, const char *uri, char why[BLOB_WHY])
	__attribute__((warn_unused_result));
void blobs_close(struct blobs *);

/* One line on the last error; borrowed until the next call. */
const char *blobs_why(const struct blobs *);

/*
 * Puts: begin, write, then finish or abort; both of the latter free the put.
 * Putting a blob that exists replaces the stored copy, repairs a damaged one
 * and restarts its age (S3: unless the last put was within ten minutes).
 * After a failed write the finish fails with the same error.
 */
int blob_put_begin(struct blobs *, struct blob_put **)
	__attribute__((warn_unused_result));
int blob_put_write(struct blob_put *, const void *, size_t)
	__attribute__((warn_unused_result));
int blob_put_finish(struct blob_put *, struct blob_ref *)
	__attribute__((warn_unused_result));
void blob_put_abort(struct blob_put *);

/*
 * Reads, from the start or, after a seek, from any offset.  A read from start
 * to end checks the content: at the end blob_get_read() returns SW_ECORRUPT
 * instead of 0 for damaged content.  After a seek there is no such check.
 *
 * A bucket's content is checked against its name.  A folder's content is
 * checked against a checksum that the put stored with the file, if there is
 * one, which detects bit rot, truncation and a file under a wrong name, but
 * not an attacker with write access to the folder.
 */
int blob_get_open(struct blobs *, const struct blob_hash *, struct blob_get **)
	__attribute__((warn_unused_result));
int64_t blob_get_size(const struct blob_get *);
/* blobs_why() of the store of this read. */
const char *blob_get_why(const struct blob_get *);
ssize_t blob_get_read(struct blob_get *, void *, size_t)
	__attribute__((warn_unused_result));
void blob_get_seek(struct blob_get *, int64_t offset);
void blob_get_close(struct blob_get *);

int blobs_stat(struct blobs *, const struct blob_hash *, struct blob_info *)
	__attribute__((warn_unused_result));

/*
 * Deletes a blob whose last put is at least `age_ms` ago, else -EBUSY.  The
 * check and the deletion are one step in a folder; in S3 the deletion may hit
 * a put that came between them.
 */
int blobs_delete(struct blobs *, const struct blob_hash *, int64_t age_ms)
	__attribute__((warn_unused_result));

/*
 * Calls `fn` for every blob, in no order.  A return value of `fn` other than 0
 * ends the walk and is returned.
 */
typedef int blob_each_fn(void *arg, const struct blob_info *);
int blobs_each(struct blobs *, blob_each_fn *, void *arg)
	__attribute__((warn_unused_result));

/*
 * Removes temporary files that dead writers left at least `age_ms` ago; with
 * `dry` only counts them.  Their number, or an error.
 */
int blobs_clean(struct blobs *, int64_t age_ms, int dry)
	__attribute__((warn_unused_result));

/*
 * file.c: whole files
 */

/*
 * Writes the blob to the file `fd`, checks the content and syncs the file.  On
 * an error a part may have been written.
 */
int
blob_get_copy(struct blob_get *, int fd) __attribute__((warn_unused_result));

/*
 * Opens the blob of a reference.  SW_EINVAL: the blob is sound but its size is
 * not the reference's.
 */
int blob_get_open_ref(struct blobs *, const struct blob_ref *,
	struct blob_get **) __attribute__((warn_unused_result));

/* Reads to the end for the check there; 0 if the check was done before. */
int blob_get_check(struct blob_get *) __attribute__((warn_unused_result));

/*
 * Writes the path of a read-only file with the checked content: the store's
 * own file in a folder store, else a copy in `dir` that the caller removes.
 * SW_EINVAL as of blob_get_open_ref().
 */
int blobs_fetch(struct blobs *, const struct blob_ref *, const char *dir,
	char *path, size_t cap) __attribute__((warn_unused_result));

#endif
