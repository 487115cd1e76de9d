/* SPDX-License-Identifier: MIT */
#include "broker/core/ask.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "broker/job/job.h"
#include "broker/job/lease.h"

enum { ERROR_SHOWN = 201 }; /* bytes of an error in a line, with its NUL */

/* --- get and wait ------------------------------------------------------- */

static void
get_one(struct request *rq, const struct sw_item *it)
{
	struct sw_buf *b = &rq->reply;
	struct record r;
	struct sw_id id;
	int err = SW_EINVAL;
	size_t mark = sw_item_begin(b);

	if (sw_get_id(it, &id))
		err = job_load(rq->core, &id, &r);
	reply_status_put(b, err, "");
	if (err == 0)
		job_show(rq->core, b, &r, 1);
	sw_item_end(b, mark);
}

void
op_get(struct request *rq)
{
	struct sw_item it;

	reply_begin(rq, SW_MSG_MAX);
	while (rq->reply.len < SW_BATCH_MAX && sw_msg_next(&rq->msg, &it))
		get_one(rq, &it);
	reply_send(rq);
}

static int
is_ended(enum sw_state s)
{
	return s == SW_DONE || s == SW_DEAD || s == SW_CANCELLED;
}

void
op_wait(struct request *rq)
{
	char why[SW_WHY_ROOM] = "";
	struct sw_item it;
	struct sw_id id;
	struct record r;
	int err;

	if (!sw_msg_next(&rq->msg, &it) || !sw_get_id(&it, &id)) {
		reply_refuse(rq->core, rq->peer, rq->msg.seq, SW_EINVAL,
			"wait: must be one item with an id");
		return;
	}
	err = job_load(rq->core, &id, &r);
	/* One that died and has moved was the end of this wait before. */
	if (err == 0 && !is_ended(r.state) && r.origin.len == 0) {
		err = wait_add(
			rq, &id, sw_int(&it, SW_F_TIMEOUT_MS, SW_WAIT_MS), why);
		if (err == 0)
			return;
	}
	reply_begin(rq, SW_MSG_MAX);
	if (err < 0)
		reply_status_why(rq, err, why);
	else
		get_one(rq, &it);
	reply_send(rq);
}

/* --- cancel ------------------------------------------------------------- */

/* Tells the worker that has the lease to stop the job. */
static void
stop_send(struct core *c, const struct lease *l)
{
	struct sw_buf b;
	size_t mark;

	if (l->session == NULL)
		return; /* the answer to its next heartbeat says so */
	out_begin(c, &b, REPLY_SMALL, SW_OP_STOP, 0);
	mark = sw_item_begin(&b);
	sw_put_id(&b, &l->id);
	sw_put_int(&b, SW_F_TOKEN, (int64_t)l->token);
	sw_put_int(&b, SW_F_CAUSE, SW_C_CANCELLED);
	sw_item_end(&b, mark);
	out_send(c, &b, &l->session->peer);
}

int
job_cancel(struct core *c, struct record *r)
{
	uint8_t room[64];
	struct sw_buf e = {.p = room, .cap = sizeof(room)};

	if (r->state == SW_LEASED) {
		r->lease->cancel = 1;
		lease_row_write(c, r->lease);
		stop_send(c, r->lease);
		return 0;
	}
	if (life_next(r->state, LIFE_CANCEL) == SW_NONE)
		return SW_ESTATE;
	r->cause = SW_C_CANCELLED;
	sw_put_int(&e, SW_F_KIND, SW_EV_CANCEL);
	sw_put_int(&e, SW_F_AT_MS, c->now_ms);
	job_move(c, r, LIFE_CANCEL, sw_buf_bytes(&e));
	return 0;
}

static int
cancel_one(struct core *c, const struct sw_item *it, enum sw_state *state)
{
	struct record r;
	struct sw_id id;
	int err;

	if (!sw_get_id(it, &id))
		return SW_EINVAL;
	err = job_load(c, &id, &r);
	if (err < 0)
		return err;
	err = job_cancel(c, &r);
	*state = r.state;
	return err;
}

void
op_cancel(struct request *rq)
{
	struct sw_item it;

	reply_begin(rq, REPLY_SMALL);
	while (sw_msg_next(&rq->msg, &it)) {
		size_t mark = sw_item_begin(&rq->reply);
		enum sw_state state = SW_NONE;
		int err = cancel_one(rq->core, &it, &state);

		reply_status_put(&rq->reply, err, "");
		if (state != SW_NONE)
			sw_put_int(&rq->reply, SW_F_STATE, state);
		sw_item_end(&rq->reply, mark);
	}
	reply_send(rq);
}

