/* SPDX-License-Identifier: MIT */
/*
 * A worker: leases.c as it ships, with jobs that only take time instead of
 * child processes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/steady.h"
#include "tests/sim/sim.h"

enum {
	BYE_MS = 2000,
	LEAVE_MS = 3000,
	RUNS = 16,
	AWAKE_MS = 1 << 30, /* a sleep that nothing is late for */
};

struct run {			  /* a job that runs */
	struct worker_lease *job; /* NULL: none */
	int64_t begins, ends;
};

struct sim_worker {
	struct sim *w;
	int end;
	struct leases h;
	struct worker_route routes[SIM_QUEUES];
	int alive, frozen;
	int gone_once;
	int64_t leave_at;	  /* when calm */
	int restless;		  /* it was to leave before it was calm */
	int64_t again_at;	  /* frozen or not alive: until then */
	int64_t drain_at, bye_at; /* 0: not yet */
	int64_t closed_until;	  /* 0: all is open */
	int poisoned;		  /* a job is about to end this worker */
	struct steady steady;
	struct run runs[RUNS];
};

static void
speak(void *arg, struct bytes message)
{
	struct sim_worker *s = arg;

	sim_say(s->w, s->end, message);
}

static void
be_born(struct sim_worker *s)
{
	struct sim *w = s->w;
	struct sw_id id = {{0}};
	int n = 0;

	for (int q = 0; q < SIM_QUEUES; q++) {
		if (s->end != 0 && n > 0 && sim_one_in(w, 3))
			continue; /* the first serves all of them */
		s->routes[n] = (struct worker_route){.weight = sim_pick(w, 3)};
		(void)snprintf(s->routes[n].queue, sizeof(s->routes[n].queue),
			"%s", sim_queues[q]);
		n++;
	}
	must(leases_init(&s->h, s->routes, n, w->plan.slots,
		     sim_end_name(s->end), speak, s) == 0);
	be_set(id.b, 8, ++w->lives);
	if (s->end < SIM_WORKERS - 1) /* the last is an older one, without */
		leases_identify(&s->h, &id);
	s->alive = 1;
	s->frozen = 0;
	s->drain_at = s->bye_at = s->closed_until = 0;
	s->restless = s->poisoned = 0;
	s->steady = (struct steady){0};
	steady_sleep(&s->steady, w->now, AWAKE_MS);
	memset(s->runs, 0, sizeof(s->runs));
}

/* The clock of its leases. */
static int64_t
lease_now(const struct sim_worker *s)
{
	return steady_ms(&s->steady, s->w->now);
}

struct sim_worker *
sim_worker_new(struct sim *w, int end)
{
	struct sim_worker *s = calloc(1, sizeof(*s));

	must(s != NULL);
	s->w = w;
	s->end = end;
	be_born(s);
	return s;
}

static void
die(struct sim_worker *s)
{
	struct sim_end *e = &s->w->ends[s->end];

	if (!s->alive)
		return;
	leases_fini(&s->h);
	s->alive = 0;
	s->again_at = s->w->now + sim_about(s->w, 3000);
	sim_link_break(s->w, s->end);
	sim_fifo_drop(&e->in);
	sim_fifo_drop(&e->unsent);
	e->unsent_n = 0;
	sim_wake(s->w, s->end, s->again_at);
}

void
sim_worker_free(struct sim_worker *s)
{
	if (s->alive)
		leases_fini(&s->h);
	free(s);
}

static int64_t
on_the_way(const struct sim_worker *s)
{
	const struct sim *w = s->w;

	return w->links[w->ends[s->end].link].sent - s->h.jobs_received;
}

/* It has no jobs, and the broker counts those that it has had as it does. */
int
sim_worker_idle(const struct sim_worker *s)
{
	return s->alive && s->h.joined && s->h.used == 0 && on_the_way(s) == 0;
}

int
sim_workers_have(const struct sim *w, const struct sw_id *id, uint64_t token)
{
	for (int i = 0; i < SIM_WORKERS; i++)
		if (w->workers[i]->alive &&
			worker_lease_find(&w->workers[i]->h, id, token) != NULL)
			return 1;
	return 0;
}

/* --- jobs --------------------------------------------------------------- */

static void
follow_put(
	struct sim *w, struct sw_buf *b, const struct worker_lease *j, int nth)
{
	size_t mark = sw_nest_begin(b, SW_F_FOLLOW);
	struct sw_id id = j->id;

	/* Another attempt would have other follow-ups. */
	be_set(id.b + 8, 4, (j->token & 0xffffff) << 8 | (uint64_t)nth);
	sw_put_id(b, &id);
	sw_put_text(b, SW_F_QUEUE, sim_queues[sim_pick(w, SIM_QUEUES)]);
	sw_put_text(b, SW_F_BODY, "follow");
	sw_nest_end(b, mark);
}

