/* SPDX-License-Identifier: MIT */
/* sw_put() and sw_put_many(): puts that wait for their confirmation. */
#include "producer/inside.h"

#include <errno.h>

enum { IN_FLIGHT_MAX = 8 }; /* messages of one call in flight at once */

static void
put_refuse(struct put_call *call, size_t at, const struct sw_job *job, int err,
	const char *why)
{
	struct sw_put_result r = {.status = err, .id = job->id};

	inside_put_answer(call, at, &r, why);
}

/* Sends a batch, once fewer than IN_FLIGHT_MAX are in flight; 0 or -EPERM. */
static int
put_send(struct sw_client *c, struct put_call *call, struct put_batch *p,
	int64_t until_ms)
{
	if (p->jobs.n == 0) {
		inside_batch_drop(p);
		return 0;
	}
	while (c->puts_in_flight >= IN_FLIGHT_MAX) {
		int err = client_turn(c->link, -1);

		if (err < 0)
			return err;
	}
	if (call->late) {
		inside_batch_fail(p, call->late);
		inside_batch_drop(p);
	} else {
		inside_send(c, p, inside_left(until_ms));
	}
	return 0;
}

/* Adds one job to the batch, sending a full batch first; 0 or -EPERM. */
static int
put_job(struct sw_client *c, struct put_batch **p, struct sw_job *job,
	struct put_slot *slot, int64_t until_ms)
{
	char why[SW_WHY_ROOM] = "";
	int err = -EAGAIN;

	inside_id_ensure(job);
	slot->id = job->id;
	if (*p != NULL)
		err = put_batch_add(*p, job, slot, why);
	if (*p != NULL && err == -EAGAIN) {
		err = put_send(c, slot->call, *p, until_ms);
		*p = NULL;
		if (err < 0)
			return err;
	}
	if (*p == NULL) {
		*p = inside_batch(c);
		err = *p == NULL ? -ENOMEM : put_batch_add(*p, job, slot, why);
	}
	if (err < 0)
		put_refuse(slot->call, slot->at, job, err,
			why[0] != '\0' ? why : sw_strerror(err));
	return 0;
}

static int
put_all(struct sw_client *c, struct sw_job *jobs, size_t n, int64_t until_ms,
	struct put_call *call)
{
	struct put_batch *p = NULL;
	int err = 0;

	for (size_t i = 0; i < n && err == 0; i++) {
		struct put_slot slot = {.call = call, .at = i};

		err = put_job(c, &p, &jobs[i], &slot, until_ms);
	}
	if (err == 0 && p != NULL)
		err = put_send(c, call, p, until_ms);
	while (err >= 0 && call->left > 0)
		err = client_turn(c->link, -1);
	return err < 0 ? err : 0;
}

int
sw_put_many(struct sw_client *c, struct sw_job *jobs, size_t n,
	int64_t timeout_ms, struct sw_put_result *results)
{
	struct put_call call = {.results = results, .left = n, .bad = n};
	int64_t until_ms = inside_until(timeout_ms);
	int err = inside_begin(c);

	if (err < 0)
		return err;
	err = put_all(c, jobs, n, until_ms, &call);
	inside_end(c);
	c->why[0] = '\0';
	if (err == 0 && call.err < 0)
		err = inside_fail(c, call.err, call.why);
	return err;
}

int
sw_put(struct sw_client *c, struct sw_job *job, int64_t timeout_ms,
	struct sw_put_result *result)
{
	return sw_put_many(c, job, 1, timeout_ms, result);
}
