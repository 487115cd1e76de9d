/* SPDX-License-Identifier: MIT */
/*
 * head.h - refuses request heads that a proxy may have read otherwise
 */
#ifndef FRONT_HEAD_H
#define FRONT_HEAD_H

#include <event2/http.h>
#include <stddef.h>

/*
 * Request smuggling: a proxy that frames the request otherwise takes for a
 * body what the front takes for the next request (RFC 9112, 3.2, 5.1, 6.1 and
 * 6.3).  A line for the client; NULL: the head is sound.
 */
const char *head_fault(struct evhttp_request *);

/* Whether there may be a body that evhttp does not read. */
int head_hides_body(struct evhttp_request *);

/* The status for a request that evhttp refuses; `headers_most`: in bytes. */
int head_bad_status(struct evhttp_request *, size_t headers_most);

#endif
