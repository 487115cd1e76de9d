/* SPDX-License-Identifier: MIT */
#include "spawner/group.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"

#include <uthash.h>

enum { PATH_ROOM = 64, LIST_ROOM = 4096 + 1 };

struct group {
	pid_t pid; /* 0: the number is free */
	int reaped;
	struct group_parts parts; /* cgroup 0: also if nothing lives in it */
	int64_t ended_ms;
	struct spawn_event end;
	struct group *next; /* of those that have ended and are not reported */
	UT_hash_handle hh;  /* by pid, until it is reaped */
};

static struct group all[SPAWN_CHILDREN];

static struct {
	struct group *by_pid;
	struct group *ended; /* their left-overs may still live */
	struct folders *folders;
	struct cgroups *cgroups;
	group_event_fn *event;
	void *arg;
	int children; /* the kernel's list of our children; -1: there is none */
	int left;     /* there may be left-overs */
	int pause_ms; /* until control groups are looked at again */
} state = {.children = -1};

int
groups_open(struct folders *folders, struct cgroups *cgroups,
	group_event_fn *event, void *arg, int *blind)
{
	char path[PATH_ROOM];

	state.folders = folders;
	state.cgroups = cgroups;
	state.event = event;
	state.arg = arg;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		return -errno;
	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children",
		(int)getpid());
	state.children = open(path, O_RDONLY | O_CLOEXEC);
	*blind = state.children < 0;
	return 0;
}

int
group_is_free(uint32_t number)
{
	return number < SPAWN_CHILDREN && all[number].pid == 0;
}

void
group_add(uint32_t number, pid_t pid, const struct group_parts *parts)
{
	struct group *g = &all[number];

	*g = (struct group){.pid = pid, .parts = *parts};
	g->end = (struct spawn_event){.number = number, .kind = SPAWN_ENDED};
	HASH_ADD_INT(state.by_pid, pid, g);
}

void
group_signal(uint32_t number, int sig)
{
	if (number < SPAWN_CHILDREN && all[number].pid != 0 &&
		!all[number].reaped)
		(void)kill(-all[number].pid, sig);
}

/* --- ends ----------------------------------------------------------------- */

static int64_t
time_ms(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_usec / 1000;
}

/* 1: something may live in its control group. */
static int
cgroup_lives(struct group *g)
{
	if (cgroups_end(state.cgroups, g->parts.cgroup))
		g->parts.cgroup = 0;
	return g->parts.cgroup != 0;
}

/* Its pid, and so its group's, is not used again before wait4(2). */
static void
leader_reap(struct group *g, int64_t now_ms)
{
	struct rusage ru = {0};

	(void)kill(-g->pid, SIGKILL);
	if (cgroup_lives(g))
		state.pause_ms = GROUP_SOON_MS;
	HASH_DEL(state.by_pid, g);
	g->reaped = 1;
	g->ended_ms = now_ms;
	g->next = state.ended;
	state.ended = g;
	state.left = 1;
	(void)wait4(g->pid, &g->end.status, 0, &ru);
	g->end.cpu_ms = time_ms(&ru.ru_utime) + time_ms(&ru.ru_stime);
	g->end.rss_kb = ru.ru_maxrss;
}

/* Returns 0 when nobody else has ended. */
static int
one_reap(int64_t now_ms)
{
	siginfo_t si = {.si_pid = 0};
	struct group *g;

	if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) != 0 ||
		si.si_pid == 0)
		return 0;
	HASH_FIND_INT(state.by_pid, &si.si_pid, g);
	if (g != NULL) {
		leader_reap(g, now_ms);
		return 1;
	}
	(void)waitpid(si.si_pid, NULL, WNOHANG);
	if (!folders_reaped(state.folders, si.si_pid))
		state.left = 1; /* what it had started is ours now */
	return 1;
}

static void
end_report(struct group *g)
{
	if (g->parts.folder != 0)
		folders_remove(state.folders, g->parts.folder, g->parts.large);
	if (g->parts.cgroup != 0)
		cgroups_later(state.cgroups, g->parts.cgroup);
	g->pid = 0;
	state.event(state.arg, &g->end);
}

