/* SPDX-License-Identifier: MIT */
/*
 * reply.h - an answer as the client reads it
 *
 * evhttp takes an answer's headers one by one, prints each, and waits for the
 * socket to have room.  Here the answer is put together at once and written
 * at once; evhttp only hears that it is done.
 */
#ifndef FRONT_REPLY_H
#define FRONT_REPLY_H

#include <event2/http.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* What an answer is made of; all borrowed. */
struct http_reply {
	int status;
	int closes;	   /* no more requests on this connection */
	int dated;	   /* `lines` have a Date */
	const char *lines; /* of headers, each with its CRLF */
	size_t lines_len;
	const void *body;
	size_t body_len;
	int64_t cpu_ns; /* that the handler took; -1: none */
};

/* Of this second; zeroed before its first use. */
struct reply_date {
	time_t at;
	char text[40];
};

/* Of the body, how much the client is sent: none of it in answer to HEAD. */
size_t reply_body_len(struct evhttp_request *, const struct http_reply *);

/*
 * Answers the request, which is evhttp's from here on, as is its connection.
 * `later`: we are called by evhttp, who must not lose the request before we
 * return, so the loop shall write.
 */
void reply_send(struct evhttp_request *, const struct http_reply *,
	struct reply_date *, int later);

#endif
