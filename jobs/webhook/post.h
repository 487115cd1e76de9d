/* SPDX-License-Identifier: MIT */
/*
 * post.h - one POST to an endpoint
 *
 * The connection stays open for the next post to the same host.  A post follows
 * no redirect, uses no proxy of the environment, and connects only to public
 * addresses and to those in the endpoint's `allow`.
 */
#ifndef JOBS_WEBHOOK_POST_H
#define JOBS_WEBHOOK_POST_H

#include "jobs/webhook/endpoint.h"

enum { POST_ANSWER_MAX = 1024 }; /* bytes of an answer that are kept */

struct webhook_post {
	const struct webhook_endpoint *to;
	const char *id, *type;
	int64_t at_s; /* Unix time */
	struct bytes body;
	int64_t timeout_ms;

	/* The answer. */
	int status; /* 0: none */
	char answer[POST_ANSWER_MAX];
	size_t answer_len;
	int64_t retry_after_s;	       /* 0: it does not say */
	char location[ENDPOINT_PLACE]; /* of a redirect, or "" */
};

/*
 * 0: the answer has a status.  Errors, with one line in `why`: SW_EINVAL, every
 * address was refused; -EIO, there was no answer.
 */
int post_send(struct webhook_post *, char why[ENDPOINT_WHY])
	__attribute__((warn_unused_result));

enum { POST_AFTER_MAX_S = 366 * 24 * 3600 };

/*
 * Reads the header Retry-After, a number of seconds or a date (RFC 9110): the
 * seconds from `now_s`, a Unix time, at most POST_AFTER_MAX_S.  0: at once, or
 * malformed.
 */
int64_t post_retry_after_s(const char *text, int64_t now_s);

#endif