/* Reports the ends that wait no longer; how many control groups live. */
static int
ends_report(int64_t now_ms)
{
	struct group **at = &state.ended;
	int n = 0;

	while (*at != NULL) {
		struct group *g = *at;
		int lives = cgroup_lives(g);

		if ((state.left || lives) &&
			now_ms - g->ended_ms < GROUP_LAST_MS) {
			n += lives;
			at = &g->next;
			continue;
		}
		*at = g->next;
		end_report(g);
	}
	return n;
}

/* --- left-overs ----------------------------------------------------------- */

static int
is_left_over(pid_t pid)
{
	struct group *g;

	HASH_FIND_INT(state.by_pid, &pid, g);
	return g == NULL && pid != state.folders->deleter;
}

/*
 * Its group with it: one signal to all, before any of them starts another.  No
 * living leader's group has a left-over in it.  1: it will end; 0: it is
 * another user's, and nothing here ends it.
 */
static int
left_over_kill(pid_t pid)
{
	pid_t group = getpgid(pid);

	if (group > 0 && group != getpgrp() && is_left_over(group))
		(void)kill(-group, SIGKILL);
	return kill(pid, SIGKILL) == 0;
}

/* Kills the left-overs in a piece of the list: how many will end. */
static int
listed_kill(char *list, int all_too)
{
	int n = 0;
	char *end;

	for (char *at = list;; at = end) {
		pid_t pid = (pid_t)strtol(at, &end, 10);

		if (end == at)
			return n;
		if (pid > 0 && (all_too || is_left_over(pid)))
			n += left_over_kill(pid);
	}
}

/*
 * Kills the left-overs, or all children: how many will end.  The kernel gives
 * no more than a page of its list at once, and cuts no number.  None leaves the
 * list meanwhile, as all of them are reaped here.
 */
static int
children_kill(int all_too)
{
	static char list[LIST_ROOM];
	ssize_t n;
	off_t at = 0;
	int killed = 0;

	if (state.children < 0)
		return 0;
	while ((n = pread(state.children, list, sizeof(list) - 1, at)) > 0) {
		list[n] = '\0';
		killed += listed_kill(list, all_too);
		at += n;
	}
	return killed;
}

static int
sooner(int a_ms, int b_ms)
{
	return b_ms < 0 || (a_ms >= 0 && a_ms < b_ms) ? a_ms : b_ms;
}

/* A group that is about to end is looked at soon, and then less and less. */
static int
pause_next(void)
{
	int now = state.pause_ms, next = 2 * now;

	state.pause_ms = next < GROUP_AGAIN_MS ? next : GROUP_AGAIN_MS;
	return now;
}

int
groups_turn(int64_t now_ms)
{
	int n = 0, live, wait_ms;

	while (n < GROUP_REAPS && one_reap(now_ms))
		n++;
	if (state.left)
		state.left = children_kill(0) > 0;
	live = ends_report(now_ms);
	/* Last: ends leave groups to it. */
	wait_ms = cgroups_turn(state.cgroups, now_ms);
	if (live > 0)
		wait_ms = sooner(wait_ms, pause_next());
	if (n == GROUP_REAPS)
		return 0;
	return state.left ? sooner(wait_ms, GROUP_AGAIN_MS) : wait_ms;
}

void
groups_kill(int64_t most_ms)
{
	int64_t end_ms = clock_now_ms(CLOCK_MONOTONIC) + most_ms;
	siginfo_t si;
	struct group *g, *next;

	cgroups_kill(state.cgroups);
	HASH_ITER(hh, state.by_pid, g, next)
	(void)kill(-g->pid, SIGKILL);
	do {
		int n = children_kill(1);

		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		si.si_pid = 0;
		if (n == 0 && waitid(P_ALL, 0, &si, WEXITED | WNOHANG) != 0)
			return; /* ECHILD: nobody is left */
		(void)poll(NULL, 0, 1);
	} while (clock_now_ms(CLOCK_MONOTONIC) < end_ms);
}
