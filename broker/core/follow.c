/* SPDX-License-Identifier: MIT */
#include "broker/core/follow.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/must.h"
#include "broker/job/job.h"
#include "broker/model/index.h"
#include "wire/put.h"

enum { FOLLOW_OPS = 1 + INDEX_ROWS /* rows of a new job */ };

/* A follow-up, to be compared with the others of its report. */
struct follow {
	struct sw_id id;
	struct bytes raw, queue, unique, body;
	int again; /* another one has the id */
	int known; /* a job has the id */
};

static int
by_id(const void *a, const void *b)
{
	const struct follow *x = a, *y = b;

	return memcmp(x->id.b, y->id.b, SW_ID_LEN);
}

static int
by_key(const void *a, const void *b)
{
	const struct follow *x = a, *y = b;
	int order = bytes_cmp(x->queue, y->queue);

	return order != 0 ? order : bytes_cmp(x->unique, y->unique);
}

/* Follow-ups of one id are one job: queue and body must be the same. */
static int
ids_compare(struct follow *f, size_t n, char *why)
{
	qsort(f, n, sizeof(*f), by_id);
	for (size_t i = 1; i < n; i++) {
		f[i].again = by_id(&f[i - 1], &f[i]) == 0;
		if (f[i].again && !(bytes_eq(f[i - 1].queue, f[i].queue) &&
					  bytes_eq(f[i - 1].body, f[i].body)))
			return sw_refuse(why, SW_ECONFLICT,
				"two follow-ups of one id have another queue "
				"or body");
	}
	return 0;
}

/* As a put of its own: one that is known already is put again. */
static int
follow_check(struct core *c, struct follow *f, struct put_ahead *ahead,
	struct put_refusal *refusal)
{
	struct record known;
	struct sw_item it;
	int err;

	if (f->again)
		return 0;
	must(sw_item_open(f->raw, &it) == 0);
	f->known = job_load(c, &f->id, &known) == 0;
	if (f->known)
		return record_put_check(&known, &it, refusal->why);
	err = put_check(c, &it, ahead, refusal);
	ahead->jobs++;
	ahead->bytes += (int64_t)f->body.len;
	return err;
}

static int
is_new(const struct follow *f)
{
	return !f->again && !f->known;
}

/* Of the follow-ups of one queue and key, which lie together, the queue takes
 * one. */
static int
keys_compare(const struct follow *f, size_t n, struct put_refusal *refusal)
{
	const struct follow *holder = NULL;

	for (size_t i = 0; i < n; i++) {
		if (f[i].unique.len == 0 || !is_new(&f[i]))
			continue;
		if (holder != NULL && by_key(holder, &f[i]) == 0) {
			refusal->holder = holder->id;
			return sw_refuse(refusal->why, SW_EUNIQUE,
				"two follow-ups have one unique key");
		}
		holder = &f[i];
	}
	return 0;
}

/* Those of one queue lie together: its limits count its own jobs, and a queue
 * that is to be made counts once. */
static int
each_check(
	struct core *c, struct follow *f, size_t n, struct put_refusal *refusal)
{
	struct put_ahead ahead = {0};
	unsigned queues = 0;
	int err = 0;

	for (size_t i = 0; err == 0 && i < n; i++) {
		if (i == 0 || !bytes_eq(f[i - 1].queue, f[i].queue)) {
			ahead.jobs = ahead.bytes = 0;
			queues = ahead.queues;
		}
		ahead.queues = queues;
		err = follow_check(c, &f[i], &ahead, refusal);
	}
	return err;
}

static int
count_check(const struct core *c, size_t n, char *why)
{
	if (n > SW_FOLLOWS_MAX)
		return sw_refuse(why, SW_ETOOBIG,
			"follow must be at most %d of one job", SW_FOLLOWS_MAX);
	if (n > 0 && c->batch.n + n * FOLLOW_OPS > TURN_OPS + TURN_FOLLOW_OPS)
		return sw_refuse(why, SW_EBUSY,
			"the message has more follow-ups than one turn takes: "
			"send this report again");
	return 0;
}

static int
follow_read(struct follow *f, struct bytes raw, char *why)
{
	struct sw_item it;
	int err = sw_item_open(raw, &it);

	if (err < 0)
		sw_item_why(raw, why);
	else
		err = sw_put_check(&it, why);
	if (err < 0)
		return err;
	*f = (struct follow){.raw = raw,
		.queue = sw_bytes(&it, SW_F_QUEUE),
		.unique = sw_bytes(&it, SW_F_UNIQUE),
		.body = sw_bytes(&it, SW_F_BODY)};
	must(sw_get_id(&it, &f->id));
	return 0;
}

int
follows_check(struct core *c, const struct sw_item *report,
	struct put_refusal *refusal)
{
	struct follow *all;
	struct bytes raw;
	size_t at = 0, n = 0;
	int err;

	while (sw_item_each(report, SW_F_FOLLOW, &at, &raw))
		n++;
	err = count_check(c, n, refusal->why);
	if (err < 0 || n == 0)
		return err;
	all = arena_take(&c->out_arena, n * sizeof(*all));
	at = n = 0;
	while (err == 0 && sw_item_each(report, SW_F_FOLLOW, &at, &raw))
		err = follow_read(&all[n++], raw, refusal->why);
	if (err == 0)
		err = ids_compare(all, n, refusal->why);
	if (err == 0) {
		qsort(all, n, sizeof(*all), by_key);
		err = each_check(c, all, n, refusal);
	}
	if (err == 0)
		err = keys_compare(all, n, refusal);
	arena_trim(&c->out_arena, all, 0);
	return err;
}

void
follows_apply(struct core *c, const struct sw_item *report)
{
	struct bytes raw;
	size_t at = 0;

	while (sw_item_each(report, SW_F_FOLLOW, &at, &raw)) {
		struct record known;
		struct sw_item it;
		struct sw_id id;

		must(sw_item_open(raw, &it) == 0 && sw_get_id(&it, &id));
		if (job_load(c, &id, &known) == SW_ENOJOB)
			put_apply(c, &it);
	}
}
