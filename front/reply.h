/* SPDX-License-Identifier: MIT */
/*
 * reply.h - the HTTP answer to a client
 *
 * evhttp would format headers one by one and wait until the socket is
 * writable.  Here an answer is formatted as a whole and written at once;
 * evhttp is only told that the request is done.
 */
#ifndef FRONT_REPLY_H
#define FRONT_REPLY_H

#include <event2/http.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* The parts of an answer; all borrowed. */
struct http_reply {
	int status;
	int closes;	   /* no more requests on this connection */
	int dated;	   /* `lines` have a Date */
	const char *lines; /* of headers, each with its CRLF */
	size_t lines_len;
	const void *body;
	size_t body_len;
	int64_t cpu_ns; /* the handler's CPU time; -1: none ran */
};

/* The Date of the current second; zeroed before its first use. */
struct reply_date {
	time_t at;
	char text[40];
};

/* The bytes of the body that are sent: none in answer to HEAD. */
size_t reply_body_len(struct evhttp_request *, const struct http_reply *);

/*
 * Answers the request; it and its connection belong to evhttp afterwards.
 * `later`: the caller is a callback of evhttp, which needs the request until
 * that returns; so the loop writes the answer.
 */
void reply_send(struct evhttp_request *, const struct http_reply *,
	struct reply_date *, int later);

#endif
