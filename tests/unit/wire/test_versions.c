/* SPDX-License-Identifier: MIT */
/*
 * A broker, a worker and a client of different versions: each may be newer than
 * the other.  A newer program is one that sends fields which this one does not
 * know; an older one sends the frames that were recorded here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/rig.h"
#include "tests/unit/worker/talk.h"

enum { NEWER = 200, NEXT = SW_TAGS - 1 }; /* tags that nobody knows */

static void
newer_put(struct sw_buf *b)
{
	sw_put_bytes(b, (enum sw_tag)NEWER, bytes_str("of a newer program"));
	sw_put_int(b, (enum sw_tag)NEXT, 7);
}

/* --- a newer worker, or client, and this broker ----------------------------
 */

/* Ends the request with fields of a newer program; the answer's STATUS. */
static int
newer_ask(struct rig *r, int who, int op, size_t mark, struct sw_item *it)
{
	newer_put(&r->b);
	return rig_ask(r, who, op, mark, it);
}

static int
newer_hello(struct rig *r, int who, const char *queue)
{
	size_t mark = rig_say(r, SW_OP_HELLO, 0);
	struct sw_item it;

	sw_put_text(&r->b, SW_F_WORKER, "newer");
	newer_put(&r->b);
	sw_item_end(&r->b, mark);
	mark = sw_item_begin(&r->b);
	sw_put_text(&r->b, SW_F_QUEUE, queue);
	return newer_ask(r, who, SW_OP_HELLO, mark, &it);
}

/* Gives credit for one job, and takes it: its token. */
static uint64_t
newer_take(struct rig *r, int who)
{
	size_t mark = rig_say(r, SW_OP_WANT, 0);
	struct sw_item it;

	sw_put_int(&r->b, SW_F_CREDIT, 1);
	newer_put(&r->b);
	sw_item_end(&r->b, mark);
	rig_send(r, who);
	assert_true(rig_item(r, who, SW_OP_JOBS, 0, &it));
	return (uint64_t)sw_int(&it, SW_F_TOKEN, 0);
}

static void
a_newer_worker_works_for_this_broker(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token;
	size_t mark;

	assert_int_equal(rig_put(r, 1, "q", "body"), 0);
	assert_int_equal(newer_hello(r, 1, "q"), 0);
	token = newer_take(r, 1);
	mark = rig_say(r, SW_OP_EXTEND, 1);
	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
	assert_int_equal(newer_ask(r, 1, SW_OP_EXTEND, mark, &it), 0);
	mark = rig_say(r, SW_OP_DONE, 1);
	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
	sw_put_int(&r->b, SW_F_OUTCOME, SW_ACK);
	assert_int_equal(newer_ask(r, 1, SW_OP_DONE, mark, &it), 0);
	assert_int_equal(rig_state(r, 1), SW_DONE);
	mark = rig_say(r, SW_OP_BYE, 0);
	assert_int_equal(newer_ask(r, 1, SW_OP_BYE, mark, &it), 0);
	rig_restart(r);
	assert_int_equal(rig_state(r, 1), SW_DONE);
}

/* The request is refused with that error, and the line has these words. */
static void
is_refused(struct rig *r, const struct sw_item *it, int got, int want,
	const char *words)
{
	char detail[SW_TEXT_MAX + 1];

	assert_int_equal(got, want);
	sw_get_text(it, SW_F_DETAIL, detail, sizeof(detail));
	if (strstr(detail, words) == NULL)
		fail_msg("'%s', not '%s'", detail, words);
	assert_int_equal(rig_state(r, 1), SW_NONE);
}

/* Without a field that the client relies on the job would be another one. */
static void
a_newer_client_hears_which_field_is_unknown(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark = rig_say(r, SW_OP_PUT, 1);

	sw_put_text(&r->b, SW_F_QUEUE, "q");
	sw_put_text(&r->b, SW_F_BODY, "");
	is_refused(r, &it, newer_ask(r, RIG_ASKER, SW_OP_PUT, mark, &it),
		SW_EINVAL, "field 200 is unknown");
}

static void
a_newer_operation_or_version_is_refused_by_name(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark = rig_say(r, 63, 1);

	is_refused(r, &it, rig_ask(r, RIG_ASKER, 63, mark, &it), SW_EOP,
		sw_strerror(SW_EOP));
	mark = rig_say(r, SW_OP_GET, 1);
	r->b.p[2] = SW_VERSION + 1;
	is_refused(r, &it, rig_ask(r, RIG_ASKER, SW_OP_GET, mark, &it),
		SW_EVERSION, sw_strerror(SW_EVERSION));
}

static void
a_follow_up_with_an_unknown_field_is_refused(void **state)
{
	struct rig *r = *state;
	uint64_t token = rig_run(r, 1, "");
	size_t mark = rig_say(r, SW_OP_DONE, 1), nest;
	struct sw_id id = {{9}};
	struct sw_item it;

	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
	sw_put_int(&r->b, SW_F_OUTCOME, SW_ACK);
	nest = sw_nest_begin(&r->b, SW_F_FOLLOW);
	sw_put_id(&r->b, &id);
	sw_put_text(&r->b, SW_F_QUEUE, "q");
	sw_put_text(&r->b, SW_F_BODY, "");
	newer_put(&r->b);
	sw_nest_end(&r->b, nest);
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), SW_EINVAL);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
}

/* --- an older worker and client, and this broker ---------------------------
 */

