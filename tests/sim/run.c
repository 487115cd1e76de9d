/* SPDX-License-Identifier: MIT */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "tests/lib/chance.h"
#include "tests/sim/model.h"

enum {
	CALM_MS = 6 * 3600 * 1000, /* by then all must have ended: back-offs are
				    * three hours at most */
	LOOK_EVERY = 64,	   /* steps between looks whether it has */
	STILL_MAX = 100000,
};

const char *const sim_queues[SIM_QUEUES] = {"mail", "video", "short", "fair"};
struct sim *sim_here;

/* --- chance ------------------------------------------------------------- */

int
sim_pick(struct sim *w, int n)
{
	return (int)(chance_draw(&w->rand) % (uint64_t)n);
}

int
sim_one_in(struct sim *w, int n)
{
	return n > 0 && sim_pick(w, n) == 0;
}

int64_t
sim_about(struct sim *w, int64_t mean_ms)
{
	return 1 + sim_pick(w, (int)(2 * mean_ms));
}

/* Like those that producers make: they grow with time. */
struct sw_id
sim_id(struct sim *w)
{
	struct sw_id id;

	be_set(id.b, 6, (uint64_t)sim_wall(w));
	be_set(id.b + 6, 2, 0x7000);
	be_set(id.b + 8, 8, ++w->ids);
	return id;
}

uint64_t
sim_id_no(const struct sw_id *id)
{
	return be_get(id->b + 8, 8);
}

int64_t
sim_wall(const struct sim *w)
{
	return w->now + w->wall_ms;
}

int64_t
sim_steady(const struct sim *w)
{
	return w->now - w->stalled_ms;
}

int
sim_clock(clockid_t id, struct timespec *t)
{
	int64_t ms = id == CLOCK_REALTIME ? sim_wall(sim_here) : sim_here->now;

	*t = (struct timespec){
		.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	return 0;
}

/* --- what is said of a run ---------------------------------------------- */

void
sim_note(struct sim *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->trace)
		return;
	(void)printf("%9lld.%03d ", (long long)(w->now / 1000),
		(int)(w->now % 1000));
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
}

void
sim_fail(struct sim *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(w->wrong, sizeof(w->wrong), fmt, ap);
	va_end(ap);
	sim_note(w, "WRONG: %s", w->wrong);
	longjmp(w->out, 1);
}

/* --- events ------------------------------------------------------------- */

static int
before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void
sim_push(struct sim *w, int64_t at, enum sim_kind kind, int who,
	struct sim_frame *frame)
{
	struct sim_event e = {at, w->order++, kind, who, frame};
	size_t i = w->heap_n++;

