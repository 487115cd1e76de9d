/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/error.h"
#include "broker/core/core_in.h"

int
queue_make(struct core *c, struct bytes name, unsigned no, struct queue **out)
{
	char text[SW_QUEUE_MAX + 1];
	struct queue *q;

	if (sw_queue_check(name.p, name.len) < 0)
		return SW_EQUEUE;
	if (no == QUEUES_MAX)
		return SW_EBUSY;
	memcpy(text, name.p, name.len);
	text[name.len] = '\0';
	q = queue_new(text, no);
	if (q == NULL)
		return SW_EBUSY;
	q->tokens_at_ms = c->mono_ms;
	c->queues[no] = q;
	if (no >= c->queues_n)
		c->queues_n = no + 1;
	HASH_ADD_STR(c->queues_by_name, name, q);
	queue_touch(q);
	*out = q;
	return 0;
}

int
queue_get(struct core *c, struct bytes name, struct queue **out)
{
	struct queue *q = queue_find(c->queues_by_name, name);

	if (q == NULL)
		return queue_make(c, name, c->queues_n, out);
	*out = q;
	return 0;
}

/*
 * The longest wait among the jobs next in line, one for each lane in memory:
 * exact while a queue's jobs have one priority and few tenants, and those in
 * front were not tried before.  The order of the line is that of ranks, which
 * do not tell when a job became ready.
 */
int64_t
queue_oldest_ms(struct core *c, struct queue *q)
{
	int64_t oldest = 0;

	for (unsigned i = 0; i < q->lanes_n; i++) {
		const struct entry *e = window_first(&q->lanes[i]->w);
		struct record r;
		int64_t since;

		if (e == NULL || job_load(c, &e->id, &r) < 0)
			continue;
		since = r.run_at_ms > r.created_at_ms ? r.run_at_ms
						      : r.created_at_ms;
		if (c->now_ms - since > oldest)
			oldest = c->now_ms - since;
	}
	return oldest;
}

int
core_queue_set(struct core *c, struct bytes name, struct bytes setting,
	char *why, size_t why_cap)
{
	struct queue *q;
	int err = queue_get(c, name, &q);

	if (err < 0) {
		(void)snprintf(why, why_cap, "%s", sw_strerror(err));
		return err;
	}
	err = sw_setting_parse(setting.p, setting.len, q->set, why, why_cap);
	if (err == 0)
		queue_touch(q);
	return err;
}
