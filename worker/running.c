/* SPDX-License-Identifier: MIT */
#include "worker/running.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

/* --- ends ---------------------------------------------------------------- */

static void
job_ended(struct running *r, struct worker_lease *j)
{
	if (j->report.outcome != SW_ACK && j->stop == LEASE_KEEP)
		report_log(j);
	leases_end(r->leases, j, *r->now_ms);
}

void
running_release(struct running *r, struct worker_lease *j, enum sw_cause cause)
{
	j->report = (struct attempt_report){
		.outcome = SW_RELEASE, .cause = (int)cause};
	leases_end(r->leases, j, *r->now_ms);
}

void
running_child_free(struct running *r, struct child *c)
{
	child_fini(c);
	DL_DELETE(r->list, c);
	c->next = r->free;
	r->free = c;
}

/* --- exec jobs ----------------------------------------------------------- */

/* Closes what lacks something for a start, the route or the worker.  The job
 * goes back, and no attempt is counted. */
static void
child_failed(struct running *r, struct child *c, const struct spawn_event *e)
{
	struct worker_lease *j = c->job;
	const char *step = fault_step_name(e->step);

	if (fault_is_of_route(e->step, e->error,
		    j->settings.memory_limit > 0 || r->o.limits.memory > 0))
		running_route_close_for(r, j->route,
			c->with_blob ? r->blob_program : j->route->path, step,
			e->error);
	else
		running_close_for(r, step, e->error);
	running_child_free(r, c);
	running_release(r, j, SW_C_DRAIN);
}

/*
 * The command could not be run when its blob was there, or it says so itself on
 * the same descriptor: only what the worker can see closes the route.  The job
 * goes back, as often as the broker allows.
 */
static void
child_not_run(struct running *r, struct worker_lease *j, int err)
{
	int missing = command_check(j->route->path);
	char id[SW_ID_TEXT];

	sw_id_format(&j->id, id);
	sw_log(SW_LOG_WARN, "not-run", "job", id, "queue", j->route->queue,
		"path", j->route->path, "text", strerror(-err), NULL);
	if (missing < 0)
		running_route_close_for(r, j->route, j->route->path,
			fault_step_name(SPAWN_EXEC), missing);
	running_release(r, j, SW_C_LOST);
}

static void
child_exited(struct running *r, struct child *c, const struct spawn_event *e)
{
	struct worker_lease *j = c->job;
	int err = child_ended(c, &r->host, e), with_blob = c->with_blob;

	running_child_free(r, c);
	if (err < 0) {
		child_not_run(r, j, err);
		return;
	}
	if (with_blob)
		running_route_well(r, j->route);
	job_ended(r, j);
}

static void
child_event(void *owner, const struct spawn_event *e)
{
	struct child *c = owner;
	struct running *r = c->of;

	switch (e->kind) {
	case SPAWN_STARTED:
		leases_begun(r->leases, c->job);
		child_begun(c, *r->now_ms);
		if (!c->with_blob)
			running_route_well(r, c->job->route);
		break;
	case SPAWN_FAILED:
		child_failed(r, c, e);
		break;
	default:
		child_exited(r, c, e);
		break;
	}
}

/* 0; -EAGAIN: the spawner takes no more; or -errno and the step. */
static int
exec_start(struct running *r, struct worker_lease *j, const char **step)
{
	struct child *c = r->free;
	int err;

	must(c != NULL); /* leases_begin() counts slots */
	err = child_start(c, &r->host, j, step);
	if (err < 0)
		return err;
	r->free = c->next;
	DL_APPEND(r->list, c);
	return 0;
}

/* --- kept processes ------------------------------------------------------ */

static void
kept_job_ended(void *arg, struct worker_lease *j)
{
	job_ended(arg, j);
}

/* A start has failed for what the worker lacks, or for its command. */
static void
kept_fault(void *arg, const char *step, int err)
{
	running_close_for(arg, step, err);
}

void
running_kept_each(struct running *r, void (*f)(struct keepers *))
{
	for (int i = 0; r->kept != NULL && i < r->o.routes_n; i++)
		if (r->kept[i].route != NULL)
			f(&r->kept[i]);
}