static void
fields_put(struct sim *w, struct worker_lease *j)
{
	struct sw_buf b = {.cap = 1024};
	struct attempt_report *r = &j->report;
	int64_t attempt = sw_int(&j->item, SW_F_ATTEMPT, 0);
	int is_follow = be_get(j->id.b + 8, 4) != 0;

	b.p = malloc(b.cap);
	must(b.p != NULL);
	if (r->outcome == SW_ACK)
		sw_put_fmt(&b, SW_F_RESULT, "%d", (int)attempt);
	else
		sw_put_fmt(&b, SW_F_ERROR, "attempt %d", (int)attempt);
	if (r->outcome == SW_ACK && !is_follow && sim_one_in(w, 10))
		for (int n = sim_pick(w, 3); n >= 0; n--)
			follow_put(w, &b, j, n + 1);
	r->fields = b.p;
	r->fields_len = b.len;
}

/* A job that was stopped before it began is handed back; one that has not
 * begun has no other end. */
static void
report_draw(struct sim_worker *s, struct worker_lease *j)
{
	static const struct {
		int outcome, cause;
	} bad[] = {{SW_RETRY, SW_C_ERROR}, {SW_RETRY, SW_C_ERROR},
		{SW_RETRY, SW_C_TIMEOUT}, {SW_RETRY, SW_C_CRASH},
		{SW_RETRY, SW_C_OOM}, {SW_FAIL, SW_C_PERMANENT},
		{SW_RELEASE, SW_C_DRAIN}};
	struct sim *w = s->w;
	int killed = j->stop != LEASE_KEEP && !sim_one_in(w, 4);

	j->report = (struct attempt_report){.outcome = SW_ACK, .delay_ms = -1};
	if (!j->begun) {
		j->report.outcome = SW_RELEASE;
		j->report.cause = SW_C_DRAIN;
	} else if (killed) {
		j->report.outcome = SW_RETRY;
		j->report.cause = SW_C_CRASH;
	} else if (sim_one_in(w, w->plan.fail)) {
		int n = sim_pick(w, w->calm ? 6 : 7);

		j->report.outcome = bad[n].outcome;
		j->report.cause = bad[n].cause;
		if (sim_one_in(w, 4))
			j->report.delay_ms = sim_pick(w, 2) * sim_about(w, 500);
	}
}

static void
run_end(struct sim_worker *s, struct run *r)
{
	struct worker_lease *j = r->job;

	r->job = NULL;
	report_draw(s, j);
	fields_put(s->w, j);
	leases_end(&s->h, j, lease_now(s));
}

/* After a stall no job is stopped before the broker has answered. */
static void
runs_go_on(struct sim_worker *s)
{
	for (struct run *r = s->runs; r < s->runs + RUNS; r++) {
		if (r->job == NULL)
			continue;
		if (r->begins <= s->w->now && !r->job->begun)
			leases_begun(&s->h, r->job);
		if (r->ends <= s->w->now ||
			(r->job->stop != LEASE_KEEP && leases_settled(&s->h)))
			run_end(s, r);
	}
}

static int
is_poison(const struct sim *w, const struct worker_lease *j)
{
	return !w->calm && w->plan.poison > 0 &&
	       sim_id_no(&j->id) % (uint64_t)w->plan.poison == 0;
}

static void
runs_begin(struct sim_worker *s)
{
	struct sim *w = s->w;
	struct worker_lease *j;
	struct run *r = s->runs;

	while ((j = leases_begin(&s->h, lease_now(s))) != NULL) {
		while (r->job != NULL)
			r++;
		must(r < s->runs + RUNS);
		r->job = j;
		r->begins = w->now;
		if (sim_one_in(w, w->plan.late_begin))
			r->begins += sim_about(w, 1500);
		r->ends = r->begins + sim_pick(w, 20);
		if (sim_one_in(w, w->plan.slow_job))
			r->ends += sim_about(w, 2000);
		s->poisoned |= is_poison(w, j);
	}
	runs_go_on(s);
}

/* --- the loop ----------------------------------------------------------- */

static void
inbox_take(struct sim_worker *s)
{
	struct sim_frame *f;

	while ((f = sim_fifo_take(&s->w->ends[s->end].in)) != NULL) {
		sim_trace_frame(
			s->w, s->end, "* hears ", bytes_of(f->b, f->len));
		leases_receive(&s->h, bytes_of(f->b, f->len), lease_now(s));
		free(f);
	}
}

/* As the worker does when it is asked to stop. */
static int
has_left(struct sim_worker *s)
{
	int64_t now = s->w->now;

	if (s->drain_at == 0)
		return 0;
	if (now - s->drain_at > 3000)
		for (int i = 0; i < RUNS; i++)
			if (s->runs[i].job != NULL &&
				s->runs[i].job->stop == LEASE_KEEP)
				s->runs[i].job->stop = LEASE_RELEASE;
	if (s->h.running > 0)
		return 0;
	if (s->bye_at == 0)
		s->bye_at = now;
	if (now - s->bye_at >= BYE_MS && s->w->calm && !s->restless)
		sim_fail(s->w, "%s leaves with %d jobs, though all is calm",
			sim_end_name(s->end), s->h.used);
	if (now - s->bye_at >= BYE_MS)
		return 1;
	return s->h.used == 0 && leases_bye(&s->h);
}

