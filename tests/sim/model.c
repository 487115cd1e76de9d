/* SPDX-License-Identifier: MIT */
#include "tests/sim/model.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/must.h"

struct sim_model *
sim_model_new(struct sim *w)
{
	struct sim_model *m = calloc(1, sizeof(*m));

	(void)w;
	must(m != NULL);
	return m;
}

void
sim_model_free(struct sim_model *m)
{
	struct sim_job *j = m->jobs, *next;

	HASH_CLEAR(hh, m->jobs);
	for (; j != NULL; j = next) {
		next = j->hh.next;
		free(j);
	}
	free(m->facts);
	free(m->heard);
	free(m->looks);
	free(m);
}

struct sim_job *
sim_job_of(struct sim_model *m, const struct sw_id *id)
{
	struct sim_job *j;

	HASH_FIND(hh, m->jobs, id->b, SW_ID_LEN, j);
	if (j != NULL)
		return j;
	j = calloc(1, sizeof(*j));
	must(j != NULL);
	j->id = *id;
	j->origin = -1;
	HASH_ADD(hh, m->jobs, id.b, SW_ID_LEN, j);
	return j;
}

const struct sim_job *
sim_model_find(const struct sim *w, const struct sw_id *id)
{
	struct sim_job *j;

	HASH_FIND(hh, w->model->jobs, id->b, SW_ID_LEN, j);
	return j != NULL && j->existed ? j : NULL;
}

/* One of the last ids made: the older ones have mostly ended. */
struct sw_id
sim_model_any(struct sim *w)
{
	struct sim_job *j = w->model->jobs;
	struct sw_id id = {{1}};
	int n = sim_pick(w, 200);

	if (j == NULL)
		return id;
	j = ELMT_FROM_HH(j->hh.tbl, j->hh.tbl->tail);
	while (n-- > 0 && j->hh.prev != NULL)
		j = j->hh.prev;
	return j->id;
}

/* --- hearing ------------------------------------------------------------ */

void
sim_model_turn(struct sim *w)
{
	struct sim_model *m = w->model;

	for (unsigned i = 0; i < w->core->queues_n; i++) {
		const struct queue *q = core_queue_of(w->core, i);
		const int64_t *set = q != NULL ? q->set : NULL;

		if (q == NULL)
			continue;
		m->shelf[i].lease_min = set[SW_S_lease_ms];
		m->shelf[i].lease_max = set[SW_S_lease_ms];
		if (m->shelf[i].attempts < set[SW_S_max_attempts])
			m->shelf[i].attempts = set[SW_S_max_attempts];
	}
	m->turn++;
	m->fresh = 0;
	m->facts_n = m->heard_n = 0;
	m->bye = m->set = m->redrive = m->purge = 0;
	m->run = m->move = m->bury = m->cancel = 0;
}

static struct sim_fact *
fact_add(struct sim_model *m)
{
	if (m->facts_n == m->facts_cap) {
		m->facts_cap = m->facts_cap > 0 ? m->facts_cap * 2 : 256;
		m->facts = realloc(
			m->facts, (size_t)m->facts_cap * sizeof(*m->facts));
		must(m->facts != NULL);
	}
	m->facts[m->facts_n] = (struct sim_fact){.next = -1};
	return &m->facts[m->facts_n++];
}

static void
fact_of_job(struct sim_model *m, struct sim_fact *f, const struct sw_id *id)
{
	struct sim_job *j = sim_job_of(m, id);

	if (j->heard_turn != m->turn) {
		j->heard_turn = m->turn;
		j->heard = -1;
	}
	f->job = j;
	f->next = j->heard;
	j->heard = (int)(f - m->facts);
}

