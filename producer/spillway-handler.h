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
 * A handler has 10 ms of CPU time for a request, the kernel's time included
 * (budget_us).  A handler that uses them up is killed, and the client gets
 * 503 "error code: 1102".  Handlers run in a sandbox without files, network
 * or processes, with 1 MiB of stack, one request at a time.  All arguments
 * are borrowed until the handler returns.  Static memory may survive until
 * the next request, or not.
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
	const char *path;   /* as the client sent it, without the query */
	const char *query;  /* the text behind '?'; "" without a query */
	const char *client; /* the peer's address as text */
	const struct sw_pair *headers;
	size_t headers_n;
	const void *body;
	size_t body_len;

	/* The first header of that name, in any case; or NULL. */
	const char *(*header)(const struct sw_request *, const char *name);

	/*
	 * On a route with "blob = 1" the body is in the blob store, durable,
	 * instead of in `body`, and this is its reference:
	 * "sha256:HEX64;size=N".  A job passes it on in its header "blob=…".
	 * NULL: the request had no body, or the route stores none.
	 */
	const char *blob;
	int64_t blob_size;
};

/*
 * The answer, which each call appends to.  The calls return 0; -ENOSPC: the
 * answer would exceed max_answer, or its headers 16 KiB; -EINVAL: not a
 * header's name or value.  The front adds Content-Length and Connection.
 */
struct sw_response {
	int status; /* 200 at first; a status beyond 200 to 599 sends 500 */
	int (*header)(
		struct sw_response *, const char *name, const char *value);
	int (*write)(struct sw_response *, const void *, size_t);
	int (*print)(struct sw_response *, const char *fmt, ...)
		__attribute__((format(printf, 2, 3)));
};

struct sw_env;

struct sw_queue {
	/*
	 * Copies `n` jobs, which the front puts together after the handler
	 * has returned.  The client gets the answer when all of them are on
	 * disk; if one is refused, 503 instead, or 409 when another job has
	 * its unique key.  A job without an id gets one here.
	 * 0; the errors of sw_put() for a job that is refused before it is
	 * sent; -ENOSPC: more than 100 jobs or 1 MiB in all; -ENOMEM.
	 */
	int (*put)(struct sw_env *, struct sw_job *, size_t n);
	int after; /* 1: answer at once; a refused job is only logged */
};

struct sw_env {
	struct sw_queue *queue;

	/* The value of "set.NAME = …" in the route's configuration, or NULL. */
	const char *(*value)(struct sw_env *, const char *name);

	/* Logs a line by the front; a request's lines are cut at 8 KiB. */
	void (*log)(struct sw_env *, const char *fmt, ...)
		__attribute__((format(printf, 2, 3)));

	/* Writes 36 characters and a NUL. */
	void (*id_text)(const struct sw_id *, char[SW_ID_TEXT]);
};

/* 0: send the answer; 400 to 599: send this status instead; else 500. */
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
