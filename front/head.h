/* SPDX-License-Identifier: MIT */
/*
 * head.h - whether the head of a request can be believed
 */
#ifndef FRONT_HEAD_H
#define FRONT_HEAD_H

#include <event2/http.h>
#include <stddef.h>

/*
 * What a proxy in front of us may have read otherwise than we do, so that it
 * takes for a body what we take for a request: RFC 9112, 3.2, 5.1, 6.1 and
 * 6.3.  A line for the client; NULL: nothing.
 */
const char *head_fault(struct evhttp_request *);

/* There may be a body that evhttp has not read. */
int head_hides_body(struct evhttp_request *);

/* Which status says why evhttp would refuse it; headers have so many bytes. */
int head_bad_status(struct evhttp_request *, size_t headers_most);

#endif
