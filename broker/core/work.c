/* SPDX-License-Identifier: MIT */
#include "broker/core/work.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/must.h"
#include "base/plant.h"
#include "broker/core/attempt.h"
#include "broker/core/follow.h"
#include "broker/core/hello.h"
#include "broker/core/put.h"
#include "broker/job/job.h"
#include "broker/job/lease.h"
#include "broker/model/index.h"

enum {
	JOBS_BYTES = 256 * 1024, /* of one JOBS message */
	/* Bytes of a job in JOBS besides its body.  The headers are the most:
	 * each of their bytes may be a field with 4 bytes of its own. */
	JOB_ROOM = (4 + 1) * SW_HEADERS_MAX + 4096,
	HAND_OUT_STEP = 16, /* jobs for a worker before the next worker's */
};

/* --- leases ------------------------------------------------------------- */

static int
extend_one(struct core *c, struct session *s, const struct sw_item *it)
{
	struct lease *l;
	struct sw_id id;

	if (!sw_get_id(it, &id))
		return sw_has(it, SW_F_COUNT)
			       ? session_listed(c, s, sw_int(it, SW_F_COUNT, 0))
			       : SW_EINVAL;
	s->named++;
	l = lease_find(&c->leases, &id);
	if (l == NULL || l->token != (uint64_t)sw_int(it, SW_F_TOKEN, 0)) {
		c->stale++;
		return SW_ESTALE;
	}
	lease_move(&c->leases, l, s);
	lease_extend(&c->leases, l, c->mono_ms + l->q->set[SW_S_lease_ms]);
	l->released = l->missed = 0;
	l->begun |= sw_int(it, SW_F_BEGUN, 0) != 0;
	if (sw_has(it, SW_F_PROGRESS))
		l->progress = sw_int(it, SW_F_PROGRESS, 0);
	if (sw_has(it, SW_F_TEXT))
		sw_get_text(it, SW_F_TEXT, l->text, sizeof(l->text));
	return l->cancel ? SW_ECANCEL : 0;
}

void
op_extend(struct request *rq)
{
	struct session *s = session_require(rq);
	struct sw_item it;

	if (s == NULL)
		return;
	reply_begin(rq, REPLY_SMALL);
	while (sw_msg_next(&rq->msg, &it))
		reply_status(rq, extend_one(rq->core, s, &it));
	reply_send(rq);
}

/* --- done --------------------------------------------------------------- */

static int
done_apply(struct core *c, struct record *r, const struct sw_item *it,
	struct put_refusal *refusal)
{
	struct attempt a = {
		.outcome = (enum sw_outcome)sw_int(it, SW_F_OUTCOME, 0),
		.cause = (enum sw_cause)sw_int(it, SW_F_CAUSE, SW_C_ERROR),
		.delay_ms = sw_int(it, SW_F_DELAY_MS, -1),
		.report = it,
	};
	int err;

	if (a.outcome < SW_ACK || a.outcome > SW_STOPPED ||
		a.cause < SW_C_NONE || a.cause >= SW_CAUSES ||
		a.delay_ms > SW_DELAY_MAX_MS)
		return SW_EINVAL;
	if (a.outcome != SW_ACK && sw_has(it, SW_F_FOLLOW))
		return sw_refuse(refusal->why, SW_EINVAL,
			"follow is a field of an ack, not of %s",
			sw_outcome_name((int)a.outcome));
	if (a.outcome != SW_ACK) {
		attempt_end(c, r, &a);
		return 0;
	}
	err = follows_check(c, it, refusal);
	/* The checks of follow-ups read the store, so the pointers in *r are
	 * no longer valid. */
	if (err == 0 && sw_has(it, SW_F_FOLLOW))
		err = job_load(c, &r->id, r);
	if (err < 0)
		return err;
	attempt_end(c, r, &a);
	follows_apply(c, it);
	return 0;
}

/* Whether the report differs from the one that is known, as DETAIL says it. */
static const char *
difference(const struct record *r, const struct sw_item *it)
{
	int64_t outcome = sw_int(it, SW_F_OUTCOME, 0);

	if (r->outcome == 0 || planted(TWO_OUTCOMES))
		return NULL;
	if (r->outcome != outcome)
		return "";
	return r->digest != 0 && r->digest !=
					 attempt_digest(
						 (enum sw_outcome)outcome, it)
		       ? ", with another result or other follow-ups"
		       : NULL;
}

