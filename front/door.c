/* SPDX-License-Identifier: MIT */
#include "door.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "caller.h"
#include "error.h"
#include "listen.h"
#include "log.h"

enum { HEADERS_MAX = 256 };

static const struct {
	enum evhttp_cmd_type type;
	const char *name;
} methods[] = {{EVHTTP_REQ_GET, "GET"}, {EVHTTP_REQ_POST, "POST"},
	{EVHTTP_REQ_HEAD, "HEAD"}, {EVHTTP_REQ_PUT, "PUT"},
	{EVHTTP_REQ_DELETE, "DELETE"}, {EVHTTP_REQ_OPTIONS, "OPTIONS"},
	{EVHTTP_REQ_PATCH, "PATCH"}};

enum { METHODS = sizeof(methods) / sizeof(methods[0]) };

struct door {
	struct event_base *base;
	struct evhttp *http;
	struct table *table;
	struct handoff *handoff;
	struct access *access;
	struct event *second;
	struct callers callers;
	struct evhttp_bound_socket *bound[LISTEN_MAX + 1];
	size_t bound_n, under_way;
	int full;   /* listeners are off until there is room */
	int asking; /* we are called by evhttp, with a request */
	time_t date_at;
	char date[40];
	void (*empty)(void *);
	void *arg;
};

/* One request, from its arrival to its answer. */
struct exchange {
	struct task task; /* first: the one is the other */
	struct door *door;
	struct evhttp_request *req;
	struct route *route;
	struct mail_request head;
	const char *path, *query;
	const char *client; /* evhttp's */
	struct mail_answer answer;
	int64_t cpu_ns;
};

static const char *
method_of(struct evhttp_request *req)
{
	for (size_t i = 0; i < METHODS; i++)
		if (methods[i].type == evhttp_request_get_command(req))
			return methods[i].name;
	return "-";
}

/* --- answers ------------------------------------------------------------ */

static void
logged(const struct exchange *x, int status, size_t bytes)
{
	struct evkeyvalq *in = evhttp_request_get_input_headers(x->req);
	int head = evhttp_request_get_command(x->req) == EVHTTP_REQ_HEAD;
	char version[16];
	struct access_line l = {.client = x->client,
		.method = method_of(x->req),
		.target = evhttp_request_get_uri(x->req),
		.version = version,
		.status = status,
		.bytes = head ? 0 : bytes,
		.referer = evhttp_find_header(in, "Referer"),
		.agent = evhttp_find_header(in, "User-Agent")};

	(void)snprintf(version, sizeof(version), "HTTP/%d.%d", x->req->major,
		x->req->minor);
	access_write(x->door->access, &l);
}

/* evhttp would make a new one for each answer. */
static const char *
date(struct door *d)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now != d->date_at && gmtime_r(&now, &tm) != NULL) {
		evutil_date_rfc1123(d->date, sizeof(d->date), &tm);
		d->date_at = now;
	}
	return d->date;
}

static void
timing_add(struct exchange *x)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(x->req);
	long long us = x->cpu_ns / 1000;
	char timing[48];

	if (evhttp_find_header(out, "Date") == NULL)
		evhttp_add_header(out, "Date", date(x->door));
	if (x->cpu_ns < 0)
		return;
	(void)snprintf(timing, sizeof(timing), "cpu;dur=%lld.%03lld", us / 1000,
		us % 1000);
	evhttp_add_header(out, "Server-Timing", timing);
}

/*
 * Left to the loop, an answer would wait for a turn of its own, in which the
 * kernel says what we know, that there is room in the socket.  What does not
 * fit stays with the loop.
 */
static void
answer_push(struct bufferevent *bev)
{
	struct evbuffer *out = bufferevent_get_output(bev);

	evbuffer_unfreeze(out, 1);
	(void)evbuffer_write(out, bufferevent_getfd(bev));
	evbuffer_freeze(out, 1);
	if (evbuffer_get_length(out) == 0)
		bufferevent_trigger(bev, EV_WRITE, 0);
}

/* The end of every exchange: headers and body are in the request already. */
static void
exchange_end(struct exchange *x, int status)
{
	struct door *d = x->door;
	struct bufferevent *bev = evhttp_connection_get_bufferevent(
		evhttp_request_get_connection(x->req));

	timing_add(x);
	if (d->access->f != NULL)
		logged(x, status,
			evbuffer_get_length(
				evhttp_request_get_output_buffer(x->req)));
	caller_answered(&d->callers, bev);
	evhttp_send_reply(x->req, status, NULL, NULL);
	if (!d->asking)
		answer_push(bev);
	free(x);
	if (--d->under_way == 0 && d->empty != NULL)
		d->empty(d->arg);
}

/* An answer of our own; what the handler has said is dropped. */
static void
exchange_fail(struct exchange *x, int status, const char *text)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(x->req);
	struct evbuffer *body = evhttp_request_get_output_buffer(x->req);

	evhttp_clear_headers(out);
	evbuffer_drain(body, evbuffer_get_length(body));
	evhttp_add_header(out, "Content-Type", "text/plain");
	if (status == 503)
		evhttp_add_header(out, "Retry-After", "1");
	evbuffer_add(body, text, strlen(text));
	exchange_end(x, status);
}

