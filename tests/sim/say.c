/* SPDX-License-Identifier: MIT */
/* What the broker says must be so: it has been committed. */
#include "base/error.h"
#include "tests/sim/model.h"

/* One item of an answer, the item it answers, and the job of both. */
struct said {
	uint32_t link;
	const struct sim_fact *f;
	struct sim_job *job;
	const struct sw_item *it;
	int status;
};

static _Noreturn void
wrong(struct sim *w, const struct sim_job *j, const char *what)
{
	sim_fail(w, "job %llx: %s (it is %s)",
		(unsigned long long)sim_id_no(&j->id), what,
		sw_state_name((int)j->state));
}

static void
put_said(struct sim *w, const struct said *s)
{
	if (s->status == 0 && !sw_has(s->it, SW_F_STATE) && w->core != NULL &&
		w->core->mono_ms < w->refuses_until)
		wrong(w, s->job, "a put is taken at once where none fitted");
	if (s->status == 0)
		s->job->existed |= sim_passed(w, s->job);
	if (s->status == 0 && !s->job->existed)
		wrong(w, s->job, "a put was confirmed and is not stored");
	if (s->job->put_len < 0 || sim_passed(w, s->job) ||
		s->job->state == SW_NONE ||
		s->job->reborn_turn == w->model->turn)
		return; /* the answer may be of the job before */
	if (s->status == 0 && s->f->body_len != s->job->put_len)
		wrong(w, s->job, "a put was confirmed, and another is stored");
	if (s->status == SW_ECONFLICT && s->f->body_len == s->job->put_len)
		wrong(w, s->job, "a put of what is stored was refused");
}

static void
done_said(struct sim *w, const struct said *s)
{
	struct sim_job *j = s->job;
	uint64_t t = s->f->token;
	int now = j->touched_turn == w->model->turn;

	if (s->status == 0 && j->ended_token != t &&
		!(now && j->was_ended == t))
		wrong(w, j, "a report was confirmed that ended nothing");
	if (s->status == 0 && j->ended_token == t && j->ended_outcome != 0 &&
		j->ended_outcome != s->f->outcome)
		wrong(w, j, "a report was confirmed that contradicts another");
	if (s->status == SW_ESTALE && j->token == t)
		wrong(w, j, "a report of its lease was called stale");
	if (j->token == t) /* the report was refused */
		j->begun |= s->f->begun;
}

static void
extend_said(struct sim *w, const struct said *s)
{
	struct sim_job *j = s->job;
	const struct sim_shelf *shelf;
	int now = j->touched_turn == w->model->turn;

	if (s->status != 0 && s->status != SW_ECANCEL)
		return;
	if (j->token != s->f->token && !(now && j->was_token == s->f->token))
		wrong(w, j, "a lease was extended that is not");
	if (j->token != s->f->token)
		return;
	shelf = &w->model->shelf[j->q];
	j->ends_min = w->core->mono_ms + shelf->lease_min;
	j->ends_max = w->core->mono_ms + shelf->lease_max;
	j->ends_least = sim_steady(w) + shelf->lease_min;
	j->begun |= s->f->begun;
	j->link = s->link;
	j->missed = 0;
	if (s->status == SW_ECANCEL && !j->cancel)
		wrong(w, j, "a worker is to stop it, and nobody asked for it");
}

static void
cancel_said(struct sim *w, const struct said *s)
{
	const struct sim_job *j = s->job;
	int state = (int)sw_int(s->it, SW_F_STATE, SW_NONE);
	int now = j->touched_turn == w->model->turn;

	if (s->status != 0)
		return;
	if (state == SW_LEASED && !j->cancel && !now)
		wrong(w, j, "a cancel was confirmed and is not stored");
	if (state == SW_CANCELLED && j->state != SW_CANCELLED &&
		j->state != SW_NONE && !sim_heard(w, j, SW_OP_PUT))
		wrong(w, j, "a cancel was confirmed and is not so");
}

static void
get_said(struct sim *w, const struct said *s)
{
	const struct sim_job *j = s->job;

	if (j->touched_turn == w->model->turn || sim_heard(w, j, SW_OP_PUT) ||
		sim_heard(w, j, SW_OP_CANCEL))
		return; /* it may have been seen before the change */
	if (s->status != (j->state == SW_NONE ? SW_ENOJOB : 0))
		wrong(w, j, "a look at it says something else");
	if (s->status != 0)
		return;
	if (sw_int(s->it, SW_F_STATE, 0) != (int)j->state)
		wrong(w, j, "a look at it shows another state");
	if (sw_int(s->it, SW_F_ATTEMPT, 0) != j->attempt)
		wrong(w, j, "a look at it shows other attempts");
}

