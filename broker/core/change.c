/* SPDX-License-Identifier: MIT */
#include "broker/core/list.h"

#include <stdio.h>

#include "base/error.h"
#include "base/plant.h"
#include "broker/core/ask.h"
#include "broker/core/dead.h"
#include "broker/job/job.h"

#define WAITING (SW_BIT(SW_DELAYED) | SW_BIT(SW_READY))

enum { EVENT_ROOM = 64 + SW_TEXT_MAX };

/* An entry of the history in `room`, to which the caller may add. */
static struct sw_buf
event_begin(const struct core *c, enum sw_event kind, uint8_t room[EVENT_ROOM])
{
	struct sw_buf e = {.p = room, .cap = EVENT_ROOM};

	sw_put_int(&e, SW_F_KIND, kind);
	sw_put_int(&e, SW_F_AT_MS, c->now_ms);
	return e;
}

static int
state_refuse(struct list_change *ch, const struct record *r)
{
	return sw_refuse(ch->why, SW_ESTATE, "the job is %s",
		sw_state_name((int)r->state));
}

/* --- run ---------------------------------------------------------------- */

static int
run_each(struct core *c, struct record *r, struct list_change *ch)
{
	uint8_t room[EVENT_ROOM];
	struct sw_buf e = event_begin(c, SW_EV_RUN, room);

	if (r->state != SW_DELAYED)
		return state_refuse(ch, r);
	if (ch->dry)
		return 0;
	if (!planted(RASH_RUN))
		job_due_set(c, r, c->now_ms);
	job_move(c, r, LIFE_DUE, sw_buf_bytes(&e));
	return 0;
}

void
op_run(struct request *rq)
{
	static const struct list_op op = {
		SW_BIT(SW_NONE) | SW_BIT(SW_DELAYED), run_each, NULL};

	list_change(rq, &op);
}

/* --- move --------------------------------------------------------------- */

static int
move_begin(struct core *c, struct list_change *ch, char why[SW_WHY_ROOM])
{
	struct bytes name = sw_bytes(&ch->ask, SW_F_TEXT);
	int err = sw_field_queue_check(name, why);

	if (err < 0)
		return err;
	ch->to = core_queue_find(c, name);
	return ch->to != NULL ? 0
			      : sw_refuse(why, SW_ENOQUEUE, "%s: %.*s",
					sw_strerror(SW_ENOQUEUE), (int)name.len,
					(const char *)name.p);
}

/* The job begins anew in the other queue, unless it is dead there too. */
static void
move(struct core *c, struct record *r, struct queue *to, struct bytes event)
{
	static const enum life_event how[SW_STATES] = {
		[SW_DELAYED] = LIFE_MOVE_LATER,
		[SW_READY] = LIFE_MOVE,
		[SW_DEAD] = LIFE_MOVE_DEAD,
	};

	if (r->state != SW_DEAD)
		r->attempt = r->crashes = r->releases = r->lapses = 0;
	r->origin.len = 0;
	job_move_to(c, r, how[r->state], to, event);
}

static int
move_each(struct core *c, struct record *r, struct list_change *ch)
{
	uint8_t room[EVENT_ROOM];
	struct sw_buf e = event_begin(c, SW_EV_MOVE, room);
	int err;

	if (r->state != SW_DELAYED && r->state != SW_READY &&
		r->state != SW_DEAD)
		return state_refuse(ch, r);
	if (r->cause == SW_C_CORRUPT)
		return SW_ECORRUPT;
	if (r->q == ch->to)
		return sw_refuse(ch->why, SW_EINVAL,
			"the job is in queue %s already", ch->to->name);
	err = c->full ? SW_EFULL
		      : job_move_check(c, r, ch->to, r->state, ch->why);
	if (err < 0 || ch->dry)
		return err;
	sw_put_text(&e, SW_F_QUEUE, r->q->name);
	move(c, r, ch->to, sw_buf_bytes(&e));
	return 0;
}

void
op_move(struct request *rq)
{
	static const struct list_op op = {
		SW_BIT(SW_NONE) | WAITING | SW_BIT(SW_DEAD), move_each,
		move_begin};

	list_change(rq, &op);
}

/* --- bury --------------------------------------------------------------- */

static int
bury_each(struct core *c, struct record *r, struct list_change *ch)
{
	uint8_t room[EVENT_ROOM];
	struct sw_buf e = event_begin(c, SW_EV_BURY, room);

	if (r->state != SW_DELAYED && r->state != SW_READY)
		return state_refuse(ch, r);
	if (ch->dry)
		return 0;
	r->cause = SW_C_BURIED;
	sw_put_int(&e, SW_F_CAUSE, SW_C_BURIED);
	if (sw_has(&ch->ask, SW_F_TEXT))
		sw_put_bytes(&e, SW_F_ERROR, ch->ask.f[SW_F_TEXT]);
	job_move(c, r, LIFE_BURY, sw_buf_bytes(&e));
	job_died(c, r);
	return 0;
}

void
op_bury(struct request *rq)
{
	static const struct list_op op = {
		SW_BIT(SW_NONE) | WAITING, bury_each, NULL};

	list_change(rq, &op);
}

/* --- cancel ------------------------------------------------------------- */

static int
cancel_each(struct core *c, struct record *r, struct list_change *ch)
{
	if (r->state != SW_LEASED &&
		life_next(r->state, LIFE_CANCEL) == SW_NONE)
		return state_refuse(ch, r);
	return ch->dry ? 0 : job_cancel(c, r);
}

void
op_cancel_all(struct request *rq)
{
	static const struct list_op op = {
		SW_BIT(SW_NONE) | WAITING | SW_BIT(SW_LEASED), cancel_each,
		NULL};

	list_change(rq, &op);
}
