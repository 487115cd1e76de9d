/* SPDX-License-Identifier: MIT */
/* What contradicts something stored is refused, and changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "tests/lib/rig.h"

/* Puts a job of these bytes; what the answer says. */
static int
put_bytes(struct rig *r, int n, const char *queue, struct bytes body,
	struct sw_item *it)
{
	size_t mark = rig_say(r, SW_OP_PUT, n);

	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_put_bytes(&r->b, SW_F_BODY, body);
	return rig_ask(r, RIG_ASKER, SW_OP_PUT, mark, it);
}

/* The same put is answered with the state, any other refused with it. */
static void
puts_are_judged(struct rig *r, enum sw_state state)
{
	struct sw_item it;

	assert_int_equal(put_bytes(r, 1, "q", bytes_str("body"), &it), 0);
	assert_int_equal(sw_int(&it, SW_F_STATE, SW_NONE), state);
	assert_int_equal(
		put_bytes(r, 1, "q2", bytes_str("body"), &it), SW_ECONFLICT);
	assert_int_equal(sw_int(&it, SW_F_STATE, SW_NONE), state);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_DETAIL),
		bytes_str("the job with this id is in queue q")));
	assert_int_equal(
		put_bytes(r, 1, "q", bytes_str("bodx"), &it), SW_ECONFLICT);
	assert_int_equal(sw_int(&it, SW_F_STATE, SW_NONE), state);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_DETAIL),
		bytes_str("the job with this id has another body")));
	assert_int_equal(
		put_bytes(r, 1, "q", bytes_str("bod"), &it), SW_ECONFLICT);
	assert_int_equal(
		put_bytes(r, 1, "q", bytes_str(""), &it), SW_ECONFLICT);
	assert_int_equal(rig_state(r, 1), state);
}

static void
a_put_of_a_known_id_must_have_its_queue_and_body(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token;

	assert_int_equal(rig_put(r, 9, "q2", ""), 0);
	assert_int_equal(rig_put(r, 1, "q", "body"), 0);
	puts_are_judged(r, SW_READY);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	puts_are_judged(r, SW_LEASED);
	assert_int_equal(rig_done(r, 1, 1, token, SW_RETRY, SW_C_ERROR), 0);
	puts_are_judged(r, SW_DELAYED);
	rig_pass(r, 20000);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_true(rig_item(r, 1, SW_OP_JOBS, 0, &it));
	assert_true(bytes_eq(sw_bytes(&it, SW_F_BODY), bytes_str("body")));
	assert_int_equal(rig_done(r, 1, 1, token, SW_FAIL, SW_C_ERROR), 0);
	puts_are_judged(r, SW_DEAD);
}

/* Their bodies are gone: the record keeps a digest, which nobody is shown. */
static void
the_body_of_an_ended_job_is_compared_too(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token = rig_run(r, 1, "body");

	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	puts_are_judged(r, SW_DONE);
	rig_restart(r);
	puts_are_judged(r, SW_DONE);
	assert_int_equal(
		rig_ask(r, 2, SW_OP_GET, rig_say(r, SW_OP_GET, 1), &it), 0);
	assert_false(sw_has(&it, SW_F_MATCH));
	assert_false(sw_has(&it, SW_F_BODY));
	rig_pass(r, 300000);
	assert_int_equal(rig_state(r, 1), SW_NONE);
	assert_int_equal(rig_put(r, 1, "q", "another"), 0);
	assert_int_equal(rig_cancel(r, 1), 0);
	assert_int_equal(rig_put(r, 1, "q", "another"), 0);
	assert_int_equal(rig_put(r, 1, "q", "a third"), SW_ECONFLICT);
}

static void
large_bodies_are_compared_to_their_last_byte(void **state)
{
	static uint8_t body[SW_BODY_MAX];
	struct rig *r = *state;
	struct bytes all = bytes_of(body, sizeof(body));
	struct sw_item it;
	struct sw_id id;
	uint64_t token;

	body[sizeof(body) - 1] = 7;
	for (int ended = 0; ended <= 1; ended++) {
		assert_int_equal(put_bytes(r, 1, "q", all, &it), 0);
		body[sizeof(body) - 1] ^= 1;
		assert_int_equal(put_bytes(r, 1, "q", all, &it), SW_ECONFLICT);
		body[sizeof(body) - 1] ^= 1;
		if (ended)
			break;
		token = rig_next(r, 1, "q", &id);
		assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	}
}

