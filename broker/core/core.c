/* SPDX-License-Identifier: MIT */
#include "broker/core/core.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "base/must.h"
#include "base/plant.h"
#include "broker/core/admin.h"
#include "broker/core/ask.h"
#include "broker/core/attempt.h"
#include "broker/core/due.h"
#include "broker/core/hello.h"
#include "broker/core/list.h"
#include "broker/core/load.h"
#include "broker/core/notice.h"
#include "broker/core/put.h"
#include "broker/core/work.h"
#include "broker/job/job.h"
#include "broker/job/reply.h"

enum {
	SECOND_MS = 1000,
	SECONDS_MAX = 60, /* older seconds no longer change the means */
	TOKEN_BITS = 40,  /* of the counter, below the epoch */
};

static op_fn *const operations[SW_REPLY] = {
	[SW_OP_PUT] = op_put,
	[SW_OP_HELLO] = op_hello,
	[SW_OP_WANT] = op_want,
	[SW_OP_DONE] = op_done,
	[SW_OP_EXTEND] = op_extend,
	[SW_OP_CANCEL] = op_cancel,
	[SW_OP_GET] = op_get,
	[SW_OP_WAIT] = op_wait,
	[SW_OP_LIST] = op_list,
	[SW_OP_REDRIVE] = op_redrive,
	[SW_OP_PURGE] = op_purge,
	[SW_OP_QUEUE_SET] = op_queue_set,
	[SW_OP_QUEUES] = op_queues,
	[SW_OP_WORKERS] = op_workers,
	[SW_OP_STATS] = op_stats,
	[SW_OP_WHY] = op_why,
	[SW_OP_BYE] = op_bye,
	[SW_OP_RUN] = op_run,
	[SW_OP_MOVE] = op_move,
	[SW_OP_BURY] = op_bury,
	[SW_OP_CANCEL_ALL] = op_cancel_all,
	[SW_OP_BACKUP] = op_backup,
	[SW_OP_IMPORT] = op_import,
};

static void
time_set(struct core *c)
{
	c->now_ms = c->clocks.now_ms;
	c->wall_ms = c->clocks.wall_ms;
}

/* --- restart ------------------------------------------------------------ */

int
core_init_any(struct core *c, struct store *s, const struct claim *claim,
	const struct core_start *at)
{
	struct stamp stamp;
	int err;

	*c = (struct core){.store = s, .claim = *claim};
	c->stalled_ms = at->stalled_ms;
	c->mono_ms = c->second_ms = at->boot_ms - at->stalled_ms;
	c->rate_wait_ms = SECOND_MS;
	c->next_token =
		(planted(TOKEN_AGAIN) ? 1 : claim->epoch) << TOKEN_BITS | 1;
	arena_init(&c->out_arena);
	c->outs = calloc(OUTS_MAX, sizeof(*c->outs));
	err = c->outs == NULL ? -ENOMEM : batch_init(&c->batch);
	if (err == 0)
		err = lease_table_init(&c->leases);
	if (err == 0)
		err = convert_look(c, &stamp);
	if (err == 0) {
		clocks_start(&c->clocks, stamp.format != 0 ? &stamp : NULL,
			at->boot_id, at->wall_ms, at->boot_ms);
		time_set(c);
		c->started_ms = c->now_ms;
		c->settled_ms = stamp.format == 0
					? c->now_ms
					: stamp.until_ms - CLOCKS_AHEAD_MS;
		err = core_load(c);
	}
	if (err < 0)
		core_fini(c);
	return err;
}

int
core_convert(struct core *c)
{
	int err = convert_run(c, CONVERT_PAGE);

	return err < 0 ? err : due_load(c);
}

int
core_init(struct core *c, struct store *s, const struct claim *claim,
	const struct core_start *at)
{
	int err = core_init_any(c, s, claim, at);

	if (err < 0)
		return err;
	if (c->queues_lost > 0) {
		(void)snprintf(
			s->why, sizeof(s->why), "corrupt: %s", c->damage);
		err = SW_ECORRUPT;
	} else if (c->format < STORE_FORMAT) {
		err = core_convert(c);
	}
	if (err < 0)
		core_fini(c);
	return err;
}

/* HASH_CLEAR leaves the entries linked by hh.next. */
static void
sessions_free(struct core *c)
{
	struct session *s = c->sessions, *next;

	HASH_CLEAR(hh_worker, c->by_worker);
	HASH_CLEAR(hh, c->sessions);
	for (; s != NULL; s = next) {
		next = s->hh.next;
		free(s);
	}
}

