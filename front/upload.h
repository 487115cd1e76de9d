/* SPDX-License-Identifier: MIT */
/*
 * upload.h - bodies that go into the blobs while they come
 *
 * What is large must not lie in the front's memory, and what waits for a disk
 * or a bucket must not hold its loop: each upload has a process of its own,
 * `spillway blob put`, and the body goes through a socket to it.  A client
 * that is faster than the disk is read from as fast as the disk writes.
 *
 * The blob is durable before anybody is told its name, and when a client
 * breaks off there is none.  One whose request has no job in the end is for
 * `spillway blob gc`.
 */
#ifndef FRONT_UPLOAD_H
#define FRONT_UPLOAD_H

#include <event2/event.h>
#include <event2/http.h>
#include <sys/queue.h>

#include "front/caller.h"

enum { UPLOAD_REF = 112 };

struct upload;

struct uploads {
	struct event_base *base;
	struct callers *callers;
	TAILQ_HEAD(, upload) list;
	size_t n; /* processes */
};

void uploads_init(struct uploads *, struct event_base *, struct callers *);

/* Ends them all; waits for their processes. */
void uploads_fini(struct uploads *);

/*
 * The body of `req`, whose head has come, goes into the blobs at `uri`.  When
 * there are `most` uploads already, or it fails, the body is read and
 * dropped, and upload_end() says so.  0 or -ENOMEM.
 */
int upload_begin(struct uploads *, struct evhttp_request *req, const char *uri,
	size_t most) __attribute__((warn_unused_result));

/* The upload of a request whose body is there; or NULL. */
struct upload *upload_of(const struct evhttp_request *);

/* `ref`: "sha256:HEX64;size=N", the upload's; NULL: it is not stored. */
typedef void upload_done_fn(void *arg, const char *ref);

/* Told once, perhaps at once; after `limit_s` it has failed. */
void
upload_end(struct upload *, int64_t limit_s, upload_done_fn *done, void *arg);

/* Accepts NULL. */
void upload_free(struct upload *);

#endif
