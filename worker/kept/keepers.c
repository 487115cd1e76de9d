/* SPDX-License-Identifier: MIT */
#include "worker/kept/keepers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/log.h"
#include "base/must.h"
#include "base/text.h"

/* --- jobs that wait for a process ---------------------------------------- */

static void
waiting_add(struct keepers *ks, struct worker_lease *j)
{
	int slots = ks->host->slots;

	must(ks->waiting_n < slots); /* leases_begin() counts slots */
	ks->waiting[(ks->first + ks->waiting_n++) % slots] = j;
}

static struct worker_lease *
waiting_take(struct keepers *ks)
{
	struct worker_lease *j = ks->waiting[ks->first];

	ks->first = (ks->first + 1) % ks->host->slots;
	ks->waiting_n--;
	return j;
}

/* The job that was taken last is the first again. */
static void
waiting_return(struct keepers *ks, struct worker_lease *j)
{
	int slots = ks->host->slots;

	ks->first = (ks->first + slots - 1) % slots;
	ks->waiting[ks->first] = j;
	ks->waiting_n++;
}

/* Hands back a job that has not begun. */
static void
job_back(struct keepers *ks, struct worker_lease *j)
{
	j->report = (struct attempt_report){
		.outcome = SW_RELEASE, .cause = SW_C_DRAIN, .delay_ms = -1};
	ks->host->ended(ks->host->arg, j);
}

static void
waiting_back(struct keepers *ks)
{
	while (ks->waiting_n > 0)
		job_back(ks, waiting_take(ks));
}

/* Jobs that were cancelled, or lost, before there was a process for them. */
static void
waiting_stop(struct keepers *ks)
{
	for (int n = ks->waiting_n; n > 0; n--) {
		struct worker_lease *j = waiting_take(ks);

		if (j->stop == LEASE_KEEP)
			waiting_add(ks, j);
		else
			job_back(ks, j);
	}
}

/* --- starts -------------------------------------------------------------- */

void
keepers_failed(struct keepers *ks, const char *step, const char *why)
{
	char text[sizeof(ks->why)];

	text_line(bytes_str(why), text, sizeof(text));
	(void)fault_note(&ks->fault, step, 0, *ks->host->now_ms);
	if (strcmp(text, ks->why) != 0)
		sw_log(SW_LOG_ERR, "start-failed", "queue", ks->route->queue,
			"step", step, "path", ks->route->path, "text", text,
			NULL);
	memcpy(ks->why, text, sizeof(text));
	if (!ks->closed && !ks->draining)
		leases_route_close(ks->host->leases, ks->route);
	ks->closed = 1;
	waiting_back(ks);
}

void
keepers_reopen(struct keepers *ks)
{
	if (ks->closed)
		leases_route_open(ks->host->leases, ks->route);
	ks->closed = 0;
}

/* What was tried after a pause has not come to an end of its own. */
static void
pause_again(struct keepers *ks, const char *step, int error)
{
	if (ks->closed)
		(void)fault_note(&ks->fault, step, error, *ks->host->now_ms);
}

void
keepers_starved(struct keepers *ks, const char *step, int error)
{
	pause_again(ks, step, error);
	waiting_back(ks);
	ks->host->fault(ks->host->arg, step, error);
}

static void
child_add(struct keepers *ks)
{
	const char *step = "";
	int err = kept_child_start(ks, &step);

	if (err == -EAGAIN && strcmp(step, "spawner") == 0)
		pause_again(ks, step, err);
	else if (err < 0)
		keepers_starved(ks, step, err);
}

void
keepers_check(struct keepers *ks)
{
	if (ks->starting + ks->serving == 0)
		child_add(ks);
}

/*
 * The first few are started at once.  Further ones only for a job that waits
 * too long for one of these: short jobs are not faster with more processes,
 * and each start takes the time of hundreds of them.  As many may be on their
 * start as there are, so that their number doubles for long jobs.
 */
static int
may_start(const struct keepers *ks)
{
	int n = ks->starting + ks->serving;
	int most = ks->serving > KEEPERS_FIRST ? ks->serving : KEEPERS_FIRST;

	if (ks->closed || ks->draining || n >= ks->host->slots ||
		ks->starting * ks->at_once >= ks->waiting_n)
		return 0;
	if (n < KEEPERS_FIRST)
		return 1;
	return ks->starting < most &&
	       *ks->host->now_ms - ks->waiting[ks->first]->begun_ms >=
		       KEEPERS_WAIT_MS;
}

void
keepers_turn(struct keepers *ks)
{
	int starting;

	while (ks->waiting_n > 0) {
		struct worker_lease *j = waiting_take(ks);

		if (kept_child_give(ks, j))
			continue;
		waiting_return(ks, j);
		break;
	}
	do {
		starting = ks->starting;
		if (may_start(ks))
			child_add(ks);
	} while (ks->starting > starting);
}

