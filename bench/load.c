/* SPDX-License-Identifier: MIT */
/*
 * load.c - the one loop that drives every system
 *
 * Cycles are numbered in the order in which they begin.  Every system confirms
 * puts and acks in the order asked, so the n-th cycle is over when n puts and
 * n acks are confirmed; no job has to be told from another.  With a backlog
 * the worker gets the oldest job instead of the one just put, which leaves
 * the count of each kind of work the same.
 */
#include <errno.h>
#include <string.h>

#include "bench/bench.h"

enum { TURN_MS = 100, STALL_MS = 10000 };

#define WARM_UP 0.1 /* this share of the time comes before, uncounted */

struct load {
	const struct bench_driver *driver;
	void *link;
	const struct bench_plan *plan;
	struct bench_count count;
	uint64_t begun, over;
	int64_t now, moved; /* ns; moved: when something was last over */
	int64_t began[BENCH_FLIGHT_MAX]; /* by number of the cycle */
	struct hist latency;
};

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
count_over(const struct load *l)
{
	switch (l->plan->mode) {
	case BENCH_PUT:
		return l->count.put;
	case BENCH_DRAIN:
		return l->count.acked;
	case BENCH_CYCLE:
		break;
	}
	return least(l->count.put, l->count.acked);
}

/* Begins as many as may be in flight besides those that are, or `most`. */
static int
begin(struct load *l, uint64_t most)
{
	uint64_t n = l->plan->in_flight - (l->begun - l->over);

	n = least(n - n % l->plan->batch, most);
	for (uint64_t i = 0; i < n; i++)
		l->began[(l->begun + i) % BENCH_FLIGHT_MAX] = l->now;
	l->begun += n;
	if (n == 0 || l->plan->mode == BENCH_DRAIN)
		return 0;
	return l->driver->put(l->link, n, l->plan->chunk);
}

/* The worker's slots are free again as soon as it has sent its acks. */
static int
want(struct load *l)
{
	if (l->plan->mode == BENCH_PUT)
		return 0;
	if (l->plan->mode == BENCH_DRAIN)
		return l->driver->want(l->link, l->begun);
	return l->driver->want(
		l->link, least(l->count.leased, l->begun) + l->plan->in_flight);
}

static int
step(struct load *l)
{
	uint64_t over;
	int err = l->driver->turn(l->link, TURN_MS, &l->count);

	if (err < 0)
		return err;
	l->now = clock_ns();
	over = count_over(l);
	if (over > l->over)
		l->moved = l->now;
	for (; l->over < over; l->over++)
		hist_add(&l->latency,
			l->now - l->began[l->over % BENCH_FLIGHT_MAX]);
	if (l->now - l->moved > STALL_MS * 1000000LL)
		return bench_fail(-ETIMEDOUT,
			"%s stalls: %llu begun, %llu put, %llu leased, "
			"%llu acked",
			l->driver->label, (unsigned long long)l->begun,
			(unsigned long long)l->count.put,
			(unsigned long long)l->count.leased,
			(unsigned long long)l->count.acked);
	return 0;
}

/* Until `end`, or until `jobs` are over (unless 0). */
static int
drive(struct load *l, int64_t end, uint64_t jobs)
{
	int err = 0;

	while (err == 0 && (jobs != 0 ? l->over < jobs : l->now < end)) {
		err = begin(l, jobs != 0 ? jobs - l->begun : UINT64_MAX);
		if (err == 0)
			err = want(l);
		if (err == 0)
			err = step(l);
	}
	return err;
}

/* Lets what is in flight come home. */
static int
finish(struct load *l)
{
	uint64_t acks = l->plan->waiting ? l->begun + l->plan->in_flight : 0;
	int err = 0;

	while (err == 0 && (l->over < l->begun || l->count.acked < acks)) {
		err = want(l);
		if (err == 0)
			err = step(l);
	}
	return err;
}

struct mark {
	int64_t ns;
	uint64_t over;
	struct proc_use use;
	struct bench_store store;
};

static int
mark_set(struct load *l, const struct server *s, struct mark *m)
{
	int err = proc_read(s->pid, &m->use);

	if (err < 0)
		return bench_fail(err, "%s has ended", l->driver->label);
	if (l->driver->store != NULL)
		err = l->driver->store(l->link, &m->store);
	m->over = l->over;
	m->ns = l->now = clock_ns();
	return err;
}

static void
result_set(const struct load *l, const struct mark *a, const struct mark *b,
	struct bench_result *r)
{
	double s = (double)(b->ns - a->ns) / 1e9;
	double jobs = (double)(b->over - a->over);
	double commits = (double)(b->store.commits - a->store.commits);

	if (jobs < 1)
		jobs = 1;
	r->v[BENCH_per_s] = jobs / s;
	r->v[BENCH_p50_us] = hist_us(&l->latency, 0.5);
	r->v[BENCH_p99_us] = hist_us(&l->latency, 0.99);
	r->v[BENCH_cpu_us] = (double)(b->use.cpu_us - a->use.cpu_us) / jobs;
	r->v[BENCH_rss_mb] = (double)b->use.rss_kb / 1024;
	r->v[BENCH_anon_mb] = (double)b->use.anon_kb / 1024;
	r->v[BENCH_commits_s] = commits / s;
	r->v[BENCH_ops_commit] =
		commits > 0 ? (double)(b->store.ops - a->store.ops) / commits
			    : 0;
}

int
load_run(const struct bench_driver *d, void *link, const struct server *s,
	const struct bench_plan *plan, struct bench_result *r)
{
	static struct load l; /* large for a stack */
	int64_t ns = (int64_t)(plan->seconds * 1e9);
	struct mark a = {0}, b = {0};
	int err = 0;

	memset(&l, 0, sizeof(l));
	l.driver = d;
	l.link = link;
	l.plan = plan;
	l.now = l.moved = clock_ns();
	if (plan->jobs == 0)
		err = drive(&l, l.now + (int64_t)(WARM_UP * (double)ns), 0);
	if (err == 0)
		err = mark_set(&l, s, &a);
	if (err < 0)
		return err;
	hist_clear(&l.latency);
	err = drive(&l, a.ns + ns, plan->jobs);
	if (err == 0)
		err = mark_set(&l, s, &b);
	if (err == 0)
		err = finish(&l);
	if (err == 0)
		result_set(&l, &a, &b, r);
	return err;
}
