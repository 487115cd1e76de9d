/* SPDX-License-Identifier: MIT */
/*
 * table.h - the routes of one configuration, with their isolates
 *
 * A table is used once every route's module has loaded and has an isolate
 * ready.  So a new configuration takes over at once; the old table finishes
 * the requests that it has begun.
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

	/* Its own: */
	struct event_base *base;
	struct watch *watch;
	void (*ready)(void *arg, struct route_table *, int err);
	void *arg;
	size_t loading_n; /* pools that are not ready */
	size_t holders;	  /* references of pools and of table_hold() */
	int ready_called;
};

/*
 * Reads a configuration and starts its pools.  0: `ready` is called once, from
 * the loop, with 0, or -ENOEXEC: a module cannot be used, which was logged;
 * call table_retire() then.  -1: the configuration is refused, with a line on
 * stderr.
 */
int table_open(struct route_table **, struct event_base *, struct watch *,
	struct site_source *,
	void (*ready)(void *arg, struct route_table *, int err), void *arg)
	__attribute__((warn_unused_result));

/* Frees the table when its requests have ended.  Accepts NULL. */
void table_retire(struct route_table *);

/* A reference, which keeps the routes valid, also of a retired table. */
void table_hold(struct route_table *);
void table_release(struct route_table *);

/* The route with the longest path that leads to `path`; or NULL. */
struct front_route *table_find(struct route_table *, const char *path);

/* Takes over the counters of another table's routes with the same paths. */
void table_usage_take(struct route_table *, const struct route_table *from);

/* Logs a line of accounting for each route that was used. */
void table_usage_log(const struct route_table *);

/* The accounting as JSON, for the caller to free().  NULL: no memory. */
char *table_usage_json(const struct route_table *);

#endif
