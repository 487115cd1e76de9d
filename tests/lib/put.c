/* SPDX-License-Identifier: MIT */
#include "tests/lib/put.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"

int
put_rig_setup(void **state)
{
	struct put_rig *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->r = rig_open("mem:");
	assert_int_equal(
		sw_open(&w->c, "ipc:///nonexistent/there-is-no-broker"), 0);
	sw_window_set(w->c, UINT32_MAX);
	memset(w->filler, 'k', LONG);
	*state = w;
	return 0;
}

int
put_rig_teardown(void **state)
{
	struct put_rig *w = *state;

	sw_close(w->c);
	rig_close(w->r);
	free(w);
	return 0;
}

struct put_verdict
put_library_says(struct put_rig *w, struct sw_job job)
{
	struct put_verdict v = {0};

	v.err = sw_submit(w->c, &job, NULL, NULL);
	if (v.err < 0)
		(void)snprintf(v.why, sizeof(v.why), "%s", sw_why(w->c));
	return v;
}

struct put_verdict
put_answer_of(struct rig *r, int who, int op)
{
	struct put_verdict v = {0};
	struct sw_item it;

	assert_true(rig_item(r, who, op | SW_REPLY, 0, &it) ||
		    rig_item(r, who, SW_OP_ERROR | SW_REPLY, 0, &it));
	v.err = (int)sw_int(&it, SW_F_STATUS, 1);
	sw_get_text(&it, SW_F_DETAIL, v.why, sizeof(v.why));
	return v;
}

struct put_verdict
put_core_says(struct put_rig *w, struct bytes fields)
{
	struct put_verdict v;
	struct sw_item it;
	struct sw_id id;
	size_t mark;

	mark = rig_say(w->r, SW_OP_PUT, 0);
	sw_put_raw(&w->r->b, fields);
	sw_item_end(&w->r->b, mark);
	assert_false(w->r->b.full);
	rig_send(w->r, PUT_PRODUCER);
	v = put_answer_of(w->r, PUT_PRODUCER, SW_OP_PUT);
	if (v.err < 0)
		return v;
	assert_true(sw_item_open(fields, &it) == 0 && sw_get_id(&it, &id));
	mark = rig_say(w->r, SW_OP_CANCEL, 0);
	sw_put_id(&w->r->b, &id);
	sw_item_end(&w->r->b, mark);
	rig_send(w->r, PUT_PRODUCER);
	return v;
}

struct put_verdict
put_follow_says(struct put_rig *w, struct bytes fields)
{
	struct rig *r = w->r;
	int n = ++w->n;
	struct sw_id id = rig_id(n);
	struct put_verdict v;
	uint64_t token;
	size_t mark, nest;

	assert_int_equal(rig_put(r, n, "parent", "x"), 0);
	assert_int_equal(rig_hello(r, PUT_WORKER, "parent", 0), 0);
	assert_int_equal(rig_take(r, PUT_WORKER, &token), n);
	mark = rig_report(r, &id, token, SW_ACK, SW_C_NONE);
	nest = sw_nest_begin(&r->b, SW_F_FOLLOW);
	sw_put_raw(&r->b, fields);
	sw_nest_end(&r->b, nest);
	sw_item_end(&r->b, mark);
	rig_send(r, PUT_WORKER);
	v = put_answer_of(r, PUT_WORKER, SW_OP_DONE);
	assert_int_equal(rig_state(r, n), v.err < 0 ? SW_LEASED : SW_DONE);
	if (v.err < 0)
		assert_int_equal(
			rig_done(r, PUT_WORKER, n, token, SW_ACK, 0), 0);
	return v;
}

void
put_expect(struct put_verdict v, int err, const char *why)
{
	assert_string_equal(v.why, why);
	assert_int_equal(v.err, err);
	assert_true(text_is_utf8(bytes_str(v.why)));
}

static void
put_unless_zero(struct sw_buf *b, enum sw_tag tag, int64_t v)
{
	if (v != 0)
		sw_put_int(b, tag, v);
}

static void
put_unless_null(struct sw_buf *b, enum sw_tag tag, const char *s)
{
	if (s != NULL)
		sw_put_text(b, tag, s);
}

struct bytes
put_item_of(struct put_rig *w, const struct sw_job *j)
{
	static uint8_t room[2 * LONG];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_id id = rig_id(++w->n);

	sw_put_id(&b, &id);
	sw_put_text(&b, SW_F_QUEUE, j->queue);
	put_unless_zero(&b, SW_F_DELAY_MS, j->delay_ms);
	put_unless_zero(&b, SW_F_RUN_AT_MS, j->run_at_ms);
	put_unless_zero(&b, SW_F_EXPIRES_AT_MS, j->expires_at_ms);
	put_unless_zero(&b, SW_F_UNIQUE_ALSO, j->unique_also);
	put_unless_zero(&b, SW_F_MAX_ATTEMPTS, j->max_attempts);
	put_unless_zero(&b, SW_F_TIMEOUT_MS, j->timeout_ms);
	if (j->priority != 0)
		sw_put_int(&b, SW_F_PRIORITY,
			j->priority == SW_PRIORITY_LOWEST ? 0 : j->priority);
	put_unless_null(&b, SW_F_UNIQUE, j->unique);
	put_unless_null(&b, SW_F_FAIR, j->fair);
	put_unless_null(&b, SW_F_CONTENT_TYPE, j->content_type);
	for (size_t i = 0; j->headers != NULL && j->headers[i] != NULL; i++)
		sw_put_text(&b, SW_F_HEADER, j->headers[i]);
	sw_put_bytes(&b, SW_F_BODY, bytes_of(j->body, j->body_len));
	assert_false(b.full);
	return sw_buf_bytes(&b);
}