static void
waiters_free(struct core *c)
{
	struct waiter *first = c->waiters, *w, *next;

	HASH_CLEAR(hh, c->waiters);
	while ((w = first) != NULL) {
		first = w->hh.next;
		for (; w != NULL; w = next) {
			next = w->next;
			free(w);
		}
	}
}

void
core_fini(struct core *c)
{
	sessions_free(c);
	waiters_free(c);
	HASH_CLEAR(hh, c->queues_by_name);
	for (unsigned i = 0; i < c->queues_n; i++)
		queue_free(c->queues[i]);
	timer_heap_fini(&c->timers);
	timer_heap_fini(&c->wall_timers);
	lease_table_fini(&c->leases);
	batch_fini(&c->batch);
	arena_fini(&c->out_arena);
	free(c->outs);
	*c = (struct core){0};
}

int
core_reload(struct core *c, int64_t full_ms)
{
	struct store *s = c->store;
	struct claim claim = c->claim;
	struct clocks clocks = c->clocks;
	struct core_start at = {.wall_ms = c->wall_ms,
		.boot_ms = c->mono_ms + c->stalled_ms,
		.stalled_ms = c->stalled_ms,
		.boot_id = clocks.boot_id};
	int64_t started_ms = c->started_ms;
	uint64_t next_token = c->next_token;
	struct backup backup = c->backup;
	int err;

	core_fini(c);
	err = core_init(c, s, &claim, &at);
	if (err < 0)
		return err;
	c->clocks = clocks; /* the store may have no time yet */
	c->clocks.until_ms = 0;
	time_set(c);
	c->next_token = next_token; /* no fencing token is used twice */
	c->started_ms = started_ms;
	c->backup = backup; /* its process runs on */
	c->full_until_ms = c->mono_ms + full_ms;
	return 0;
}

/* --- a turn ------------------------------------------------------------- */

static void
read_ahead(struct core *c)
{
	int err = due_read(c);

	for (unsigned i = 0; err == 0 && i < c->queues_n; i++)
		if (c->queues[i] != NULL && queue_ready_low(c->queues[i]))
			err = queue_ready_refill(
				c->queues[i], c->store, c->claim.shard);
	if (err < 0)
		c->err = err;
}

static void
usage_read(struct core *c)
{
	struct store_usage *u = &c->usage;

	if (c->store->driver->usage(c->store, u) < 0)
		return;
	c->full = c->mono_ms < c->full_until_ms ||
		  (u->used_pages - u->free_pages) * 100 >=
			  u->max_pages * FULL_PERCENT;
}

void
core_stalled(struct core *c, int64_t all_ms)
{
	c->stalled_ms = all_ms;
}

void
core_begin(struct core *c, int64_t wall_ms, int64_t boot_ms)
{
	clocks_set(&c->clocks, wall_ms, boot_ms);
	time_set(c);
	c->mono_ms = boot_ms - c->stalled_ms;
	c->more = 0;
	c->rate_wait_ms = SECOND_MS;
	if (c->mono_ms - c->second_ms > SECONDS_MAX * SECOND_MS)
		c->second_ms = c->mono_ms - SECONDS_MAX * SECOND_MS;
	while (c->mono_ms - c->second_ms >= SECOND_MS) {
		c->second_ms += SECOND_MS;
		for (unsigned i = 0; i < c->queues_n; i++)
			if (c->queues[i] != NULL)
				queue_means_update(c->queues[i]);
	}
	usage_read(c);
	if (c->batch.n == 0)
		read_ahead(c);
	else
		c->more = 1; /* core_undelivered() has filled the batch */
}

void
core_take(struct core *c, const struct peer *peer, struct bytes frame)
{
	struct request rq = {.core = c, .peer = peer};
	char why[SW_WHY_ROOM];
	int err = sw_msg_open(frame, &rq.msg);

	if (err == SW_EINVAL && frame.len < SW_HEADER_LEN) {
		c->refused++;
		return; /* without a header there is no `seq` to answer */
	}
	if (err < 0)
		sw_msg_why(frame, why);
	else if (rq.msg.op >= SW_REPLY || !operations[rq.msg.op])
		err = sw_refuse(why, SW_EOP, "%s", sw_strerror(SW_EOP));
	if (err < 0) {
		c->refused++;
		reply_refuse(c, peer, rq.msg.seq, err, why);
		return;
	}
	operations[rq.msg.op](&rq);
}