/* A report of a lease that is over: 0 if it is the one that ended the lease. */
static int
done_again(struct core *c, const struct record *r, uint64_t token,
	const struct sw_item *it, char *why)
{
	const char *other = r->token == token ? difference(r, it) : "";

	if (other == NULL)
		return 0;
	c->stale++;
	if (r->token != token)
		return SW_ESTALE;
	return sw_refuse(why, SW_ESTALE,
		"the lease was reported as %s before%s",
		sw_outcome_name((int)r->outcome), other);
}

static int
done_one(struct core *c, struct session *s, const struct sw_item *it,
	struct put_refusal *refusal)
{
	uint64_t token = (uint64_t)sw_int(it, SW_F_TOKEN, 0);
	struct record r;
	struct sw_id id;
	int err;

	if (!sw_get_id(it, &id) || token == 0)
		return SW_EINVAL;
	err = job_load(c, &id, &r);
	if (err < 0)
		return err;
	if (r.lease == NULL || (r.lease->token != token && !planted(STALE_ACK)))
		return done_again(c, &r, token, it, refusal->why);
	if (s != NULL)
		session_seen(c, s);
	r.lease->begun |= sw_int(it, SW_F_BEGUN, 0) != 0;
	return done_apply(c, &r, it, refusal);
}

void
op_done(struct request *rq)
{
	struct session *s = session_find(rq->core->sessions, rq->peer);
	struct sw_item it;

	reply_begin(rq, REPLY_SMALL);
	while (sw_msg_next(&rq->msg, &it)) {
		struct put_refusal refusal;
		int err;

		refusal.why[0] = '\0';
		err = done_one(rq->core, s, &it, &refusal);
		reply_status_why(rq, err, refusal.why);
	}
	reply_send(rq);
}

/* --- hand-out ----------------------------------------------------------- */

/*
 * Whether the queue has a job that may start now.  If not, and no request will
 * change that, sees to it that the queue is looked at again: a rate limit ends
 * with time, and ready jobs that are not in memory are read at the start of a
 * turn.
 */
static int
queue_can_start(void *arg, struct queue *q)
{
	struct core *c = arg;
	struct entry e;
	uint64_t lane;
	int64_t most = q->set[SW_S_concurrency], wait_ms;

	if (q->set[SW_S_paused] || q->count[SW_READY] == 0 ||
		(most > 0 &&
			q->count[SW_LEASED] >= most + planted(ONE_TOO_MANY)))
		return 0;
	wait_ms = queue_rate_wait_ms(q, c->mono_ms);
	if (wait_ms > 0) {
		due_set(&c->lists.rated, &q->rated, c->mono_ms + wait_ms);
		return 0;
	}
	if (lanes_next(&q->lanes, &lane, &e))
		return 1;
	/* Otherwise the counter includes a job whose ready row is lost. */
	core_ready_read(c, q);
	return 0;
}

static void
ready_row_drop(
	struct core *c, struct queue *q, uint64_t lane, const struct entry *e)
{
	struct key k = key_ready(q->no, lane, e->at, &e->id);

	batch_delete(&c->batch, key_bytes(&k));
}

/* Buries a job whose ready row exists but whose record cannot be read. */
static void
ready_row_bury(
	struct core *c, struct queue *q, uint64_t lane, const struct entry *e)
{
	ready_row_drop(c, q, lane, e);
	job_bury_corrupt(c, q, &e->id, SW_READY, c->now_ms);
}

/* Whether `e` is the key of the job's own ready row: rows have no checksum, so
 * a corrupt one may name any job. */
static int
row_is_of_job(const struct record *r, const struct queue *q, uint64_t lane,
	const struct entry *e)
{
	return r->state == SW_READY && r->q == q && r->lane == lane &&
	       r->rank == e->at;
}

static struct lease *
lease_give(struct core *c, struct session *s, const struct record *r)
{
	struct key k = key_ready(r->q->no, r->lane, r->rank, &r->id);
	struct lease *l = lease_new(&c->leases, &r->id);

	must(l != NULL); /* jobs_hand_out() has checked LEASES_MAX */
	l->token = c->next_token++;
	l->q = r->q;
	lease_move(&c->leases, l, s);
	l->worker_id = s->worker;
	l->since_ms = c->now_ms;
	memcpy(l->worker, s->name, sizeof(l->worker));
	lease_extend(&c->leases, l, c->mono_ms + r->q->set[SW_S_lease_ms]);
	lease_row_write(c, l);
	batch_delete(&c->batch, key_bytes(&k));
	if (r->expires_at_ms != 0)
		expiry_row_remove(c, r);
	r->q->count[SW_READY]--;
	r->q->count[SW_LEASED]++;
	queue_rate_spend(r->q);
	queue_touch(r->q);
	s->sent++;
	c->handed_out++;
	return l;
}

