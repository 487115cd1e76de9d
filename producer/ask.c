/* SPDX-License-Identifier: MIT */
/* Requests about one job: get, wait, cancel. */
#include "producer/inside.h"

#include <errno.h>

enum { WAIT_LATE_MS = 5000 }; /* by which the answer to a wait may be late */

/* Sends `op` for one job: 0 or the STATUS.  Without a reply `it` is empty.
 * `wait_ms` negative: the request has no time of its own. */
static int
job_ask(struct sw_client *c, int op, const struct sw_id *id, int64_t timeout_ms,
	int64_t wait_ms, struct sw_item *it)
{
	uint8_t room[SW_HEADER_LEN + 64];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_msg reply;
	char why[SW_TEXT_MAX + 1];
	int64_t status;
	size_t mark;
	int err;

	it->have = 0;
	sw_msg_begin(&b, op, 0, 0);
	mark = sw_item_begin(&b);
	sw_put_id(&b, id);
	if (wait_ms >= 0)
		sw_put_int(&b, SW_F_TIMEOUT_MS, wait_ms);
	sw_item_end(&b, mark);

	err = client_call(c->link, &b, timeout_ms, &reply);
	if (err < 0)
		return inside_fail(c, err, NULL);
	if (!sw_msg_next(&reply, it))
		return inside_fail(c, SW_EUNKNOWN, "an empty reply");
	status = sw_int(it, SW_F_STATUS, SW_EUNKNOWN);
	if (status == 0)
		return 0;
	sw_get_text(it, SW_F_DETAIL, why, sizeof(why));
	err = status > 0 || status < INT32_MIN ? SW_EUNKNOWN : (int)status;
	return inside_fail(c, err, why[0] != '\0' ? why : sw_strerror(err));
}

static void
info_read(const struct sw_item *it, const struct sw_id *id, struct sw_info *i)
{
	struct bytes body = sw_bytes(it, SW_F_BODY),
		     result = sw_bytes(it, SW_F_RESULT),
		     error = client_last_error(it);

	*i = (struct sw_info){
		.id = *id,
		.state = (int)sw_int(it, SW_F_STATE, SW_NONE),
		.created_at_ms = sw_int(it, SW_F_CREATED_AT_MS, 0),
		.run_at_ms = sw_int(it, SW_F_RUN_AT_MS, 0),
		.ended_at_ms = sw_int(it, SW_F_ENDED_AT_MS, 0),
		.attempt = (int)sw_int(it, SW_F_ATTEMPT, 0),
		.crashes = (int)sw_int(it, SW_F_CRASHES, 0),
		.cause = sw_cause_name((int)sw_int(it, SW_F_CAUSE, SW_C_NONE)),
		.body = body.p,
		.body_len = body.len,
		.result = result.p,
		.result_len = result.len,
		.error = error.p,
		.error_len = error.len,
		.progress = (int)sw_int(it, SW_F_PROGRESS, -1),
	};
	sw_get_text(it, SW_F_QUEUE, i->queue, sizeof(i->queue));
	sw_get_text(it, SW_F_TEXT, i->text, sizeof(i->text));
	sw_get_text(it, SW_F_WORKER, i->worker, sizeof(i->worker));
}

int
sw_get(struct sw_client *c, const struct sw_id *id, int64_t timeout_ms,
	struct sw_info *info)
{
	struct sw_item it;
	int err = inside_begin(c);

	if (err < 0)
		return err;
	err = job_ask(c, SW_OP_GET, id, timeout_ms, -1, &it);
	if (err == 0)
		info_read(&it, id, info);
	inside_end(c);
	return err;
}

/* A wait is in the broker for at most SW_WAIT_MS, so a long one is some. */
static int
wait_ask(struct sw_client *c, const struct sw_id *id, int64_t timeout_ms,
	struct sw_item *it)
{
	int64_t left = timeout_ms, until = inside_until(timeout_ms);
	int err;

	do {
		int64_t part = left;

		if (part < 0 || part > SW_WAIT_MS)
			part = SW_WAIT_MS;
		err = job_ask(c, SW_OP_WAIT, id,
			left < 0 || left > part + WAIT_LATE_MS
				? part + WAIT_LATE_MS
				: left,
			part, it);
		left = inside_left(until);
	} while ((err == SW_ETIMEOUT || err == SW_ELINK) && left != 0);
	return err;
}

int
sw_wait(struct sw_client *c, const struct sw_id *id, int64_t timeout_ms,
	struct sw_info *info)
{
	struct sw_item it;
	int err = inside_begin(c);

	if (err < 0)
		return err;
	err = wait_ask(c, id, timeout_ms, &it);
	if (err == 0)
		info_read(&it, id, info);
	inside_end(c);
	return err;
}

int
sw_cancel(struct sw_client *c, const struct sw_id *id, int64_t timeout_ms,
	int *state)
{
	struct sw_item it;
	int err = inside_begin(c);

	if (err < 0)
		return err;
	err = job_ask(c, SW_OP_CANCEL, id, timeout_ms, -1, &it);
	if (state != NULL && (err == 0 || err == SW_ESTATE))
		*state = (int)sw_int(&it, SW_F_STATE, SW_NONE);
	inside_end(c);
	return err;
}
