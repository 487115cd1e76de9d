/* SPDX-License-Identifier: MIT */
/*
 * early.h - requests, before evhttp has made much of them
 *
 * It is told when the head is there, before the body; and when all is, before
 * evhttp takes its interest off the connection.
 */
#ifndef FRONT_EARLY_H
#define FRONT_EARLY_H

#include <event2/http.h>

struct early {
	/* 0, or -1: the connection is closed. */
	int (*head_came)(struct evhttp_request *, void *arg);

	/* One of both answers it: it is good, or evhttp would refuse it. */
	void (*whole_came)(struct evhttp_request *, void *arg);
	void (*bad_came)(struct evhttp_request *, void *arg);
	unsigned methods; /* that are good, EVHTTP_REQ_… */
	void *arg;
};

/* For all requests to `http`, one in the program; `http` NULL: no more. */
void early_set(struct evhttp *http, const struct early *);

#endif