typedef void said_fn(struct sim *, const struct said *);

static said_fn *const said_fns[SW_REPLY] = {
	[SW_OP_PUT] = put_said,
	[SW_OP_DONE] = done_said,
	[SW_OP_EXTEND] = extend_said,
	[SW_OP_CANCEL] = cancel_said,
	[SW_OP_GET] = get_said,
};

/* Who waits is told of an end, or that there is nothing to wait for. */
static void
wait_said(struct sim *w, struct sw_msg *m)
{
	const struct sim_job *j;
	struct sw_item it;
	struct sw_id id;
	int state;

	if (!sw_msg_next(m, &it) || !sw_get_id(&it, &id))
		return; /* an error has no id */
	j = sim_job_of(w->model, &id);
	state = (int)sw_int(&it, SW_F_STATE, SW_NONE);
	if (state != SW_DONE && state != SW_DEAD && state != SW_CANCELLED &&
		!sw_has(&it, SW_F_ORIGIN))
		wrong(w, j, "who waits for it is told that it has not ended");
	if (j->state == SW_NONE && sim_passed(w, j))
		return;
	if (j->touched_turn != w->model->turn && (int)j->state != state)
		wrong(w, j, "who waits for it is told another end");
}

static void
answer_said(struct sim *w, uint32_t link, struct sw_msg *m)
{
	const struct sim_model *model = w->model;
	const struct sim_heard *h = model->heard;
	int op = m->op & ~SW_REPLY, i = 0;
	struct sw_item it;

	while (i < model->heard_n &&
		(h[i].link != link || h[i].seq != m->seq || h[i].op != op))
		i++;
	if (i == model->heard_n)
		sim_fail(w, "%s was answered and not asked", sw_op_name(op));
	for (int at = 0; at < h[i].n && sw_msg_next(m, &it); at++) {
		struct said s = {.link = link,
			.f = &model->facts[h[i].first + at],
			.it = &it,
			.status = (int)sw_int(&it, SW_F_STATUS, 0)};

		s.job = s.f->job;
		if (s.job != NULL)
			said_fns[op](w, &s);
		else if (op == SW_OP_EXTEND)
			sim_missed_said(w, link, s.status);
	}
}

static void
jobs_said(struct sim *w, uint32_t link, struct sw_msg *m)
{
	struct sim_link *l = &w->links[link];
	struct sw_item it;
	struct sw_id id;

	while (sw_msg_next(m, &it)) {
		struct sim_job *j;

		if (!sw_get_id(&it, &id))
			sim_fail(w, "a job without an id");
		j = sim_job_of(w->model, &id);
		if (j->token != (uint64_t)sw_int(&it, SW_F_TOKEN, 0))
			wrong(w, j, "it was handed out without a lease");
		if (sw_int(&it, SW_F_ATTEMPT, 0) != j->attempt + 1)
			wrong(w, j, "its attempt is told wrongly");
		if (++l->sent > l->credit)
			wrong(w, j, "it was sent beyond a worker's credit");
		j->link = link;
		sim_missed_given(w, link, j);
	}
}

/* Leases of a session that has said bye and was not heard out at once. */
static void
bye_said(struct sim *w, uint32_t link)
{
	for (struct sim_job *j = w->model->jobs; j != NULL; j = j->hh.next)
		if (j->token != 0 && j->link == link)
			j->back = 1;
}

void
sim_model_say(struct sim *w, uint32_t link, struct bytes frame)
{
	struct sw_msg m;

	if (sw_msg_open(frame, &m) < 0)
		sim_fail(w, "the broker says what nobody understands");
	sim_wait_said(w, link, &m);
	if (m.op == SW_OP_JOBS)
		jobs_said(w, link, &m);
	else if (m.op == (SW_OP_WAIT | SW_REPLY))
		wait_said(w, &m);
	else if (m.op == (SW_OP_BYE | SW_REPLY))
		bye_said(w, link);
	else if ((m.op & SW_REPLY) != 0 && m.op != (SW_OP_ERROR | SW_REPLY) &&
		 said_fns[m.op & ~SW_REPLY] != NULL)
		answer_said(w, link, &m);
}

/* It did not leave, but it was decided. */
void
sim_model_unsent(struct sim *w, uint32_t link, struct bytes frame)
{
	struct sw_msg m;
	struct sw_item it;
	struct sw_id id;

	if (sw_msg_open(frame, &m) < 0 || m.op != SW_OP_JOBS) {
		sim_model_say(w, link, frame);
		return;
	}
	while (sw_msg_next(&m, &it))
		if (sw_get_id(&it, &id))
			sim_job_of(w->model, &id)->unsent = 1;
}