/* --- why is it not running ---------------------------------------------- */

/* These print one line into `why`. */
static void
why_ready(struct core *c, char why[SW_TEXT_MAX + 1], const struct record *r)
{
	struct queue *q = r->q;
	int64_t most = q->set[SW_S_concurrency];
	int64_t wait = queue_rate_wait_ms(q, c->mono_ms);
	char rate[UNIT_TEXT];

	if (q->set[SW_S_paused])
		(void)snprintf(
			why, SW_TEXT_MAX + 1, "queue %s is paused", q->name);
	else if (q->workers == 0)
		(void)snprintf(why, SW_TEXT_MAX + 1,
			"no worker serves queue %s", q->name);
	else if (most > 0 && q->count[SW_LEASED] >= most)
		(void)snprintf(why, SW_TEXT_MAX + 1,
			"queue %s runs %" PRId64 " of at most %" PRId64
			" jobs at once; %" PRId64 " are ready",
			q->name, q->count[SW_LEASED], most, q->count[SW_READY]);
	else if (wait > 0)
		(void)snprintf(why, SW_TEXT_MAX + 1,
			"the rate limit of queue %s is %s; %" PRId64
			" jobs are ready",
			q->name,
			unit_format(UNIT_RATE, q->set[SW_S_rate], rate),
			q->count[SW_READY]);
	else if (queue_slots_free(q) == 0)
		(void)snprintf(why, SW_TEXT_MAX + 1,
			"all slots of the %u workers of queue %s are taken; "
			"%" PRId64 " jobs are ready",
			q->workers, q->name, q->count[SW_READY]);
	else
		(void)snprintf(why, SW_TEXT_MAX + 1,
			"the job is next to be handed out to a worker");
}

/* The error of a failure that has one is said behind it. */
static void
attempt_text(char text[128], const struct record *r)
{
	int named = r->cause != SW_C_NONE && r->cause != SW_C_ERROR;

	(void)snprintf(text, 128,
		"attempt %" PRId64 " of %" PRId64
		" failed%s%s; the next one starts",
		r->attempt, record_max_attempts(r), named ? ", cause " : "",
		named ? sw_cause_name((int)r->cause) : "");
}

static void
why_delayed(struct core *c, char why[SW_TEXT_MAX + 1], const struct record *r)
{
	int64_t in_ms = r->due_ms != 0 ? r->due_ms - c->now_ms
				       : r->run_at_ms - c->wall_ms;
	char what[128] = "the job is delayed; it starts", in[HUMAN_TEXT];

	if (r->cause == SW_C_DRAIN && r->releases > 0)
		(void)snprintf(what, sizeof(what),
			"the job was handed back, %" PRId64
			" times by now; it starts again",
			r->releases);
	else if (r->cause == SW_C_LOST && r->lapses > 0)
		(void)snprintf(what, sizeof(what),
			"the job's worker lost its process; it starts again");
	else if (r->attempt > 0)
		attempt_text(what, r);
	(void)snprintf(why, SW_TEXT_MAX + 1, "%s in %s", what,
		human_ms(in, in_ms > 0 ? in_ms : 0));
}

static void
why_leased(struct core *c, char why[SW_TEXT_MAX + 1], const struct record *r)
{
	const struct lease *l = r->lease;
	char span[HUMAN_TEXT], progress[32] = "";

	if (l->progress >= 0)
		(void)snprintf(progress, sizeof(progress),
			", %" PRId64 " %% done", l->progress);
	(void)snprintf(why, SW_TEXT_MAX + 1,
		"attempt %" PRId64 " of %" PRId64
		" %s worker %s, for %s now%s%s%s",
		r->attempt + 1, record_max_attempts(r),
		l->begun ? "runs on" : "is leased to", l->worker,
		human_ms(span, c->now_ms - l->since_ms), progress,
		l->begun ? "" : ", and is not known to have begun",
		l->cancel ? ", and is being cancelled" : "");
}

/* The entry of the attempt that succeeded; 0: there is none. */
static int
done_event(const struct record *r, struct sw_item *event)
{
	struct bytes e;
	struct sw_item it;
	size_t at = 0;
	int found = 0;

	while (sw_item_each(&r->it, SW_F_EVENT, &at, &e))
		if (sw_item_open(e, &it) == 0 &&
			sw_int(&it, SW_F_KIND, 0) == SW_EV_DONE) {
			*event = it;
			found = 1;
		}
	return found;
}