static void
leave(struct sim_worker *s)
{
	if (s->drain_at != 0)
		return;
	s->drain_at = s->w->now;
	s->restless = !s->w->calm;
	leases_drain(&s->h);
	sim_wake(s->w, s->end, s->w->now);
}

/* In calm too: then no job may be left behind, and least one on its way. */
static void
calm_leave(struct sim_worker *s)
{
	struct sim *w = s->w;

	if (!sim_person_settled(w->person))
		return; /* reports with follow-ups may be refused */
	if (s->leave_at == 0)
		s->leave_at = w->now + sim_pick(w, LEAVE_MS);
	if (w->now < s->leave_at || s->gone_once || s->end == 0 ||
		w->ends[s->end].link == 0)
		return;
	if (on_the_way(s) == 0 && w->now < s->leave_at + LEAVE_MS)
		return;
	s->gone_once = 1;
	leave(s);
}

/* Its own ground, or that of one route, gives way for a while. */
static void
close_some(struct sim_worker *s)
{
	struct sim *w = s->w;

	s->closed_until = w->now + sim_about(w, 1500);
	if (sim_one_in(w, 3))
		leases_close(&s->h);
	else
		leases_route_close(
			&s->h, &s->routes[sim_pick(w, s->h.routes_n)]);
	sim_wake(w, s->end, w->now);
}

static void
open_all(struct sim_worker *s)
{
	if (s->closed_until == 0 ||
		(s->w->now < s->closed_until && !s->w->calm))
		return;
	s->closed_until = 0;
	leases_open(&s->h);
	for (int i = 0; i < s->h.routes_n; i++)
		leases_route_open(&s->h, &s->routes[i]);
}

static int64_t
next_at(const struct sim_worker *s)
{
	int64_t at = s->w->now + leases_wait_ms(&s->h, lease_now(s));

	for (const struct run *r = s->runs; r < s->runs + RUNS; r++) {
		if (r->job == NULL)
			continue;
		if (r->ends < at)
			at = r->ends;
		if (!r->job->begun && r->begins < at)
			at = r->begins;
	}
	if (s->drain_at != 0 && at > s->w->now + 100)
		at = s->w->now + 100;
	if (s->closed_until != 0 && at > s->closed_until)
		at = s->closed_until;
	return at > s->w->now ? at : s->w->now + 1;
}

/* 1: it is no more. */
static int
turn(struct sim_worker *s)
{
	inbox_take(s);
	open_all(s);
	runs_go_on(s);
	runs_begin(s);
	if (s->poisoned) {
		sim_note(s->w, "-- %s dies of a job", sim_end_name(s->end));
		die(s);
		return 1;
	}
	if (s->w->calm)
		calm_leave(s);
	if (has_left(s)) {
		sim_note(s->w, "-- %s has left", sim_end_name(s->end));
		die(s);
		return 1;
	}
	leases_send(&s->h, lease_now(s));
	return 0;
}

void
sim_worker_wake(struct sim *w, int end)
{
	struct sim_worker *s = w->workers[end];

	if (w->now < s->again_at && (!s->alive || s->frozen) && !w->calm) {
		sim_wake(w, end, s->again_at);
		return;
	}
	s->frozen = 0;
	if (!s->alive)
		be_born(s);
	if (steady_wake(&s->steady, w->now) > 0)
		leases_stalled(&s->h, lease_now(s));
	if (turn(s))
		return;
	steady_sleep(&s->steady, w->now, next_at(s) - w->now);
	sim_wake(w, end, next_at(s));
}

static void
freeze(struct sim_worker *s, int64_t ms)
{
	s->frozen = 1;
	s->again_at = s->w->now + ms;
}

void
sim_workers_pause(struct sim *w, int64_t ms)
{
	for (int i = 0; i < SIM_WORKERS; i++)
		if (w->workers[i]->alive)
			freeze(w->workers[i], ms);
}

void
sim_worker_fault(struct sim *w, enum sim_worker_fault kind)
{
	static const char *const names[] = {
		"freezes", "dies", "is to leave", "closes"};
	struct sim_worker *s = w->workers[sim_pick(w, SIM_WORKERS)];

	if (!s->alive)
		return;
	sim_note(w, "-- %s %s", sim_end_name(s->end), names[kind]);
	if (kind == SIM_FREEZE)
		freeze(s, sim_about(w, 4000));
	else if (kind == SIM_DIE)
		die(s);
	else if (kind == SIM_LEAVE)
		leave(s);
	else
		close_some(s);
}
