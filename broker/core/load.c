/* SPDX-License-Identifier: MIT */
#include "broker/core/load.h"

#include <errno.h>

#include "base/error.h"
#include "base/plant.h"
#include "broker/core/due.h"
#include "broker/job/job.h"
#include "broker/job/lease.h"

enum { KEY_MOST = sizeof(((struct key *)NULL)->b) - 1 };

struct core_loader {
	struct core *core;
	struct sw_id ids[PAGE_LOOK];
	size_t n, seen;
	struct key last;
	int err;
};

/*
 * Skips invalid queue rows; core_init() then refuses to start, for without its
 * settings a queue that was paused would run.
 */
static int
load_queue(void *arg, struct bytes key, struct bytes val)
{
	struct core_loader *ld = arg;
	struct core *c = ld->core;
	uint32_t no = QUEUES_MAX;
	struct queue *q;

	if (key.len == 5)
		no = (uint32_t)be_get((const uint8_t *)key.p + 1, 4);
	q = queue_new("", no);
	if (q == NULL) {
		ld->err = -ENOMEM;
		return 1;
	}
	if (no >= QUEUES_MAX || c->queues[no] != NULL ||
		queue_decode(q, val) < 0 ||
		queue_find(c->queues_by_name, bytes_str(q->name)) != NULL) {
		core_damage(c, "the row of queue number %u", no);
		c->queues_lost++;
		queue_free(q);
		return 0;
	}
	q->stored = 1;
	q->tokens_at_ms = c->mono_ms;
	q->count[SW_LEASED] = 0; /* lease_restore() counts */
	c->queues[no] = q;
	if (no >= c->queues_n) /* corrupt keys may be out of order */
		c->queues_n = no + 1;
	HASH_ADD_STR(c->queues_by_name, name, q);
	return 0;
}

static int
load_id(void *arg, struct bytes key, struct bytes val)
{
	struct core_loader *ld = arg;

	(void)val;
	if (key.len == 1 + SW_ID_LEN)
		memcpy(ld->ids[ld->n++].b, (const uint8_t *)key.p + 1,
			SW_ID_LEN);
	else
		core_damage(ld->core, "the key of a lease");
	ld->seen++;
	memcpy(ld->last.b, key.p, key.len < KEY_MOST ? key.len : KEY_MOST);
	ld->last.len = key.len < KEY_MOST ? key.len : KEY_MOST;
	return 0;
}

static void
lease_row_apply(struct core *c, struct lease *l, const struct lease_row *row)
{
	l->since_ms = sw_int(&row->it, SW_F_AT_MS, c->now_ms);
	if (l->since_ms < 0 || l->since_ms > c->now_ms)
		l->since_ms = c->now_ms;
	sw_get_text(&row->it, SW_F_WORKER, l->worker, sizeof(l->worker));
	(void)sw_get_id(&row->it, &l->worker_id);
	l->cancel = sw_has(&row->it, SW_F_CAUSE) && !planted(LOST_CANCEL);
	lease_extend(&c->leases, l,
		c->mono_ms +
			(planted(SHORT_REARM) ? 1 : l->q->set[SW_S_lease_ms]));
	l->q->count[SW_LEASED]++;
}

/*
 * Restores a lease with a full term; the holder of its token may extend it.
 * If the lease's row is corrupt its token is lost: the lease gets a token that
 * no worker has, expires, and the job is tried again.  If the job's record is
 * corrupt or missing, the lease's row names the queue, and the job is buried
 * when the lease expires.  If both are corrupt the lease is skipped.
 */
static int
lease_restore(struct core *c, const struct sw_id *id)
{
	struct key k = key_id('l', id);
	struct lease_row row;
	char text[SW_ID_TEXT];
	struct record r;
	struct bytes val;
	struct lease *l;
	int err = job_load(c, id, &r), sound;

	if (err < 0 && !job_is_lost(err))
		return err;
	if (err < 0)
		r.q = NULL;
	err = c->store->driver->get(
		c->store, c->claim.shard, key_bytes(&k), &val);
	if (err < 0) /* a scan shows a key that is out of order, a get not */
		return err == SW_ENOJOB ? 0 : err;
	sound = lease_row_read(c, val, &row) == 0;
	sw_id_format(id, text);
	if (!sound)
		core_damage(c, "the lease of job %s", text);
	if (r.q == NULL)
		r.q = row.q;
	if (r.q == NULL)
		return 0;
	l = lease_new(&c->leases, id);
	if (l == NULL)
		return SW_EBUSY;
	l->q = r.q;
	l->token = sound ? (uint64_t)sw_int(&row.it, SW_F_TOKEN, 0)
			 : c->next_token++;
	lease_row_apply(c, l, &row);
	return 0;
}

static int
load_leases(struct core *c, struct core_loader *ld)
{
	struct key from = key_start('l'), to = key_after(from);
	int err;

	do {
		ld->n = ld->seen = 0;
		err = c->store->driver->scan(c->store, c->claim.shard,
			key_bytes(&from), key_bytes(&to), PAGE_LOOK, load_id,
			ld);
		for (size_t i = 0; err == 0 && i < ld->n; i++)
			err = lease_restore(c, &ld->ids[i]);
		from = ld->last;
		from.b[from.len++] = 0;
	} while (err == 0 && ld->seen == PAGE_LOOK);
	return err;
}

int
core_load(struct core *c)
{
	struct core_loader *ld = calloc(1, sizeof(*ld));
	struct key from = key_start('q'), to = key_after(from);
	int err;

	if (ld == NULL)
		return -ENOMEM;
	ld->core = c;
	err = c->store->driver->scan(c->store, c->claim.shard, key_bytes(&from),
		key_bytes(&to), QUEUES_MAX, load_queue, ld);
	if (err == 0)
		err = ld->err;
	if (err == 0)
		err = load_leases(c, ld);
	if (err == 0)
		err = due_load(c);
	free(ld);
	return err;
}
