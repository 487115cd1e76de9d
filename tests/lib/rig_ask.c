/* SPDX-License-Identifier: MIT */
/*
 * rig_ask.c - what clients, workers and people ask of a rig
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/rig.h"

struct peer
rig_peer(int who)
{
	return (struct peer){
		.b = {(uint8_t)(who >> 8), (uint8_t)who}, .len = RIG_PEER_LEN};
}

struct sw_id
rig_id(int n)
{
	struct sw_id id = {{1}};

	be_set(id.b + 8, 8, (uint64_t)n);
	return id;
}

void
rig_begin(struct rig *r, int op)
{
	r->b = (struct sw_buf){.p = r->request, .cap = sizeof(r->request)};
	sw_msg_begin(&r->b, op, 0, ++r->seq);
}

size_t
rig_say(struct rig *r, int op, int n)
{
	struct sw_id id = rig_id(n);
	size_t mark;

	rig_begin(r, op);
	mark = sw_item_begin(&r->b);
	if (n > 0)
		sw_put_id(&r->b, &id);
	return mark;
}

int
rig_ask(struct rig *r, int who, int op, size_t mark, struct sw_item *it)
{
	sw_item_end(&r->b, mark);
	rig_send(r, who);
	if (!rig_item(r, who, op | SW_REPLY, 0, it) &&
		!rig_item(r, who, SW_OP_ERROR | SW_REPLY, 0, it))
		return 1;
	return (int)sw_int(it, SW_F_STATUS, 1);
}

int
rig_put(struct rig *r, int n, const char *queue, const char *body)
{
	size_t mark = rig_say(r, SW_OP_PUT, n);
	struct sw_item it;

	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_put_text(&r->b, SW_F_BODY, body);
	return rig_ask(r, RIG_ASKER, SW_OP_PUT, mark, &it);
}

void
rig_put_many(struct rig *r, int from, int n, const char *queue)
{
	for (int i = 0; i < n;) {
		rig_begin(r, SW_OP_PUT);
		for (int j = 0; j < SW_ITEMS_MAX && i < n; j++) {
			struct sw_id id = rig_id(from + i++);
			size_t mark = sw_item_begin(&r->b);

			sw_put_id(&r->b, &id);
			sw_put_text(&r->b, SW_F_QUEUE, queue);
			sw_put_text(&r->b, SW_F_BODY, "");
			sw_item_end(&r->b, mark);
		}
		rig_send(r, RIG_ASKER);
	}
}

int
rig_cancel(struct rig *r, int n)
{
	size_t mark = rig_say(r, SW_OP_CANCEL, n);
	struct sw_item it;

	return rig_ask(r, RIG_ASKER, SW_OP_CANCEL, mark, &it);
}

enum sw_state
rig_state(struct rig *r, int n)
{
	size_t mark = rig_say(r, SW_OP_GET, n);
	struct sw_item it;

	assert_true(rig_ask(r, RIG_ASKER + 1, SW_OP_GET, mark, &it) <= 0);
	return (enum sw_state)sw_int(&it, SW_F_STATE, SW_NONE);
}

int
rig_set(struct rig *r, const char *queue, const char *setting)
{
	size_t mark = rig_say(r, SW_OP_QUEUE_SET, 0);
	struct sw_item it;

	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_put_text(&r->b, SW_F_SETTING, setting);
	return rig_ask(r, RIG_ASKER + 2, SW_OP_QUEUE_SET, mark, &it);
}

void
rig_get(struct rig *r, int n, struct sw_item *it)
{
	size_t mark = rig_say(r, SW_OP_GET, n);

	assert_int_equal(rig_ask(r, RIG_ASKER, SW_OP_GET, mark, it), 0);
}

int64_t
rig_shown(struct rig *r, int n, enum sw_tag tag)
{
	struct sw_item it;

	rig_get(r, n, &it);
	return sw_int(&it, tag, 0);
}

struct sw_item
rig_last_event(struct rig *r, int n)
{
	struct sw_item it, event = {0};
	struct bytes raw;
	size_t at = 0;

	rig_get(r, n, &it);
	while (sw_item_each(&it, SW_F_EVENT, &at, &raw))
		assert_int_equal(sw_item_open(raw, &event), 0);
	return event;
}

const char *
rig_why(struct rig *r, int n)
{
	static char text[SW_TEXT_MAX + 1];
	size_t mark = rig_say(r, SW_OP_WHY, n);
	struct sw_item it;

	assert_int_equal(rig_ask(r, RIG_ASKER, SW_OP_WHY, mark, &it), 0);
	sw_get_text(&it, SW_F_TEXT, text, sizeof(text));
	return text;
}

void
rig_text_is(const struct sw_item *it, enum sw_tag tag, const char *text)
{
	char got[SW_TEXT_MAX + 1];

	sw_get_text(it, tag, got, sizeof(got));
	assert_string_equal(got, text);
}

void
rig_want(struct rig *r, int who, int64_t credit)
{
	size_t mark = rig_say(r, SW_OP_WANT, 0);

	sw_put_int(&r->b, SW_F_CREDIT, credit);
	sw_item_end(&r->b, mark);
	rig_send(r, who);
}

int
rig_hello(struct rig *r, int who, const char *queue, int credit)
{
	size_t mark = rig_say(r, SW_OP_HELLO, 0);
	struct sw_item it;
	int s;

	sw_put_fmt(&r->b, SW_F_WORKER, "worker-%d", who);
	sw_put_int(&r->b, SW_F_SLOTS, 8);
	sw_item_end(&r->b, mark);
	mark = sw_item_begin(&r->b);
	sw_put_text(&r->b, SW_F_QUEUE, queue);
	s = rig_ask(r, who, SW_OP_HELLO, mark, &it);
	if (credit > 0)
		rig_want(r, who, credit);
	return s;
}

int
rig_take(struct rig *r, int who, uint64_t *token)
{
	struct peer p = rig_peer(who);
	const struct session *s = session_find(r->core->sessions, &p);
	struct sw_item it;
	struct sw_id id;

	assert_non_null(s);
	rig_want(r, who, s->sent + 1);
	if (!rig_item(r, who, SW_OP_JOBS, 0, &it)) {
		rig_want(r, who, 0);
		return 0;
	}
	assert_true(sw_get_id(&it, &id));
	*token = (uint64_t)sw_int(&it, SW_F_TOKEN, 0);
	return (int)be_get(id.b + 8, 8);
}

size_t
rig_report(struct rig *r, const struct sw_id *id, uint64_t token, int outcome,
	int cause)
{
	size_t mark = rig_say(r, SW_OP_DONE, 0);

	sw_put_id(&r->b, id);
	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
	sw_put_int(&r->b, SW_F_OUTCOME, outcome);
	sw_put_int(&r->b, SW_F_CAUSE, cause);
	return mark;
}

uint64_t
rig_next(struct rig *r, int who, const char *queue, struct sw_id *id)
{
	struct sw_item it;

	assert_int_equal(rig_hello(r, who, queue, 1), 0);
	assert_true(rig_item(r, who, SW_OP_JOBS, 0, &it));
	assert_true(sw_get_id(&it, id));
	return (uint64_t)sw_int(&it, SW_F_TOKEN, 0);
}

int
rig_done(struct rig *r, int who, int n, uint64_t token, int outcome, int cause)
{
	struct sw_id id = rig_id(n);
	size_t mark = rig_report(r, &id, token, outcome, cause);
	struct sw_item it;

	return rig_ask(r, who, SW_OP_DONE, mark, &it);
}

void
rig_fail(struct rig *r, int n, int outcome, int cause, const char *error)
{
	struct sw_id id = rig_id(n);
	struct sw_item it;
	uint64_t token;
	size_t mark;

	assert_int_equal(rig_take(r, 1, &token), n);
	mark = rig_report(r, &id, token, outcome, cause);
	sw_put_text(&r->b, SW_F_ERROR, error);
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), 0);
}

int
rig_extend(struct rig *r, int who, int n, uint64_t token, int begun)
{
	size_t mark = rig_say(r, SW_OP_EXTEND, n);
	struct sw_item it;

	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
	if (begun)
		sw_put_int(&r->b, SW_F_BEGUN, 1);
	return rig_ask(r, who, SW_OP_EXTEND, mark, &it);
}

uint64_t
rig_run(struct rig *r, int n, const char *body)
{
	uint64_t token = 0;

	assert_int_equal(rig_put(r, n, "q", body), 0);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), n);
	return token;
}

const char *
rig_drain(struct rig *r, int who, const char *queue)
{
	static char text[4096];
	size_t len = 0;
	uint64_t token;
	int n;

	rig_hello(r, who, queue, 0);
	text[0] = '\0';
	while (len < sizeof(text) - 16 && (n = rig_take(r, who, &token)) != 0) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d",
			len > 0 ? " " : "", n);
		assert_int_equal(rig_done(r, who, n, token, SW_ACK, 0), 0);
	}
	return text;
}

void
rig_put_say(struct rig *r, int n, size_t body_len)
{
	static uint8_t body[SW_BODY_MAX];
	size_t mark = rig_say(r, SW_OP_PUT, n);

	sw_put_text(&r->b, SW_F_QUEUE, "q");
	sw_put_bytes(&r->b, SW_F_BODY, bytes_of(body, body_len));
	sw_item_end(&r->b, mark);
}

void
rig_turn_drop(struct rig *r)
{
	core_committed(r->core);
	core_end(r->core);
	rig_restart(r);
}
