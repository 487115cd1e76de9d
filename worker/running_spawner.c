/* SPDX-License-Identifier: MIT */
/*
 * running_spawner.c - the spawner: its start, and another in place of a lost
 * one
 *
 * Nothing here waits, but at the worker's start.  A spawner that has ended or
 * hangs is killed, and what it had started; then the jobs go back, and a new
 * one is started and opened, a step in each tick.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <utlist.h>

#include "base/log.h"
#include "worker/running.h"

/* Fetches the blob of a job, and becomes its command. */
#define BLOB_PROGRAM "spillway-job-exec"

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
static void
lines_set(struct running *r)
{
	for (int i = 0; i < r->o.routes_n; i++) {
		const struct worker_route *route = &r->o.routes[i];
		struct spawn_command_line *l = &r->lines[2 * i];

		l[0] = l[1] = (struct spawn_command_line){
			route->path, (const char *const *)route->argv};
		if (route->kind == ROUTE_KEEP)
			continue;
		blob_words(route, r->blob_argv[i]);
		l[1] = (struct spawn_command_line){
			r->blob_program, r->blob_argv[i]};
	}
}

/* The path of a program of ours: 0 or -errno. */
static int
program_find(const struct running *r, const char *name, char to[COMMAND_PATH])
{
	int n;

	if (r->o.programs == NULL)
		return command_beside(name, to);
	n = snprintf(to, COMMAND_PATH, "%s/%s", r->o.programs, name);
	return n < COMMAND_PATH ? command_check(to) : -ENAMETOOLONG;
}

static void
spawner_ready(void *arg)
{
	struct running *r = arg;

	if (r->phase == SPAWNER_UP &&
		spawn_events(&r->spawn, RUNNING_PACKETS) < 0)
		r->lost = 1;
}

static int
spawner_opened(struct running *r)
{
	int err = watch_add(r->host.epoll, r->spawn.socket, &r->spawn_watch);

	if (err < 0)
		return err;
	r->lost = 0;
	r->phase = SPAWNER_UP;
	return 0;
}

int
running_spawner_open(struct running *r, int *folder_error)
{
	char program[COMMAND_PATH];
	int err = program_find(r, RUNNING_SPAWNER, program);

	r->spawn_watch = (struct watch){spawner_ready, r};
	(void)!program_find(r, BLOB_PROGRAM, r->blob_program);
	lines_set(r);
	if (err == 0)
		err = spawn_open(&r->spawn, program, r->lines,
			2 * (size_t)r->o.routes_n, folder_error);
	return err < 0 ? err : spawner_opened(r);
}

/* --- its loss --------------------------------------------------------------
 */

static void
spawner_failed(struct running *r, const char *step, int err)
{
	spawn_leave(&r->spawn);
	r->phase = SPAWNER_NONE;
	running_close_for(r, step, err);
}

/* What is lost with it was lost by us; and what waits for a start does not
 * wait for another spawner, which may never come. */
static void
jobs_back(struct running *r)
{
	while (r->list != NULL) {
		struct worker_lease *j = r->list->job;

		running_child_free(r, r->list);
		running_release(r, j, SW_C_LOST);
	}
	running_next_back(r);
	running_kept_each(r, keepers_lost);
}

static void
opening_tick(struct running *r)
{
	int folder_error = 0, err;

	err = spawn_opening(&r->spawn, *r->now_ms, &folder_error);
	if (err == 1)
		return;
	if (err == 0)
		err = spawner_opened(r);
	if (err < 0) {
		spawner_failed(r, "spawner", err);
		return;
	}
	if (folder_error < 0)
		running_close_for(r, "folder", folder_error);
	else
		running_open_again(r);
	spawn_log(&r->spawn);
}

static void
none_tick(struct running *r)
{
	char program[COMMAND_PATH];
	int err;

	if (r->fault.pause_ms != 0 && !r->fault.trying &&
		!fault_try(&r->fault, *r->now_ms))
		return;
	err = program_find(r, RUNNING_SPAWNER, program);
	if (err == 0)
		err = spawn_begin(&r->spawn, program, r->lines,
			2 * (size_t)r->o.routes_n, *r->now_ms);
	if (err < 0)
		spawner_failed(r, "spawner", err);
	else
		r->phase = SPAWNER_OPENING;
}

/* Jobs run elsewhere once they have gone back: what runs of them ends first. */
static void
ending_tick(struct running *r)
{
	if (r->orphans && *r->now_ms - r->lost_ms < RUNNING_ORPHANS_MS)
		return;
	jobs_back(r);
	r->phase = SPAWNER_NONE;
	none_tick(r);
}

/* Nothing ends jobs while it is stopped: it is replaced, and they go back. */
static void
stuck_kill(struct running *r)
{
	struct spawn *s = &r->spawn;

	if (s->pid <= 0 || !spawn_is_stuck(s, *r->now_ms))
		return;
	sw_log(SW_LOG_ERR, "spawner-stuck", "pid", sw_num(s->pid), NULL);
	(void)kill(s->pid, SIGKILL);
}

static void
orphans_kill(struct running *r)
{
	r->orphans = spawn_orphans_kill(&r->spawn, r->helper.pid);
}

static void
up_tick(struct running *r)
{
	if (!r->lost) {
		stuck_kill(r);
		return;
	}
	/* Once it is reaped, what it has said is all. */
	if (r->spawn.pid == 0 &&
		spawn_events(&r->spawn, RUNNING_PACKETS) == RUNNING_PACKETS)
		return;
	sw_log(SW_LOG_ERR, "spawner-lost", "running", sw_num(r->spawn.children),
		NULL);
	spawn_leave(&r->spawn);
	r->lost_ms = *r->now_ms;
	orphans_kill(r);
	r->phase = SPAWNER_ENDING;
	ending_tick(r);
}

void
running_spawner_tick(struct running *r)
{
	static void (*const ticks[])(struct running *) = {
		[SPAWNER_UP] = up_tick,
		[SPAWNER_ENDING] = ending_tick,
		[SPAWNER_NONE] = none_tick,
		[SPAWNER_OPENING] = opening_tick,
	};

	if (r->orphans)
		orphans_kill(r);
	ticks[r->phase](r);
}