	if (w->heap_n > w->heap_cap) {
		w->heap_cap = w->heap_cap > 0 ? w->heap_cap * 2 : 1024;
		w->heap = realloc(w->heap, w->heap_cap * sizeof(*w->heap));
		must(w->heap != NULL);
	}
	for (; i > 0 && before(&e, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = e;
}

static struct sim_event
pop(struct sim *w)
{
	struct sim_event top = w->heap[0], last = w->heap[--w->heap_n];
	size_t i = 0, c;

	while ((c = 2 * i + 1) < w->heap_n) {
		if (c + 1 < w->heap_n && before(&w->heap[c + 1], &w->heap[c]))
			c++;
		if (!before(&w->heap[c], &last))
			break;
		w->heap[i] = w->heap[c];
		i = c;
	}
	w->heap[i] = last;
	return top;
}

void
sim_wake(struct sim *w, int who, int64_t at)
{
	if (at < w->now)
		at = w->now;
	if (at >= w->wake_at[who])
		return;
	w->wake_at[who] = at;
	sim_push(w, at, SIM_WAKE, who, NULL);
}

/* --- faults ------------------------------------------------------------- */

static void
fault_hold(struct sim *w)
{
	int end = sim_pick(w, SIM_ENDS);
	int64_t ms = sim_about(w, 1500);

	sim_note(w, "-- nothing passes to or from %s for %lld ms",
		sim_end_name(end), (long long)ms);
	w->ends[end].stalled_until = w->now + ms;
	if (ms > 2000) /* the transport's heartbeats miss it */
		sim_link_break(w, end);
}

/* Short ones, which nobody notices, and those that outlast a lease. */
static void
fault_pause(struct sim *w)
{
	int64_t ms = sim_about(w, sim_one_in(w, 2) ? 600 : 6000);
	int all = sim_one_in(w, 2);

	sim_note(w, "-- %s stopped for %lld ms",
		all ? "the machine is" : "the broker is", (long long)ms);
	sim_broker_pause(w, ms);
	if (all)
		sim_workers_pause(w, ms);
	for (int i = 0; i < SIM_ENDS; i++) /* the transport's heartbeats */
		if (ms > 3000 && sim_one_in(w, 4))
			sim_link_break(w, i);
}

static void
fault_jump(struct sim *w)
{
	static const int day_ms = 24 * 3600 * 1000;
	int64_t ms = sim_one_in(w, 3) ? day_ms : sim_about(w, 4000);

	if (sim_one_in(w, 2))
		ms = -ms;

	sim_note(w, "-- the wall clock jumps by %lld ms", (long long)ms);
	w->pairs[SIM_CLOCK_RESTART] += w->core == NULL;
	w->wall_ms += ms;
	if (w->wall_ms > w->wall_most_ms)
		w->wall_most_ms = w->wall_ms;
	sim_wake(w, SIM_BROKER, w->now);
}

static void
fault(struct sim *w)
{
	const struct sim_mood *m = &w->plan.mood;

	if (w->calm || m->fault_ms == 0)
		return;
	if (sim_one_in(w, m->cut))
		sim_link_break(w, sim_pick(w, SIM_ENDS));
	if (sim_one_in(w, m->hold))
		fault_hold(w);
	if (sim_one_in(w, m->freeze))
		sim_worker_fault(w, SIM_FREEZE);
	if (sim_one_in(w, m->die))
		sim_worker_fault(w, SIM_DIE);
	if (sim_one_in(w, m->leave))
		sim_worker_fault(w, SIM_LEAVE);
	if (sim_one_in(w, m->close))
		sim_worker_fault(w, SIM_CLOSE);
	if (sim_one_in(w, m->pause))
		fault_pause(w);
	if (sim_one_in(w, m->jump))
		fault_jump(w);
	if (sim_one_in(w, m->disk))
		w->disk_full_until = w->now + sim_about(w, 2000);
	if (sim_one_in(w, m->kill))
		sim_broker_kill(w);
	sim_push(w, w->now + sim_about(w, m->fault_ms), SIM_FAULT, 0, NULL);
}

/* --- the plan ----------------------------------------------------------- */

/* Some seeds have none of it, the others more or less. */
static int
rarely(struct sim *w, int common)
{
	static const int factor[] = {0, 0, 1, 3, 10, 100};
	int n = factor[sim_pick(w, 6)];

	return n * common;
}

static void
plan_draw(struct sim *w)
{
	struct sim_plan *p = &w->plan;
	struct sim_mood *m = &p->mood;
	int flood = sim_one_in(w, 24);

	m->lose = rarely(w, 20);
	m->twice = rarely(w, 10);
	m->late = rarely(w, 5);
	m->replay = rarely(w, 10);
	m->stuffed = rarely(w, 50);
	m->slow = rarely(w, 3);
	m->full = rarely(w, 50);
	m->unknown = rarely(w, 100);
	m->crash = rarely(w, 100);
	m->half = rarely(w, 100);
	m->fault_ms = sim_one_in(w, 8) ? 0 : 100 + sim_pick(w, 3000);
	m->cut = rarely(w, 3);
	m->hold = rarely(w, 3);
	m->freeze = rarely(w, 3);
	m->die = rarely(w, 3);
	m->leave = rarely(w, 3);
	m->close = rarely(w, 3);
	m->pause = rarely(w, 3);
	m->kill = rarely(w, 5);
	m->jump = rarely(w, 10);
	m->reboot = rarely(w, 2);
	m->disk = rarely(w, 10);
	p->steps = 2000 + sim_pick(w, 20000);
	p->order_ms = flood ? 5 : 10 + sim_pick(w, 200);
	p->batch = flood ? 100 : 1 + sim_pick(w, 12);
	p->most = flood ? 2500 : 60 + sim_pick(w, 300);
	p->open_max = flood ? 400 : 20;
	p->person_ms = 30 + sim_pick(w, 1000);
	p->fail = 2 + sim_pick(w, 20);
	p->slow_job = 1 + sim_pick(w, 30);
	p->lanes = 1 + sim_pick(w, sim_one_in(w, flood ? 2 : 4) ? 500 : 8);
	p->priorities = sim_one_in(w, flood ? 2 : 4) ? 1 : SW_PRIORITY_MAX + 1;
	p->lane_bytes = sim_one_in(w, 2) ? 500U << sim_pick(w, 8) : 0;
	p->flood = flood;
	p->keys = 1 + sim_pick(w, 30);
	p->slots = 1 + sim_pick(w, 6);
	p->late_begin = 1 + sim_pick(w, 20);
	p->poison = sim_one_in(w, 3) ? 20 + sim_pick(w, 200) : 0;
}

/* --- a run -------------------------------------------------------------- */

static void
world_open(struct sim *w, uint64_t seed, int trace)
{
	sim_here = w;
	w->seed = seed;
	w->rand = seed * 0x9e3779b97f4a7c15U + 1;
	w->trace = trace;
	w->now = 5000;
	w->wall_ms = w->wall_most_ms = 1700000000000;
	for (int i = 0; i <= SIM_ENDS; i++)
		w->wake_at[i] = INT64_MAX;
	plan_draw(w);
	w->store = sim_store_new();
	w->model = sim_model_new(w);
	sim_net_init(w);
	for (int i = 0; i < SIM_WORKERS; i++)
		w->workers[i] = sim_worker_new(w, i);
	for (int i = 0; i < SIM_MAKERS; i++)
		w->makers[i] = sim_maker_new(w, SIM_WORKERS + i);
	w->person = sim_person_new(w, SIM_PERSON);
	sim_broker_start(w);
	for (int i = 0; i < SIM_ENDS; i++)
		sim_wake(w, i, w->now + sim_pick(w, 50));
	sim_push(w, w->now + 100, SIM_FAULT, 0, NULL);
}

static void
world_close(struct sim *w)
{
	sim_broker_kill(w);
	for (int i = 0; i < SIM_WORKERS; i++)
		sim_worker_free(w->workers[i]);
	for (int i = 0; i < SIM_MAKERS; i++)
		sim_maker_free(w->makers[i]);
	sim_person_free(w->person);
	sim_net_fini(w);
	while (w->heap_n > 0)
		free(w->heap[--w->heap_n].frame);
	free(w->heap);
	free(w->links);
	w->store->driver->close(w->store);
	sim_model_free(w->model);
}

static void
wake(struct sim *w, int who)
{
	w->wake_at[who] = INT64_MAX;
	if (who == SIM_BROKER)
		sim_broker_turn(w);
	else if (who < SIM_WORKERS)
		sim_worker_wake(w, who);
	else if (who < SIM_PERSON)
		sim_maker_wake(w, who);
	else
		sim_person_wake(w, who);
}

static void
step(struct sim *w)
{
	struct sim_event e = pop(w);

	if (e.kind == SIM_WAKE && w->wake_at[e.who] != e.at)
		return; /* it was woken sooner */
	must(e.at >= w->now);
	w->still = e.at == w->now ? w->still + 1 : 0;
	if (w->still > STILL_MAX)
		sim_fail(w, "something is said over and over at one instant");
	w->now = e.at;
	w->steps++;
	switch (e.kind) {
	case SIM_TO_BROKER:
		sim_broker_arrived(w, e.frame);
		break;
	case SIM_TO_END:
		sim_arrived(w, e.frame);
		break;
	case SIM_WAKE:
		wake(w, e.who);
		break;
	case SIM_LINK_UP:
		sim_link_up(w, e.who);
		break;
	case SIM_FAULT:
		fault(w);
		break;
	}
	if (w->steps % SIM_SCAN_EVERY == 0)
		sim_model_scan(w);
}

static const char *
unrest(const struct sim *w)
{
	for (int i = 0; i < SIM_WORKERS; i++)
		if (!sim_worker_idle(w->workers[i]))
			return "a worker holds jobs, or counts them wrongly";
	for (int i = 0; i < SIM_MAKERS; i++)
		if (!sim_maker_idle(w->makers[i]))
			return "a producer still waits for an answer";
	if (!sim_person_idle(w->person))
		return "a person still waits for an answer";
	return sim_model_unrest(w);
}

/* What is allowed to go wrong has gone wrong: now all must end. */
static void
calm_down(struct sim *w)
{
	const char *why = NULL;
	int64_t until = w->now + CALM_MS;

	sim_note(w, "-- calm");
	w->calm = 1;
	w->plan.mood = (struct sim_mood){0};
	w->disk_full_until = 0;
	w->wall_ms = w->wall_most_ms; /* so that every run_at comes */
	for (int i = 0; i < SIM_ENDS; i++) {
		w->ends[i].stalled_until = 0;
		sim_wake(w, i, w->now);
	}
	for (uint64_t n = 1; w->now < until; n++) {
		step(w);
		why = n % LOOK_EVERY == 0 ? unrest(w) : why;
		if (n % LOOK_EVERY == 0 && why == NULL)
			break;
	}
	if (why != NULL)
		sim_fail(w, "%d s after the last fault: %s", CALM_MS / 1000,
			why);
	sim_model_scan(w);
}

int
sim_run(struct sim *w, uint64_t seed, int trace)
{
	*w = (struct sim){0};
	if (setjmp(w->out) != 0)
		return -1;
	world_open(w, seed, trace);
	while (w->steps < (uint64_t)w->plan.steps)
		step(w);
	calm_down(w);
	world_close(w);
	return 0;
}
