/* SPDX-License-Identifier: MIT */
/*
 * webhook_post.h - one POST to an endpoint
 *
 * The connection is kept for the next one to the same place.  No redirect is
 * followed, no proxy of the environment used, and no address that is not
 * public is connected to unless the endpoint allows it.
 */
#ifndef JOBS_WEBHOOK_POST_H
#define JOBS_WEBHOOK_POST_H

#include "jobs/webhook/endpoint.h"

enum { POST_KEPT = 1024 }; /* bytes of an answer that are kept */

struct post {
	const struct endpoint *to;
	const char *id, *type;
	int64_t at_s; /* Unix time */
	struct bytes body;
	int64_t timeout_ms;

	/* The answer. */
	int status; /* 0: none */
	char said[POST_KEPT];
	size_t said_len;
	int64_t retry_after_s;	       /* 0: it does not say */
	char location[ENDPOINT_PLACE]; /* of a redirect, or "" */
};

/*
 * 0: there is a status.  SW_EINVAL: every address was refused; -EIO: no
 * answer came.  `why` is one line then.
 */
int post_send(struct post *, char why[ENDPOINT_WHY])
	__attribute__((warn_unused_result));

#endif