/* A setting may be changed to and fro within a turn. */
static void
hear_settings(struct sim *w, const struct sw_item *it)
{
	const struct queue *q = queue_find(
		w->core->queues_by_name, sw_bytes(it, SW_F_QUEUE));
	struct sim_shelf *s = &w->model->shelf[q == NULL ? 0 : q->no];
	int64_t set[SW_SETTINGS];
	char why[SW_WHY_ROOM];
	uint32_t given = 0;
	struct bytes text;
	size_t at = 0;

	while (q != NULL && sw_item_each(it, SW_F_SETTING, &at, &text))
		if (sw_setting_parse(text.p, text.len, set, &given, why,
			    sizeof(why)) < 0)
			return;
	if ((given >> SW_S_lease_ms & 1) == 0)
		return;
	if (set[SW_S_lease_ms] < s->lease_min)
		s->lease_min = set[SW_S_lease_ms];
	if (set[SW_S_lease_ms] > s->lease_max)
		s->lease_max = set[SW_S_lease_ms];
}

static void
hear_item(struct sim *w, const struct sim_heard *h, const struct sw_item *it)
{
	struct sim_model *m = w->model;
	struct sim_fact *f = fact_add(m);
	struct sim_link *l = &w->links[h->link];
	struct sw_id id;

	f->op = h->op;
	f->link = h->link;
	f->token = (uint64_t)sw_int(it, SW_F_TOKEN, 0);
	f->outcome = (int)sw_int(it, SW_F_OUTCOME, 0);
	f->begun = (int)sw_int(it, SW_F_BEGUN, 0);
	f->body_len = (int64_t)sw_bytes(it, SW_F_BODY).len;
	if (h->op != SW_OP_HELLO && sw_get_id(it, &id))
		fact_of_job(m, f, &id);
	if (h->op == SW_OP_QUEUE_SET)
		hear_settings(w, it);
	if (h->op == SW_OP_WANT)
		l->credit = sw_int(it, SW_F_CREDIT, 0);
	if (h->op == SW_OP_HELLO && h->first == m->facts_n - 1)
		sim_missed_hello(w, h->link, it);
	if (h->op == SW_OP_EXTEND)
		sim_missed_extend(w, h->link, it);
}

/* Behind all items of the message, so that these are counted off. */
static void
hear_follows(struct sim_model *m, const struct sw_item *it)
{
	struct bytes raw;
	struct sw_item follow;
	struct sw_id parent, id;
	size_t at = 0;

	if (!sw_get_id(it, &parent))
		return;
	while (sw_item_each(it, SW_F_FOLLOW, &at, &raw)) {
		struct sim_fact *f;

		if (sw_item_open(raw, &follow) < 0 || !sw_get_id(&follow, &id))
			continue;
		f = fact_add(m);
		f->op = SW_OP_PUT;
		f->token = (uint64_t)sw_int(it, SW_F_TOKEN, 0);
		f->parent = sim_job_of(m, &parent);
		fact_of_job(m, f, &id);
	}
}

static struct sim_heard *
heard_add(struct sim_model *m)
{
	if (m->heard_n == m->heard_cap) {
		m->heard_cap = m->heard_cap > 0 ? m->heard_cap * 2 : 64;
		m->heard = realloc(
			m->heard, (size_t)m->heard_cap * sizeof(*m->heard));
		must(m->heard != NULL);
	}
	return &m->heard[m->heard_n++];
}

void
sim_model_hear(struct sim *w, struct sim_frame *f)
{
	struct sim_model *m = w->model;
	struct sim_heard *h = heard_add(m);
	struct sw_msg msg, again;
	struct sw_item it;
	int dry;

	must(sw_msg_open(bytes_of(f->b, f->len), &msg) == 0);
	dry = (msg.flags & SW_FLAG_DRY_RUN) != 0;
	*h = (struct sim_heard){.link = f->link,
		.seq = msg.seq,
		.op = msg.op,
		.first = m->facts_n,
		.n = msg.count};
	m->bye |= msg.op == SW_OP_BYE;
	m->set |= msg.op == SW_OP_QUEUE_SET;
	m->redrive |= msg.op == SW_OP_REDRIVE && !dry;
	m->purge |= msg.op == SW_OP_PURGE && !dry;
	m->run |= msg.op == SW_OP_RUN && !dry;
	m->move |= msg.op == SW_OP_MOVE && !dry;
	m->bury |= msg.op == SW_OP_BURY && !dry;
	m->cancel |= msg.op == SW_OP_CANCEL_ALL && !dry;
	again = msg;
	while (sw_msg_next(&msg, &it)) {
		hear_item(w, h, &it);
		if (h->op == SW_OP_WAIT)
			sim_wait_hear(w, h->link, h->seq, &it);
	}
	while (again.op == SW_OP_DONE && sw_msg_next(&again, &it))
		hear_follows(m, &it);
	free(f);
}

