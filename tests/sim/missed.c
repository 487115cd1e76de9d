/* SPDX-License-Identifier: MIT */
/*
 * What a broken link has lost: a worker that comes again says which leases it
 * has.  The model counts along, and knows for itself which are missing.
 */
#include "base/error.h"
#include "tests/sim/model.h"

static int
same(const struct sw_id *a, const struct sw_id *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

void
sim_missed_hello(struct sim *w, uint32_t link, const struct sw_item *first)
{
	sim_missed_forget(&w->links[link]);
	(void)sw_get_id(first, &w->links[link].worker);
}

void
sim_missed_forget(struct sim_link *l)
{
	l->credit = l->sent = l->named = 0;
	l->worker = (struct sw_id){{0}};
}

/* Whether a heartbeat of this turn, on this link, has named the lease. */
static int
named_now(const struct sim_model *m, const struct sim_job *j, uint32_t link)
{
	int i = j->heard_turn == m->turn ? j->heard : -1;

	for (; i >= 0; i = m->facts[i].next)
		if (m->facts[i].op == SW_OP_EXTEND &&
			m->facts[i].link == link &&
			m->facts[i].token == j->token)
			return 1;
	return 0;
}

/* The worker on `link` has named all that it has. */
static void
list_hear(struct sim *w, uint32_t link)
{
	static const struct sw_id nil;
	const struct sim_link *l = &w->links[link];

	if (same(&l->worker, &nil))
		return;
	for (struct sim_job *j = w->model->jobs; j != NULL; j = j->hh.next)
		j->missed |= j->token != 0 && j->link != link && !j->begun &&
			     same(&j->worker, &l->worker) &&
			     !named_now(w->model, j, link);
}

void
sim_missed_extend(struct sim *w, uint32_t link, const struct sw_item *it)
{
	struct sim_link *l = &w->links[link];

	if (sw_has(it, SW_F_ID))
		l->named++;
	else if (sw_int(it, SW_F_COUNT, -1) == l->named)
		list_hear(w, link);
}

/* Whether the worker has said hello in this turn: after that its list is not
 * the last one. */
static int
is_new(const struct sim *w, const struct sw_id *worker)
{
	const struct sim_model *m = w->model;

	for (int i = 0; i < m->heard_n; i++)
		if (m->heard[i].op == SW_OP_HELLO &&
			same(&w->links[m->heard[i].link].worker, worker))
			return 1;
	return 0;
}

/* All that had to go back is back, unless the turn was too short for that. */
void
sim_missed_said(struct sim *w, uint32_t link, int status)
{
	const struct sw_id *worker = &w->links[link].worker;

	if (status != 0)
		sim_fail(w, "a whole list of leases was refused: %s",
			sw_errname(status));
	if (lease_expired(&w->core->leases, w->core->mono_ms) != NULL ||
		is_new(w, worker))
		return;
	for (struct sim_job *j = w->model->jobs; j != NULL; j = j->hh.next)
		if (j->token != 0 && j->missed && same(&j->worker, worker))
			sim_fail(w,
				"job %llx: its worker has never had it, and "
				"its lease goes on",
				(unsigned long long)sim_id_no(&j->id));
}

void
sim_missed_given(struct sim *w, uint32_t link, const struct sim_job *j)
{
	if (!same(&j->worker, &w->links[link].worker))
		sim_fail(w, "job %llx: its lease is another worker's",
			(unsigned long long)sim_id_no(&j->id));
}

void
sim_missed_judge(struct sim *w, const struct sim_job *j)
{
	if (sim_workers_have(w, &j->id, j->token))
		sim_fail(w, "job %llx: it was taken from a worker that has it",
			(unsigned long long)sim_id_no(&j->id));
}
