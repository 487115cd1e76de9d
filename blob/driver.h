/* SPDX-License-Identifier: MIT */
/*
 * driver.h - the interface of a blob store's drivers
 *
 * blobs.c has what all drivers share: a put writes a temporary file in `tmp`
 * and computes its checksums (sum.h), a read computes them too.  A driver
 * stores that file under its name and reads bytes at an offset.
 */
#ifndef BLOB_DRIVER_H
#define BLOB_DRIVER_H

/* First: the headers below take wire/limits.h for the system's limits.h. */
#include <stdlib.h>

#include <linux/limits.h>

#include "blob/blob.h"
#include "blob/sum.h"

struct blobs {
	const struct blob_driver *driver;
	void *priv; /* the driver's */
	char uri[BLOB_URI];
	char tmp[PATH_MAX];
	int tmp_anon; /* temporary files are unlinked once open */
	int sums;     /* checksums of a put, at least SUM_SHA */
	char why[BLOB_WHY];
};

struct blob_put {
	struct blobs *s;
	int fd;
	char path[PATH_MAX]; /* of the temporary file; "": unlinked */
	struct blob_sum *sum;
	int64_t size, flushed;
	int err; /* of a write */
};

struct blob_get {
	struct blobs *s;
	struct blob_ref ref;
	int64_t at;
	struct blob_sum *sum; /* NULL: not read from start to end */
	int kept;	      /* the store has `xxh`, which then decides */
	struct blob_xxh xxh;
	int fd;	      /* dir */
	uint8_t *buf; /* s3: bytes [buf_at, buf_at + buf_len) */
	int64_t buf_at;
	size_t buf_len;
};

struct blob_driver {
	/* `rest` is the URI after the scheme, which the driver may modify. */
	int (*open)(struct blobs *, char *rest);
	void (*close)(struct blobs *);

	/* Creates `tmp` where needed. */
	int (*begin)(struct blobs *);
	/* Stores the temporary file durably as `ref`; may rename it. */
	int (*store)(struct blob_put *, const struct blob_ref *);

	/* Sets ref.size, `kept`, and the fields that read() uses. */
	int (*get_open)(struct blob_get *);
	/* At least one byte: `at` is below the size. */
	ssize_t (*read)(struct blob_get *, void *, size_t, int64_t at);
	void (*get_close)(struct blob_get *);

	int (*stat)(
		struct blobs *, const struct blob_hash *, struct blob_info *);
	int (*delete)(struct blobs *, const struct blob_hash *, int64_t age_ms);
	int (*each)(struct blobs *, blob_each_fn *, void *arg);
	int (*clean)(struct blobs *, int64_t age_ms, int dry);

	/* 1: `path` is set to the blob's own file; 0: the store has no files.
	 */
	int (*path)(struct blobs *, const struct blob_hash *, char *path,
		size_t cap);
};

extern const struct blob_driver blob_dir, blob_s3;

/* Sets the line of blobs_why() and returns `err`. */
int blob_fail(struct blobs *, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* errno as a negative error; a full disk is SW_EFULL. */
int blob_errno(void);

/* 64 hex digits and a NUL; the parser accepts exactly 64 in lower case. */
enum { BLOB_HEX = 65 };
void blob_hex_write(const struct blob_hash *, char text[BLOB_HEX]);
int blob_hex_parse(const char *text, size_t len, struct blob_hash *)
	__attribute__((warn_unused_result));

/*
 * Cuts "?name=value&…" off the end of `text` and calls `set` for each pair.
 * Returns the first error.
 */
typedef int blob_param_fn(struct blobs *, const char *name, const char *value);
int blob_params(struct blobs *, char *text, blob_param_fn *set)
	__attribute__((warn_unused_result));

/* Starts write-back of what was written, so that a later fsync() is short. */
void blob_flush(int fd, int64_t written, int64_t *flushed);

/* Unix time. */
int64_t blob_now_ms(void);

#endif