/* --- commits ------------------------------------------------------------ */

/* The job that a row is about; 0: of none. */
static int
job_of_row(struct bytes key, struct sw_id *id)
{
	const uint8_t *p = key.p;
	size_t at;

	switch (p[0]) {
	case 'j':
	case 'l':
		at = 1;
		break;
	case 'r':
		at = 1 + 4 + 8 + 8;
		break;
	case 'w':
	case 'd':
	case 'k':
	case 'n':
	case 'e':
	case 'x':
		at = 1 + 4 + 8;
		break;
	default:
		return 0;
	}
	must(key.len == at + SW_ID_LEN);
	memcpy(id->b, p + at, SW_ID_LEN);
	return 1;
}

void
sim_look(struct sim *w, struct sim_job *j, struct sim_look *n)
{
	struct store *s = w->store;
	struct key k = key_id('j', &j->id), l = key_id('l', &j->id);
	struct sw_item row;
	struct bytes val;
	int err = s->driver->get(s, 0, key_bytes(&k), &val);

	n->job = j;
	n->there = err == 0;
	n->cancel = n->reborn = 0;
	n->state = SW_NONE;
	n->token = 0;
	n->worker = (struct sw_id){{0}};
	if (err == 0 && record_open(val, &j->id, &n->r) < 0)
		sim_fail(w, "the record of %llx is broken",
			(unsigned long long)sim_id_no(&j->id));
	if (s->driver->get(s, 0, key_bytes(&l), &val) == 0) {
		must(sw_item_open(val, &row) == 0);
		n->token = (uint64_t)sw_int(&row, SW_F_TOKEN, 0);
		n->cancel = sw_has(&row, SW_F_CAUSE);
		(void)sw_get_id(&row, &n->worker);
	}
	if (n->there) {
		n->state = n->token != 0 ? SW_LEASED : n->r.state;
		HASH_FIND(hh, w->core->queues_by_name, n->r.it.f[SW_F_QUEUE].p,
			n->r.it.f[SW_F_QUEUE].len, n->r.q);
		if (n->r.q == NULL)
			sim_fail(w, "job %llx has lost its queue",
				(unsigned long long)sim_id_no(&j->id));
		must(n->r.q->no < SIM_QUEUES_MAX);
	}
	if (n->token != 0 && (!n->there || n->r.state != SW_READY))
		sim_fail(w, "job %llx has a lease and is %s",
			(unsigned long long)sim_id_no(&j->id),
			sw_state_name((int)n->r.state));
}

static void
looks_take(struct sim *w, const struct store_op *ops, size_t n)
{
	struct sim_model *m = w->model;
	struct sw_id id;

	m->looks_n = 0;
	for (size_t i = 0; i < n; i++) {
		struct sim_job *j;

		if (!job_of_row(ops[i].key, &id))
			continue;
		j = sim_job_of(m, &id);
		if (j->touched_turn == m->turn)
			continue;
		j->touched_turn = m->turn;
		if (m->looks_n == m->looks_cap) {
			m->looks_cap = m->looks_cap > 0 ? m->looks_cap * 2 : 64;
			m->looks = realloc(m->looks,
				(size_t)m->looks_cap * sizeof(*m->looks));
			must(m->looks != NULL);
		}
		sim_look(w, j, &m->looks[m->looks_n++]);
	}
}