/* What the client can do about it: change something, or come again. */
static int
refusal_status(int err)
{
	return err == SW_EUNIQUE ? 409
	       : err == SW_ETOOBIG || err == SW_EINVAL || err == SW_EQUEUE
		       ? 500
		       : fate_status[FATE_REFUSED];
}

static void
handed_over(void *arg, int err, const char *why)
{
	struct exchange *x = arg;

	if (err == 0) {
		exchange_end(x, (int)x->answer.status);
		return;
	}
	x->route->usage.fates[FATE_REFUSED]++;
	sw_log(SW_LOG_WARN, "put", "route", x->route->config->path, "error",
		sw_errname(err), "text", why, NULL);
	exchange_fail(x, refusal_status(err), fate_texts[FATE_REFUSED]);
}

/* The client has its answer; `arg` is a route's path. */
static void
handed_after(void *arg, int err, const char *why)
{
	if (err != 0)
		sw_log(SW_LOG_ERR, "put-after", "route", arg, "error",
			sw_errname(err), "text", why, NULL);
	free(arg);
}

/* --- what the isolate said ---------------------------------------------- */

/* These are between the front and the client. */
static int
is_ours(const char *name)
{
	static const char *const ours[] = {"connection", "content-length",
		"transfer-encoding", "keep-alive", "upgrade", "trailer"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcasecmp(name, ours[i]) == 0)
			return 1;
	return 0;
}

/* evhttp refuses what would break out of a header's line. */
static void
headers_take(struct exchange *x, const struct mailbox *mail)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(x->req);
	static char text[MAIL_HEADERS_MAX + 2];
	char *p = text, *end;

	memcpy(text, mail->headers, x->answer.headers_len);
	end = text + x->answer.headers_len;
	end[0] = end[1] = '\0';
	while (p < end) {
		char *value = p + strlen(p) + 1;

		if (value <= end && *p != '\0' && strpbrk(p, " :\t") == NULL &&
			!is_ours(p))
			evhttp_add_header(out, p, value <= end ? value : "");
		p = value + strlen(value < end ? value : "") + 1;
	}
}

static void
log_take(const struct exchange *x, const struct mailbox *mail)
{
	static char text[MAIL_LOG_MAX + 1];

	memcpy(text, mail->log, x->answer.log_len);
	text[x->answer.log_len] = '\0';
	for (char *p = text; p < text + x->answer.log_len; p += strlen(p) + 1)
		sw_log(SW_LOG_INFO, "handler", "route", x->route->config->path,
			"text", p, NULL);
}

static void
jobs_take(struct exchange *x, const struct mailbox *mail)
{
	struct handoff *h = x->door->handoff;
	size_t len = x->answer.jobs_len;
	uint8_t *put = malloc(len);
	char *path = x->answer.after ? strdup(x->route->config->path) : NULL;

	if (put == NULL || (x->answer.after && path == NULL)) {
		free(put);
		free(path);
		handed_over(x, -ENOMEM, "");
		return;
	}
	memcpy(put, mail->jobs, len);
	if (path != NULL) {
		exchange_end(x, (int)x->answer.status);
		handoff_put(h, bytes_of(put, len), handed_after, path);
	} else {
		handoff_put(h, bytes_of(put, len), handed_over, x);
	}
	free(put);
}

static void
task_done(struct task *t, enum fate fate, const struct mail_answer *a,
	const struct mailbox *mail, int64_t cpu_ns)
{
	struct exchange *x = (struct exchange *)t;

	x->cpu_ns = cpu_ns;
	if (fate != FATE_ANSWER) {
		if (fate != FATE_BUSY)
			sw_log(SW_LOG_WARN, "killed", "route",
				x->route->config->path, "cause",
				fate_names[fate], "cpu_us",
				sw_num(cpu_ns / 1000), NULL);
		exchange_fail(x, fate_status[fate], fate_texts[fate]);
		return;
	}
	x->answer = *a;
	if (a->log_len > 0)
		log_take(x, mail);
	headers_take(x, mail);
	evbuffer_add(evhttp_request_get_output_buffer(x->req), mail->body,
		a->body_len);
	if (a->jobs_len > 0)
		jobs_take(x, mail);
	else
		exchange_end(x, (int)a->status);
}

/* --- what the client said ----------------------------------------------- */

static uint8_t *
text_put(uint8_t *to, const char *s)
{
	size_t len = strlen(s) + 1;

	memcpy(to, s, len);
	return to + len;
}

static void
task_fill(struct task *t, struct mailbox *mail)
{
	struct exchange *x = (struct exchange *)t;
	struct evbuffer *body = evhttp_request_get_input_buffer(x->req);
	struct evkeyval *h;
	uint8_t *to = mail->texts;

	to = text_put(to, method_of(x->req));
	to = text_put(to, x->path);
	to = text_put(to, x->query);
	to = text_put(to, x->client);
	TAILQ_FOREACH(h, evhttp_request_get_input_headers(x->req), next)
	{
		to = text_put(to, h->key);
		to = text_put(to, h->value);
	}
	evbuffer_copyout(body, to, x->head.body_len);
	*mail->request = x->head;
}