/* Frames of 0.1.0: put of job 01 in "q", hello for it, want of one job. */
static const uint8_t old_put[] = "SW\1\1\0\0\1\0\5\0\0\0\0\0\0\0"
				 "\x1e\0\0\0"
				 "\1\x10\0\0"
				 "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				 "\2\1\0\0q"
				 "\3\1\0\0b";
static const uint8_t old_hello[] = "SW\1\2\0\0\2\0\6\0\0\0\0\0\0\0"
				   "\5\0\0\0"
				   "\x22\1\0\0w"
				   "\5\0\0\0"
				   "\2\1\0\0q";
static const uint8_t old_want[] = "SW\1\3\0\0\1\0\7\0\0\0\0\0\0\0"
				  "\x0c\0\0\0"
				  "\x25\x08\0\0\1\0\0\0\0\0\0\0";

static void
old_send(struct rig *r, int who, const uint8_t *frame, size_t len)
{
	memcpy(r->request, frame, len);
	r->b = (struct sw_buf){
		.p = r->request, .len = len, .cap = sizeof(r->request)};
	rig_send(r, who);
}

static void
this_broker_takes_what_an_older_program_sends(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	old_send(r, 1, old_put, sizeof(old_put) - 1);
	assert_true(rig_item(r, 1, SW_OP_PUT | SW_REPLY, 0, &it));
	assert_int_equal(sw_int(&it, SW_F_STATUS, 1), 0);
	old_send(r, 2, old_hello, sizeof(old_hello) - 1);
	assert_true(rig_item(r, 2, SW_OP_HELLO | SW_REPLY, 0, &it));
	assert_int_equal(sw_int(&it, SW_F_STATUS, 1), 0);
	old_send(r, 2, old_want, sizeof(old_want) - 1);
	assert_true(rig_item(r, 2, SW_OP_JOBS, 0, &it));
	assert_true(bytes_eq(sw_bytes(&it, SW_F_BODY), bytes_str("b")));
}

/* --- a newer broker, and this worker and client ----------------------------
 */

/* One item with fields of a newer broker, to the worker. */
static void
newer_tell(struct talk *t, int op, uint64_t seq, uint64_t token)
{
	struct sw_buf b = {.p = t->room, .cap = sizeof(t->room)};
	struct sw_id id = {{1}};
	size_t mark;

	sw_msg_begin(&b, op, 0, seq);
	mark = sw_item_begin(&b);
	newer_put(&b);
	if (op == SW_OP_JOBS) {
		sw_put_id(&b, &id);
		sw_put_text(&b, SW_F_QUEUE, "mail");
		sw_put_int(&b, SW_F_TOKEN, (int64_t)token);
	} else {
		sw_put_int(&b, SW_F_STATUS, 0);
	}
	newer_put(&b);
	sw_item_end(&b, mark);
	leases_receive(&t->h, sw_buf_bytes(&b), t->now);
}

static void
this_worker_works_for_a_newer_broker(void **state)
{
	struct talk *t = talk_open(2);
	struct worker_lease *j;

	(void)state;
	newer_tell(t, SW_OP_JOBS, 0, 5);
	j = talk_begin(t);
	assert_int_equal(j->token, 5);
	leases_begun(&t->h, j);
	talk_say(t, 1000);
	newer_tell(t, SW_OP_EXTEND | SW_REPLY, t->seq[SW_OP_EXTEND], 0);
	assert_int_equal(j->stop, LEASE_KEEP);
	talk_end(t, j, SW_ACK);
	talk_say(t, 0);
	assert_int_equal(talk_last(t, SW_OP_DONE)->token, 5);
	assert_int_equal(t->h.used, 1);
	newer_tell(t, SW_OP_DONE | SW_REPLY, t->seq[SW_OP_DONE], 0);
	assert_int_equal(t->h.used, 0);
	talk_close(t);
}

/* The decoder of the library and the command: any reply, and its events. */
static void
this_client_reads_the_replies_of_a_newer_broker(void **state)
{
	static uint8_t room[512];
	struct sw_item it, event;
	struct sw_msg m;

	(void)state;
	for (int op = 1; op < SW_REPLY; op++) {
		struct sw_buf b = {.p = room, .cap = sizeof(room)};
		size_t mark, nest;

		sw_msg_begin(&b, op | SW_REPLY, 0, 1);
		mark = sw_item_begin(&b);
		newer_put(&b);
		sw_put_int(&b, SW_F_STATUS, SW_ENOJOB);
		nest = sw_nest_begin(&b, SW_F_EVENT);
		newer_put(&b);
		sw_put_int(&b, SW_F_ATTEMPT, 3);
		sw_nest_end(&b, nest);
		sw_item_end(&b, mark);
		assert_int_equal(sw_msg_open(sw_buf_bytes(&b), &m), 0);
		assert_true(sw_msg_next(&m, &it));
		assert_int_equal(sw_int(&it, SW_F_STATUS, 0), SW_ENOJOB);
		assert_int_equal(
			sw_item_open_newer(sw_bytes(&it, SW_F_EVENT), &event),
			0);
		assert_int_equal(sw_int(&event, SW_F_ATTEMPT, 0), 3);
	}
}

#define WITH(test)                                                             \
	cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(a_newer_worker_works_for_this_broker),
		WITH(a_newer_client_hears_which_field_is_unknown),
		WITH(a_newer_operation_or_version_is_refused_by_name),
		WITH(a_follow_up_with_an_unknown_field_is_refused),
		WITH(this_broker_takes_what_an_older_program_sends),
		cmocka_unit_test(this_worker_works_for_a_newer_broker),
		cmocka_unit_test(
			this_client_reads_the_replies_of_a_newer_broker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
