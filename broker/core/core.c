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
	[SW_OP_QUEUE_DELETE] = op_queue_delete,
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
	c->lists.pool.most = LANES_POOL;
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
	due_fini(&c->silent);
}

static void
queues_free(struct core *c)
{
	HASH_CLEAR(hh, c->queues_by_name);
	for (unsigned i = 0; i < c->queues_n; i++)
		queue_free(c->queues[i]);
	free(c->queues);
	due_fini(&c->lists.rated);
	due_fini(&c->lists.unused);
}

void
core_fini(struct core *c)
{
	sessions_free(c);
	waits_free(c);
	queues_free(c);
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

static int
ready_refill(struct core *c)
{
	struct queue *q;
	int err = 0;

	c->lists.pool.turn++;
	c->lists.pool.low = c->lists.n[QUEUE_LOW];
	for (int i = 0; err == 0 && i < TURN_REFILLS &&
			!lanes_pool_is_full(&c->lists.pool);
		i++) {
		q = queue_list_take(&c->lists, QUEUE_LOW);
		if (q == NULL)
			return 0;
		err = lanes_refill(&q->lanes, c->store, c->claim.shard);
		queue_wake(q);
	}
	c->more = 1;
	return err;
}

static void
read_ahead(struct core *c)
{
	int err = due_read(c);

	if (err == 0)
		err = ready_refill(c);
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
		  store_is_full(u, FULL_PERCENT);
}

static void
means_update(struct core *c)
{
	struct queue *q, *next;

	for (q = c->lists.first[QUEUE_LIVELY]; q != NULL; q = next) {
		next = q->link[QUEUE_LIVELY].next;
		if (!queue_means_update(q))
			queue_unlist(q, QUEUE_LIVELY);
	}
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
	c->read = c->paged = 0;
	if (c->mono_ms - c->second_ms > SECONDS_MAX * SECOND_MS)
		c->second_ms = c->mono_ms - SECONDS_MAX * SECOND_MS;
	while (c->mono_ms - c->second_ms >= SECOND_MS) {
		c->second_ms += SECOND_MS;
		means_update(c);
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

	if (l->session != NULL)
		l->session->lost++;
	if (job_is_lost(err))
		job_bury_corrupt(c, l->q, &l->id, SW_LEASED, c->now_ms);
	else if (err == 0)
		attempt_end(c, &r,
			l->released ? &attempt_release
			: l->missed ? &attempt_missed
				    : &lost);
}

static void
leases_expire(struct core *c)
{
	struct lease *l;

	for (int i = 0; i < TURN_TIMERS && c->err == 0; i++) {
		l = lease_expired(&c->leases, c->mono_ms);
		if (l == NULL)
			return;
		lease_expire(c, l);
	}
	c->more = 1;
}

static void
sessions_forget(struct core *c)
{
	struct due *d;

	while ((d = due_now(&c->silent, c->mono_ms)) != NULL) {
		struct session *s = due_owner(d, struct session, silent);

		note_worker(&c->notes, NOTE_LOST, s, c->mono_ms);
		session_close(c, s);
	}
}

static void
queues_forget(struct core *c)
{
	for (int i = 0; i < TURN_REMOVES; i++) {
		struct due *d = due_now(&c->lists.unused, c->mono_ms);
		struct queue *q;

		if (d == NULL)
			return;
		q = due_owner(d, struct queue, unused);
		due_drop(&c->lists.unused, d);
		if (queue_is_unused(q))
			core_queue_remove(c, q);
	}
	c->more = 1;
}

/* Queues whose rate limit may let a job start now. */
static void
rates_wake(struct core *c)
{
	struct due *d;

	while ((d = due_now(&c->lists.rated, c->mono_ms)) != NULL) {
		due_drop(&c->lists.rated, d);
		queue_wake(due_owner(d, struct queue, rated));
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
	waits_expire(c);
	queues_forget(c);
	rates_wake(c);
}

void
core_hand_out(struct core *c)
{
	work_hand_out(c);
}

static void
queue_row_write(struct core *c, struct queue *q)
{
	struct sw_buf b = {.cap = QUEUE_ROW_MAX};
	struct key k = key_queue(q->no);

	b.p = arena_take(&c->batch.arena, b.cap);
	queue_encode(q, &b);
	must(!b.full);
	arena_trim(&c->batch.arena, b.p, b.len);
	batch_put_taken(&c->batch, key_bytes(&k), sw_buf_bytes(&b), 0);
	if (!q->stored)
		note_queue(&c->notes, NOTE_QUEUE, q);
	q->stored = 1;
}

/* Writes one row for each queue that this turn has changed. */
void
core_close(struct core *c)
{
	struct queue *q;

	while ((q = queue_list_take(&c->lists, QUEUE_DIRTY)) != NULL) {
		queue_row_write(c, q);
		core_queue_release(c, q);
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
			if (s != NULL)
				s->lost++;
			attempt_end(c, &r, &attempt_missed);
		}
	if (s != NULL) {
		note_worker(&c->notes, NOTE_LOST, s, c->mono_ms);
		session_close(c, s);
	}
	c->more = 1;
}

static int64_t
sooner(int64_t wait, int64_t at, int64_t now)
{
	int64_t w = at > now ? at - now : 0;

	return w < wait ? w : wait;
}

int64_t
core_wait_ms(const struct core *c)
{
	const struct due_heap *const heaps[] = {&c->leases.deadlines, &c->waits,
		&c->silent, &c->lists.rated, &c->lists.unused};
	int64_t wait = due_wait_ms(c, c->more ? 0 : SECOND_MS);

	for (size_t i = 0; i < sizeof(heaps) / sizeof(heaps[0]); i++)
		if (due_first(heaps[i]) != NULL)
			wait = sooner(
				wait, due_first(heaps[i])->at, c->mono_ms);
	return wait;
}
