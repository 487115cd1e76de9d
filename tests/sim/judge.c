/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "base/must.h"
#include "tests/sim/model.h"

/* How a lease may have ended. */
struct ways {
	int ack, retry, fail; /* a report with its very token */
	int release, stopped;
	int silence, back, unsent, missed;
	int begun;     /* the broker must know that the job has begun */
	int begun_now; /* ... or may, by a message of this turn */
};

static _Noreturn void
wrong(struct sim *w, const struct sim_look *n, const char *what)
{
	const struct sim_job *j = n->job;

	sim_fail(w, "job %llx: %s (was %s, attempt %lld; is %s, attempt %lld)",
		(unsigned long long)sim_id_no(&j->id), what,
		sw_state_name((int)j->state), (long long)j->attempt,
		sw_state_name((int)n->state),
		n->there ? (long long)n->r.attempt : 0);
}

int
sim_heard(const struct sim *w, const struct sim_job *j, int op)
{
	const struct sim_model *m = w->model;
	int i = j->heard_turn == m->turn ? j->heard : -1;

	if (op == SW_OP_CANCEL && m->cancel)
		return 1;
	for (; i >= 0; i = m->facts[i].next)
		if (m->facts[i].op == op)
			return 1;
	return 0;
}

int
sim_passed(const struct sim *w, const struct sim_job *j)
{
	return sim_heard(w, j, SW_OP_PUT) &&
	       (w->model->purge || sim_heard(w, j, SW_OP_CANCEL));
}

static int
bye_heard(const struct sim *w, const struct sim_job *j)
{
	const struct sim_model *m = w->model;

	if (!m->bye)
		return 0;
	for (int i = 0; i < m->heard_n; i++)
		if (m->heard[i].op == SW_OP_BYE &&
			(m->heard[i].link == j->link ||
				sim_heard(w, j, SW_OP_EXTEND)))
			return 1;
	return 0;
}

static struct ways
ways_of(const struct sim *w, const struct sim_job *j)
{
	const struct sim_model *m = w->model;
	int i = j->heard_turn == m->turn ? j->heard : -1;
	struct ways y = {
		.silence = w->core->mono_ms >= j->ends_min &&
			   sim_steady(w) >= j->ends_least,
		.back = j->back || bye_heard(w, j),
		.unsent = j->unsent,
		.missed = j->missed,
		.begun = j->begun,
		.begun_now = j->begun,
	};

	for (; i >= 0; i = m->facts[i].next) {
		if (m->facts[i].token != j->token)
			continue;
		y.begun_now |= m->facts[i].begun;
		if (m->facts[i].op != SW_OP_DONE)
			continue;
		y.begun |= m->facts[i].begun;
		y.ack |= m->facts[i].outcome == SW_ACK;
		y.retry |= m->facts[i].outcome == SW_RETRY;
		y.fail |= m->facts[i].outcome == SW_FAIL;
		y.release |= m->facts[i].outcome == SW_RELEASE;
		y.stopped |= m->facts[i].outcome == SW_STOPPED;
	}
	return y;
}

/* Its own maximum does not count in a dead-letter queue. */
static int
has_own_most(const struct sim_look *n)
{
	return n->r.max_attempts > 0 && n->r.origin.len == 0;
}

static int64_t
most_attempts(const struct sim_look *n)
{
	return has_own_most(n) ? n->r.max_attempts
			       : n->r.q->set[SW_S_max_attempts];
}

/* Whether it is in another queue than before. */
static int
moved(const struct sim_look *n)
{
	return n->there && !n->reborn && n->job->state != SW_NONE &&
	       n->job->q != (int)n->r.q->no;
}

static int
spent(const struct sim_look *n)
{
	int crash = n->r.cause == SW_C_CRASH || n->r.cause == SW_C_OOM;

	return n->r.attempt >= most_attempts(n) ||
	       (crash && n->r.crashes >= n->r.q->set[SW_S_max_crashes]);
}

static int
expired(const struct sim *w, const struct sim_look *n)
{
	return n->r.cause == SW_C_EXPIRED && n->r.expires_at_ms != 0 &&
	       n->r.expires_at_ms <= w->core->now_ms;
}

/* --- leases ------------------------------------------------------------- */

/* What the end of a lease may cost. */
struct costs {
	int charged, lapse, hand_back, free;
};

