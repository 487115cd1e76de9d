/* SPDX-License-Identifier: MIT */
#include "front/table.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* --- coming and going --------------------------------------------------- */

static void
table_free(struct route_table *t)
{
	site_fini(&t->config);
	free(t->routes);
	free(t);
}

void
table_hold(struct route_table *t)
{
	t->holders++;
}

void
table_release(struct route_table *t)
{
	if (--t->holders == 0)
		table_free(t);
}

static void
pool_gone(void *arg)
{
	table_release(arg);
}

void
table_retire(struct route_table *t)
{
	if (t == NULL)
		return;
	table_hold(t); /* until the loop below has ended */
	for (size_t i = 0; i < t->n; i++)
		if (t->routes[i].pool != NULL)
			pool_retire(t->routes[i].pool, pool_gone, t);
	table_release(t);
}

static void
pool_is_ready(void *arg, int err, const char *why)
{
	struct route_table *t = arg;

	if (err < 0)
		sw_log(SW_LOG_ERR, "module", "text", why, NULL);
	t->loading_n--;
	if (t->ready_called || (err == 0 && t->loading_n > 0))
		return;
	t->ready_called = 1;
	t->ready(t->arg, t, err);
}

/* Whether isolates use layer 1 of budget.h; -1: perf = must, and it fails. */
static int
perf_choose(const struct site *c)
{
	int err;

	if (c->perf != NULL && strcmp(c->perf, "no") == 0)
		return 0;
	err = budget_probe();
	if (err == 0)
		return 1;
	if (c->perf == NULL || strcmp(c->perf, "auto") == 0)
		return 0;
	fprintf(stderr, "spillway-front: perf = must: perf_event_open: %s\n",
		strerror(-err));
	return -1;
}

static struct pool_plan
plan_of(const struct site *c, const struct route_config *r, int perf)
{
	return (struct pool_plan){
		.zygote = {.module = r->module,
			.values = (const char *const *)r->values,
			/* Texts and their NULs; evhttp limits both parts. */
			.sizes = {.request =
					  3 * (size_t)c->n[FRONT_max_headers] +
					  (size_t)c->n[FRONT_max_body] + 256,
				.answer = (size_t)r->n[ROUTE_max_answer]},
			.memory = (size_t)r->n[ROUTE_memory],
			.sandbox = (int)r->n[ROUTE_sandbox]},
		.name = r->path,
		.isolates = (int)r->n[ROUTE_isolates],
		.queue_max = (int)r->n[ROUTE_queue],
		.requests_max = (int)r->n[ROUTE_requests],
		.budget_ns = r->n[ROUTE_budget_us] * 1000,
		.wall_ms = r->n[ROUTE_wall_ms],
		.perf = perf,
	};
}

static int
longer_first(const void *a, const void *b)
{
	size_t x = strlen(((const struct front_route *)a)->config->path);
	size_t y = strlen(((const struct front_route *)b)->config->path);

	return x < y ? 1 : x > y ? -1 : 0;
}

static int
pools_start(struct route_table *t, int perf)
{
	t->n = t->config.routes_n;
	t->routes = calloc(t->n, sizeof(t->routes[0]));
	if (t->routes == NULL)
		return -1;
	for (size_t i = 0; i < t->n; i++)
		t->routes[i].config = &t->config.routes[i];
	qsort(t->routes, t->n, sizeof(t->routes[0]), longer_first);
	t->loading_n = t->n;
	for (size_t i = 0; i < t->n; i++) {
		struct front_route *r = &t->routes[i];

		r->plan = plan_of(&t->config, r->config, perf);
		r->pool = pool_new(t->base, &r->plan, &r->usage, t->watch,
			pool_is_ready, t);
		if (r->pool == NULL)
			return -1;
		table_hold(t);
	}
	return 0;
}

int
table_open(struct route_table **out, struct event_base *base,
	struct watch *watch, struct site_source *from,
	void (*ready)(void *arg, struct route_table *, int err), void *arg)
{
	struct route_table *t = calloc(1, sizeof(*t));
	int perf;

	if (t == NULL)
		return -1;
	t->base = base;
	t->watch = watch;
	t->ready = ready;
	t->arg = arg;
	perf = site_read(&t->config, from) < 0 ? -1 : perf_choose(&t->config);
	if (perf < 0) {
		table_free(t);
		return -1;
	}
	if (pools_start(t, perf) < 0) {
		t->ready_called = 1;
		table_retire(t);
		return -1;
	}
	*out = t;
	return 0;
}

