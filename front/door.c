/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "front/door.h"
#include "front/door_in.h"
#include "front/early.h"
#include "front/listen.h"

enum {
	CLOSING_US = 20000,
	ISOLATE_FDS = 4, /* its pidfd, two eventfds, its perf event or timer */
	SPARE_FDS = 64,
	METHODS = EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
		  EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
		  EVHTTP_REQ_PATCH,
};

static void
listeners_set(struct door *d, int on)
{
	for (size_t i = 0; i < d->bound_n; i++) {
		struct evconnlistener *l = evhttp_bound_socket_get_listener(
			d->bound[i]);

		if (on)
			evconnlistener_enable(l);
		else
			evconnlistener_disable(l);
	}
}

/* Out of descriptors or memory: second_passed() enables the listener again. */
static void
accept_failed(struct evconnlistener *l, void *http)
{
	(void)http;
	sw_log(SW_LOG_WARN, "accept", "error", strerror(EVUTIL_SOCKET_ERROR()),
		NULL);
	evconnlistener_disable(l);
}

/* Beyond connections_max, new connections wait in the kernel's queue. */
static void
fullness_check(struct door *d)
{
	int full = d->callers.n >= d->connections_max;

	if (full == d->full || d->empty != NULL)
		return;
	d->full = full;
	listeners_set(d, !full);
}

static struct bufferevent *
connection_new(struct event_base *base, void *arg)
{
	struct door *d = arg;
	struct bufferevent *bev = caller_new(base, &d->callers);

	fullness_check(d);
	return bev;
}

static void
second_passed(evutil_socket_t fd, short what, void *arg)
{
	struct door *d = arg;

	(void)fd;
	(void)what;
	callers_check(&d->callers, d->table->config.n[FRONT_request_s]);
	fullness_check(d);
	if (!d->full && d->empty == NULL)
		listeners_set(d, 1);
	access_flush(d->access);
}

/*
 * Accepted requests are answered; connections in the kernel's queue wait for
 * the next front.
 */
static void
closing_check(evutil_socket_t fd, short what, void *arg)
{
	struct door *d = arg;

	(void)fd;
	(void)what;
	if (d->under_way == 0 && TAILQ_EMPTY(&d->uploads.list) &&
		!callers_expected(&d->callers))
		d->empty(d->arg);
}

/*
 * RLIMIT_NOFILE less the descriptors of this table, of the next one during a
 * reload, of uploads and of files: a connection takes one.
 */
static size_t
connections_possible(const struct route_table *t)
{
	size_t others = SPARE_FDS + 2 * (size_t)t->config.n[FRONT_uploads];
	struct rlimit l;

	for (size_t i = 0; i < t->n; i++)
		others +=
			2 *
			(1 + ISOLATE_FDS * (size_t)t->routes[i].plan.isolates);
	if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur == RLIM_INFINITY)
		return SIZE_MAX;
	return l.rlim_cur > others ? l.rlim_cur - others : 1;
}

static void
limits_set(struct door *d)
{
	const int64_t *n = d->table->config.n;
	size_t possible = connections_possible(d->table);

	d->connections_max = (size_t)n[FRONT_max_connections];
	if (d->connections_max > possible) {
		d->connections_max = possible;
		sw_log(SW_LOG_WARN, "connections", "most",
			sw_num((long long)possible), "text",
			"RLIMIT_NOFILE allows no more", NULL);
	}

	evhttp_set_max_headers_size(d->http, n[FRONT_max_headers]);
	evhttp_set_max_body_size(d->http, n[FRONT_max_body]);
	evhttp_set_timeout(d->http, (int)n[FRONT_idle_s]);
}

struct door *
door_new(struct event_base *base, struct route_table *t, struct handoff *h,
	struct access_log *a)
{
	static const struct timeval each_second = {1, 0};
	struct door *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	*d = (struct door){.base = base, .table = t, .handoff = h, .access = a};
	callers_init(&d->callers);
	uploads_init(&d->uploads, base, &d->callers);
	d->http = evhttp_new(base);
	d->second = event_new(base, -1, EV_PERSIST, second_passed, d);
	d->closing = event_new(base, -1, EV_PERSIST, closing_check, d);
	if (d->http == NULL || d->second == NULL || d->closing == NULL ||
		event_add(d->second, &each_second) != 0) {
		door_free(d);
		return NULL;
	}
	evhttp_set_bevcb(d->http, connection_new, d);
	early_set(d->http, &(struct early){.head_came = exchange_expect,
				   .whole_came = exchange_begin,
				   .bad_came = exchange_refuse,
				   .methods = METHODS,
				   .arg = d});
	evhttp_set_default_content_type(d->http, NULL);
	evhttp_set_allowed_methods(d->http, METHODS);
	limits_set(d);
	return d;
}

void
door_free(struct door *d)
{
	if (d == NULL)
		return;
	if (d->http != NULL)
		evhttp_free(d->http);
	early_set(NULL, NULL);
	uploads_fini(&d->uploads);
	callers_fini(&d->callers);
	if (d->second != NULL)
		event_free(d->second);
	if (d->closing != NULL)
		event_free(d->closing);
	free(d);
}

int
door_adopt(struct door *d, int fd)
{
	if (d->bound_n > LISTEN_MAX)
		return -ENOSPC;
	if (evutil_make_socket_nonblocking(fd) != 0) /* accept until EAGAIN */
		return -errno;
	d->bound[d->bound_n] = evhttp_accept_socket_with_handle(d->http, fd);
	if (d->bound[d->bound_n] == NULL)
		return -ENOMEM;
	evconnlistener_set_error_cb(
		evhttp_bound_socket_get_listener(d->bound[d->bound_n]),
		accept_failed);
	d->bound_n++;
	return 0;
}

int
door_listen(struct door *d, const char *at)
{
	int fd = listen_socket_open(at), err;

	if (fd < 0)
		return fd;
	err = door_adopt(d, fd);
	if (err < 0)
		close(fd);
	return err;
}

void
door_table_set(struct door *d, struct route_table *t)
{
	d->table = t;
	limits_set(d);
}

void
door_close(struct door *d, void (*empty)(void *arg), void *arg)
{
	static const struct timeval look = {0, CLOSING_US};

	listeners_set(d, 0);
	d->empty = empty;
	d->arg = arg;
	event_add(d->closing, &look);
}
