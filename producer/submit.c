/* SPDX-License-Identifier: MIT */
/* sw_submit(): puts that do not wait; a callback gets each job's answer. */
#include "producer/inside.h"

#include <errno.h>

/* Adds the job to the pending batch; sends a full one and starts another. */
static int
pending_add(struct sw_client *c, const struct sw_job *job,
	const struct put_slot *slot, char *why)
{
	int err;

	if (c->pending != NULL) {
		err = put_batch_add(c->pending, job, slot, why);
		if (err != -EAGAIN)
			return err;
		inside_send(c, c->pending, c->submit_timeout_ms);
	}
	c->pending = inside_batch(c);
	if (c->pending == NULL)
		return -ENOMEM;
	err = put_batch_add(c->pending, job, slot, why);
	if (err < 0) {
		inside_batch_drop(c->pending);
		c->pending = NULL;
	} else if (!c->in_call) {
		client_poke(c->link);
	}
	return err;
}

int
sw_submit(struct sw_client *c, struct sw_job *job, sw_done_fn *done, void *arg)
{
	struct put_slot slot = {.done = done, .arg = arg};
	char why[SW_WHY_ROOM] = "";
	int err;

	if (c->closing)
		return -ECANCELED;
	if (client_foreign(c->link))
		return -EPERM;
	if (c->open_n >= c->window)
		return -EAGAIN;
	inside_id_ensure(job);
	slot.id = job->id;
	err = pending_add(c, job, &slot, why);
	if (err < 0)
		return inside_fail(c, err, why);
	c->open_n++;
	if (c->pending->jobs.n == SW_ITEMS_MAX)
		inside_send(c, c->pending, c->submit_timeout_ms);
	return 0;
}

int
sw_process(struct sw_client *c, int64_t timeout_ms)
{
	unsigned before = c->answers;
	int err = inside_begin(c);

	if (err < 0)
		return err;
	err = client_turn(c->link, c->open_n > 0 ? timeout_ms : 0);
	inside_end(c);
	return err < 0 ? err : (int)(c->answers - before);
}

int
sw_flush(struct sw_client *c, int64_t timeout_ms)
{
	int64_t until_ms = inside_until(timeout_ms);
	int err = inside_begin(c);

	if (err < 0)
		return err;
	while (err >= 0 && c->open_n > 0) {
		err = client_turn(c->link, inside_left(until_ms));
		if (c->pending != NULL)
			inside_send(c, c->pending, c->submit_timeout_ms);
		if (inside_left(until_ms) == 0)
			break;
	}
	inside_end(c);
	if (err < 0)
		return inside_fail(c, err, sw_strerror(err));
	if (c->open_n == 0)
		return 0;
	err = client_up(c->link) || client_has_sent(c->link) ? SW_ETIMEOUT
							     : SW_ELINK;
	return inside_fail(c, err, sw_strerror(err));
}

int
sw_fd(struct sw_client *c)
{
	return client_fd(c->link);
}

void
sw_window_set(struct sw_client *c, unsigned jobs)
{
	c->window = jobs > 0 ? jobs : 1;
}

void
sw_timeout_set(struct sw_client *c, int64_t ms)
{
	c->submit_timeout_ms = ms;
}

void
sw_patience_set(struct sw_client *c, int64_t ms)
{
	sw_timeout_set(c, ms);
}
