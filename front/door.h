/* SPDX-License-Identifier: MIT */
/*
 * door.h - the client sockets: HTTP/1.1 by libevent's evhttp
 *
 * One loop owns them all, and no handler can reach them, so that there is
 * always somebody to answer.  A connection has idle_s between two requests
 * and request_s for each to arrive whole.  TLS and HTTP/2 are for the proxy
 * in front.
 */
#ifndef FRONT_DOOR_H
#define FRONT_DOOR_H

#include "front/access.h"
#include "front/handoff.h"
#include "front/table.h"

struct door;

/* All are borrowed; `table` may be exchanged later.  NULL: no memory. */
struct door *door_new(struct event_base *, struct route_table *,
	struct handoff *, struct access_log *);
void door_free(struct door *);

/* Listens at "ADDRESS:PORT" or "unix:PATH"; 0 or -errno. */
int
door_listen(struct door *, const char *at) __attribute__((warn_unused_result));

/* Takes a listening socket from the service manager. */
int door_adopt(struct door *, int fd) __attribute__((warn_unused_result));

/* What comes from now on goes by this table. */
void door_table_set(struct door *, struct route_table *);

/*
 * No new connections; `empty` is called, perhaps more than once, when no
 * request is under way or about to come.
 */
void door_close(struct door *, void (*empty)(void *arg), void *arg);

#endif