static void
lease_expire(struct core *c, struct lease *l)
{
	static const struct attempt lost = {
		SW_RETRY, SW_C_LOST, -1, NULL, .silent = 1};
	struct record r;
	int err = job_load(c, &l->id, &r);

	if (job_is_lost(err))
		job_bury_corrupt(c, l->q, &l->id, SW_LEASED, c->now_ms);
	else if (err == 0)
		attempt_end(c, &r,
			l->released ? &attempt_release
			: l->missed ? &attempt_missed
				    : &lost);
}

/*
 * `earliest_ms` is a lower bound of all deadlines, for a heartbeat moves its
 * deadline away and leaves the bound.  A sweep makes the bound exact again, so
 * sweeps are about as rare as heartbeats.
 */
static void
leases_expire(struct core *c)
{
	struct lease *l, *tmp;
	int64_t earliest = INT64_MAX;
	int ended = 0;

	if (c->mono_ms < c->leases.earliest_ms)
		return;
	HASH_ITER(hh, c->leases.by_id, l, tmp)
	{
		if (l->deadline_ms > c->mono_ms || ended == TURN_TIMERS) {
			if (l->deadline_ms < earliest)
				earliest = l->deadline_ms;
			continue;
		}
		lease_expire(c, l);
		ended++;
	}
	c->leases.earliest_ms = earliest;
}

static void
sessions_forget(struct core *c)
{
	struct session *s, *tmp;

	HASH_ITER(hh, c->sessions, s, tmp)
	if (c->mono_ms - s->seen_ms > SESSION_SILENT_MS) {
		note_worker(&c->notes, NOTE_LOST, s, c->mono_ms);
		session_close(c, s);
	}
}

void
core_tick(struct core *c)
{
	due_fire(c);
	leases_missed(c);
	leases_expire(c);
	notices_tick(c);
	sessions_forget(c);
}

void
core_hand_out(struct core *c)
{
	work_hand_out(c);
}

/* Writes one row for each queue that this turn has changed. */
void
core_close(struct core *c)
{
	for (unsigned i = 0; i < c->queues_n; i++) {
		struct queue *q = c->queues[i];
		struct sw_buf b = {.cap = QUEUE_ROW_MAX};
		struct key k;

		if (q == NULL || !q->dirty)
			continue;
		b.p = arena_take(&c->batch.arena, b.cap);
		queue_encode(q, &b);
		must(!b.full);
		arena_trim(&c->batch.arena, b.p, b.len);
		k = key_queue(q->no);
		batch_put_taken(&c->batch, key_bytes(&k), sw_buf_bytes(&b), 0);
		q->dirty = 0;
		if (!q->stored)
			note_queue(&c->notes, NOTE_QUEUE, q);
		q->stored = 1;
	}
	if (c->format == STORE_FORMAT && c->batch.n > 0 &&
		clocks_are_due(&c->clocks))
		stamp_put(c);
	batch_close(&c->batch);
}

void
core_committed(struct core *c)
{
	c->commits += c->batch.n > 0;
	c->ops += c->batch.n;
	batch_reset(&c->batch);
}

void
core_end(struct core *c)
{
	arena_reset(&c->out_arena);
	c->outs_n = 0;
}

void
core_undelivered(struct core *c, struct bytes frame)
{
	struct sw_msg m;
	struct sw_item it;
	struct session *s = NULL;
	struct sw_id id;
	struct record r;

	if (sw_msg_open(frame, &m) < 0 || m.op != SW_OP_JOBS)
		return;
	while (sw_msg_next(&m, &it))
		if (sw_get_id(&it, &id) && job_load(c, &id, &r) == 0 &&
			r.lease != NULL &&
			r.lease->token ==
				(uint64_t)sw_int(&it, SW_F_TOKEN, 0)) {
			s = r.lease->session;
			attempt_end(c, &r, &attempt_missed);
		}
	if (s != NULL) {
		note_worker(&c->notes, NOTE_LOST, s, c->mono_ms);
		session_close(c, s);
	}
	c->more = 1;
}

int64_t
core_wait_ms(const struct core *c)
{
	int64_t wait = due_wait_ms(c, c->more ? 0 : c->rate_wait_ms);
	int64_t lease = c->leases.earliest_ms;

	if (lease <= c->mono_ms)
		return 0;
	return lease != INT64_MAX && lease - c->mono_ms < wait
		       ? lease - c->mono_ms
		       : wait;
}
