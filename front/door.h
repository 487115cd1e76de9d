/* SPDX-License-Identifier: MIT */
/*
 * door.h - the client sockets: HTTP/1.1 by libevent's evhttp
 *
 * One loop owns all of them, and no handler can block it, so that it can
 * always answer.  A connection has idle_s between two requests and request_s
 * for a request to arrive entirely.  TLS and HTTP/2 are for a proxy.
 */
#ifndef FRONT_DOOR_H
#define FRONT_DOOR_H

#include "front/access.h"
#include "front/handoff.h"
#include "front/table.h"

struct door;

/* Arguments are borrowed; door_table_set() replaces `table`.  NULL: no memory.
 */
struct door *door_new(struct event_base *, struct route_table *,
	struct handoff *, struct access_log *);
void door_free(struct door *);

/* Listens at "ADDRESS:PORT" or "unix:PATH"; 0 or -errno. */
int
door_listen(struct door *, const char *at) __attribute__((warn_unused_result));

/* Takes over a listening socket: 0; -ENOSPC: too many; or -errno. */
int door_adopt(struct door *, int fd) __attribute__((warn_unused_result));

/* Routes requests by this table from now on. */
void door_table_set(struct door *, struct route_table *);

/*
 * Accepts no more connections.  `empty` is called, perhaps more than once,
 * when no request is in flight or arriving.
 */
void door_close(struct door *, void (*empty)(void *arg), void *arg);

#endif
