/* SPDX-License-Identifier: MIT */
/*
 * upload.h - streams request bodies into the blob store
 *
 * A large body must not fill the front's memory, and a slow disk or bucket
 * must not block its loop: each upload has a process of its own, `spillway
 * blob put`, which gets the body through a socket.  The front reads from the
 * client only as fast as that process reads.
 *
 * The blob is durable before its reference is used.  A client that breaks off
 * leaves no blob; `spillway blob gc` deletes one that no job refers to.
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

/* Kills and frees all uploads; waits for their processes. */
void uploads_fini(struct uploads *);

/*
 * Starts an upload for the body of `req`, whose head has come, to the store at
 * `uri`.  If there are `most` uploads already, or the start fails, the body is
 * read and dropped, and upload_end() reports a failure.  0 or -ENOMEM.
 */
int upload_begin(struct uploads *, struct evhttp_request *req, const char *uri,
	size_t most) __attribute__((warn_unused_result));

/* The upload of a request, or NULL. */
struct upload *upload_of(const struct evhttp_request *);

/* `ref`: the upload's "sha256:HEX64;size=N", borrowed; NULL: not stored. */
typedef void upload_done_fn(void *arg, const char *ref);

/*
 * The body has come entirely: calls `done` once, perhaps before this returns,
 * when the blob is durable, has failed, or took longer than `limit_s`.
 */
void
upload_end(struct upload *, int64_t limit_s, upload_done_fn *done, void *arg);

/* Ends an upload, stored or not.  Accepts NULL. */
void upload_free(struct upload *);

#endif