static int
kept_open(struct running *r)
{
	int err = 0;

	r->keepers_host.null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (r->keepers_host.null < 0)
		return -errno;
	for (int i = 0; err == 0 && i < r->o.routes_n; i++)
		if (r->o.routes[i].kind == ROUTE_KEEP)
			err = keepers_open(
				&r->kept[i], &r->o.routes[i], &r->keepers_host);
	if (err == 0)
		running_kept_each(r, keepers_check);
	return err;
}

int
running_checked(const struct running *r)
{
	int all = 1;

	if (r->fault.pause_ms != 0)
		return -EAGAIN;
	for (int i = 0; i < r->o.routes_n; i++) {
		const struct keepers *ks = &r->kept[i];

		if (ks->route != NULL && ks->why[0] != '\0')
			return -EINVAL;
		all &= ks->route == NULL || ks->ready;
	}
	return all;
}

/* --- starts -------------------------------------------------------------- */

/* A job with more headers than an environment holds would fail again. */
static void
environment_refuse(struct running *r, struct worker_lease *j)
{
	static const char why[] = "the job's headers are too large";
	struct sw_buf b = {.cap = sizeof(why) + 8};

	j->report = (struct attempt_report){
		.outcome = SW_FAIL, .cause = SW_C_PERMANENT, .delay_ms = -1};
	b.p = malloc(b.cap);
	if (b.p != NULL)
		sw_put_text(&b, SW_F_ERROR, why);
	j->report.fields = b.p;
	j->report.fields_len = b.len;
	job_ended(r, j);
}

static int
job_start(struct running *r, struct worker_lease *j)
{
	const char *step;
	int err;

	if (j->route->kind == ROUTE_KEEP) {
		keepers_run(&r->kept[j->route - r->o.routes], j);
		return 0;
	}
	err = exec_start(r, j, &step);
	if (err == -EAGAIN && strcmp(step, "spawner") == 0) {
		r->next = j;
		return err;
	}
	if (err == -E2BIG) {
		environment_refuse(r, j);
	} else if (err < 0) {
		running_close_for(r, step, err);
		running_release(r, j, SW_C_DRAIN);
	}
	return 0;
}

int
running_start(struct running *r)
{
	int64_t end_ms = clock_now_ms(CLOCK_MONOTONIC) + RUNNING_STARTS_MS;

	if (!r->lost)
		running_kept_each(r, keepers_turn);
	for (int n = 0; n < RUNNING_STARTS; n++) {
		struct worker_lease *j = r->next;

		if (r->spawn.starting >= RUNNING_AHEAD || r->lost)
			return 0; /* an answer comes, and so a turn */
		if (j == NULL)
			j = leases_begin(r->leases, *r->now_ms);
		r->next = NULL;
		if (j == NULL)
			return 0;
		if (j->stop != LEASE_KEEP)
			running_release(r, j, SW_C_DRAIN);
		else if (job_start(r, j) < 0)
			return 0;
		if (clock_now_ms(CLOCK_MONOTONIC) >= end_ms)
			break;
	}
	return 1;
}

void
running_next_back(struct running *r)
{
	struct worker_lease *j = r->next;

	r->next = NULL;
	if (j != NULL)
		running_release(r, j, SW_C_DRAIN);
}

/* --- life ---------------------------------------------------------------- */

static int
tables_new(struct running *r)
{
	size_t slots = (size_t)r->o.slots;

	r->children = calloc(slots, sizeof(*r->children));
	r->kept = calloc((size_t)r->o.routes_n, sizeof(*r->kept));
	if (r->children == NULL || r->kept == NULL)
		return -ENOMEM;
	for (int i = r->o.slots - 1; i >= 0; i--) {
		struct child *c = &r->children[i];

		c->out = c->report = -1;
		c->of = r;
		c->next = r->free;
		r->free = c;
	}
	return 0;
}

