/* SPDX-License-Identifier: MIT */
/*
 * running_rig.h - the jobs that run, with the real spawner and real processes
 *
 * The queue mail has an exec job, film a kept one; the test plays the broker
 * and moves the clock.  A job runs until it is told to end; a file "deaf" in
 * the folder makes it ignore that; with "quick" a kept one is done as soon as
 * there is "go".  "up" gets the pid of each job that begins, "told" and "said"
 * a line of each that is told, and that is done so.
 */
#ifndef TESTS_WORKER_RUNNING_RIG_H
#define TESTS_WORKER_RUNNING_RIG_H

#include "tests/unit/worker/talk.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/lib/deadline.h"
#include "tests/lib/folder.h"
#include "tests/lib/proc.h"
#include "worker/running.h"

enum { MAIL, FILM, ROUTES };

static char folder[FOLDER_PATH];

static struct {
	struct talk *t;
	struct worker_route routes[ROUTES];
	struct running r;
	int epoll;
	uint64_t token;
} rig;

/* --- the worker's loop ---------------------------------------------------- */

static inline void
turn(void)
{
	struct watches ready;

	watches_wait(&ready, rig.epoll, 20);
	watches_call(&ready);
	running_reap(&rig.r);
	(void)running_start(&rig.r);
	running_tick(&rig.r);
}

#define UNTIL(what)                                                            \
	for (int64_t end = clock_now_ms(CLOCK_MONOTONIC) + deadline_ms();      \
		!(what);) {                                                    \
		if (clock_now_ms(CLOCK_MONOTONIC) > end)                       \
			fail_msg("never true: %s", #what);                     \
		turn();                                                        \
	}

/* --- the programs --------------------------------------------------------- */

static inline const char *
path_of(const char *name)
{
	static char path[FOLDER_FILE];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static inline void
script_write(const char *name, const char *text)
{
	char path[FOLDER_FILE], all[1024];

	(void)snprintf(all, sizeof(all), "#!/bin/sh\ncd %s\n%s", folder, text);
	folder_file(folder, name, all, path);
	assert_int_equal(chmod(path, 0700), 0);
}

/* The program that the worker finds under that name. */
static inline void
program_is(const char *name, const char *path)
{
	(void)unlink(path_of(name));
	assert_int_equal(symlink(path, path_of(name)), 0);
}

static inline void
mark(const char *name)
{
	char path[FOLDER_FILE];

	folder_file(folder, name, "", path);
}

static inline int
lines_of(const char *name)
{
	FILE *f = fopen(path_of(name), "re");
	int c, n = 0;

	while (f != NULL && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f != NULL)
		fclose(f);
	return n;
}

/* --- jobs ----------------------------------------------------------------- */

/* A job comes; it has begun, unless `header` is one with which it cannot. */
static inline struct worker_lease *
job_comes(int route, const char *header)
{
	struct talk *t = rig.t;
	struct sw_buf b = {.p = t->room, .cap = sizeof(t->room)};
	struct sw_id id = {{7}};
	size_t mark;

	be_set(id.b + 8, 8, ++rig.token);
	sw_msg_begin(&b, SW_OP_JOBS, 0, 0);
	mark = sw_item_begin(&b);
	sw_put_id(&b, &id);
	sw_put_text(&b, SW_F_QUEUE, rig.routes[route].queue);
	sw_put_int(&b, SW_F_TOKEN, (int64_t)rig.token);
	if (header != NULL)
		sw_put_text(&b, SW_F_HEADER, header);
	sw_item_end(&b, mark);
	leases_receive(&t->h, sw_buf_bytes(&b), t->now);
	return worker_lease_find(&t->h, &id, rig.token);
}

static const char with_blob[] = "blob=sha256:00";

static inline struct worker_lease *
job_begins(int route)
{
	struct worker_lease *j = job_comes(route, NULL);
	int up = lines_of("up");

	assert_non_null(j);
	UNTIL(j->begun && lines_of("up") > up);
	return j;
}

/* --- life ----------------------------------------------------------------- */

static inline void
route_set(int i, const char *job, const char *script)
{
	char arg[FOLDER_FILE * 2], why[128];

	(void)snprintf(arg, sizeof(arg), "%s%s/%s", job, folder, script);
	assert_int_equal(route_parse(&rig.routes[i], arg, why, 128), 0);
	assert_int_equal(route_resolve(&rig.routes[i], why, 128), 0);
	rig.routes[i].command = 2 * (uint32_t)i;
}

static inline int
rig_up(void **state)
{
	struct running_options o = {.routes = rig.routes,
		.routes_n = ROUTES,
		.slots = 4,
		.programs = folder};
	enum exit_status status = EXIT_OK;

	(void)state;
	(void)alarm(2 * deadline_s());
	folder_make(folder);
	script_write("exec", "[ -e deaf ] && trap '' TERM || "
			     "trap 'echo told >>told; exit 0' TERM\n"
			     "echo $$ >>up\nwhile :; do sleep 0.02; done\n");
	script_write("keep",
		"[ -e deaf ] && trap '' TERM\n"
		"printf '0 ready 1\\n' >&3\n"
		"while read -r n word id rest <&3; do case $word in\n"
		"job) printf '0 begun %s\\n' $id >&3; echo $$ >>up\n"
		"[ ! -e quick ] || { until [ -e go ]; do sleep 0.02; done\n"
		"printf '0 done %s\\n' $id >&3; echo said >>said; } ;;\n"
		"cancel) echo told >>told\n"
		"[ -e deaf ] || printf '0 done %s\\n' $id >&3 ;;\n"
		"esac done\n");
	program_is("spillway-spawner", program_path("spillway-spawner"));
	program_is("spillway-job-exec", program_path("spillway-job-exec"));
	setenv("TMPDIR", folder, 1);
	rig.t = talk_open(4);
	rig.t->h.routes = rig.routes;
	route_set(MAIL, "mail=exec:", "exec");
	route_set(FILM, "film=keep:", "keep");
	rig.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (running_open(
		    &rig.r, &o, &rig.t->h, rig.epoll, &rig.t->now, &status) < 0)
		return -1;
	UNTIL(running_checked(&rig.r) == 1);
	return 0;
}

static inline int
rig_down(void **state)
{
	(void)state;
	running_close(&rig.r);
	close(rig.epoll);
	talk_close(rig.t);
	folder_remove(folder);
	return 0;
}

#endif
