/* SPDX-License-Identifier: MIT */
/*
 * blob.h - bodies too large for a message, kept by the hash of their content
 *
 * A blob's name is "sha256:" and 64 hex digits.  A job refers to one by a
 * header:
 *
 *	blob=sha256:HEX64;size=N
 *
 * and by manifest=sha256:HEX64 to a blob that names others, kept as long.
 *
 * A store is named by a URI:
 *
 *	dir:/path[?quota=SIZE], or just a path with a / in it
 *	s3://bucket[/prefix][?endpoint=URL&region=NAME&tries=N&backoff=TIME]
 *
 * What the s3 URI leaves out comes from AWS_ENDPOINT_URL and AWS_REGION; the
 * credentials always come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
 * AWS_SESSION_TOKEN.  docs/blobs.md has the whole story.
 *
 * A blob that blob_put_finish() has named is durable.  Nothing is ever held
 * in memory whole.  One thread at a time per store; several stores, also
 * over one folder, are fine, in one process or many.
 *
 * Errors are 0 or negative; blobs_why() has one line more.
 *	-ENOENT		there is no such blob
 *	-ENODEV		there is no such store: an unmounted disk, no bucket
 *	-EBUSY		to be deleted, but it is younger than that
 *	SW_ECORRUPT	what was read is not what the name says
 *	SW_EFULL	the quota, or the disk, is used up
 *	SW_EINVAL	malformed: a URI, a name, a reference
 *	SW_ETOOBIG	larger than the store takes (S3: 5 GB)
 *	-EACCES, -EIO, -ETIMEDOUT, …	the folder or the server says so
 */
#ifndef BLOB_H
#define BLOB_H

#include <sys/types.h>

#include "base/bytes.h"

enum {
	BLOB_HASH = 32,
	BLOB_NAME = 7 + 64 + 1, /* its text with the final NUL */
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
	int64_t age_ms; /* since it was put last, by the store's clock */
};

struct blobs;
struct blob_put;
struct blob_get;

/* "sha256:HEX64", nothing before or after it; 0 or SW_EINVAL. */
int blob_name_parse(struct bytes, struct blob_hash *)
	__attribute__((warn_unused_result));
void blob_name_write(const struct blob_hash *, char text[BLOB_NAME]);

/* The value of the header: "sha256:HEX64;size=N"; 0 or SW_EINVAL. */
int blob_ref_parse(struct bytes, struct blob_ref *)
	__attribute__((warn_unused_result));
void blob_ref_write(const struct blob_ref *, char text[BLOB_REF]);

/*
 * Whether the value of a header `blob` means one of ours: then it must
 * parse.  Any other is somebody else's header of that name.
 */
int blob_ref_meant(struct bytes);

/* 1: to try again makes no sense: no such blob, or malformed. */
int blob_is_final(int err);

/* `why` gets one line on an error; nothing is made or asked yet. */
int blobs_open(struct blobs **, const char *uri, char why[BLOB_WHY])
	__attribute__((warn_unused_result));
void blobs_close(struct blobs *);

/* One line on the last error; borrowed until the next call. */
const char *blobs_why(const struct blobs *);

/*
 * Puts: begin, write, then finish or abort, which both free it.  A blob that
 * is there already is put again: it is young again then, and whole if it
 * was not (S3: unless it was put within the last ten minutes).  A write that
 * fails makes the finish fail with the same error.
 */
int blob_put_begin(struct blobs *, struct blob_put **)
	__attribute__((warn_unused_result));
int blob_put_write(struct blob_put *, const void *, size_t)
	__attribute__((warn_unused_result));
int blob_put_finish(struct blob_put *, struct blob_ref *)
	__attribute__((warn_unused_result));
void blob_put_abort(struct blob_put *);

/*
 * Reads: from the start or, after a seek, from anywhere.  One that has read
 * from the start to the end has checked the content: the read at the end
 * gives SW_ECORRUPT instead of 0.  A seek gives that check up.
 *
 * A bucket's content is checked by its name.  A folder's is by a checksum
 * that the put has kept with the file, where there is one: against rot, cuts
 * and files under a wrong name, not against who may write into the folder.
 */
int blob_get_open(struct blobs *, const struct blob_hash *, struct blob_get **)
	__attribute__((warn_unused_result));
int64_t blob_get_size(const struct blob_get *);
/* As blobs_why() of its store. */
const char *blob_get_why(const struct blob_get *);
ssize_t blob_get_read(struct blob_get *, void *, size_t)
	__attribute__((warn_unused_result));
void blob_get_seek(struct blob_get *, int64_t offset);
void blob_get_close(struct blob_get *);

int blobs_stat(struct blobs *, const struct blob_hash *, struct blob_info *)
	__attribute__((warn_unused_result));

/*
 * Deletes a blob that was put at least `age_ms` ago; -EBUSY if it was put
 * again since.  A folder does both in one step; with S3 a moment lies
 * between the look and the deletion.
 */
int blobs_delete(struct blobs *, const struct blob_hash *, int64_t age_ms)
	__attribute__((warn_unused_result));

/* Every blob, in no order; what `fn` returns other than 0 ends the walk. */
typedef int blob_each_fn(void *arg, const struct blob_info *);
int blobs_each(struct blobs *, blob_each_fn *, void *arg)
	__attribute__((warn_unused_result));

/*
 * Removes what writers that died have left half-written for `age_ms`; `dry`
 * only counts.  The number, or an error.
 */
int blobs_clean(struct blobs *, int64_t age_ms, int dry)
	__attribute__((warn_unused_result));

/*
 * file.c: whole files
 */

/*
 * Writes the blob to the file `fd`, checked and durable; on an error a part
 * may be written.
 */
int
blob_get_copy(struct blob_get *, int fd) __attribute__((warn_unused_result));

/*
 * Opens what a reference means.  SW_EINVAL: the blob is whole, and of another
 * size than `ref` says.
 */
int blob_get_open_ref(struct blobs *, const struct blob_ref *,
	struct blob_get **) __attribute__((warn_unused_result));

/* Reads what is left, for the check at the end; 0 if it was made before. */
int blob_get_check(struct blob_get *) __attribute__((warn_unused_result));

/*
 * A path of the blob's content, checked, to be read only: in a folder store
 * its own file, else a copy in `dir`, which is the caller's to remove.
 * SW_EINVAL as above.
 */
int blobs_fetch(struct blobs *, const struct blob_ref *, const char *dir,
	char *path, size_t cap) __attribute__((warn_unused_result));

#endif
