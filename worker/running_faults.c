/* SPDX-License-Identifier: MIT */
/*
 * running_faults.c - what the worker cannot do for a while, and trying again
 */
#include <string.h>

#include "base/log.h"
#include "worker/running.h"

/* The worker takes no jobs, and hands back what it has not begun. */
void
running_close_for(struct running *r, const char *step, int err)
{
	if (fault_note(&r->fault, step, err, *r->now_ms))
		sw_log(SW_LOG_ERR, "closed", "step", step, "folder",
			r->spawn.folder, "text", strerror(-err), NULL);
	leases_close(r->leases);
}

void
running_route_close_for(struct running *r, const struct worker_route *route,
	const char *path, const char *step, int err)
{
	struct fault *f = &r->faults[route - r->o.routes];

	r->fault_paths[route - r->o.routes] = path;
	if (fault_note(f, step, err, *r->now_ms))
		sw_log(SW_LOG_ERR, "route-closed", "queue", route->queue,
			"step", step, "path", path, "text", strerror(-err),
			NULL);
	leases_route_close(r->leases, route);
}

/* A fault is over when a start was seen to go well. */
void
running_open_again(struct running *r)
{
	if (!fault_over(&r->fault))
		return;
	sw_log(SW_LOG_INFO, "open", NULL);
	leases_open(r->leases);
}

/*
 * A start that was under way when the route was closed says nothing: the route
 * stays closed until it is tried again.
 */
void
running_route_well(struct running *r, const struct worker_route *route)
{
	struct fault *f = &r->faults[route - r->o.routes];

	if (f->trying && fault_over(f))
		sw_log(SW_LOG_INFO, "route-open", "queue", route->queue, NULL);
}

static void
probe_event(void *owner, const struct spawn_event *e)
{
	struct running *r = owner;

	if (e->kind == SPAWN_FAILED)
		running_close_for(r, fault_step_name(e->step), e->error);
	else if (e->kind == SPAWN_ENDED)
		running_open_again(r);
}

void
running_faults_tick(struct running *r)
{
	const char *step;
	int err;

	if (!r->lost && fault_try(&r->fault, *r->now_ms)) {
		err = child_probe(&r->host, probe_event, r, &step);
		if (err < 0)
			running_close_for(r, step, err);
	}
	for (int i = 0; i < r->o.routes_n; i++) {
		const struct worker_route *route = &r->o.routes[i];

		if (!fault_try(&r->faults[i], *r->now_ms))
			continue;
		err = command_check(r->fault_paths[i]);
		if (err < 0)
			running_route_close_for(r, route, r->fault_paths[i],
				fault_step_name(SPAWN_EXEC), err);
		else
			leases_route_open(r->leases, route);
	}
}
