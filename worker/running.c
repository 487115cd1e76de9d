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

/* Fetches the blob of a job, and becomes its command. */
#define BLOB_PROGRAM "spillway-job-exec"
#define SPAWNER	     "spillway-spawner"

/* --- ends ---------------------------------------------------------------- */

static void
job_ended(struct running *r, struct worker_lease *j)
{
	char id[SW_ID_TEXT];

	if (j->report.outcome != SW_ACK && j->stop == LEASE_KEEP) {
		sw_id_format(&j->id, id);
		sw_log(SW_LOG_INFO, "attempt", "job", id, "queue",
			j->route->queue, "outcome",
			sw_outcome_name(j->report.outcome), "cause",
			sw_cause_name(j->report.cause), NULL);
	}
	leases_end(r->leases, j, *r->now_ms);
}

/* It goes back, and no attempt is counted. */
static void
job_release(struct running *r, struct worker_lease *j)
{
	j->report = (struct attempt_report){
		.outcome = SW_RELEASE, .cause = SW_C_DRAIN};
	leases_end(r->leases, j, *r->now_ms);
}

static void
child_free(struct running *r, struct child *c)
{
	child_fini(c);
	DL_DELETE(r->list, c);
	c->next = r->free;
	r->free = c;
}

/* --- faults -------------------------------------------------------------- */

/* The worker takes no jobs, and hands back what it has not begun. */
static void
worker_close_for(struct running *r, const char *step, int err)
{
	if (fault_note(&r->fault, step, err, *r->now_ms))
		sw_log(SW_LOG_ERR, "closed", "step", step, "folder",
			r->spawn.folder, "text", strerror(-err), NULL);
	leases_close(r->leases);
}

static void
route_close_for(struct running *r, const struct worker_route *route,
	const char *step, int err)
{
	struct fault *f = &r->faults[route - r->o.routes];

	if (fault_note(f, step, err, *r->now_ms))
		sw_log(SW_LOG_ERR, "route-closed", "queue", route->queue,
			"step", step, "path", route->path, "text",
			strerror(-err), NULL);
	leases_route_close(r->leases, route);
}

/* A fault is over when a start was seen to go well. */
static void
worker_open_again(struct running *r)
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
static void
route_well(struct running *r, const struct worker_route *route)
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
		worker_close_for(r, fault_step_name(e->step), e->error);
	else if (e->kind == SPAWN_ENDED)
		worker_open_again(r);
}

static void spawner_replace(struct running *r);

static void
faults_tick(struct running *r)
{
	const char *step;
	int err;

	if (fault_try(&r->fault, *r->now_ms) && !r->lost) {
		err = child_probe(&r->host, probe_event, r, &step);
		if (err < 0)
			worker_close_for(r, step, err);
	} else if (r->lost && (r->fault.pause_ms == 0 || r->fault.trying)) {
		spawner_replace(r);
	}
	for (int i = 0; i < r->o.routes_n; i++) {
		const struct worker_route *route = &r->o.routes[i];

		if (!fault_try(&r->faults[i], *r->now_ms))
			continue;
		err = command_check(route->path);
		if (err < 0)
			route_close_for(
				r, route, fault_step_name(SPAWN_EXEC), err);
		else
			leases_route_open(r->leases, route);
	}
}

/* --- exec jobs ----------------------------------------------------------- */

/* The job goes back, and no attempt is counted. */
static void
start_failed(
	struct running *r, struct worker_lease *j, const struct spawn_event *e)
{
	const char *step = fault_step_name(e->step);

	if (fault_is_of_route(e->step, e->error,
		    j->settings.memory_limit > 0 || r->o.limits.memory > 0))
		route_close_for(r, j->route, step, e->error);
	else
		worker_close_for(r, step, e->error);
	job_release(r, j);
}

static void
child_event(void *owner, const struct spawn_event *e)
{
	struct child *c = owner;
	struct running *r = c->of;
	struct worker_lease *j = c->job;

	switch (e->kind) {
	case SPAWN_STARTED:
		leases_begun(r->leases, j);
		child_begun(c, *r->now_ms);
		route_well(r, j->route);
		break;
	case SPAWN_FAILED:
		child_free(r, c);
		start_failed(r, j, e);
		break;
	default:
		child_ended(c, &r->host, e);
		child_free(r, c);
		job_ended(r, j);
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
	worker_close_for(arg, step, err);
}

/* Calls f() for the processes of each queue that is kept. */
static void
kept_each(struct running *r, void (*f)(struct keepers *))
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
		kept_each(r, keepers_check);
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
		worker_close_for(r, step, err);
		job_release(r, j);
	}
	return 0;
}

int
running_start(struct running *r)
{
	int64_t end_ms = clock_now_ms(CLOCK_MONOTONIC) + RUNNING_STARTS_MS;

	if (!r->lost)
		kept_each(r, keepers_turn);
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
			job_release(r, j);
		else if (job_start(r, j) < 0)
			return 0;
		if (clock_now_ms(CLOCK_MONOTONIC) >= end_ms)
			break;
	}
	return 1;
}

