/* SPDX-License-Identifier: MIT */
/* The rows of the store, one by one and all together, and the windows. */
#include "base/error.h"
#include "base/must.h"
#include "tests/sim/model.h"

struct scan {
	struct sim *w;
	size_t there[256], wanted[256]; /* rows by their letter */
	size_t met, entries;		/* entries of windows */
};

static _Noreturn void
wrong(struct sim *w, const struct sim_look *n, const char *what)
{
	sim_fail(w, "job %llx is %s: %s",
		(unsigned long long)sim_id_no(&n->job->id),
		sw_state_name((int)n->state), what);
}

static int
row_is(struct sim *w, const struct key *k, struct bytes *val)
{
	struct store *s = sim_store_mem(w);

	return s->driver->get(s, 0, key_bytes(k), val) == 0;
}

int
sim_holds_key(const struct sim_look *n)
{
	if (!n->there || n->r.unique.len == 0)
		return 0;
	if (n->state == SW_DEAD)
		return (n->r.unique_also & SW_UNIQUE_DEAD) != 0;
	if (n->state == SW_DONE)
		return (n->r.unique_also & SW_UNIQUE_DONE) != 0;
	return n->state != SW_CANCELLED;
}

/* The time of the one timer that the state itself asks for; -1: none. */
static int64_t
timer_of(const struct sim_look *n)
{
	if (n->state == SW_DELAYED)
		return n->r.run_at_ms;
	if (n->state == SW_DONE || n->state == SW_CANCELLED)
		return n->r.keep_until_ms;
	return -1;
}

static int
expiry_apart(const struct sim_look *n)
{
	return (n->state == SW_DELAYED || n->state == SW_READY) &&
	       n->r.expires_at_ms != 0 && n->r.expires_at_ms != timer_of(n);
}

/* --- windows ------------------------------------------------------------ */

static int
entry_cmp(const struct entry *a, const struct entry *b)
{
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return memcmp(a->id.b, b->id.b, SW_ID_LEN);
}

static int
window_has(const struct window *v, const struct entry *e)
{
	uint32_t lo = 0, hi = v->n;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		int c = entry_cmp(&v->e[v->head + mid], e);

		if (c == 0)
			return 1;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return 0;
}

/* -1: beyond the mark; else whether it is held, as it has to be. */
static int
window_meets(const struct window *v, const struct entry *e)
{
	int beyond = !v->whole && entry_cmp(e, &v->mark) > 0;

	if (window_has(v, e))
		return beyond ? 0 : 1;
	return beyond ? -1 : 0;
}

/* NULL: the lane is not in memory. */
static const struct lane *
lane_of(const struct queue *q, uint64_t hash)
{
	for (unsigned i = 0; i < q->lanes_n; i++)
		if (q->lanes[i]->hash == hash)
			return q->lanes[i];
	return NULL;
}

static int
line_meets(const struct queue *q, uint64_t hash, const struct entry *e)
{
	const struct lane *l = lane_of(q, hash);

	if (l != NULL)
		return window_meets(&l->w, e);
	return hash < q->lo || hash > q->hi ? -1 : 0;
}

/* --- one job ------------------------------------------------------------ */

static void
ready_check(struct sim *w, const struct sim_look *n)
{
	struct key k = key_ready(n->r.q->no, n->r.lane, n->r.rank, &n->r.id);
	struct entry e = {n->r.rank, n->r.id};
	struct bytes val;

	if (row_is(w, &k, &val) != (n->state == SW_READY))
		wrong(w, n, "its row in the line says something else");
	if (n->state == SW_READY && line_meets(n->r.q, n->r.lane, &e) == 0)
		wrong(w, n, "the line in memory does not know of it");
}

static void
timer_check(struct sim *w, const struct sim_look *n, int64_t at)
{
	struct key k = key_timer((uint64_t)at, &n->r.id);
	struct entry e = {(uint64_t)at, n->r.id};
	struct bytes val;

	if (!row_is(w, &k, &val))
		wrong(w, n, "its timer is missing");
	if (window_meets(&w->core->timers, &e) == 0)
		wrong(w, n, "the timers in memory do not know of it");
}

void
sim_rows_check(struct sim *w, const struct sim_look *n)
{
	struct bytes val;
	struct key k;

	if (!n->there)
		return;
	ready_check(w, n);
	if (timer_of(n) >= 0)
		timer_check(w, n, timer_of(n));
	if (expiry_apart(n))
		timer_check(w, n, n->r.expires_at_ms);
	k = key_dead(n->r.q->no, (uint64_t)n->r.ended_at_ms, &n->r.id);
	if (n->state == SW_DEAD && !row_is(w, &k, &val))
		wrong(w, n, "it is not in the list of the dead");
	if (!sim_holds_key(n))
		return;
	k = key_unique(n->r.q->no, n->r.unique);
	if (!row_is(w, &k, &val) || memcmp(val.p, n->r.id.b, SW_ID_LEN) != 0)
		wrong(w, n, "it does not hold its unique key");
}