static int
reported(const struct sim_model *m, const struct sim_job *j)
{
	int i = j->heard_turn == m->turn ? j->heard : -1;

	for (; i >= 0; i = m->facts[i].next)
		if (m->facts[i].op == SW_OP_DONE &&
			m->facts[i].token == j->token)
			return 1;
	return 0;
}

static int
occupies(enum sw_state s)
{
	return s == SW_DELAYED || s == SW_READY || s == SW_LEASED ||
	       s == SW_DEAD;
}

static void
shelve(struct sim_model *m, struct sim_job *j, int by)
{
	if (j->state == SW_NONE)
		return;
	m->shelf[j->q].count[j->state] += by;
	if (occupies(j->state))
		m->shelf[j->q].bytes += by * j->bytes;
}

static void
lease_adopt(struct sim *w, struct sim_job *j, const struct sim_look *n)
{
	struct sim_model *m = w->model;

	/* A report may be refused, and then time be up in the same turn. */
	if (j->token != 0 && reported(m, j) &&
		(!n->there || n->reborn || n->r.token == j->token)) {
		j->ended_token = j->token;
		j->ended_outcome = n->there ? (int)n->r.outcome : 0;
	}
	j->was_token = j->token;
	j->token = n->token;
	j->back = j->unsent = j->begun = j->missed = 0;
	j->link = 0;
	j->worker = n->worker;
	if (n->token == 0)
		return;
	m->shelf[n->r.q->no].given++;
	j->ends_min = j->ends_max = w->core->mono_ms +
				    n->r.q->set[SW_S_lease_ms];
	j->ends_least = sim_steady(w) + n->r.q->set[SW_S_lease_ms];
}

int
sim_queue_no(const struct sim *w, struct bytes name)
{
	const struct queue *q = queue_find(w->core->queues_by_name, name);

	return q != NULL ? (int)q->no : -1;
}

static void
adopt(struct sim *w, const struct sim_look *n)
{
	struct sim_model *m = w->model;
	struct sim_job *j = n->job;
	int fresh = n->there &&
		    (j->state == SW_NONE || j->q != (int)n->r.q->no);

	shelve(m, j, -1);
	j->was_token = j->token;
	j->was_ended = j->ended_token;
	if (n->token != j->token)
		lease_adopt(w, j, n);
	j->cancel = n->cancel;
	if (n->there && (n->state != j->state || n->reborn)) {
		j->ended_now = w->now;
		j->ended_boot = w->boots;
		j->retain = n->r.keep_until_ms - w->core->now_ms;
	}
	if (n->reborn)
		j->reborn_turn = m->turn;
	j->state = n->state;
	if (n->there) {
		j->existed = 1;
		j->q = (int)n->r.q->no;
		j->attempt = n->r.attempt;
		j->releases = n->r.releases;
		j->lapses = n->r.lapses;
		j->crashes = n->r.crashes;
		j->origin = sim_queue_no(w, n->r.origin);
		j->bytes = n->r.body_len;
		if (fresh || n->reborn)
			j->put_len = sw_has(&n->r.it, SW_F_BODY) ? n->r.body_len
								 : -1;
		j->run_at = n->r.run_at_ms;
		j->due = n->r.due_ms;
		j->priority = n->r.priority;
		j->rank = n->r.rank;
		j->lane = n->r.lane;
		j->keep_until = n->r.keep_until_ms;
		j->ended_at = n->r.ended_at_ms;
		m->shelf[j->q].stored += fresh;
	}
	shelve(m, j, 1);
}

static int
by_token(const void *a, const void *b)
{
	uint64_t x = ((const struct sim_look *)a)->token;
	uint64_t y = ((const struct sim_look *)b)->token;

	return (x > y) - (x < y);
}

