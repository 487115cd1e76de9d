/* SPDX-License-Identifier: MIT */
/*
 * spillway-handler.h - a request handler for spillway-front
 *
 *	#include <spillway-handler.h>
 *
 *	static int
 *	handle(const struct sw_request *req, struct sw_response *res,
 *		struct sw_env *env)
 *	{
 *		struct sw_job job = {.queue = "email",
 *			.body = req->body, .body_len = req->body_len};
 *
 *		if (env->queue->put(env, &job, 1) < 0)
 *			return 400;
 *		res->status = 202;
 *		return res->print(res, "accepted\n");
 *	}
 *	SW_HANDLER(handle);
 *
 *	cc -shared -fPIC -o signup.so signup.c
 *
 * A handler has 10 ms of CPU time for a request, all of it counted, also
 * what the kernel does for it, and is killed when they are used up; then the
 * client gets 503 "error code: 1102".  It runs in a sandbox: no files, no
 * network, no processes, 1 MiB of stack.  What it keeps in memory may be gone
 * with the next request.  One request at a time; everything it is handed is
 * borrowed until it returns.
 */
#ifndef SPILLWAY_HANDLER_H
#define SPILLWAY_HANDLER_H

#include "spillway.h"

enum { SW_HANDLER_ABI = 1 };

struct sw_pair {
	const char *name, *value;
};

struct sw_request {
	const char *method; /* "GET" */
	const char *path;   /* as it was sent, without the query */
	const char *query;  /* what follows '?', "" without */
	const char *client; /* the peer's address as text */
	const struct sw_pair *headers;
	size_t headers_n;
	const void *body;
	size_t body_len;

	/* The first header of that name, in any case; or NULL. */
	const char *(*header)(const struct sw_request *, const char *name);

	/*
	 * On a route with "blob = 1" a body is not here but among the blobs,
	 * durable, and this is what names it: "sha256:HEX64;size=N".  A job
	 * gets it by its header "blob=…".  NULL: there was no body.
	 */
	const char *blob;
	int64_t blob_size;
};

/*
 * The answer grows with each call; what returns an int returns 0, or -ENOSPC
 * when it would pass the configured size, -EINVAL for a header that is none.
 * Content-Length and Connection are the front's business.
 */
struct sw_response {
	int status; /* 200 at first; 200 to 599, else 500 is sent */
	int (*header)(
		struct sw_response *, const char *name, const char *value);
	int (*write)(struct sw_response *, const void *, size_t);
	int (*print)(struct sw_response *, const char *fmt, ...)
		__attribute__((format(printf, 2, 3)));
};

struct sw_env;

struct sw_queue {
	/*
	 * Hands over `n` jobs once the handler has returned: all that it put
	 * go off together, and its answer is sent when each is on disk.
	 * Where one is refused the client gets 503 instead of the answer, or
	 * 409 when another job has its unique key.
	 * Ids are made here and are in the jobs.  0, or what sw_put() refuses
	 * before sending; -ENOSPC: more than 100 jobs or 1 MiB in all.
	 */
	int (*put)(struct sw_env *, struct sw_job *, size_t n);
	int after; /* 1: answer at once; what is refused is only logged */
};

struct sw_env {
	struct sw_queue *queue;

	/* A value of the route's configuration, "set.NAME = …"; or NULL. */
	const char *(*value)(struct sw_env *, const char *name);

	/* A line into the front's log; more than 8 KiB of them are cut. */
	void (*log)(struct sw_env *, const char *fmt, ...)
		__attribute__((format(printf, 2, 3)));

	/* 36 characters and a NUL. */
	void (*id_text)(const struct sw_id *, char[SW_ID_TEXT]);
};

/* 0: send the answer; 400 to 599: send that status alone; else 500. */
typedef int
sw_handle_fn(const struct sw_request *, struct sw_response *, struct sw_env *);

struct sw_handler {
	int abi;
	sw_handle_fn *handle;
};

#define SW_HANDLER(fn)                                                         \
	SW_API extern const struct sw_handler sw_handler;                      \
	const struct sw_handler sw_handler = {SW_HANDLER_ABI, fn}

#endif
