/* SPDX-License-Identifier: MIT */
#include "front/reply.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http_struct.h>
#include <string.h>
#include <strings.h>

enum {
	HEAD_MAX = 256, /* all but `lines`: see head_add */
	DIGITS = 20,
	STATUSES = 600,
};

static const char *const phrases[STATUSES] = {
	[200] = "OK",
	[201] = "Created",
	[202] = "Accepted",
	[203] = "Non-Authoritative Information",
	[204] = "No Content",
	[205] = "Reset Content",
	[206] = "Partial Content",
	[207] = "Multi-Status",
	[300] = "Multiple Choices",
	[301] = "Moved Permanently",
	[302] = "Found",
	[303] = "See Other",
	[304] = "Not Modified",
	[307] = "Temporary Redirect",
	[308] = "Permanent Redirect",
	[400] = "Bad Request",
	[401] = "Unauthorized",
	[402] = "Payment Required",
	[403] = "Forbidden",
	[404] = "Not Found",
	[405] = "Method Not Allowed",
	[406] = "Not Acceptable",
	[408] = "Request Timeout",
	[409] = "Conflict",
	[410] = "Gone",
	[411] = "Length Required",
	[412] = "Precondition Failed",
	[413] = "Content Too Large",
	[414] = "URI Too Long",
	[415] = "Unsupported Media Type",
	[416] = "Range Not Satisfiable",
	[417] = "Expectation Failed",
	[421] = "Misdirected Request",
	[422] = "Unprocessable Content",
	[423] = "Locked",
	[425] = "Too Early",
	[426] = "Upgrade Required",
	[428] = "Precondition Required",
	[429] = "Too Many Requests",
	[431] = "Request Header Fields Too Large",
	[451] = "Unavailable For Legal Reasons",
	[500] = "Internal Server Error",
	[501] = "Not Implemented",
	[502] = "Bad Gateway",
	[503] = "Service Unavailable",
	[504] = "Gateway Timeout",
	[507] = "Insufficient Storage",
};

/* --- text --------------------------------------------------------------- */

static char *
bytes_add(char *to, const void *p, size_t len)
{
	if (len > 0)
		memcpy(to, p, len);
	return to + len;
}

static char *
text_add(char *to, const char *s)
{
	return bytes_add(to, s, strlen(s));
}

/* Adds a number with leading zeroes, of at least `width` digits. */
static char *
number_add(char *to, uint64_t n, int width)
{
	char text[DIGITS];
	int at = DIGITS;

	for (; n > 0 || at > DIGITS - width; n /= 10)
		text[--at] = (char)('0' + n % 10);
	return bytes_add(to, text + at, (size_t)(DIGITS - at));
}

static const char *
date_text(struct reply_date *d)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now != d->at && gmtime_r(&now, &tm) != NULL) {
		evutil_date_rfc1123(d->text, sizeof(d->text), &tm);
		d->at = now;
	}
	return d->text;
}

/* --- the rules of HTTP -------------------------------------------------- */

static int
has_body(const struct http_reply *r)
{
	return r->status != 204 && r->status != 304;
}

size_t
reply_body_len(struct evhttp_request *req, const struct http_reply *r)
{
	int head = evhttp_request_get_command(req) == EVHTTP_REQ_HEAD;

	return has_body(r) && !head ? r->body_len : 0;
}

static int
is_old(const struct evhttp_request *req)
{
	return req->major < 1 || (req->major == 1 && req->minor < 1);
}

/* evhttp's rule, for evhttp closes the connection. */
static int
closes_after(struct evhttp_request *req, const struct http_reply *r)
{
	const char *connection = evhttp_find_header(
		evhttp_request_get_input_headers(req), "Connection");

	if (r->closes || (req->flags & EVHTTP_PROXY_REQUEST) != 0)
		return 1;
	if (is_old(req))
		return connection == NULL ||
		       strncasecmp(connection, "keep-alive", 10) != 0;
	return connection != NULL && strcasecmp(connection, "close") == 0;
}

/* `last`: no more requests on this connection. */
static char *
head_add(char *to, struct evhttp_request *req, const struct http_reply *r,
	struct reply_date *d, int last)
{
	const char *phrase = phrases[r->status];
	uint64_t us = (uint64_t)(r->cpu_ns / 1000);

	/* Bytes that are no request have version 0.0. */
	to = text_add(
		to, is_old(req) && req->major > 0 ? "HTTP/1.0 " : "HTTP/1.1 ");
	to = number_add(to, (uint64_t)r->status, 3);
	to = text_add(to, " ");
	to = text_add(to, phrase != NULL ? phrase : "");
	to = text_add(to, "\r\n");
	to = bytes_add(to, r->lines, r->lines_len);
	if (!r->dated) {
		to = text_add(to, "Date: ");
		to = text_add(to, date_text(d));
		to = text_add(to, "\r\n");
	}
	if (r->cpu_ns >= 0) {
		to = text_add(to, "Server-Timing: cpu;dur=");
		to = number_add(to, us / 1000, 1);
		to = text_add(to, ".");
		to = number_add(to, us % 1000, 3);
		to = text_add(to, "\r\n");
	}
	if (last)
		to = text_add(to, "Connection: close\r\n");
	else if (is_old(req))
		to = text_add(to, "Connection: keep-alive\r\n");
	if (has_body(r)) {
		to = text_add(to, "Content-Length: ");
		to = number_add(to, r->body_len, 1);
		to = text_add(to, "\r\n");
	}
	return text_add(to, "\r\n");
}

/* --- sending ------------------------------------------------------------ */

static int
reply_put(struct evbuffer *out, struct evhttp_request *req,
	const struct http_reply *r, struct reply_date *d, int last)
{
	size_t body_len = reply_body_len(req, r);
	struct evbuffer_iovec room;
	char *end;

	if (evbuffer_reserve_space(out,
		    (ev_ssize_t)(HEAD_MAX + r->lines_len + body_len), &room,
		    1) != 1)
		return -1;
	end = head_add(room.iov_base, req, r, d, last);
	end = bytes_add(end, r->body, body_len);
	room.iov_len = (size_t)(end - (char *)room.iov_base);
	return evbuffer_commit_space(out, &room, 1);
}

static void
output_write(struct bufferevent *bev)
{
	struct evbuffer *out = bufferevent_get_output(bev);

	evbuffer_unfreeze(out, 1);
	(void)evbuffer_write(out, bufferevent_getfd(bev));
	evbuffer_freeze(out, 1);
}

/*
 * evhttp_send_reply_end() ends a request when its output is written: at once,
 * or when the loop has written the rest.
 */
void
reply_send(struct evhttp_request *req, const struct http_reply *r,
	struct reply_date *d, int later)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(
		evhttp_request_get_connection(req));
	struct evbuffer *out = bufferevent_get_output(bev);
	int last = closes_after(req, r);

	req->chunked = 0; /* would make evhttp end the answer as a chunk */
	/* Without memory for an answer the connection is closed. */
	if (reply_put(out, req, r, d, last) < 0 || last)
		(void)evhttp_add_header(evhttp_request_get_output_headers(req),
			"Connection", "close");
	if (!later)
		output_write(bev);
	if (evbuffer_get_length(out) > 0) {
		bufferevent_disable(bev, EV_READ);
		bufferevent_enable(bev, EV_WRITE);
	}
	evhttp_send_reply_end(req);
}