void
keepers_run(struct keepers *ks, struct worker_lease *j)
{
	waiting_add(ks, j);
	keepers_turn(ks);
}

/* --- life ---------------------------------------------------------------- */

int
keepers_open(struct keepers *ks, const struct worker_route *route,
	const struct keepers_host *host)
{
	*ks = (struct keepers){.route = route, .host = host, .at_once = 1};
	ks->waiting = calloc(
		(size_t)host->slots, sizeof(struct worker_lease *));
	return ks->waiting != NULL ? 0 : -ENOMEM;
}

static void
dead_free(struct keepers *ks)
{
	struct kept_child *c, *next;

	DL_FOREACH_SAFE(ks->dead, c, next)
	kept_child_free(c);
	ks->dead = NULL;
}

void
keepers_close(struct keepers *ks)
{
	struct kept_child *c, *next;

	DL_FOREACH_SAFE(ks->all, c, next)
	kept_child_free(c);
	dead_free(ks);
	free(ks->waiting);
	*ks = (struct keepers){.all = NULL};
}

/* --- while they run ------------------------------------------------------ */

static void
child_stop(struct kept_child *c, int64_t now_ms)
{
	for (int i = 0; i < c->k.jobs_n; i++) {
		const struct worker_lease *j = c->k.jobs[i].job;

		if (j->stop != LEASE_KEEP)
			keeper_cancel(&c->k, j, now_ms);
	}
}

/* After a pause: a process that has room, or one that gets ready, will do. */
static void
keepers_try(struct keepers *ks)
{
	if (ks->roomy != NULL)
		keepers_reopen(ks);
	else
		child_add(ks);
}

static void
alarms_count(const struct keepers_host *h)
{
	int64_t n = log_limit_left_out(h->alarms, *h->now_ms);

	if (n > 0)
		sw_log(SW_LOG_ERR, "alarms-left-out", "lines", sw_num(n), NULL);
}

void
keepers_tick(struct keepers *ks)
{
	struct kept_child *c, *next;
	int64_t now_ms = *ks->host->now_ms;

	alarms_count(ks->host);
	kept_alarm_again(ks);
	dead_free(ks);
	waiting_stop(ks);
	if (ks->closed && !ks->draining && fault_try(&ks->fault, now_ms))
		keepers_try(ks);
	if (!ks->ready && !ks->closed && !ks->draining)
		keepers_check(ks); /* the last one's spawner was lost */
	DL_FOREACH_SAFE(ks->all, c, next)
	{
		child_stop(c, now_ms);
		if (ks->draining)
			keeper_close(&c->k, now_ms);
		keeper_tick(&c->k, now_ms);
		kept_child_tick(c);
	}
}

void
keepers_drain(struct keepers *ks)
{
	struct kept_child *c, *next;

	ks->draining = 1;
	waiting_back(ks);
	DL_FOREACH_SAFE(ks->all, c, next)
	{
		if (c->k.state == KEEPER_STARTING)
			keeper_kill(&c->k);
		else
			keeper_close(&c->k, *ks->host->now_ms);
		kept_child_events(c);
	}
}

/* Jobs that are not to stop for another reason go back unless they end well. */
static void
child_release(struct kept_child *c, int all)
{
	for (int i = 0; i < c->k.jobs_n; i++) {
		struct worker_lease *j = c->k.jobs[i].job;

		if (j->stop == LEASE_KEEP && (all || j->settings.drain))
			j->stop = LEASE_RELEASE;
	}
}

static void
children_cancel(struct keepers *ks, int all)
{
	struct kept_child *c, *next;

	DL_FOREACH_SAFE(ks->all, c, next)
	{
		child_release(c, all);
		child_stop(c, *ks->host->now_ms);
		kept_child_tick(c);
	}
}

void
keepers_cancel(struct keepers *ks)
{
	children_cancel(ks, 0);
}

void
keepers_cancel_all(struct keepers *ks)
{
	children_cancel(ks, 1);
}

void
keepers_hand_back(struct keepers *ks)
{
	struct kept_child *c, *next;

	DL_FOREACH_SAFE(ks->all, c, next)
	{
		child_release(c, 1);
		if (c->k.jobs_n > 0)
			keeper_kill(&c->k);
		kept_child_events(c);
	}
}

void
keepers_lost(struct keepers *ks)
{
	struct kept_child *c, *next;

	DL_FOREACH_SAFE(ks->all, c, next)
	kept_child_lose(c);
	waiting_back(ks);
	pause_again(ks, "spawner", 0);
}
