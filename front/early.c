/* SPDX-License-Identifier: MIT */
/*
 * libevent 2.2 has evhttp_set_newreqcb() for this; 2.1 has not.  But it makes
 * every request by its public evhttp_request_new(): the function of that name
 * below interposes it and calls the original.
 */
#include "front/early.h"

#include <dlfcn.h>
#include <event2/http_struct.h>
#include <string.h>

typedef void request_fn(struct evhttp_request *, void *);
typedef struct evhttp_request *request_new_fn(request_fn *, void *);

static struct {
	struct evhttp *http; /* NULL: none */
	struct early by;
	request_fn *theirs;
} watched;

void
early_set(struct evhttp *http, const struct early *by)
{
	watched.http = http;
	if (http != NULL)
		watched.by = *by;
}

static int
head_came(struct evhttp_request *req, void *http)
{
	return http == watched.http ? watched.by.head_came(req, watched.by.arg)
				    : 0;
}

/* evhttp removes the URI of bytes that are not HTTP. */
static void
whole_came(struct evhttp_request *req, void *http)
{
	if (http != watched.http) {
		watched.theirs(req, http);
		return;
	}
	req->userdone = 0; /* evhttp does not answer it */
	if (req->uri == NULL || ((unsigned)req->type & watched.by.methods) == 0)
		watched.by.bad_came(req, watched.by.arg);
	else
		watched.by.whole_came(req, watched.by.arg);
}

static request_new_fn *
theirs(void)
{
	static request_new_fn *fn;
	void *p;

	if (fn == NULL) {
		p = dlsym(RTLD_NEXT, "evhttp_request_new");
		memcpy(&fn, &p, sizeof(fn)); /* C11 has no cast for this */
	}
	return fn;
}

__attribute__((visibility("default"))) struct evhttp_request *
evhttp_request_new(request_fn *cb, void *arg)
{
	struct evhttp_request *req;

	if (arg == NULL || arg != watched.http)
		return theirs()(cb, arg);
	watched.theirs = cb;
	req = theirs()(whole_came, arg);
	if (req != NULL)
		evhttp_request_set_header_cb(req, head_came);
	return req;
}
