/* SPDX-License-Identifier: MIT */
#include "broker/core/dead.h"

#include "base/error.h"
#include "base/plant.h"
#include "broker/core/notice.h"
#include "broker/core/put.h"
#include "broker/job/job.h"
#include "broker/model/index.h"

int
job_move_check(struct core *c, const struct record *r, const struct queue *to,
	enum sw_state state, char *why)
{
	static const struct put_ahead none;
	struct sw_id holder;
	struct index rows;
	int err = put_room(to, r->body_len, &none, why);

	index_of(r, state, &rows);
	if (err < 0 || rows.row[INDEX_UNIQUE].len == 0)
		return err;
	return put_unique(c, to, r->unique, &holder);
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
	note_dropped(&c->notes, r);
	job_forget(c, r);
}

/* The queue that takes the job, which has died.  0, and *to is NULL: it stays;
 * or why the dead-letter queue refuses the job. */
static int
letter_queue(struct core *c, const struct record *r, struct queue **to)
{
	struct bytes name = bytes_str(queue_text(r->q, SW_TS_dead_to));
	char why[SW_WHY_ROOM];
	int err;

	if (name.len == 0 || (r->origin.len > 0 && !planted(ENDLESS_HOPS)))
		return 0;
	err = core_queue_get(c, name, to, why);
	if (err == 0 && !planted(BLIND_MOVE))
		err = job_move_check(c, r, *to, SW_READY, NULL);
	return err;
}

void
job_died(struct core *c, struct record *r)
{
	struct queue *to = NULL;
	int err;

	notice_death(c, r);
	err = letter_queue(c, r, &to);
	if (err < 0) {
		note_refused(&c->notes, NOTE_KEPT, r->q, &r->id, err);
		return;
	}
	note_dead(&c->notes, r, to);
	if (to != NULL)
		dead_letter(c, r, to);
}
