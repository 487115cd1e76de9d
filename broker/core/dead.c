/* SPDX-License-Identifier: MIT */
#include "broker/core/dead.h"

#include "base/error.h"
#include "base/plant.h"
#include "broker/core/job.h"
#include "broker/core/notice.h"
#include "broker/core/put.h"

int
job_move_check(struct core *c, const struct record *r, const struct queue *to)
{
	static const struct put_ahead none;
	struct sw_id holder;
	int err = put_room(to, r->body_len, &none, NULL);

	return err < 0 ? err : put_unique(c, to, r->unique, &holder);
}

static struct bytes
move_event(const struct core *c, const struct record *r, struct sw_buf *b)
{
	sw_put_int(b, SW_F_KIND, SW_EV_MOVE);
	sw_put_int(b, SW_F_AT_MS, c->now_ms);
	sw_put_int(b, SW_F_CAUSE, r->cause);
	sw_put_text(b, SW_F_QUEUE, r->q->name);
	return sw_buf_bytes(b);
}

/* The cause of its death stays with the job. */
static void
dead_letter(struct core *c, struct record *r, struct queue *to)
{
	uint8_t room[SW_QUEUE_MAX + 64];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct bytes event = move_event(c, r, &b);

	r->attempt = r->crashes = r->releases = r->lapses = 0;
	r->expires_at_ms = 0;
	record_due_set(r, c->now_ms);
	r->origin = bytes_str(r->q->name);
	job_move_to(c, r, LIFE_MOVE, to, event);
}

void
dead_drop(struct core *c, struct record *r)
{
	r->q->total[TOTAL_DROPPED]++;
	job_tally_add(&c->dropped, r->q, &r->id, 0);
	job_forget(c, r);
}

void
job_died(struct core *c, struct record *r)
{
	struct bytes name = bytes_str(queue_text(r->q, SW_TS_dead_to));
	struct queue *to = NULL;
	int err;

	notice_death(c, r);
	if (name.len == 0 || (r->origin.len > 0 && !planted(ENDLESS_HOPS)))
		return;
	err = core_queue_get(c, name, &to);
	if (err == 0 && !planted(BLIND_MOVE))
		err = job_move_check(c, r, to);
	if (err == 0)
		dead_letter(c, r, to);
	else
		job_tally_add(&c->kept_dead, r->q, &r->id, err);
}
