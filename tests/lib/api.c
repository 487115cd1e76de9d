/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/rig.h"

/* spillway.h repeats what wire/ has, unless that came first. */
#include "tests/lib/api.h"

enum { HOUR_MS = 3600 * 1000 };

static int
room_make(void **state, int up)
{
	struct api_room *r = calloc(1, sizeof(*r));

	r->broker = local_start(up);
	assert_int_equal(sw_open(&r->c, local_endpoint(r->broker)), 0);
	*state = r;
	return 0;
}

int
api_with_broker(void **state)
{
	return room_make(state, 1);
}

int
api_without_broker(void **state)
{
	return room_make(state, 0);
}

int
api_clean_up(void **state)
{
	struct api_room *r = *state;

	sw_close(r->c);
	local_stop(r->broker);
	free(r);
	return 0;
}

struct sw_job
api_email(void)
{
	return (struct sw_job){.queue = "email", .body = "hi", .body_len = 2};
}

int
api_put_email(struct api_room *r, int64_t timeout_ms)
{
	struct sw_job job = api_email();

	return sw_put(r->c, &job, timeout_ms, NULL);
}

/* The field of that name in the last job put; NULL if it is not there. */
static const struct bytes *
field(struct api_room *r, const char *name)
{
	static uint8_t item[SW_MSG_MAX];
	static struct sw_item it;
	size_t len = local_last_put(r->broker, item);

	assert_int_equal(sw_item_open(bytes_of(item, len), &it), 0);
	for (int tag = 0; tag < SW_TAGS; tag++)
		if (sw_field_rules[tag].name != NULL &&
			strcmp(sw_field_rules[tag].name, name) == 0)
			return sw_has(&it, (enum sw_tag)tag) ? &it.f[tag]
							     : NULL;
	fail_msg("no field %s", name);
	return NULL;
}

const char *
api_text(struct api_room *r, const char *name)
{
	static char text[SW_BODY_MAX + 1];
	const struct bytes *b = field(r, name);

	if (b == NULL)
		return NULL;
	memcpy(text, b->p, b->len);
	text[b->len] = '\0';
	return text;
}

int64_t
api_int(struct api_room *r, const char *name)
{
	const struct bytes *b = field(r, name);

	return b != NULL ? (int64_t)le_get(b->p, b->len) : INT64_MIN;
}

static int
full_answer(
	struct rig *r, struct sw_msg m, struct bytes frame, struct sw_buf *b)
{
	struct sw_item it;

	(void)r;
	(void)frame;
	while (sw_msg_next(&m, &it)) {
		size_t mark = sw_item_begin(b);

		sw_put_int(b, SW_F_STATUS, SW_EFULL);
		sw_put_text(b, SW_F_DETAIL, "the store is full");
		sw_item_end(b, mark);
	}
	return 1;
}

void
api_full_set(struct api_room *r, int full)
{
	local_answer(r->broker, full ? full_answer : NULL);
}

void
api_queue_set(struct api_room *r, const char *queue, const char *setting)
{
	struct rig *rig = local_lock(r->broker);

	assert_int_equal(rig_set(rig, queue, setting), 0);
	local_unlock(r->broker);
}

/* The end of an attempt at the one job that there is to take. */
static void
attempt(struct rig *r, int outcome, int tag, const char *text)
{
	struct sw_item it;
	struct sw_id id;
	uint64_t token = rig_next(r, 1, "email", &id);
	size_t mark = rig_report(r, &id, token, outcome,
		outcome == SW_ACK ? SW_C_NONE : SW_C_ERROR);

	sw_put_text(&r->b, tag, text);
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), 0);
}

void
api_email_fail(struct api_room *r)
{
	struct rig *rig = local_lock(r->broker);

	attempt(rig, SW_RETRY, SW_F_ERROR, "it rained");
	rig_pass(rig, HOUR_MS);
	local_unlock(r->broker);
}

void
api_email_end(struct api_room *r)
{
	attempt(local_lock(r->broker), SW_ACK, SW_F_RESULT, "42");
	local_unlock(r->broker);
}

void
api_count(void *arg, const struct sw_put_result *res)
{
	struct api_tally *t = arg;

	t->calls++;
	t->last = res->status;
	if (res->status == 0)
		t->good++;
	else
		t->bad++;
}

void
api_submit_emails(struct sw_client *c, int n, struct api_tally *t)
{
	for (int i = 0; i < n; i++) {
		struct sw_job job = api_email();

		assert_int_equal(sw_submit(c, &job, api_count, t), 0);
	}
}

static atomic_int waits; /* counted by the broker's thread */

static int
wait_cut(struct rig *r, struct sw_msg m, struct bytes frame,
	struct sw_buf *reply)
{
	struct sw_item it;
	size_t mark;

	(void)r, (void)frame;
	if (m.op != SW_OP_WAIT || waits++ > 0)
		return 0;
	if (!sw_msg_next(&m, &it) ||
		sw_int(&it, SW_F_TIMEOUT_MS, -1) != SW_WAIT_MS)
		return -1;
	mark = sw_item_begin(reply);
	sw_put_int(reply, SW_F_STATUS, SW_ETIMEOUT);
	sw_item_end(reply, mark);
	return 1;
}

void
api_wait_cut(struct api_room *r)
{
	waits = 0;
	local_answer(r->broker, wait_cut);
}

int
api_waits(void)
{
	return waits;
}
