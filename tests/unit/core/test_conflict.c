/* SPDX-License-Identifier: MIT */
/* What contradicts something stored is refused, and changes nothing; so are
 * more follow-ups than a report may bring. */
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
	rig_get(r, 1, &it);
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
	rig_get(r, 1, &it);
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
follow_say_unique(struct rig *r, int n, const char *queue, const char *key)
{
	size_t nest = sw_nest_begin(&r->b, SW_F_FOLLOW);
	struct sw_id id = rig_id(n);

	sw_put_id(&r->b, &id);
	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_put_text(&r->b, SW_F_BODY, "");
	sw_put_text(&r->b, SW_F_UNIQUE, key);
	sw_nest_end(&r->b, nest);
}

/* Else one of both would be lost under a status of 0. */
static void
two_follow_ups_of_one_unique_key_refuse_the_ack(void **state)
{
	struct rig *r = *state;
	struct sw_id id = rig_id(1);
	uint64_t token = rig_run(r, 1, "");
	struct sw_item it;
	size_t mark = rig_report(r, &id, token, SW_ACK, 0);

	follow_say_unique(r, 2, "next", "k");
	follow_say_unique(r, 3, "other", "k");
	follow_say_unique(r, 4, "next", "k");
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), SW_EUNIQUE);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_DETAIL),
		bytes_str("two follow-ups have one unique key")));
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	for (int n = 2; n <= 4; n++)
		assert_int_equal(rig_state(r, n), SW_NONE);
	mark = rig_report(r, &id, token, SW_ACK, 0);
	follow_say_unique(r, 2, "next", "k");
	follow_say_unique(r, 3, "other", "k");
	follow_say_unique(r, 2, "next", "k");
	follow_say_unique(r, 4, "next", "k2");
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), 0);
	for (int n = 2; n <= 4; n++)
		assert_int_equal(rig_state(r, n), SW_READY);
}

/* A limit that other queues' follow-ups used up would refuse the ack for ever.
 */
static void
follow_ups_count_in_their_own_queue(void **state)
{
	struct rig *r = *state;
	struct sw_id id = rig_id(1);
	uint64_t token;
	struct sw_item it;
	size_t mark;

	assert_int_equal(rig_set(r, "small", "max_jobs=2"), 0);
	token = rig_run(r, 1, "");
	for (int more = 1; more >= 0; more--) {
		mark = rig_report(r, &id, token, SW_ACK, 0);
		follow_say(r, 2, "next", "");
		follow_say(r, 3, "small", "");
		follow_say(r, 4, "other", "");
		follow_say(r, 5, "small", "");
		follow_say(r, 5, "small", "");
		follow_say(r, 6, more ? "small" : "next", "");
		assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it),
			more ? SW_EMAXJOBS : 0);
		assert_int_equal(rig_state(r, 3), more ? SW_NONE : SW_READY);
	}
	for (int n = 2; n <= 6; n++)
		assert_int_equal(rig_state(r, n), SW_READY);
}

static size_t
ack_bringing(struct rig *r, uint64_t token, const char *result, int follow)
{
	struct sw_id id = rig_id(1);
	size_t mark = rig_report(r, &id, token, SW_ACK, 0);

	if (result != NULL)
		sw_put_text(&r->b, SW_F_RESULT, result);
	if (follow > 0)
		follow_say(r, follow, "next", "");
	return mark;
}

/* Else a result or a follow-up would be lost under a status of 0. */
static void
an_ack_that_comes_again_brings_the_same(void **state)
{
	static const struct {
		const char *result;
		int follow;
	} others[] = {{"r", 0}, {"r", 3}, {"s", 2}, {NULL, 2}, {NULL, 0}};
	struct rig *r = *state;
	uint64_t token = rig_run(r, 1, "");
	struct sw_item it;
	size_t mark = ack_bringing(r, token, "r", 2);

	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), 0);
	for (int restart = 0; restart < 2; restart++) {
		for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
			mark = ack_bringing(
				r, token, others[i].result, others[i].follow);
			assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it),
				SW_ESTALE);
			assert_true(bytes_eq(sw_bytes(&it, SW_F_DETAIL),
				bytes_str("the lease was reported as ack "
					  "before, with another result or "
					  "other follow-ups")));
			assert_int_equal(rig_state(r, 3), SW_NONE);
		}
		mark = ack_bringing(r, token, "r", 2);
		assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), 0);
		rig_restart(r);
	}
	rig_get(r, 1, &it);
	assert_false(sw_has(&it, SW_F_DIGEST));
	assert_true(bytes_eq(sw_bytes(&it, SW_F_RESULT), bytes_str("r")));
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

static void
follow_ups_of_one_id_in_a_report_must_be_the_same(void **state)
{
	static const char *const body[] = {"a", "", ""};
	static const char *const queue[] = {"next", "other", "next"};
	struct rig *r = *state;
	struct sw_id id = rig_id(1);
	uint64_t token = rig_run(r, 1, "");
	struct sw_item it;
	size_t mark;

	for (int i = 0; i < 3; i++) {
		mark = rig_report(r, &id, token, SW_ACK, 0);
		follow_say(r, 3, "next", "");
		follow_say(r, 2, "next", "");
		follow_say(r, 3, queue[i], body[i]);
		assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it),
			i < 2 ? SW_ECONFLICT : 0);
		assert_int_equal(rig_state(r, 1), i < 2 ? SW_LEASED : SW_DONE);
	}
	assert_int_equal(rig_state(r, 3), SW_READY);
}