/* --- the spawner --------------------------------------------------------- */

static void
spawner_ready(void *arg)
{
	struct running *r = arg;

	if (r->spawn.socket >= 0 &&
		spawn_events(&r->spawn, RUNNING_PACKETS) < 0)
		r->lost = 1;
}

/* The words of a command whose blob is fetched first. */
static void
blob_words(const struct worker_route *route, const char **argv)
{
	int n = 0;

	argv[n++] = BLOB_PROGRAM;
	argv[n++] = route->path;
	for (int i = 1; route->argv[i] != NULL; i++)
		argv[n++] = route->argv[i];
	argv[n] = NULL;
}

/* Two commands for each route: its own, and with its blob. */
static int
spawner_open(struct running *r, int *folder_error)
{
	static const char *words[SW_QUEUES_PER_WORKER][ROUTE_WORDS + 3];
	struct spawn_command_line lines[2 * SW_QUEUES_PER_WORKER];
	char program[COMMAND_PATH], blob[COMMAND_PATH];
	int err = command_beside(SPAWNER, program);

	(void)!command_beside(BLOB_PROGRAM, blob);
	for (int i = 0; i < r->o.routes_n; i++) {
		const struct worker_route *route = &r->o.routes[i];

		lines[2 * i] = lines[2 * i + 1] = (struct spawn_command_line){
			route->path, (const char *const *)route->argv};
		if (route->kind == ROUTE_KEEP)
			continue;
		blob_words(route, words[i]);
		lines[2 * i + 1] = (struct spawn_command_line){blob, words[i]};
	}
	if (err == 0)
		err = spawn_open(&r->spawn, program, lines,
			2 * (size_t)r->o.routes_n, folder_error);
	if (err == 0)
		err = watch_add(
			r->host.epoll, r->spawn.socket, &r->spawn_watch);
	return err;
}

/* Jobs of a spawner that has ended have ended, too: they go back. */
static void
spawner_forget(struct running *r)
{
	sw_log(SW_LOG_ERR, "spawner-lost", "running", sw_num(r->spawn.children),
		NULL);
	spawn_close(&r->spawn);
	r->orphans = spawn_orphans_end(&r->spawn, RUNNING_ORPHANS_MS);
	while (r->list != NULL) {
		struct worker_lease *j = r->list->job;

		child_free(r, r->list);
		job_release(r, j);
	}
	kept_each(r, keepers_lost);
}

static void
spawner_replace(struct running *r)
{
	int folder_error = 0, err;

	if (r->spawn.socket >= 0)
		spawner_forget(r);
	err = spawner_open(r, &folder_error);
	r->lost = err < 0;
	if (err < 0)
		spawn_close(&r->spawn);
	if (err < 0)
		worker_close_for(r, "spawner", err);
	else if (folder_error < 0)
		worker_close_for(r, "folder", folder_error);
	else
		worker_open_again(r);
	if (err == 0)
		spawn_log(&r->spawn);
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
	r->spawn_watch = (struct watch){spawner_ready, r};
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
	err = spawner_open(r, &folder_error);
	if (err < 0)
		return open_failed("spawner", SPAWNER, err, status,
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
	kept_each(r, keepers_close);
	spawn_close(&r->spawn);
	if (r->keepers_host.null > 0)
		close(r->keepers_host.null);
	free(r->children);
	free(r->kept);
	r->children = NULL;
	r->kept = NULL;
}

/* --- while they run ------------------------------------------------------ */

/* Nothing ends jobs while it is stopped: it is replaced, and they go back. */
static void
spawner_watch(const struct running *r, struct spawn *s)
{
	if (r->lost || s->pid <= 0 || !spawn_is_stuck(s, *r->now_ms))
		return;
	sw_log(SW_LOG_ERR, "spawner-stuck", "pid", sw_num(s->pid), NULL);
	(void)kill(s->pid, SIGKILL);
}

void
running_tick(struct running *r)
{
	spawner_watch(r, &r->spawn);
	faults_tick(r);
	if (r->orphans)
		r->orphans = spawn_orphans_end(&r->spawn, 0);
	if (!leases_settled(r->leases) && !r->draining)
		return;
	for (struct child *c = r->list; c != NULL; c = c->next)
		child_watch(c, &r->host);
	kept_each(r, keepers_tick);
}

void
running_reap(struct running *r)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		if (pid == r->spawn.pid) {
			r->spawn.pid = 0;
			r->lost = 1;
		}
}

void
running_stop(struct running *r)
{
	kept_each(r, keepers_drain);
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
	kept_each(r, all ? keepers_cancel_all : keepers_cancel);
}

void
running_hand_back(struct running *r)
{
	r->draining = 1;
	for (struct child *c = r->list; c != NULL; c = c->next)
		child_hand_back(c);
	kept_each(r, keepers_hand_back);
}