/* A setting of this turn may have been heard before or after the end. */
static struct costs
costs_of(const struct sim *w, const struct sim_look *n, const struct ways *y)
{
	const struct sim_job *j = n->job;
	const int64_t *set = n->r.q->set;
	int back = y->release || y->stopped || y->back;
	int lapses_up = j->lapses + 1 >= set[SW_S_max_crashes];
	int releases_up = j->releases >= set[SW_S_max_releases];
	int any = w->model->set || moved(n);
	struct costs c = {0};

	c.charged = y->ack || y->retry || y->fail ||
		    (y->silence && (y->begun_now || lapses_up || any)) ||
		    (back && y->begun_now && (releases_up || any));
	c.lapse = y->silence && !y->begun && (!lapses_up || any);
	c.hand_back = back && y->begun_now && (!releases_up || any);
	c.free = y->unsent || y->missed ||
		 (back && (!y->begun || j->cancel ||
				  sim_heard(w, j, SW_OP_CANCEL)));
	return c;
}

static void
attempts_judge(struct sim *w, const struct sim_look *n, int ended,
	const struct ways *y)
{
	const struct sim_job *j = n->job;
	int64_t more = n->r.attempt - j->attempt;
	int64_t lapsed = n->r.lapses - j->lapses;
	int64_t returned = n->r.releases - j->releases;
	struct costs c = {.free = 1};

	if ((w->model->redrive || w->model->move || moved(n)) &&
		n->r.attempt == 0)
		return; /* begun anew */
	if (ended)
		c = costs_of(w, n, y);
	if (!(c.charged && more == 1 && n->r.lapses == 0 && returned == 0) &&
		!(c.lapse && more == 0 && lapsed == 1 && returned == 0) &&
		!(c.hand_back && more == 0 && lapsed == 0 && returned == 1) &&
		!(c.free && more == 0 && lapsed == 0 && returned == 0))
		wrong(w, n, "its attempts are counted wrongly");
	if (more == 1 && !w->model->set &&
		n->r.attempt >
			(has_own_most(n) ? n->r.max_attempts
					 : w->model->shelf[j->q].attempts))
		wrong(w, n, "it was tried too often");
}

/* The lease that was is over: something must have ended it, and well. */
static void
end_judge(struct sim *w, const struct sim_look *n, const struct ways *y)
{
	const struct sim_job *j = n->job;
	int waits = n->state == SW_DELAYED || n->state == SW_READY ||
		    n->state == SW_LEASED;

	if (!y->ack && !y->retry && !y->fail && !y->release && !y->stopped &&
		!y->silence && !y->back && !y->unsent) {
		if (!y->missed)
			wrong(w, n, "its lease has ended, and nobody ended it");
		sim_missed_judge(w, j);
	}
	if (!n->there || n->reborn || w->model->redrive || moved(n))
		return;
	if (j->cancel && !y->ack && n->state != SW_CANCELLED)
		wrong(w, n, "it was to be cancelled");
	if (waits && y->fail && !y->silence && !y->release && !y->retry)
		wrong(w, n, "it has failed for good");
	if (waits && n->r.attempt > j->attempt && !w->model->set && spent(n))
		wrong(w, n, "it is tried again though it was spent");
}

static void
lease_judge(struct sim *w, const struct sim_look *n)
{
	const struct sim_job *j = n->job;
	int ended = j->token != 0 && n->token != j->token;
	struct ways y = {0};

	if (j->token != 0)
		y = ways_of(w, j);
	if (ended)
		end_judge(w, n, &y);
	else if (y.retry || y.fail || y.release || y.stopped)
		wrong(w, n, "a report with its token changed nothing");
	if (n->there && j->state != SW_NONE && !n->reborn)
		attempts_judge(w, n, ended, &y);
	if (n->token == 0 || n->token == j->token)
		return;
	if (n->token <= w->model->max_token)
		wrong(w, n, "its token was there before");
	if (n->r.q->set[SW_S_paused])
		wrong(w, n, "it was handed out by a paused queue");
	w->model->max_token = n->token;
}

/* --- states ------------------------------------------------------------- */

static int
acked(const struct sim *w, const struct sim_job *j)
{
	return j->token != 0 && ways_of(w, j).ack;
}

/* A notice of some queue, in the queue that is to get it. */
static int
is_notice(const struct sim *w, const struct sim_look *n)
{
	const char *to = n->r.q->name;
	struct bytes h = sw_bytes(&n->r.it, SW_F_HEADER);

	if (h.len < 16 || memcmp(h.p, "spillway-notice=", 16) != 0)
		return 0;
	for (unsigned i = 0; i < w->core->queues_n; i++)
		if (strcmp(queue_text(w->core->queues[i], SW_TS_on_dead), to) ==
				0 ||
			strcmp(queue_text(w->core->queues[i], SW_TS_on_age),
				to) == 0)
			return 1;
	return w->model->set || w->model->move;
}