/* --- all of them -------------------------------------------------------- */

static void
overdue_check(struct sim *w, const struct sim_look *n)
{
	const struct core *c = w->core;

	if (c->more || w->model->fresh || w->now < w->busy_until)
		return;
	/* All that was near is done: the next turn, at once, looks further. */
	if (window_first(&c->timers) == NULL && window_low(&c->timers))
		return;
	if (n->state == SW_LEASED && n->job->ends_max <= c->mono_ms)
		wrong(w, n, "its lease has run out");
	if (n->state == SW_DELAYED && n->r.run_at_ms < c->now_ms)
		wrong(w, n, "it is due");
}

static int
job_each(void *arg, struct bytes key, struct bytes val)
{
	struct scan *s = arg;
	struct sim_look n;
	struct sw_id id;

	(void)val;
	memcpy(id.b, (const uint8_t *)key.p + 1, SW_ID_LEN);
	sim_look(s->w, sim_job_of(s->w->model, &id), &n);
	if (n.state != n.job->state || n.token != n.job->token ||
		n.r.attempt != n.job->attempt)
		wrong(s->w, &n, "it has changed outside of a commit");
	sim_rows_check(s->w, &n);
	overdue_check(s->w, &n);
	s->wanted['j']++;
	s->wanted['r'] += n.state == SW_READY;
	s->wanted['l'] += n.state == SW_LEASED;
	s->wanted['x'] += n.state == SW_DEAD;
	s->wanted['u'] += (size_t)sim_holds_key(&n);
	s->wanted['t'] += (size_t)(timer_of(&n) >= 0) +
			  (size_t)expiry_apart(&n);
	return 0;
}

static int
row_each(void *arg, struct bytes key, struct bytes val)
{
	struct scan *s = arg;
	struct core *c = s->w->core;
	const uint8_t *p = key.p;
	int meets = -1;
	struct entry e;

	(void)val;
	s->there[p[0]]++;
	if (p[0] != 't' && p[0] != 'r')
		return 0;
	e.at = be_get(p + key.len - SW_ID_LEN - 8, 8);
	memcpy(e.id.b, p + key.len - SW_ID_LEN, SW_ID_LEN);
	if (p[0] == 't')
		meets = window_meets(&c->timers, &e);
	else
		meets = line_meets(
			c->queues[be_get(p + 1, 4)], be_get(p + 5, 8), &e);
	if (meets == 0)
		sim_fail(s->w, "a window in memory differs from the store");
	s->met += meets > 0;
	return 0;
}

static void
windows_count(struct scan *s)
{
	const struct core *c = s->w->core;

	s->entries = c->timers.n;
	for (unsigned i = 0; i < c->queues_n; i++)
		for (unsigned l = 0; l < c->queues[i]->lanes_n; l++)
			s->entries += c->queues[i]->lanes[l]->w.n;
}

/* Whether a job of the queue could start; rates are left to the judge. */
static int
could_start(const struct sim *w, const struct queue *q)
{
	const struct sim_shelf *s = &w->model->shelf[q->no];
	int64_t most = q->set[SW_S_concurrency];

	return s->count[SW_READY] > 0 && !q->set[SW_S_paused] &&
	       q->set[SW_S_rate] == 0 &&
	       (most == 0 || s->count[SW_LEASED] < most);
}

/* After a turn that says it has nothing left to do. */
static void
idle_check(struct sim *w)
{
	const struct core *c = w->core;

	if (c->more || w->model->fresh)
		return;
	for (const struct session *s = c->sessions; s != NULL; s = s->hh.next)
		for (unsigned i = 0; i < s->subs_n; i++)
			if (s->credit > s->sent && could_start(w, s->subs[i].q))
				sim_fail(w, "%s idles, a job is ready in %s",
					s->name, s->subs[i].q->name);
}

void
sim_model_scan(struct sim *w)
{
	struct scan s = {.w = w};
	struct store *m = sim_store_mem(w);
	struct key from = key_start('j'), to = key_after(from);

	if (w->core == NULL || w->core->batch.n > 0)
		return; /* the index is the store and the batch together */
	must(m->driver->scan(m, 0, key_bytes(&from), key_bytes(&to), SIZE_MAX,
		     job_each, &s) == 0);
	must(m->driver->scan(m, 0, bytes_of("", 0), bytes_of("", 0), SIZE_MAX,
		     row_each, &s) == 0);
	for (const char *l = "jrltxu"; *l != '\0'; l++)
		if (s.there[(uint8_t)*l] != s.wanted[(uint8_t)*l])
			sim_fail(w, "there are %zu rows of kind %c, not %zu",
				s.there[(uint8_t)*l], *l,
				s.wanted[(uint8_t)*l]);
	windows_count(&s);
	if (s.met != s.entries)
		sim_fail(w, "a window holds %zu entries, the store %zu of them",
			s.entries, s.met);
	sim_judge_queues(w);
	idle_check(w);
}
