/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/log.h"
#include "front/door_in.h"
#include "front/head.h"

enum { HEADERS_MAX = 256 };

static const struct {
	enum evhttp_cmd_type type;
	const char *name;
} methods[] = {{EVHTTP_REQ_GET, "GET"}, {EVHTTP_REQ_POST, "POST"},
	{EVHTTP_REQ_HEAD, "HEAD"}, {EVHTTP_REQ_PUT, "PUT"},
	{EVHTTP_REQ_DELETE, "DELETE"}, {EVHTTP_REQ_OPTIONS, "OPTIONS"},
	{EVHTTP_REQ_PATCH, "PATCH"}};

enum { METHODS = sizeof(methods) / sizeof(methods[0]) };

/* One request, from its arrival to its answer. */
struct exchange {
	struct pool_task task; /* first: its callbacks cast */
	struct door *door;
	struct caller *caller;
	struct evhttp_request *req;
	struct route_table *table; /* held while there is a route */
	struct front_route *route; /* or NULL */
	struct mail_request head;
	const char *path, *query;
	const char *client; /* evhttp's */
	const char *fault;  /* why the head is refused, or NULL */
	struct mail_answer answer;
	struct http_reply reply;
	void *copy;	       /* of the reply's lines and body, or NULL */
	struct upload *upload; /* NULL: none */
	const char *blob;      /* the upload's reference, "" without */
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
exchange_log(const struct exchange *x)
{
	struct evkeyvalq *in = evhttp_request_get_input_headers(x->req);
	const char *target = evhttp_request_get_uri(x->req);
	char version[16];
	struct access_line l = {.client = x->client,
		.method = target != NULL ? method_of(x->req) : NULL,
		.target = target,
		.version = version,
		.status = x->reply.status,
		.bytes = reply_body_len(x->req, &x->reply),
		.referer = evhttp_find_header(in, "Referer"),
		.agent = evhttp_find_header(in, "User-Agent")};

	(void)snprintf(version, sizeof(version), "HTTP/%d.%d", x->req->major,
		x->req->minor);
	access_write(x->door->access, &l);
}

/* Sends the reply, which is ready, and ends the exchange. */
static void
exchange_end(struct exchange *x)
{
	struct door *d = x->door;
	struct bufferevent *bev = evhttp_connection_get_bufferevent(
		evhttp_request_get_connection(x->req));

	x->reply.closes = d->empty != NULL || x->fault != NULL ||
			  head_hides_body(x->req);
	if (d->access->f != NULL)
		exchange_log(x);
	caller_unmute(x->caller, bev);
	reply_send(x->req, &x->reply, &d->date, d->in_evhttp);
	upload_free(x->upload);
	if (x->route != NULL)
		table_release(x->table);
	free(x->copy);
	free(x);
	d->under_way--;
}

/* Ends the exchange with the front's own answer. */
static void
exchange_fail(struct exchange *x, int status, const char *text)
{
	static const char plain[] = "Content-Type: text/plain\r\n";
	static const char again[] = "Content-Type: text/plain\r\n"
				    "Retry-After: 1\r\n";

	x->reply = (struct http_reply){.status = status,
		.lines = status == 503 ? again : plain,
		.lines_len = status == 503 ? sizeof(again) - 1
					   : sizeof(plain) - 1,
		.body = text,
		.body_len = strlen(text),
		.cpu_ns = x->reply.cpu_ns};
	exchange_end(x);
}

/* 409 and 500: the same job is refused again; 503: the client may retry. */
static int
refusal_status(int err)
{
	return err == SW_EUNIQUE || err == SW_ECONFLICT ? 409
	       : err == SW_ETOOBIG || err == SW_EINVAL || err == SW_EQUEUE
		       ? 500
		       : outcome_status[OUTCOME_REFUSED];
}

static void
jobs_confirmed(void *arg, int err, const char *why)
{
	struct exchange *x = arg;

	if (err == 0) {
		exchange_end(x);
		return;
	}
	/* The pool has counted the handler's answer. */
	x->route->usage.outcomes[OUTCOME_ANSWER]--;
	x->route->usage.outcomes[OUTCOME_REFUSED]++;
	sw_log(SW_LOG_WARN, "put", "route", x->route->config->path, "error",
		sw_errname(err), "text", why, NULL);
	exchange_fail(x, refusal_status(err),
		err == SW_EUNIQUE     ? "the job's unique key is taken\n"
		: err == SW_ECONFLICT ? "the job's id is taken\n"
				      : outcome_texts[OUTCOME_REFUSED]);
}

/* Of an answer that did not wait for its jobs; `arg` is the route's path. */
static void
jobs_confirmed_after(void *arg, int err, const char *why)
{
	if (err != 0)
		sw_log(SW_LOG_ERR, "put-after", "route", arg, "error",
			sw_errname(err), "text", why, NULL);
	free(arg);
}

/* --- the isolate's answer ----------------------------------------------- */

/* Headers that the front writes itself. */
static int
is_front_header(const char *name)
{
	static const char *const names[] = {"connection", "content-length",
		"transfer-encoding", "keep-alive", "upgrade", "trailer"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(name, names[i]) == 0)
			return 1;
	return 0;
}

/* A name or value with a line break would become a header of its own. */
static int
is_header(const char *name, const char *value)
{
	return *name != '\0' && strpbrk(name, " :\t\r\n") == NULL &&
	       strpbrk(value, "\r\n") == NULL && !is_front_header(name);
}

static char *
line_put(char *to, const char *name, const char *value)
{
	to = stpcpy(to, name);
	to = stpcpy(to, ": ");
	to = stpcpy(to, value);
	return stpcpy(to, "\r\n");
}

/* Sets the reply's lines from the mailbox; valid until the next call. */
static void
headers_take(struct http_reply *r, const struct mailbox *mail, size_t len)
{
	static char text[MAIL_HEADERS_MAX + 2];
	static char lines[2 * MAIL_HEADERS_MAX + 8]; /* 2 more for each */
	char *p = text, *end = text + len, *to = lines;

	memcpy(text, mail->headers, len);
	end[0] = end[1] = '\0';
	while (p < end) {
		const char *name = p, *value = p + strlen(p) + 1;

		if (value > end)
			value = end;
		p += (size_t)(value - p) + strlen(value) + 1;
		if (!is_header(name, value))
			continue;
		to = line_put(to, name, value);
		r->dated |= strcasecmp(name, "Date") == 0;
	}
	r->lines = lines;
	r->lines_len = (size_t)(to - lines);
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

/* The mailbox gets its next request before the broker has confirmed. */
static int
reply_copy(struct exchange *x)
{
	struct http_reply *r = &x->reply;
	char *copy = malloc(r->lines_len + r->body_len + 1);

	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, r->lines, r->lines_len);
	memcpy(copy + r->lines_len, r->body, r->body_len);
	r->lines = copy;
	r->body = copy + r->lines_len;
	x->copy = copy;
	return 0;
}

static void
jobs_take(struct exchange *x, const struct mailbox *mail)
{
	struct handoff *h = x->door->handoff;
	size_t len = x->answer.jobs_len;
	uint8_t *put = malloc(len);
	char *path = x->answer.after ? strdup(x->route->config->path) : NULL;

	if (put == NULL ||
		(x->answer.after ? path == NULL : reply_copy(x) < 0)) {
		free(put);
		free(path);
		jobs_confirmed(x, -ENOMEM, "");
		return;
	}
	memcpy(put, mail->jobs, len);
	if (path != NULL) {
		exchange_end(x);
		handoff_put(h, bytes_of(put, len), jobs_confirmed_after, path);
	} else {
		handoff_put(h, bytes_of(put, len), jobs_confirmed, x);
	}
	free(put);
}

static void
task_done(struct pool_task *t, enum request_outcome outcome,
	const struct mail_answer *a, const struct mailbox *mail, int64_t cpu_ns)
{
	struct exchange *x = (struct exchange *)t;

	x->reply.cpu_ns = cpu_ns;
	if (outcome != OUTCOME_ANSWER) {
		if (outcome != OUTCOME_BUSY)
			sw_log(SW_LOG_WARN, "killed", "route",
				x->route->config->path, "cause",
				outcome_names[outcome], "cpu_us",
				sw_num(cpu_ns / 1000), NULL);
		exchange_fail(
			x, outcome_status[outcome], outcome_texts[outcome]);
		return;
	}
	x->answer = *a;
	if (a->log_len > 0)
		log_take(x, mail);
	x->reply.status = (int)a->status;
	x->reply.body = mail->body;
	x->reply.body_len = a->body_len;
	headers_take(&x->reply, mail, a->headers_len);
	if (a->jobs_len > 0)
		jobs_take(x, mail);
	else
		exchange_end(x);
}

/* --- the client's request ----------------------------------------------- */

static uint8_t *
text_put(uint8_t *to, const char *s)
{
	size_t len = strlen(s) + 1;

	memcpy(to, s, len);
	return to + len;
}

static void
task_write(struct pool_task *t, struct mailbox *mail)
{
	struct exchange *x = (struct exchange *)t;
	struct evbuffer *body = evhttp_request_get_input_buffer(x->req);
	struct evkeyval *h;
	uint8_t *to = mail->texts;

	to = text_put(to, method_of(x->req));
	to = text_put(to, x->path);
	to = text_put(to, x->query);
	to = text_put(to, x->client);
	to = text_put(to, x->blob);
	TAILQ_FOREACH(h, evhttp_request_get_input_headers(x->req), next)
	{
		to = text_put(to, h->key);
		to = text_put(to, h->value);
	}
	evbuffer_copyout(body, to, x->head.body_len);
	*mail->request = x->head;
}

/* Computes the request's size in the mailbox: 0 or the refusing status. */
static int
request_measure(struct exchange *x)
{
	size_t len, room = x->route->plan.zygote.sizes.request;
	size_t most = (size_t)x->door->table->config.n[FRONT_max_headers];
	struct evkeyval *h;

	len = strlen(method_of(x->req)) + strlen(x->path) + strlen(x->query) +
	      strlen(x->client) + strlen(x->blob) + 5;
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

/* 0, or the status that refuses the request. */
static int
request_check(struct exchange *x)
{
	const struct front_route *r = x->route;
	int status;

	if (r == NULL)
		return 404;
	status = request_measure(x);
	return r->config->n[ROUTE_blob] && x->head.body_len > 0 ? 411 : status;
}

static void
request_run(struct exchange *x)
{
	int status;

	if (x->fault != NULL) {
		exchange_fail(x, 400, x->fault);
		return;
	}
	/* Only now: during an upload a reload may have replaced the table. */
	x->table = x->door->table;
	x->route = table_find(x->table, x->path);
	if (x->route != NULL)
		table_hold(x->table);
	status = request_check(x);
	if (status == 0)
		pool_run(x->route->pool, &x->task);
	else
		exchange_fail(x, status,
			status == 404	? "no route\n"
			: status == 411 ? "missing Content-Length\n"
					: "too large\n");
}

static void
body_stored(void *arg, const char *ref)
{
	struct exchange *x = arg;

	if (ref == NULL) {
		exchange_fail(x, 503, "the body could not be stored\n");
		return;
	}
	x->blob = ref;
	request_run(x);
}

static struct exchange *
exchange_new(struct evhttp_request *req, struct door *d)
{
	struct evhttp_connection *conn = evhttp_request_get_connection(req);
	struct exchange *x = calloc(1, sizeof(*x));
	char *client = NULL;
	uint16_t port;

	if (x == NULL) {
		evhttp_send_error(req, 500, NULL);
		return NULL;
	}
	*x = (struct exchange){
		.door = d, .req = req, .reply.cpu_ns = -1, .blob = ""};
	x->caller = caller_of(
		&d->callers, evhttp_connection_get_bufferevent(conn));
	x->task.write = task_write;
	x->task.done = task_done;
	evhttp_connection_get_peer(conn, &client, &port);
	x->client = client != NULL && client[0] != '\0' ? client : "-";
	d->under_way++;
	return x;
}

void
exchange_begin(struct evhttp_request *req, void *arg)
{
	struct door *d = arg;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	struct exchange *x = exchange_new(req, d);

	if (x == NULL)
		return;
	caller_mute(x->caller, evhttp_connection_get_bufferevent(
				       evhttp_request_get_connection(req)));
	d->in_evhttp = 1;
	x->fault = head_fault(req);
	x->path = or_empty(evhttp_uri_get_path(uri));
	x->query = or_empty(evhttp_uri_get_query(uri));
	x->upload = upload_of(req);
	if (x->upload != NULL)
		upload_end(x->upload, d->table->config.n[FRONT_upload_s],
			body_stored, x);
	else
		request_run(x);
	d->in_evhttp = 0;
}

void
exchange_refuse(struct evhttp_request *req, void *arg)
{
	struct door *d = arg;
	struct exchange *x = exchange_new(req, d);
	int status = head_bad_status(
		req, (size_t)d->table->config.n[FRONT_max_headers]);

	if (x == NULL)
		return;
	d->in_evhttp = 1;
	x->fault = status == 501   ? "unknown method\n"
		   : status == 400 ? "not HTTP/1.1\n"
		   : req->chunked  ? "too large, or not in chunks\n"
				   : "too large\n";
	exchange_fail(x, status, x->fault);
	d->in_evhttp = 0;
}

/* Whether the body may be an upload: evhttp keeps whole chunks in memory. */
static int
has_length(struct evhttp_request *req)
{
	struct evkeyvalq *in = evhttp_request_get_input_headers(req);
	const char *len = evhttp_find_header(in, "Content-Length");

	return evhttp_request_get_command(req) != EVHTTP_REQ_HEAD &&
	       len != NULL && strtoll(len, NULL, 10) > 0 &&
	       evhttp_find_header(in, "Transfer-Encoding") == NULL;
}

/* The head has come: starts an upload for the body, and limits its size. */
int
exchange_expect(struct evhttp_request *req, void *arg)
{
	struct door *d = arg;
	const struct site *c = &d->table->config;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	int64_t most = c->n[FRONT_max_body];
	const struct front_route *r = NULL;

	if (c->blobs != NULL && uri != NULL)
		r = table_find(d->table, or_empty(evhttp_uri_get_path(uri)));
	if (r != NULL && r->config->n[ROUTE_blob] && has_length(req) &&
		upload_begin(&d->uploads, req, c->blobs,
			(size_t)c->n[FRONT_uploads]) == 0)
		most = r->config->n[ROUTE_max_blob];
	evhttp_connection_set_max_body_size(
		evhttp_request_get_connection(req), most);
	return 0;
}