/* Whether a put of this turn, or a report with a follow-up, makes the job. */
static int
is_put(const struct sim *w, const struct sim_job *j)
{
	const struct sim_model *m = w->model;
	int i = j->heard_turn == m->turn ? j->heard : -1;

	for (; i >= 0; i = m->facts[i].next) {
		const struct sim_fact *f = &m->facts[i];

		if (f->op != SW_OP_PUT)
			continue;
		if (f->parent == NULL ||
			(f->parent->token == f->token && f->token != 0))
			return 1;
	}
	return 0;
}

static int
is_made(const struct sim *w, const struct sim_look *n)
{
	return is_put(w, n->job) || is_notice(w, n);
}

static void
born_judge(struct sim *w, const struct sim_look *n)
{
	if (n->r.attempt != 0)
		wrong(w, n, "it is new and has been tried");
	if (n->r.created_at_ms != w->core->now_ms)
		wrong(w, n, "it is not of this moment");
	if (!is_made(w, n))
		wrong(w, n, "it came from nowhere");
}

/*
 * Whether an ended job has been kept for its retention, by the machine's own
 * clock.  In another boot broker time may begin with a wall clock that was set
 * forward, so nothing is said of jobs that ended before.
 */
static int
was_kept(const struct sim *w, const struct sim_job *j)
{
	return j->ended_boot != w->boots ||
	       w->now + w->late_ms - j->ended_now >= j->retain;
}

/* Whether its queue, which may be removed behind it, keeps the dead for no
 * longer than that. */
static int
dead_may_go(const struct sim *w, const struct sim_job *j)
{
	const struct queue *q = core_queue_of(w->core, (uint32_t)j->q);
	int64_t retain = q != NULL ? q->set[SW_S_retain_dead_ms] : 1;

	return j->state == SW_DEAD &&
	       (w->model->set || w->model->move ||
		       (retain > 0 && j->ended_at + retain <= w->core->now_ms));
}

static const struct queue *
dead_letter_queue(const struct sim *w, const struct queue *q)
{
	return queue_find(w->core->queues_by_name,
		bytes_str(queue_text(q, SW_TS_dead_to)));
}

/* Whether a job that ends is not kept: in its queue, or where its dead go. */
static int
may_be_unkept(const struct sim *w, const struct queue *q)
{
	const struct queue *to = q != NULL ? dead_letter_queue(w, q) : NULL;

	return q == NULL || q->set[SW_S_retain_done_ms] == 0 ||
	       (to != NULL && to->set[SW_S_retain_done_ms] == 0);
}

/* Whether its record may have been removed in this turn. */
static int
may_go(const struct sim *w, const struct sim_job *j)
{
	const struct queue *q = core_queue_of(w->core, (uint32_t)j->q);
	int was_final = j->state == SW_DONE || j->state == SW_CANCELLED;
	int ends = acked(w, j) || j->cancel || sim_heard(w, j, SW_OP_CANCEL);

	return w->model->purge || dead_may_go(w, j) ||
	       (was_final && j->keep_until <= w->core->now_ms &&
		       was_kept(w, j)) ||
	       (ends && (may_be_unkept(w, q) || w->model->set ||
				w->model->move));
}

/* The dead-letter queue would have taken the job for certain.  There a person
 * may bury it, too, in the same turn. */
static int
must_move(const struct sim *w, const struct sim_look *n)
{
	const struct sim_job *j = n->job;
	const struct queue *to = dead_letter_queue(w, n->r.q);

	return to != NULL && j->origin < 0 && n->r.origin.len == 0 &&
	       n->r.unique.len == 0 && to->set[SW_S_max_jobs] == 0 &&
	       to->set[SW_S_max_bytes] == 0;
}

static void
dead_judge(struct sim *w, const struct sim_look *n)
{
	const struct sim_job *j = n->job;
	int ended = j->token != 0;

	if (!w->model->set && !w->model->move && must_move(w, n))
		wrong(w, n, "it is dead, and its dead-letter queue has room");
	if (expired(w, n))
		return;
	if (n->r.cause == SW_C_BURIED) {
		if (!w->model->bury)
			wrong(w, n, "it is buried, and nobody asked for it");
		return;
	}
	if (!ended)
		wrong(w, n, "it is dead for no reason");
	if (moved(n))
		return; /* the settings of the other queue let it die */
	if (!ways_of(w, j).fail && !w->model->set && !spent(n))
		wrong(w, n, "it is dead and could be tried again");
}

/* A job that starts: by its time, and unless a person lets it run, or takes it
 * back when it was buried or had expired, by the time that was stored before.
 */
static int
is_early(const struct sim *w, const struct sim_look *n)
{
	const struct sim_job *j = n->job;
	int was_dead = w->model->bury || n->r.cause == SW_C_EXPIRED;

	if (n->r.due_ms > w->core->now_ms)
		return 1;
	if (j->state != SW_DELAYED || moved(n) || w->model->run ||
		(was_dead && (w->model->redrive || w->model->move)))
		return 0;
	return j->due != 0 ? j->due > w->core->now_ms
			   : j->run_at > w->core->wall_ms;
}