/* --- finding ------------------------------------------------------------ */

struct front_route *
table_find(struct route_table *t, const char *path)
{
	for (size_t i = 0; i < t->n; i++) {
		const char *p = t->routes[i].config->path;
		size_t len = strlen(p);

		if (strncmp(path, p, len) == 0 &&
			(p[len - 1] == '/' || path[len] == '\0' ||
				path[len] == '/'))
			return &t->routes[i];
	}
	return NULL;
}

/* --- accounting --------------------------------------------------------- */

void
table_usage_take(struct route_table *t, const struct route_table *from)
{
	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < from->n; k++)
			if (strcmp(t->routes[i].config->path,
				    from->routes[k].config->path) == 0) {
				uint64_t starts = t->routes[i].usage.starts;

				t->routes[i].usage = from->routes[k].usage;
				t->routes[i].usage.starts += starts;
			}
}

static uint64_t
requests_of(const struct cpu_usage *u)
{
	uint64_t n = 0;

	for (size_t i = 0; i < OUTCOMES_N; i++)
		n += u->outcomes[i];
	return n;
}

#define X(id, name, status, text)                                              \
	"ended_" name, sw_num((long long)u->outcomes[OUTCOME_##id]),

void
table_usage_log(const struct route_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct cpu_usage *u = &t->routes[i].usage;

		if (requests_of(u) == 0)
			continue;
		sw_log(SW_LOG_INFO, "route", "path", t->routes[i].config->path,
			"requests", sw_num((long long)requests_of(u)),
			"cpu_p50_us", sw_num(usage_percentile(u, 0.5) / 1000),
			"cpu_p99_us", sw_num(usage_percentile(u, 0.99) / 1000),
			"cpu_max_us", sw_num((long long)u->cpu_max_ns / 1000),
			"budget_us", sw_num(t->routes[i].plan.budget_ns / 1000),
			"isolate_starts", sw_num((long long)u->starts),
			OUTCOMES(X) NULL);
	}
}
#undef X

/* Microseconds; whole ones as integers, for jansson writes a real 5 as 5.0. */
static json_t *
us_json(int64_t ns)
{
	return ns % 1000 == 0 ? json_integer(ns / 1000)
			      : json_real((double)ns / 1000);
}

static json_t *
count_json(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *
ends_json(const struct cpu_usage *u)
{
	json_t *o = json_object();

	for (size_t i = 0; i < OUTCOMES_N; i++)
		if (json_object_set_new(o, outcome_names[i],
			    count_json(u->outcomes[i])) != 0) {
			json_decref(o);
			return NULL;
		}
	return o;
}

/* NULL: no memory. */
static json_t *
usage_json(const struct front_route *r)
{
	const struct cpu_usage *u = &r->usage;
	const struct {
		const char *name;
		json_t *value; /* taken */
	} members[] = {
		{"route", json_string(r->config->path)},
		{"requests", count_json(requests_of(u))},
		{"under_way", count_json(pool_tasks(r->pool))},
		{"cpu_us", us_json((int64_t)u->cpu_ns)},
		{"cpu_p50_us", us_json(usage_percentile(u, 0.5))},
		{"cpu_p99_us", us_json(usage_percentile(u, 0.99))},
		{"cpu_max_us", us_json((int64_t)u->cpu_max_ns)},
		{"budget_us", us_json(r->plan.budget_ns)},
		{"isolate_starts", count_json(u->starts)},
		{"ends", ends_json(u)},
	};
	json_t *o = json_object();
	int err = 0;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		err |= json_object_set_new(
			o, members[i].name, members[i].value);
	if (err == 0)
		return o;
	json_decref(o);
	return NULL;
}

char *
table_usage_json(const struct route_table *t)
{
	json_t *list = json_array();
	char *text = NULL;
	int err = 0;

	for (size_t i = 0; err == 0 && i < t->n; i++)
		err = json_array_append_new(list, usage_json(&t->routes[i]));
	if (err == 0)
		text = json_dumps(list, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(list);
	return text;
}