static void
only_an_ack_has_follow_ups(void **state)
{
	static const int outcomes[] = {
		SW_RETRY, SW_FAIL, SW_RELEASE, SW_STOPPED};
	struct rig *r = *state;
	struct sw_id id = rig_id(1);
	uint64_t token = rig_run(r, 1, "");
	struct sw_item it;

	for (int i = 0; i < 4; i++) {
		size_t mark = rig_report(r, &id, token, outcomes[i], 0);

		follow_say(r, 2, "next", "");
		assert_int_equal(
			rig_ask(r, 1, SW_OP_DONE, mark, &it), SW_EINVAL);
		assert_true(sw_has(&it, SW_F_DETAIL));
		assert_non_null(
			memmem(it.f[SW_F_DETAIL].p, it.f[SW_F_DETAIL].len,
				"follow is a field of an ack, not of ", 36));
		assert_int_equal(rig_state(r, 1), SW_LEASED);
	}
	assert_int_equal(rig_state(r, 2), SW_NONE);
}

/* The status of item `i` of the answer to a report. */
static int
answer(struct rig *r, int i)
{
	struct sw_item it;

	assert_true(rig_item(r, 1, SW_OP_DONE | SW_REPLY, i, &it));
	return (int)sw_int(&it, SW_F_STATUS, 1);
}

/* An item of DONE, an ack with follow-ups of ids from `first` on. */
static void
ack_say(struct rig *r, int n, uint64_t token, int first, int follows)
{
	struct sw_id id = rig_id(n);
	size_t mark = sw_item_begin(&r->b);

	sw_put_id(&r->b, &id);
	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
	sw_put_int(&r->b, SW_F_OUTCOME, SW_ACK);
	for (int i = 0; i < follows; i++) {
		size_t nest = sw_nest_begin(&r->b, SW_F_FOLLOW);
		struct sw_id own = rig_id(first + i);

		sw_put_id(&r->b, &own);
		sw_put_text(&r->b, SW_F_QUEUE, "next");
		sw_put_text(&r->b, SW_F_BODY, "");
		sw_nest_end(&r->b, nest);
	}
	sw_item_end(&r->b, mark);
}

/* Puts and leases jobs 1 to n. */
static void
many_run(struct rig *r, int n, uint64_t *token)
{
	for (int i = 1; i <= n; i++)
		assert_int_equal(rig_put(r, i, "q", ""), 0);
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	for (int i = 0; i < n; i++)
		assert_int_equal(rig_take(r, 1, &token[i]), i + 1);
}

static void
more_follow_ups_than_one_job_may_bring_are_refused(void **state)
{
	struct rig *r = *state;
	uint64_t token[2];

	many_run(r, 2, token);
	rig_begin(r, SW_OP_DONE);
	ack_say(r, 1, token[0], 1000, SW_FOLLOWS_MAX + 1);
	ack_say(r, 2, token[1], 3000, SW_FOLLOWS_MAX);
	rig_send(r, 1);
	assert_int_equal(answer(r, 0), SW_ETOOBIG);
	assert_int_equal(answer(r, 1), 0);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	assert_int_equal(rig_state(r, 1000), SW_NONE);
	assert_int_equal(rig_state(r, 3000 + SW_FOLLOWS_MAX - 1), SW_READY);
}

static void
the_limit_of_follow_ups_counts_for_each_job_of_a_message(void **state)
{
	enum { JOBS = 64, EACH_HAS = 25 };
	struct rig *r = *state;
	uint64_t token[JOBS];

	many_run(r, JOBS, token);
	rig_begin(r, SW_OP_DONE);
	for (int i = 0; i < JOBS; i++)
		ack_say(r, i + 1, token[i], 1000 + i * EACH_HAS, EACH_HAS);
	rig_send(r, 1);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(answer(r, i), 0);
	assert_int_equal(r->core->queues[1]->count[SW_READY], JOBS * EACH_HAS);
}

/* A turn takes what it has room for; the reports left over are sent again. */
static void
follow_ups_beyond_a_turn_wait_for_the_next(void **state)
{
	enum { JOBS = 20 };
	struct rig *r = *state;
	uint64_t token[JOBS];
	int left = JOBS, turns = 0;

	many_run(r, JOBS, token);
	while (left > 0) {
		assert_in_range(++turns, 1, JOBS);
		rig_begin(r, SW_OP_DONE);
		for (int i = 0; i < JOBS; i++)
			ack_say(r, i + 1, token[i], 1000 * (i + 1),
				SW_FOLLOWS_MAX);
		rig_send(r, 1);
		left = 0;
		for (int i = 0; i < JOBS; i++)
			if (answer(r, i) != 0) {
				assert_int_equal(answer(r, i), SW_EBUSY);
				left++;
			}
	}
	assert_true(turns > 1);
	assert_int_equal(
		r->core->queues[1]->count[SW_READY], JOBS * SW_FOLLOWS_MAX);
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
		T(follow_ups_of_one_id_in_a_report_must_be_the_same),
		T(only_an_ack_has_follow_ups),
		T(two_follow_ups_of_one_unique_key_refuse_the_ack),
		T(follow_ups_count_in_their_own_queue),
		T(an_ack_that_comes_again_brings_the_same),
		T(a_follow_up_of_a_known_id_must_have_its_queue_and_body),
		T(more_follow_ups_than_one_job_may_bring_are_refused),
		T(the_limit_of_follow_ups_counts_for_each_job_of_a_message),
		T(follow_ups_beyond_a_turn_wait_for_the_next),
	};

	return cmocka_run_group_tests_name("conflict", tests, NULL, NULL);
}
