/* SPDX-License-Identifier: MIT */
/*
 * early.h - callbacks before evhttp handles a request
 *
 * They are called when the head has come, before the body; and when the
 * request has, before evhttp takes its socket out of the loop.
 */
#ifndef FRONT_EARLY_H
#define FRONT_EARLY_H

#include <event2/http.h>

struct early {
	/* 0; or -1: evhttp closes the connection. */
	int (*head_came)(struct evhttp_request *, void *arg);

	/* One of these answers the request: a good, or a malformed one. */
	void (*whole_came)(struct evhttp_request *, void *arg);
	void (*bad_came)(struct evhttp_request *, void *arg);
	unsigned methods; /* allowed, EVHTTP_REQ_…; others are malformed */
	void *arg;
};

/* Copies the callbacks for requests to `http`, one per program; NULL: ends. */
void early_set(struct evhttp *http, const struct early *);

#endif