/* How large it will be in the mailbox; 0 or the status that refuses it. */
static int
request_measure(struct exchange *x)
{
	size_t len, room = x->route->plan.zygote.sizes.request;
	size_t most = (size_t)x->door->table->config.n[FRONT_max_headers];
	struct evkeyval *h;

	len = strlen(method_of(x->req)) + strlen(x->path) + strlen(x->query) +
	      strlen(x->client) + 4;
	TAILQ_FOREACH(h, evhttp_request_get_input_headers(x->req), next)
	{
		len += strlen(h->key) + strlen(h->value) + 2;
		x->head.headers_n++;
	}
	x->head.texts_len = (uint32_t)len;
	x->head.body_len = (uint32_t)evbuffer_get_length(
		evhttp_request_get_input_buffer(x->req));
	if (x->head.headers_n > HEADERS_MAX || len > most)
		return 431;
	return len + x->head.body_len > room ? 413 : 0;
}

static const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

static void
request_came(struct evhttp_request *req, void *arg)
{
	struct door *d = arg;
	struct evhttp_connection *conn = evhttp_request_get_connection(req);
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	struct exchange *x = calloc(1, sizeof(*x));
	char *client = NULL;
	uint16_t port;
	int status;

	if (x == NULL || uri == NULL) {
		free(x);
		evhttp_send_error(req, x == NULL ? 500 : 400, NULL);
		return;
	}
	d->under_way++;
	d->asking = 1;
	*x = (struct exchange){.door = d, .req = req, .cpu_ns = -1};
	caller_busy(&d->callers, evhttp_connection_get_bufferevent(conn));
	x->task.fill = task_fill;
	x->task.done = task_done;
	evhttp_connection_get_peer(conn, &client, &port);
	x->client = client != NULL && client[0] != '\0' ? client : "-";
	x->path = or_empty(evhttp_uri_get_path(uri));
	x->query = or_empty(evhttp_uri_get_query(uri));
	x->route = table_find(d->table, x->path);
	status = x->route == NULL ? 404 : request_measure(x);
	if (status != 0)
		exchange_fail(x, status,
			status == 404 ? "no route\n" : "too large\n");
	else
		pool_run(x->route->pool, &x->task);
	d->asking = 0;
}

/* --- the door ----------------------------------------------------------- */

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

/* Who comes when it is full waits in the kernel's queue. */
static void
fullness_check(struct door *d)
{
	int full = d->callers.n >=
		   (size_t)d->table->config.n[FRONT_max_connections];

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
second(evutil_socket_t fd, short what, void *arg)
{
	struct door *d = arg;

	(void)fd;
	(void)what;
	callers_check(&d->callers, d->table->config.n[FRONT_request_s]);
	fullness_check(d);
	access_flush(d->access);
}

static void
limits_set(struct door *d)
{
	const int64_t *n = d->table->config.n;

	evhttp_set_max_headers_size(d->http, n[FRONT_max_headers]);
	evhttp_set_max_body_size(d->http, n[FRONT_max_body]);
	evhttp_set_timeout(d->http, (int)n[FRONT_idle_s]);
}

struct door *
door_new(struct event_base *base, struct table *t, struct handoff *h,
	struct access *a)
{
	static const struct timeval each_second = {1, 0};
	struct door *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	*d = (struct door){.base = base, .table = t, .handoff = h, .access = a};
	callers_init(&d->callers);
	d->http = evhttp_new(base);
	d->second = event_new(base, -1, EV_PERSIST, second, d);
	if (d->http == NULL || d->second == NULL ||
		event_add(d->second, &each_second) != 0) {
		door_free(d);
		return NULL;
	}
	evhttp_set_bevcb(d->http, connection_new, d);
	evhttp_set_gencb(d->http, request_came, d);
	evhttp_set_default_content_type(d->http, NULL);
	evhttp_set_allowed_methods(
		d->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
				 EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
				 EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
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
	callers_fini(&d->callers);
	if (d->second != NULL)
		event_free(d->second);
	free(d);
}

int
door_adopt(struct door *d, int fd)
{
	if (d->bound_n > LISTEN_MAX)
		return -ENOSPC;
	d->bound[d->bound_n] = evhttp_accept_socket_with_handle(d->http, fd);
	if (d->bound[d->bound_n] == NULL)
		return -ENOMEM;
	d->bound_n++;
	return 0;
}

int
door_listen(struct door *d, const char *at)
{
	int fd = listen_open(at), err;

	if (fd < 0)
		return fd;
	err = door_adopt(d, fd);
	if (err < 0)
		close(fd);
	return err;
}

void
door_table_set(struct door *d, struct table *t)
{
	d->table = t;
	limits_set(d);
}

void
door_close(struct door *d, void (*empty)(void *arg), void *arg)
{
	listeners_set(d, 0);
	d->empty = empty;
	d->arg = arg;
	if (d->under_way == 0)
		empty(arg);
}
