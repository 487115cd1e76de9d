/* SPDX-License-Identifier: MIT */
/* The rows of the store, one by one and all together, and the windows. */
#include "base/error.h"
#include "base/must.h"
#include "tests/lib/rows.h"
#include "tests/sim/model.h"

struct scan {
	struct sim *w;
	size_t there[256], wanted[256]; /* rows by their letter */
	size_t in_windows;		/* entries */
};

static _Noreturn void
wrong(struct sim *w, const struct sim_look *n, const char *what)
{
	sim_fail(w, "job %llx is %s: %s",
		(unsigned long long)sim_id_no(&n->job->id),
		sw_state_name((int)n->state), what);
}

/* --- one job ------------------------------------------------------------ */

static void
row_check(struct sim *w, const struct sim_look *n, const struct key *k)
{
	struct store *s = w->store;
	struct bytes val;

	if (s->driver->get(s, 0, key_bytes(k), &val) < 0)
		sim_fail(w, "job %llx is %s: its row of kind %c is missing",
			(unsigned long long)sim_id_no(&n->job->id),
			sw_state_name((int)n->state), k->b[0]);
	if (k->b[0] == 'u' && memcmp(val.p, n->r.id.b, SW_ID_LEN) != 0)
		wrong(w, n, "it does not hold its unique key");
	if (k->b[0] == 'r' && row_in_window(w->core, key_bytes(k)) == 0)
		wrong(w, n, "a window in memory does not know of it");
	if (timer_kind_of((char)k->b[0]) != TIMER_KINDS &&
		!row_has_timer(w->core, key_bytes(k)))
		wrong(w, n, "no timer knows of it");
}

void
sim_rows_check(struct sim *w, const struct sim_look *n)
{
	struct store *s = w->store;
	struct key keys[ROWS_MAX], ready;
	struct bytes val;

	if (!n->there)
		return;
	for (int i = rows_of(&n->r, n->state, keys); i > 0; i--)
		row_check(w, n, &keys[i - 1]);
	ready = key_ready(n->r.q->no, n->r.lane, n->r.rank, &n->r.id);
	if (n->state != SW_READY &&
		s->driver->get(s, 0, key_bytes(&ready), &val) == 0)
		wrong(w, n, "it still stands in the line");
}

/* --- all of them -------------------------------------------------------- */

static void
overdue_check(struct sim *w, const struct sim_look *n)
{
	const struct core *c = w->core;
	int64_t retain;

	if (c->more || w->model->fresh || w->now < w->busy_until)
		return;
	if (n->state == SW_LEASED && n->job->ends_max <= c->mono_ms)
		wrong(w, n, "its lease has run out");
	if (n->state == SW_DELAYED &&
		(n->r.due_ms != 0 ? n->r.due_ms < c->now_ms
				  : n->r.run_at_ms < c->wall_ms))
		wrong(w, n, "it is due");
	if (w->model->set || w->model->move)
		return; /* of dead jobs the next turn reads what they change */
	retain = n->r.q->set[SW_S_retain_dead_ms];
	if (n->state == SW_DEAD && retain > 0 &&
		n->r.ended_at_ms + retain < c->now_ms)
		wrong(w, n, "its time is over");
}

static int
job_each(void *arg, struct bytes key, struct bytes val)
{
	struct scan *s = arg;
	struct key keys[ROWS_MAX];
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
	for (int i = rows_of(&n.r, n.state, keys); i > 0; i--)
		s->wanted[keys[i - 1].b[0]]++;
	return 0;
}

static int
row_each(void *arg, struct bytes key, struct bytes val)
{
	struct scan *s = arg;
	uint8_t letter = *(const uint8_t *)key.p;
	int in;

	(void)val;
	s->there[letter]++;
	if (timer_kind_of((char)letter) != TIMER_KINDS &&
		!row_has_timer(s->w->core, key))
		sim_fail(s->w, "no timer knows of a row of kind %c", letter);
	if (letter != 'r')
		return 0;
	in = row_in_window(s->w->core, key);
	if (in == 0)
		sim_fail(s->w, "a window in memory differs from the store");
	s->in_windows += in > 0;
	return 0;
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
	sim_judge_waits(w);
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
	struct store *m = w->store;
	struct key from = key_start('j'), to = key_after(from);

	if (w->core == NULL || w->core->batch.n > 0)
		return; /* the index is the store and the batch together */
	must(m->driver->scan(m, 0, key_bytes(&from), key_bytes(&to), SIZE_MAX,
		     job_each, &s) == 0);
	must(m->driver->scan(m, 0, bytes_of("", 0), bytes_of("", 0), SIZE_MAX,
		     row_each, &s) == 0);
	for (const char *l = "j" ROWS_LETTERS; *l != '\0'; l++)
		if (s.there[(uint8_t)*l] != s.wanted[(uint8_t)*l])
			sim_fail(w, "there are %zu rows of kind %c, not %zu",
				s.there[(uint8_t)*l], *l,
				s.wanted[(uint8_t)*l]);
	if (s.in_windows != windows_entries(w->core))
		sim_fail(w, "windows hold %zu entries, the store %zu of them",
			windows_entries(w->core), s.in_windows);
	sim_judge_queues(w);
	idle_check(w);
}