static void
why_done(char why[SW_TEXT_MAX + 1], const struct record *r, const char *ago)
{
	char worker[SW_NAME_MAX + 1], span[HUMAN_TEXT];
	struct sw_item e;

	if (!done_event(r, &e)) {
		(void)snprintf(
			why, SW_TEXT_MAX + 1, "the job ended %s ago", ago);
		return;
	}
	sw_get_text(&e, SW_F_WORKER, worker, sizeof(worker));
	(void)snprintf(why, SW_TEXT_MAX + 1,
		"the job ended %s ago: attempt %" PRId64
		" took %s on worker %s",
		ago, sw_int(&e, SW_F_ATTEMPT, 1),
		human_ms(span, sw_int(&e, SW_F_DURATION_MS, 0)), worker);
}

static void
why_ended(struct core *c, char why[SW_TEXT_MAX + 1], const struct record *r)
{
	int64_t past_ms = c->now_ms - r->ended_at_ms;
	char ago[HUMAN_TEXT];

	(void)human_ms(ago, past_ms > 0 ? past_ms : 0);
	if (r->state == SW_DONE)
		why_done(why, r, ago);
	else if (r->state == SW_DEAD)
		(void)snprintf(why, SW_TEXT_MAX + 1,
			"the job died %s ago, cause %s, after %" PRId64
			" of %" PRId64 " attempts",
			ago, sw_cause_name((int)r->cause), r->attempt,
			record_max_attempts(r));
	else
		(void)snprintf(why, SW_TEXT_MAX + 1,
			"the job was cancelled %s ago", ago);
}

static void __attribute__((format(printf, 2, 3)))
why_add(char why[SW_TEXT_MAX + 1], const char *fmt, ...)
{
	size_t n = strlen(why);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why + n, SW_TEXT_MAX + 1 - n, fmt, ap);
	va_end(ap);
}

static void
why_add_error(char why[SW_TEXT_MAX + 1], const struct record *r)
{
	struct bytes e = text_last_line(record_last_error(r));
	char line[ERROR_SHOWN];

	if (e.len == 0)
		return;
	text_line(e, line, sizeof(line));
	why_add(why, "; last error: %s", line);
}

static void
why_waiting(struct core *c, char why[SW_TEXT_MAX + 1], const struct record *r)
{
	if (r->state == SW_DELAYED)
		why_delayed(c, why, r);
	else if (r->state == SW_READY)
		why_ready(c, why, r);
	else if (r->state == SW_LEASED)
		why_leased(c, why, r);
	else
		why_ended(c, why, r);
	if (r->state == SW_DELAYED && r->q->set[SW_S_paused])
		why_add(why, "; queue %s is paused", r->q->name);
	if (r->state == SW_READY && r->attempt > 0)
		why_add(why,
			"; %" PRId64 " of %" PRId64 " attempts have failed",
			r->attempt, record_max_attempts(r));
	if (r->lapses > 0)
		why_add(why,
			"; %" PRId64 " of its leases ended by silence or a "
			"crash before it had begun, or by a fault of its "
			"worker",
			r->lapses);
	if (r->origin.len > 0)
		why_add(why, "; it died in queue %.*s and has moved here",
			(int)r->origin.len, (const char *)r->origin.p);
	why_add_error(why, r);
	if (r->state == SW_DEAD)
		why_add(why,
			r->cause == SW_C_CORRUPT
				? "; it cannot be redriven"
				: "; spillway dead redrive makes it ready");
}

void
op_why(struct request *rq)
{
	char why[SW_TEXT_MAX + 1];
	struct sw_item it;

	reply_begin(rq, REPLY_SMALL * 2);
	while (sw_msg_next(&rq->msg, &it)) {
		struct record r;
		struct sw_id id;
		size_t mark = sw_item_begin(&rq->reply);
		int err = sw_get_id(&it, &id) ? job_load(rq->core, &id, &r)
					      : SW_EINVAL;

		reply_status_put(&rq->reply, err, "");
		if (err == 0) {
			sw_put_int(&rq->reply, SW_F_STATE, r.state);
			why_waiting(rq->core, why, &r);
			sw_put_text(&rq->reply, SW_F_TEXT, why);
		}
		sw_item_end(&rq->reply, mark);
	}
	reply_send(rq);
}
