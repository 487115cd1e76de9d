/* SPDX-License-Identifier: MIT */
/*
 * libevent 2.2 has evhttp_set_newreqcb() for this.  2.1 has not, but it makes
 * every request by its own evhttp_request_new(), a public function, so ours
 * of that name is called instead and calls the other.
 */
#include "early.h"

#include <dlfcn.h>
#include <string.h>

typedef void request_fn(struct evhttp_request *, void *);
typedef struct evhttp_request *request_new_fn(request_fn *, void *);

static struct {
	struct evhttp *http;
	early_fn *fn;
	void *arg;
} watched;

void
early_set(struct evhttp *http, early_fn *fn, void *arg)
{
	watched.http = http;
	watched.fn = fn;
	watched.arg = arg;
}

static int
head_came(struct evhttp_request *req, void *http)
{
	(void)http;
	return watched.fn != NULL ? watched.fn(req, watched.arg) : 0;
}

static request_new_fn *
theirs(void)
{
	static request_new_fn *fn;
	void *p;

	if (fn == NULL) {
		p = dlsym(RTLD_NEXT, "evhttp_request_new");
		memcpy(&fn, &p, sizeof(fn)); /* no cast says this in C11 */
	}
	return fn;
}

__attribute__((visibility("default"))) struct evhttp_request *
evhttp_request_new(request_fn *cb, void *arg)
{
	struct evhttp_request *req = theirs()(cb, arg);

	if (req != NULL && arg == watched.http && watched.fn != NULL)
		evhttp_request_set_header_cb(req, head_came);
	return req;
}