/* What the worker must know of the queue, where it is not the default. */
static void
settings_send(struct sw_buf *b, const struct queue *q)
{
	static const enum sw_setting sent[] = {
#define X(name) SW_S_##name,
		SW_JOB_SETTING_MAP(X)
#undef X
	};

	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
		if (q->set[sent[i]] != sw_setting_rules[sent[i]].def)
			sw_put_fmt(b, SW_F_SETTING, "%s=%" PRId64,
				sw_setting_rules[sent[i]].name,
				q->set[sent[i]]);
}

static void
job_send(const struct core *c, struct sw_buf *b, const struct record *r,
	const struct lease *l)
{
	static const uint64_t keep = SW_BIT(SW_F_ID) | SW_BIT(SW_F_QUEUE) |
				     SW_BIT(SW_F_BODY) |
				     SW_BIT(SW_F_CONTENT_TYPE) |
				     SW_BIT(SW_F_PRIORITY) | SW_BIT(SW_F_FAIR) |
				     SW_BIT(SW_F_HEADER);
	const int64_t *set = r->q->set;
	size_t mark = sw_item_begin(b);

	sw_copy_without(b, &r->it, ~keep);
	sw_put_int(b, SW_F_CREATED_AT_MS, core_shown_ms(c, r->created_at_ms));
	sw_put_int(b, SW_F_TOKEN, (int64_t)l->token);
	sw_put_int(b, SW_F_ATTEMPT, r->attempt + 1);
	sw_put_int(b, SW_F_MAX_ATTEMPTS, record_max_attempts(r));
	sw_put_int(b, SW_F_TIMEOUT_MS,
		sw_int(&r->it, SW_F_TIMEOUT_MS, set[SW_S_timeout_ms]));
	sw_put_int(b, SW_F_LEASE_MS, set[SW_S_lease_ms]);
	if (r->crashes > 0)
		sw_put_int(b, SW_F_CRASHES, r->crashes);
	settings_send(b, r->q);
	sw_item_end(b, mark);
}

/* Leases at most `most` jobs to `s` and sends them in one message.  Returns
 * their number. */
static int
jobs_hand_out(struct core *c, struct session *s, int most)
{
	struct sw_buf b;
	struct queue *q;
	int given = 0;

	out_begin(c, &b, JOBS_BYTES, SW_OP_JOBS, 0);
	while (given < most && s->sent < s->credit &&
		lease_count(&c->leases) < LEASES_MAX &&
		b.len < JOBS_BYTES - SW_BODY_MAX - JOB_ROOM &&
		(q = session_next_queue(s, queue_can_start, c)) != NULL) {
		struct record r;
		struct entry e;
		struct lease *l;
		uint64_t lane;
		int err;

		must(lanes_next(
			&q->lanes, &lane, &e)); /* queue_can_start() was true */
		if (lanes_pop(&q->lanes, lane))
			queue_list(q, QUEUE_LOW);
		err = job_load(c, &e.id, &r);
		if (err < 0) {
			ready_row_bury(c, q, lane, &e);
			continue;
		}
		if (!row_is_of_job(&r, q, lane, &e)) {
			ready_row_drop(c, q, lane, &e);
			if (r.state == SW_READY)
				ready_row_add(c, &r); /* at its own key */
			continue;
		}
		l = lease_give(c, s, &r);
		job_send(c, &b, &r, l);
		given++;
	}
	if (given > 0)
		out_send(c, &b, &s->peer);
	else
		arena_trim(&c->out_arena, b.p, 0);
	return given;
}

/*
 * Serves the active queues in turn, each by the worker that was served longest
 * ago, a few jobs at a time, so that no worker takes all of a short backlog.
 * A queue that has nothing to start leaves the list, until something changes.
 */
void
work_hand_out(struct core *c)
{
	int left = TURN_LEASES;
	struct queue *q;

	while (left > 0 && core_has_room(c) &&
		lease_count(&c->leases) < LEASES_MAX) {
		struct session *s;

		q = queue_list_take(&c->lists, QUEUE_ACTIVE);
		if (q == NULL)
			return;
		if (q->hungry == NULL || !queue_can_start(c, q))
			continue;
		s = q->hungry->session;
		left -= jobs_hand_out(
			c, s, left < HAND_OUT_STEP ? left : HAND_OUT_STEP);
		session_hunger(s);
		queue_wake(q);
	}
	if (c->lists.first[QUEUE_ACTIVE] != NULL &&
		lease_count(&c->leases) < LEASES_MAX)
		c->more = 1;
}
