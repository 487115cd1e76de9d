/* SPDX-License-Identifier: MIT */
/* Which job is next, and how long a wait lasts. */
#include <stdlib.h>

#include "base/error.h"
#include "base/must.h"
#include "tests/lib/rows.h"
#include "tests/sim/model.h"

/* --- priorities ----------------------------------------------------------- */

enum { PRIORITIES = SW_PRIORITY_MAX + 1, EVERY = 8 };

struct order { /* of the jobs of a queue, in the turn that was committed */
	uint64_t oldest[PRIORITIES]; /* rank of one that could be handed out */
	int given[PRIORITIES];
};

static void
given_note(struct order *o, const struct sim_look *n)
{
	uint64_t *oldest = &o[n->r.q->no].oldest[n->r.priority];

	if (n->state != SW_READY && n->state != SW_LEASED)
		return;
	if (n->r.rank < *oldest)
		*oldest = n->r.rank;
	if (n->state == SW_LEASED && n->token != n->job->token)
		o[n->r.q->no].given[n->r.priority] = 1;
}

static void
waited_note(const struct sim *w, struct order *o, const struct sim_job *j)
{
	if (j->state == SW_READY && j->rank < o[j->q].oldest[j->priority])
		o[j->q].oldest[j->priority] = j->rank;
	(void)w;
}

/* A less urgent job than this one was handed out, and none of those that were
 * as urgent as that was older. */
static void
passed_over_judge(struct sim *w, const struct order *o, const struct sim_job *j)
{
	struct key k = key_ready((uint32_t)j->q, j->lane, j->rank, &j->id);

	if (j->state != SW_READY || j->touched_turn == w->model->turn ||
		row_in_window(w->core, key_bytes(&k)) != 1)
		return;
	for (int64_t p = 0; p < j->priority; p++)
		if (o[j->q].given[p] && j->rank < o[j->q].oldest[p])
			sim_fail(w,
				"job %llx of priority %lld was passed over for "
				"a younger one of priority %lld",
				(unsigned long long)sim_id_no(&j->id),
				(long long)j->priority, (long long)p);
}

void
sim_judge_order(struct sim *w)
{
	static struct order o[SIM_QUEUES_MAX];
	const struct sim_model *m = w->model;

	if (m->turn % EVERY != 0)
		return;
	memset(o, 0, sizeof(o));
	for (int q = 0; q < SIM_QUEUES_MAX; q++)
		memset(o[q].oldest, 0xff, sizeof(o[q].oldest));
	for (const struct sim_job *j = m->jobs; j != NULL; j = j->hh.next)
		waited_note(w, o, j);
	for (int i = 0; i < m->looks_n; i++)
		if (m->looks[i].there)
			given_note(o, &m->looks[i]);
	for (const struct sim_job *j = m->jobs; j != NULL; j = j->hh.next)
		passed_over_judge(w, o, j);
}

/* --- waits ---------------------------------------------------------------- */

static int
wait_find(const struct sim_model *m, uint32_t link, uint64_t seq)
{
	int i = 0;

	while (i < m->waits_n &&
		(m->waits[i].link != link || m->waits[i].seq != seq))
		i++;
	return i;
}

void
sim_wait_hear(
	struct sim *w, uint32_t link, uint64_t seq, const struct sw_item *it)
{
	struct sim_model *m = w->model;
	int64_t ms = sw_int(it, SW_F_TIMEOUT_MS, SW_WAIT_MS);

	if (wait_find(m, link, seq) < m->waits_n)
		return;
	must(m->waits_n < SIM_WAITS_MAX);
	m->waits[m->waits_n++] = (struct sim_wait){.link = link,
		.seq = seq,
		.ends = w->core->mono_ms +
			(ms < 0 || ms > SW_WAIT_MS ? SW_WAIT_MS : ms)};
}

void
sim_wait_said(struct sim *w, uint32_t link, const struct sw_msg *said)
{
	struct sim_model *m = w->model;
	int i = wait_find(m, link, said->seq);
	struct sw_msg items = *said;
	struct sw_item it;

	if (i == m->waits_n)
		return;
	if (said->op == (SW_OP_WAIT | SW_REPLY) && sw_msg_next(&items, &it) &&
		sw_int(&it, SW_F_STATUS, 0) == SW_ETIMEOUT &&
		m->waits[i].ends > w->core->mono_ms)
		sim_fail(w, "a wait was ended before its time");
	m->waits[i] = m->waits[--m->waits_n];
}

void
sim_judge_waits(struct sim *w)
{
	const struct sim_model *m = w->model;

	for (int i = 0; i < m->waits_n && !w->core->more; i++)
		if (m->waits[i].ends <= w->core->mono_ms)
			sim_fail(w, "a wait is over and not answered");
}