static int
open_failed(const char *what, const char *path, int err,
	enum exit_status *status, enum exit_status with)
{
	sw_log(SW_LOG_ERR, "open", "step", what, "path", path, "text",
		strerror(-err), NULL);
	*status = with;
	return err;
}

int
running_open(struct running *r, const struct running_options *o,
	struct leases *leases, int epoll, const int64_t *now_ms,
	enum exit_status *status)
{
	int err, folder_error = 0;

	*r = (struct running){.o = *o, .leases = leases, .now_ms = now_ms};
	r->spawn.socket = -1;
	r->host = (struct child_host){
		&r->spawn, epoll, &r->o.limits, now_ms, child_event};
	r->alarms = (struct log_limit){
		.most = KEEPERS_ALARMS, .every_ms = KEEPERS_ALARMS_MS};
	r->keepers_host = (struct keepers_host){.spawn = &r->spawn,
		.leases = leases,
		.epoll = epoll,
		.slots = o->slots,
		.null = -1,
		.limits = &r->o.limits,
		.file = o->file,
		.now_ms = now_ms,
		.ended = kept_job_ended,
		.fault = kept_fault,
		.alarms = &r->alarms,
		.arg = r};
	err = tables_new(r);
	if (err < 0)
		return open_failed("memory", "", err, status, EXIT_AGAIN);
	if (o->limits.blobs != NULL &&
		setenv("SPILLWAY_BLOBS", o->limits.blobs, 1) != 0)
		return open_failed("memory", "", -ENOMEM, status, EXIT_AGAIN);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	err = running_spawner_open(r, &folder_error);
	if (err < 0)
		return open_failed("spawner", RUNNING_SPAWNER, err, status,
			err == -ENOENT || err == -EACCES ? EXIT_OSFILE
							 : EXIT_AGAIN);
	if (folder_error < 0)
		return open_failed("folder", r->spawn.folder, folder_error,
			status,
			fault_may_pass(folder_error) ? EXIT_AGAIN : EXIT_USE);
	spawn_log(&r->spawn);
	err = kept_open(r);
	if (err < 0)
		return open_failed("memory", "", err, status, EXIT_AGAIN);
	return 0;
}

void
running_close(struct running *r)
{
	for (int i = 0; r->children != NULL && i < r->o.slots; i++)
		child_fini(&r->children[i]);
	running_kept_each(r, keepers_close);
	spawn_close(&r->spawn);
	if (r->keepers_host.null > 0)
		close(r->keepers_host.null);
	free(r->children);
	free(r->kept);
	r->children = NULL;
	r->kept = NULL;
}

/* --- while they run ------------------------------------------------------ */

void
running_tick(struct running *r)
{
	running_spawner_tick(r);
	running_faults_tick(r);
	if (!leases_settled(r->leases) && !r->draining)
		return;
	for (struct child *c = r->list; c != NULL; c = c->next)
		child_watch(c, &r->host);
	running_kept_each(r, keepers_tick);
}

void
running_reap(struct running *r)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == r->spawn.pid) {
			r->spawn.pid = 0;
			r->lost = 1;
		} else if (pid == r->helper.pid) {
			r->helper = (struct running_helper){
				.ended = 1, .status = status};
		}
}

void
running_stop(struct running *r)
{
	leases_drain(r->leases);
	running_next_back(r);
	running_kept_each(r, keepers_drain);
}

int
running_stopped(const struct running *r)
{
	for (int i = 0; i < r->o.routes_n; i++)
		if (r->kept[i].all != NULL)
			return 0;
	return 1;
}

void
running_drain(struct running *r, int64_t kill_ms, int all)
{
	r->draining = 1;
	for (struct child *c = r->list; c != NULL; c = c->next)
		if (all || c->job->settings.drain)
			child_drain(c, &r->host, kill_ms);
	running_kept_each(r, all ? keepers_cancel_all : keepers_cancel);
}

void
running_hand_back(struct running *r)
{
	r->draining = 1;
	for (struct child *c = r->list; c != NULL; c = c->next)
		child_hand_back(c);
	running_kept_each(r, keepers_hand_back);
}