/* Writes job `n`'s record without its digest, as an older broker did. */
static void
digest_drop(struct rig *r, int n)
{
	uint8_t room[1024];
	struct sw_buf b = {.p = room, .len = RECORD_SUM, .cap = sizeof(room)};
	struct key k = rig_key('j', n);
	struct sw_item it;
	struct bytes val;

	assert_int_equal(
		r->store->driver->get(r->store, 0, key_bytes(&k), &val), 0);
	assert_int_equal(
		sw_item_open(bytes_of((const uint8_t *)val.p + RECORD_SUM,
				     val.len - RECORD_SUM),
			&it),
		0);
	assert_true(sw_has(&it, SW_F_MATCH));
	sw_copy_without(&b, &it, SW_BIT(SW_F_MATCH));
	le_set(room, RECORD_SUM,
		XXH3_64bits(room + RECORD_SUM, b.len - RECORD_SUM));
	rig_row_change(r, STORE_PUT, &k, sw_buf_bytes(&b));
}

static void
of_a_job_that_an_older_broker_ended_only_the_queue_is_known(void **state)
{
	struct rig *r = *state;
	uint64_t token = rig_run(r, 1, "body");

	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	digest_drop(r, 1);
	assert_int_equal(rig_put(r, 1, "q", "another"), 0);
	assert_int_equal(rig_put(r, 1, "q2", "body"), SW_ECONFLICT);
}

/* --- reports -------------------------------------------------------------- */

static void
reports_are_judged(struct rig *r, uint64_t token, int outcome)
{
	for (int other = SW_ACK; other <= SW_STOPPED; other++) {
		size_t mark = rig_say(r, SW_OP_DONE, 1);
		struct sw_item it;
		int status;

		sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
		sw_put_int(&r->b, SW_F_OUTCOME, other);
		status = rig_ask(r, 1, SW_OP_DONE, mark, &it);
		assert_int_equal(status, other == outcome ? 0 : SW_ESTALE);
		assert_int_equal(sw_has(&it, SW_F_DETAIL), other != outcome);
	}
}

/* Whatever became of the job, also where it ended as another outcome. */
static void
a_lease_has_one_outcome(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	for (int outcome = SW_STOPPED; outcome >= SW_ACK; outcome--) {
		assert_int_equal(rig_hello(r, 1, "q", 0), 0);
		assert_int_equal(rig_take(r, 1, &token), 1);
		assert_int_equal(
			rig_done(r, 1, 1, token, outcome, SW_C_ERROR), 0);
		reports_are_judged(r, token, outcome);
		rig_restart(r);
		reports_are_judged(r, token, outcome);
		if (outcome == SW_FAIL) {
			size_t mark = rig_say(r, SW_OP_REDRIVE, 1);

			assert_int_equal(
				rig_ask(r, 2, SW_OP_REDRIVE, mark, &it), 0);
		}
		rig_pass(r, 20000);
	}
	assert_int_equal(rig_state(r, 1), SW_DONE);
	assert_int_equal(
		rig_ask(r, 2, SW_OP_GET, rig_say(r, SW_OP_GET, 1), &it), 0);
	assert_false(sw_has(&it, SW_F_OUTCOME));
}

/* --- follow-ups ----------------------------------------------------------- */

static void
follow_say(struct rig *r, int n, const char *queue, const char *body)
{
	size_t nest = sw_nest_begin(&r->b, SW_F_FOLLOW);
	struct sw_id id = rig_id(n);

	sw_put_id(&r->b, &id);
	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_put_text(&r->b, SW_F_BODY, body);
	sw_nest_end(&r->b, nest);
}

static void
a_follow_up_of_a_known_id_must_have_its_queue_and_body(void **state)
{
	struct rig *r = *state;
	struct sw_id id = rig_id(1);
	struct sw_item it;
	uint64_t token;
	size_t mark;

	assert_int_equal(rig_put(r, 2, "next", "body"), 0);
	token = rig_run(r, 1, "");
	mark = rig_report(r, &id, token, SW_ACK, 0);
	follow_say(r, 3, "next", "");
	follow_say(r, 2, "next", "another");
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), SW_ECONFLICT);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_DETAIL),
		bytes_str("the job with this id has another body")));
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	assert_int_equal(rig_state(r, 3), SW_NONE);
	mark = rig_report(r, &id, token, SW_ACK, 0);
	follow_say(r, 3, "next", "");
	follow_say(r, 2, "next", "body");
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), 0);
	assert_int_equal(rig_state(r, 1), SW_DONE);
	assert_int_equal(rig_state(r, 3), SW_READY);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown_rows)
	const struct CMUnitTest tests[] = {
		T(a_put_of_a_known_id_must_have_its_queue_and_body),
		T(the_body_of_an_ended_job_is_compared_too),
		T(large_bodies_are_compared_to_their_last_byte),
		T(of_a_job_that_an_older_broker_ended_only_the_queue_is_known),
		T(a_lease_has_one_outcome),
		T(a_follow_up_of_a_known_id_must_have_its_queue_and_body),
	};

	return cmocka_run_group_tests_name("conflict", tests, NULL, NULL);
}
