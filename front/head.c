/* SPDX-License-Identifier: MIT */
#include "front/head.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

/* The parts of a head that decide where the request ends. */
struct framing {
	int hosts, lengths, codings;
	const char *length, *coding;
	int misnamed;
};

static void
framing_read(struct evhttp_request *req, struct framing *f)
{
	struct evkeyval *h;

	*f = (struct framing){0};
	TAILQ_FOREACH(h, evhttp_request_get_input_headers(req), next)
	{
		if (strcasecmp(h->key, "Host") == 0) {
			f->hosts++;
		} else if (strcasecmp(h->key, "Content-Length") == 0) {
			f->lengths++;
			f->length = h->value;
		} else if (strcasecmp(h->key, "Transfer-Encoding") == 0) {
			f->codings++;
			f->coding = h->value;
		} else if (strpbrk(h->key, " \t") != NULL || *h->key == '\0') {
			f->misnamed = 1;
		}
	}
}

const char *
head_fault(struct evhttp_request *req)
{
	struct framing f;

	framing_read(req, &f);
	if (f.misnamed)
		return "malformed header name\n";
	if (f.lengths > 1)
		return "a second Content-Length\n";
	if (f.lengths > 0 && strspn(f.length, "0123456789") != strlen(f.length))
		return "Content-Length must be a number\n";
	if (f.codings > 1 || (f.codings > 0 && f.lengths > 0))
		return "a second length: Transfer-Encoding\n";
	if (f.codings > 0 &&
		(strcasecmp(f.coding, "chunked") != 0 || req->minor == 0))
		return "Transfer-Encoding must be chunked, in HTTP/1.1\n";
	if (f.hosts > 1)
		return "a second Host\n";
	return f.hosts == 0 && req->minor > 0 ? "missing Host\n" : NULL;
}

/*
 * evhttp reads no body after HEAD.  If there is one, evhttp takes it for the
 * connection's next request: a proxy would give its answer to another client.
 */
int
head_hides_body(struct evhttp_request *req)
{
	struct evkeyvalq *in = evhttp_request_get_input_headers(req);

	return evhttp_request_get_command(req) == EVHTTP_REQ_HEAD &&
	       (evhttp_find_header(in, "Content-Length") != NULL ||
		       evhttp_find_header(in, "Transfer-Encoding") != NULL);
}

/* Whether an unfinished line, or all lines together, exceed `most` bytes. */
static int
is_too_long(struct evhttp_request *req, size_t most)
{
	struct evbuffer *in = bufferevent_get_input(
		evhttp_connection_get_bufferevent(
			evhttp_request_get_connection(req)));

	return req->headers_size > most ||
	       (req->headers_size + evbuffer_get_length(in) > most &&
		       evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_LF)
				       .pos < 0);
}

/* evhttp has one status, 400, for every malformed head. */
int
head_bad_status(struct evhttp_request *req, size_t headers_most)
{
	int has_line = req->type != 0;

	if (has_line && req->uri != NULL)
		return 501;
	if (req->response_code != 400)
		return req->response_code;
	/* evhttp counts a line only when it is not too long. */
	if (!has_line && req->headers_size == 0)
		return 414;
	return has_line && is_too_long(req, headers_most) ? 431 : 400;
}
