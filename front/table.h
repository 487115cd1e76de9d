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

struct front_route {
	const struct route_config *config;
	struct pool_plan plan;
	struct pool *pool;
	struct cpu_usage usage;
};

struct route_table {
	struct site config;
	struct front_route *routes; /* the longest paths first */
	size_t n;

	/* its own: */
	struct event_base *base;
	struct watch *watch;
	void (*ready)(void *arg, struct route_table *, int err);
	void *arg;
	size_t loading_n, holders; /* its pools, and whoever asked */
	int ready_called;
};

/*
 * Reads a configuration and starts its pools.  `ready` is told once, from the
 * loop: 0; or -ENOEXEC, a module cannot be used, which was logged:
 * table_retire() then.  -1: it was refused, a line on stderr says why.
 */
int table_open(struct route_table **, struct event_base *, struct watch *,
	struct site_source *,
	void (*ready)(void *arg, struct route_table *, int err), void *arg)
	__attribute__((warn_unused_result));

/* Serves what it has and then frees itself.  Accepts NULL. */
void table_retire(struct route_table *);

/* Whoever holds it may use its routes, also when it has been retired. */
void table_hold(struct route_table *);
void table_release(struct route_table *);

/* The route with the longest path that leads to `path`; or NULL. */
struct front_route *table_find(struct route_table *, const char *path);

/* Goes on counting where another table's routes of the same paths are. */
void table_usage_take(struct route_table *, const struct route_table *from);

/* A line of accounting for each route that was used. */
void table_usage_log(const struct route_table *);

/* All of it as JSON; the caller's to free().  NULL: no memory. */
char *table_usage_json(const struct route_table *);

#endif
