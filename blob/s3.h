/* SPDX-License-Identifier: MIT */
/*
 * s3.h - requests to a server that speaks S3's protocol
 *
 * libcurl signs a request (AWS Signature Version 4).  s3_do() retries with
 * growing pauses while the server cannot be reached or answers 408, 429 or 5xx;
 * every request here is idempotent.
 */
#ifndef BLOB_S3_H
#define BLOB_S3_H

#include "blob/driver.h"

#include <curl/curl.h>

enum {
	S3_CHUNK = 4 * 1024 * 1024, /* bytes of one ranged GET */
	S3_TEXT = 512,
	S3_PATH = 2 * S3_TEXT + BLOB_HEX,
};

struct s3_bucket {
	CURL *curl;
	char endpoint[S3_TEXT]; /* "https://host[:port]", no slash at the end */
	char bucket[S3_TEXT], prefix[S3_TEXT]; /* prefix: "" or "…/" */
	char region[64], user[S3_TEXT], token[4096];
	int tries;
	int64_t backoff_ms;
};

struct s3_request {
	const char *method; /* "GET", "HEAD", "PUT", "DELETE" */
	const char *path;   /* "/bucket/key", or with "?query" */
	int64_t from;	    /* GET: a range of `cap` bytes from here; -1: all */
	int fd;		    /* PUT: this file … */
	const struct blob_ref *ref; /* … of this size and hash */
	uint8_t *body;		    /* receives the answer; may be NULL */
	size_t cap;

	/* The answer. */
	size_t len;
	long status;
	int64_t size;		     /* Content-Length; -1: none */
	int64_t modified_s, clock_s; /* Last-Modified, Date; -1: none */
	int64_t sent;		     /* bytes of `fd` */
};

/*
 * 0: status 2xx.  -ENOENT: 404; -EACCES: 401, 403; -ETIMEDOUT,
 * -ECONNREFUSED, -EIO: all tries failed; -EIO: any other status.
 */
int
s3_do(struct blobs *, struct s3_request *) __attribute__((warn_unused_result));

/*
 * s3_list.c: reads one answer of ListObjectsV2
 */
enum { S3_PAGE = 1000, S3_TOKEN = 1200 };

struct s3_page {
	const char *prefix;
	int64_t clock_ms; /* the server's */
	struct blob_info all[S3_PAGE];
	size_t n;
	char next[S3_TOKEN]; /* "": that was the last page */
};

/* 0, or SW_EINVAL: `xml` is not a complete answer of ListObjectsV2. */
int s3_page_read(struct s3_page *, struct bytes xml)
	__attribute__((warn_unused_result));

#endif