/* Follow-ups come with their parent's ack: all of them, or it is refused. */
static void
follows_check(struct sim *w)
{
	const struct sim_model *m = w->model;

	for (int i = 0; i < m->facts_n; i++) {
		const struct sim_fact *f = &m->facts[i];

		if (f->parent == NULL || f->parent->state != SW_DONE ||
			f->parent->ended_token != f->token ||
			f->parent->was_token != f->token)
			continue;
		f->job->existed |= sim_passed(w, f->job);
		if (!f->job->existed)
			sim_fail(w,
				"job %llx is done without its follow-up %llx",
				(unsigned long long)sim_id_no(&f->parent->id),
				(unsigned long long)sim_id_no(&f->job->id));
	}
}

/*
 * Broker time advances with the boot clock, whatever the wall clock does, and
 * never goes back, not in another boot either.
 */
static void
time_judge(struct sim *w)
{
	struct sim_model *m = w->model;
	const struct core *c = w->core;
	int64_t boot_ms = c->mono_ms + c->stalled_ms;

	if (m->time != 0 && m->time_boot == w->boots &&
		c->now_ms - m->time != boot_ms - m->time_at)
		sim_fail(w, "broker time advances by %lld ms in %lld",
			(long long)(c->now_ms - m->time),
			(long long)(boot_ms - m->time_at));
	if (c->now_ms < m->time)
		sim_fail(w, "broker time goes back by %lld ms",
			(long long)(m->time - c->now_ms));
	m->time = c->now_ms;
	m->time_at = boot_ms;
	m->time_boot = w->boots;
}

void
sim_model_commit(struct sim *w, const struct store_op *ops, size_t n)
{
	struct sim_model *m = w->model;

	time_judge(w);
	looks_take(w, ops, n);
	if (m->looks_n > 0)
		qsort(m->looks, (size_t)m->looks_n, sizeof(*m->looks),
			by_token);
	for (int i = 0; i < m->looks_n; i++) {
		sim_judge(w, &m->looks[i]);
		sim_rows_check(w, &m->looks[i]);
	}
	sim_judge_order(w);
	for (int i = 0; i < SIM_QUEUES_MAX; i++)
		m->shelf[i].given = m->shelf[i].stored = 0;
	for (int i = 0; i < m->looks_n; i++)
		adopt(w, &m->looks[i]);
	follows_check(w);
	sim_judge_queues(w);
}

void
sim_model_restart(struct sim *w)
{
	struct sim_model *m = w->model;
	struct core *c = w->core;

	for (struct sim_job *j = m->jobs; j != NULL; j = j->hh.next) {
		if (j->token == 0)
			continue;
		j->back = j->unsent = j->begun = j->missed = 0;
		j->link = 0;
		j->ends_min = j->ends_max = c->mono_ms +
					    c->queues[j->q]->set[SW_S_lease_ms];
		j->ends_least = sim_steady(w) +
				c->queues[j->q]->set[SW_S_lease_ms];
	}
	m->fresh = 1;
	m->waits_n = 0;
	for (uint32_t i = 0; i < w->links_n; i++)
		sim_missed_forget(&w->links[i]);
	sim_judge_queues(w);
}

/* Nobody serves it, and a job that is redriven there does not expire. */
static int
is_spare(const struct sim *w, int no)
{
	const struct queue *q = core_queue_of(w->core, (uint32_t)no);

	return q != NULL && strncmp(q->name, "spare-", 6) == 0;
}

const char *
sim_model_unrest(const struct sim *w)
{
	if (w->core == NULL)
		return "the broker is down";
	for (int i = 0; i < SIM_QUEUES_MAX; i++)
		for (int s = SW_DELAYED; s <= SW_LEASED; s++)
			if (w->model->shelf[i].count[s] > 0 && !is_spare(w, i))
				return s == SW_DELAYED ? "a job is delayed"
				       : s == SW_READY ? "a job is ready"
						       : "a job is leased";
	return NULL;
}
