/* SPDX-License-Identifier: MIT */
/*
 * table.h - the routes of one configuration, with their isolates
 *
 * A table is complete before it is used: every module has loaded and has an
 * isolate ready.  So a new configuration takes over in one instant, and what
 * the old table has begun it finishes.
 */
#ifndef FRONT_TABLE_H
#define FRONT_TABLE_H

#include "front/isolate/pool.h"
#include "front/site.h"

struct route {
	const struct route_config *config;
	struct pool_plan plan;
	struct pool *pool;
	struct usage usage;
};

struct table {
	struct site config;
	struct route *routes; /* the longest paths first */
	size_t n;

	/* its own: */
	struct event_base *base;
	struct watch *watch;
	void (*ready)(void *arg, struct table *, int err);
	void *arg;
	size_t waited_for, holders; /* its pools, and whoever asked */
	int told;
};

/*
 * Reads a configuration and starts its pools.  `ready` is told once, from the loop:
 * 0; or -ENOEXEC, a module cannot be used, which was logged: table_retire()
 * then.  -1: it was refused, a line on stderr says why.
 */
int table_open(struct table **, struct event_base *, struct watch *,
	struct site_source *, void (*ready)(void *arg, struct table *, int err),
	void *arg) __attribute__((warn_unused_result));

/* Serves what it has and then frees itself.  Accepts NULL. */
void table_retire(struct table *);

/* Whoever holds it may use its routes, also when it has been retired. */
void table_hold(struct table *);
void table_release(struct table *);

/* The route with the longest path that leads to `path`; or NULL. */
struct route *table_find(struct table *, const char *path);

/* Goes on counting where another table's routes of the same paths are. */
void table_usage_take(struct table *, const struct table *from);

/* A line of accounting for each route that was used. */
void table_usage_log(const struct table *);

/* All of it as JSON; the caller's to free().  NULL: no memory. */
char *table_usage_json(const struct table *);

#endif
