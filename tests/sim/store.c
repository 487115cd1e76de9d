/* SPDX-License-Identifier: MIT */
/* The store in memory, behind a disk that is slow, full, or gone. */
#include "base/error.h"
#include "base/must.h"
#include "tests/sim/model.h"
#include "tests/sim/sim.h"

static struct { /* a commit that takes its time */
	const struct claim *c;
	const struct store_op *ops;
	size_t n;
	store_done_fn *done;
	void *arg;
} slow;

static void
keep(void *arg, int err)
{
	*(int *)arg = err;
}

static int
apply(const struct claim *c, const struct store_op *ops, size_t n)
{
	int err = 1;

	must(store_mem.commit(sim_here->store, c, ops, n, keep, &err) == 0);
	if (err == 0)
		sim_model_commit(sim_here, ops, n);
	return err;
}

/*
 * The outcome is unknown: to the broker, who may say nothing more, or
 * because it died with the commit half way.
 */
static int
lost(const struct claim *c, const struct store_op *ops, size_t n, int dead)
{
	struct sim *w = sim_here;
	int kept = sim_one_in(w, 2);

	sim_note(w, "-- the commit %s, its batch is %s",
		dead ? "is cut short by a crash" : "fails: unknown",
		kept ? "kept" : "lost");
	if (kept)
		(void)apply(c, ops, n);
	w->mute = 1;
	w->dead = dead;
	w->commit_failed = SW_EUNKNOWN;
	return SW_EUNKNOWN;
}

static int
faulty_commit(struct store *s, const struct claim *c,
	const struct store_op *ops, size_t n, store_done_fn *done, void *arg)
{
	struct sim *w = sim_here;
	const struct sim_mood *m = &w->plan.mood;

	(void)s;
	if (sim_one_in(w, m->full)) {
		sim_note(w, "-- the commit does not fit");
		w->mute = 1;
		w->commit_failed = SW_EFULL;
		if (sim_one_in(w, 2))
			return SW_EFULL;
		done(arg, SW_EFULL);
		return 0;
	}
	if (sim_one_in(w, m->unknown) || sim_one_in(w, m->crash)) {
		int err = lost(c, ops, n, sim_one_in(w, 2));

		if (sim_one_in(w, 2))
			return err;
		done(arg, err);
		return 0;
	}
	if (sim_one_in(w, m->slow)) {
		slow.c = c;
		slow.ops = ops;
		slow.n = n;
		slow.done = done;
		slow.arg = arg;
		w->late_ms = sim_about(w, sim_one_in(w, 20) ? 3000 : 10);
		if (sim_one_in(w, 500))
			w->late_ms = sim_about(w, 20000);
		return 0;
	}
	done(arg, apply(c, ops, n));
	return 0;
}

static int
faulty_turn(struct store *s)
{
	(void)s;
	must(slow.done != NULL);
	slow.done(slow.arg, apply(slow.c, slow.ops, slow.n));
	slow.done = NULL;
	return 0;
}

static int
faulty_usage(struct store *s, struct store_usage *u)
{
	const struct sim *w = sim_here;

	(void)s;
	*u = (struct store_usage){
		.used_pages = w->now < w->disk_full_until ? 95 : 10,
		.max_pages = 100,
		.page_size = 4096};
	return 0;
}

static int
faulty_fd(struct store *s)
{
	(void)s;
	return 0;
}

struct store *
sim_store_new(void)
{
	static const struct store_options none;
	static struct store_driver driver;
	struct store *s;

	driver = store_mem;
	driver.commit = faulty_commit;
	driver.usage = faulty_usage;
	driver.fd = faulty_fd;
	driver.turn = faulty_turn;
	slow.done = NULL;
	must(store_open(&s, "mem:", &none) == 0);
	s->driver = &driver;
	return s;
}