/* One more attempt, maybe by a crash, and the queue `q` gives it up. */
static int
spent_in(const struct sim_job *j, const struct queue *q, int64_t own)
{
	int64_t most = own > 0 ? own : q->set[SW_S_max_attempts];

	return j->attempt + 1 >= most ||
	       j->crashes + 1 >= q->set[SW_S_max_crashes];
}

/* It died in the queue where it was, and moved to its dead-letter queue. */
static void
dead_letter_judge(struct sim *w, const struct sim_look *n)
{
	const struct sim_job *j = n->job;
	const struct queue *from = w->core->queues[j->q];

	if (j->origin >= 0)
		wrong(w, n, "it dies from queue to queue");
	if (sim_queue_no(w, n->r.origin) != j->q)
		wrong(w, n, "it does not name the queue that it died in");
	if (w->model->set)
		return;
	if (strcmp(queue_text(from, SW_TS_dead_to), n->r.q->name) != 0)
		wrong(w, n, "it moved to a queue that is not for its dead");
	if (n->state == SW_DELAYED || n->r.attempt != 0)
		wrong(w, n, "it has moved and does not begin anew");
	if (n->r.cause == SW_C_EXPIRED || w->model->bury ||
		n->state == SW_CANCELLED)
		return; /* a cancel leaves another cause */
	if (j->token == 0)
		wrong(w, n, "it has moved for no reason");
	if (!ways_of(w, j).fail && !spent_in(j, from, n->r.max_attempts))
		wrong(w, n, "it has moved and could be tried again");
}

static void
move_judge(struct sim *w, const struct sim_look *n)
{
	const struct sim_job *j = n->job;

	if (j->state == SW_DONE || j->state == SW_CANCELLED)
		wrong(w, n, "it was moved as it had ended");
	if (w->model->move)
		return;
	if (n->r.origin.len > 0)
		dead_letter_judge(w, n);
	else if (!w->model->redrive)
		wrong(w, n, "it has moved, and nobody redrove it");
	else if (j->origin != (int)n->r.q->no)
		wrong(w, n, "it was redriven to a queue that is not its own");
}

static void
state_judge(struct sim *w, const struct sim_look *n)
{
	const struct sim_job *j = n->job;
	int starts = n->state == SW_READY || n->state == SW_LEASED;

	if (j->state == SW_DONE || j->state == SW_CANCELLED)
		wrong(w, n, "it had ended");
	if (j->state == SW_DEAD && !w->model->redrive)
		wrong(w, n, "it was dead, and nobody redrove it");
	if (n->state == SW_DONE && (!acked(w, j) || n->r.token != j->token))
		wrong(w, n, "it is done without an ack of its lease");
	if (n->state == SW_CANCELLED && !sim_heard(w, j, SW_OP_CANCEL) &&
		!(j->token != 0 && j->cancel))
		wrong(w, n, "it is cancelled, and nobody asked for it");
	if (n->state == SW_DEAD)
		dead_judge(w, n);
	if (starts && is_early(w, n))
		wrong(w, n, "it runs before its time");
}

/* A job that was put, tried or redriven has its place by its next start. */
static void
rank_judge(struct sim *w, const struct sim_look *n)
{
	const struct sim_job *j = n->job;
	int waits = n->state == SW_DELAYED || n->state == SW_READY ||
		    n->state == SW_LEASED;
	int moved = j->state == SW_NONE || j->state == SW_DEAD || n->reborn ||
		    n->r.attempt != j->attempt || n->r.releases != j->releases;

	if (!n->there || !waits || !moved || w->model->set || n->r.due_ms == 0)
		return;
	if (n->r.rank != record_rank(&n->r))
		wrong(w, n, "its place among the ready jobs is an old one");
}

void
sim_judge(struct sim *w, struct sim_look *n)
{
	const struct sim_job *j = n->job;

	if (!n->there && n->token == 0 && j->state == SW_NONE)
		return; /* it came and went within this turn */
	n->reborn = n->there && j->state != SW_NONE && n->r.attempt == 0 &&
		    n->r.created_at_ms == w->core->now_ms && may_go(w, j) &&
		    is_made(w, n);
	if (j->state == SW_NONE || n->reborn)
		born_judge(w, n);
	lease_judge(w, n);
	if (!n->there && !may_go(w, j))
		wrong(w, n, "it is gone, and nobody removed it");
	if (n->there && !n->reborn && n->state != j->state)
		state_judge(w, n);
	rank_judge(w, n);
	if (moved(n))
		move_judge(w, n);
}
