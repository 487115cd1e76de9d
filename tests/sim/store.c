/* SPDX-License-Identifier: MIT */
/* The store in memory, behind a disk that is slow, full, or gone. */
#include <stdlib.h>

#include "base/error.h"
#include "base/must.h"
#include "tests/sim/sim.h"
#include "tests/sim/model.h"

struct faulty {
	struct store s;
	struct store *mem;
	struct sim *w;
	struct { /* a commit that takes its time */
		const struct claim *c;
		const struct store_op *ops;
		size_t n;
		store_done_fn *done;
		void *arg;
	} slow;
};

static struct faulty *
of(struct store *s)
{
	return (struct faulty *)s;
}

struct store *
sim_store_mem(struct sim *w)
{
	return of(w->store)->mem;
}

static void
faulty_close(struct store *s)
{
	struct faulty *f = of(s);

	f->mem->driver->close(f->mem);
	free(f);
}

static int
faulty_claim(struct store *s, uint32_t shard, int64_t ttl_ms, struct claim *c)
{
	struct store *m = of(s)->mem;

	return m->driver->claim(m, shard, ttl_ms, c);
}

static int
faulty_renew(struct store *s, struct claim *c)
{
	struct store *m = of(s)->mem;

	return m->driver->renew(m, c);
}

static void
keep(void *arg, int err)
{
	*(int *)arg = err;
}

static int
apply(struct faulty *f, const struct claim *c, const struct store_op *ops,
	size_t n)
{
	int err = 1;

	must(f->mem->driver->commit(f->mem, c, ops, n, keep, &err) == 0);
	if (err == 0)
		sim_model_commit(f->w, ops, n);
	return err;
}

/*
 * The outcome is unknown: to the broker, who may say nothing more, or
 * because it died with the commit half way.
 */
static int
lost(struct faulty *f, const struct claim *c, const struct store_op *ops,
	size_t n, int dead)
{
	struct sim *w = f->w;
	int kept = sim_one_in(w, 2);

	sim_note(w, "-- the commit %s, its batch is %s",
		dead ? "is cut short by a crash" : "fails: unknown",
		kept ? "kept" : "lost");
	if (kept)
		(void)apply(f, c, ops, n);
	w->mute = 1;
	w->dead = dead;
	w->commit_failed = SW_EUNKNOWN;
	return SW_EUNKNOWN;
}

static int
faulty_commit(struct store *s, const struct claim *c,
	const struct store_op *ops, size_t n, store_done_fn *done, void *arg)
{
	struct faulty *f = of(s);
	struct sim *w = f->w;
	const struct sim_mood *m = &w->plan.mood;

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
		int err = lost(f, c, ops, n, sim_one_in(w, 2));

		if (sim_one_in(w, 2))
			return err;
		done(arg, err);
		return 0;
	}
	if (sim_one_in(w, m->slow)) {
		f->slow.c = c;
		f->slow.ops = ops;
		f->slow.n = n;
		f->slow.done = done;
		f->slow.arg = arg;
		w->late_ms = sim_about(w, sim_one_in(w, 20) ? 3000 : 10);
		if (sim_one_in(w, 500))
			w->late_ms = sim_about(w, 20000);
		return 0;
	}
	done(arg, apply(f, c, ops, n));
	return 0;
}

static int
faulty_turn(struct store *s)
{
	struct faulty *f = of(s);

	must(f->slow.done != NULL);
	f->slow.done(f->slow.arg, apply(f, f->slow.c, f->slow.ops, f->slow.n));
	f->slow.done = NULL;
	return 0;
}

static int
faulty_scan(struct store *s, uint32_t shard, struct bytes from, struct bytes to,
	size_t limit, store_each_fn *each, void *arg)
{
	struct store *m = of(s)->mem;

	return m->driver->scan(m, shard, from, to, limit, each, arg);
}

static int
faulty_get(struct store *s, uint32_t shard, struct bytes key, struct bytes *val)
{
	struct store *m = of(s)->mem;

	return m->driver->get(m, shard, key, val);
}

static int
faulty_usage(struct store *s, struct store_usage *u)
{
	const struct sim *w = of(s)->w;

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

static const struct store_driver driver = {
	.scheme = "sim",
	.close = faulty_close,
	.claim = faulty_claim,
	.renew = faulty_renew,
	.release = faulty_renew,
	.commit = faulty_commit,
	.scan = faulty_scan,
	.get = faulty_get,
	.usage = faulty_usage,
	.fd = faulty_fd,
	.turn = faulty_turn,
};

struct store *
sim_store_new(struct sim *w)
{
	static const struct store_options none;
	struct faulty *f = calloc(1, sizeof(*f));

	must(f != NULL);
	f->s.driver = &driver;
	f->w = w;
	must(store_open(&f->mem, "mem:", &none) == 0);
	return &f->s;
}
