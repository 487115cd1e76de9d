/* SPDX-License-Identifier: MIT */
/*
 * door_in.h - shared by door.c (connections) and exchange.c (exchanges: each a
 * request from its head to its answer)
 */
#ifndef FRONT_DOOR_IN_H
#define FRONT_DOOR_IN_H

#include "front/access.h"
#include "front/caller.h"
#include "front/handoff.h"
#include "front/reply.h"
#include "front/table.h"
#include "front/upload.h"

struct door {
	struct event_base *base;
	struct evhttp *http;
	struct route_table *table;
	struct handoff *handoff;
	struct access_log *access;
	struct event *second, *closing;
	struct callers callers;
	struct uploads uploads;
	struct evhttp_bound_socket *bound[LISTEN_MAX + 1];
	size_t bound_n, under_way;
	size_t connections_max;
	int full;      /* listeners are off until there is room */
	int in_evhttp; /* we are called by evhttp, with a request */
	struct reply_date date;
	void (*empty)(void *);
	void *arg;
};

/*
 * Callbacks of early.h, with the door as `arg`: a request's head has come; the
 * whole request has; the request is malformed.
 */
int exchange_expect(struct evhttp_request *, void *door);
void exchange_begin(struct evhttp_request *, void *door);
void exchange_refuse(struct evhttp_request *, void *door);

#endif
