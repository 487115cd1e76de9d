/* SPDX-License-Identifier: MIT */
/* The life of a job, turn by turn, with a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/rig.h"

static void
a_job_goes_from_put_to_done(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	assert_int_equal(rig_put(r, 1, "q", "hello"), 0);
	assert_int_equal(rig_state(r, 1), SW_READY);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	assert_int_equal(rig_state(r, 1), SW_DONE);
}

static void
the_same_id_put_twice_is_one_job(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	assert_int_equal(rig_put(r, 1, "q", "a"), 0);
	assert_int_equal(rig_put(r, 1, "q", "a"), 0);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_int_equal(rig_put(r, 1, "q", "a"), 0);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	assert_int_equal(rig_put(r, 1, "q", "a"), 0);
	assert_int_equal(rig_state(r, 1), SW_DONE);
	assert_int_equal(rig_take(r, 1, &token), 0);
}

static void
the_id_of_a_done_job_is_free_after_its_retention(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	rig_put(r, 1, "q", "a");
	rig_hello(r, 1, "q", 0);
	rig_take(r, 1, &token);
	rig_done(r, 1, 1, token, SW_ACK, 0);
	rig_pass(r, 299999);
	assert_int_equal(rig_state(r, 1), SW_DONE);
	rig_pass(r, 1);
	assert_int_equal(rig_state(r, 1), SW_NONE);
	assert_int_equal(r->core->queues[0]->count[SW_DONE], 0);
}

static void
without_retention_a_done_job_leaves_nothing(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	assert_int_equal(rig_set(r, "q", "retain_done_ms=0"), 0);
	rig_put(r, 1, "q", "a");
	rig_hello(r, 1, "q", 0);
	rig_take(r, 1, &token);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	assert_int_equal(rig_state(r, 1), SW_NONE);
}

static void
a_late_ack_is_refused_and_the_second_workers_counts(void **state)
{
	struct rig *r = *state;
	uint64_t late, good;

	rig_put(r, 1, "q", "a");
	rig_hello(r, 1, "q", 0);
	rig_hello(r, 2, "q", 0);
	assert_int_equal(rig_take(r, 1, &late), 1);
	rig_pass(r, 4000);
	rig_pass(r, 5000); /* expired, delayed by back-off, ready again */
	assert_int_equal(rig_take(r, 2, &good), 1);
	assert_true(good > late);
	assert_int_equal(rig_done(r, 1, 1, late, SW_ACK, 0), SW_ESTALE);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	assert_int_equal(rig_done(r, 2, 1, good, SW_ACK, 0), 0);
	assert_int_equal(rig_done(r, 1, 1, late, SW_ACK, 0), SW_ESTALE);
}

static void
done_said_twice_is_answered_twice_and_counts_once(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	rig_put(r, 1, "q", "a");
	rig_hello(r, 1, "q", 0);
	rig_take(r, 1, &token);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
	assert_int_equal(r->core->queues[0]->total[TOTAL_DONE], 1);
}

static void
a_worker_gone_is_noticed_within_five_seconds(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	rig_put(r, 1, "q", "a");
	rig_hello(r, 1, "q", 0);
	rig_take(r, 1, &token);
	assert_int_equal(rig_extend(r, 1, 1, token, 1), 0);
	rig_pass(r, 3999);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	rig_pass(r, 1);
	assert_int_equal(rig_state(r, 1), SW_DELAYED);
}

static void
an_extended_lease_goes_on(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token;

	rig_put(r, 1, "q", "a");
	rig_hello(r, 1, "q", 0);
	rig_take(r, 1, &token);
	for (int i = 0; i < 10; i++) {
		size_t mark;

		rig_pass(r, 3000);
		mark = rig_say(r, SW_OP_EXTEND, 1);
		sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
		assert_int_equal(rig_ask(r, 1, SW_OP_EXTEND, mark, &it), 0);
	}
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
}

/* Reports this outcome for job 1 until it is not handed out any more; the
 * number of attempts. */
static int
tries(struct rig *r, int outcome, int cause)
{
	uint64_t token;
	int n = 0;

	assert_int_equal(rig_set(r, "q", "max_attempts=5"), 0);
	rig_put(r, 1, "q", "a");
	for (int i = 0; i < 100; i++) {
		rig_hello(r, 1, "q", 0);
		if (rig_take(r, 1, &token) == 1) {
			n++;
			rig_done(r, 1, 1, token, outcome, cause);
		}
		rig_pass(r, 3600000);
	}
	return n;
}

static void
a_failing_job_is_dead_after_max_attempts(void **state)
{
	assert_int_equal(tries(*state, SW_RETRY, SW_C_ERROR), 5);
	assert_int_equal(rig_state(*state, 1), SW_DEAD);
}

static void
a_crashing_job_is_dead_after_its_crash_budget(void **state)
{
	assert_int_equal(tries(*state, SW_RETRY, SW_C_CRASH), 3);
	assert_int_equal(rig_state(*state, 1), SW_DEAD);
}

static void
a_timeout_spends_attempts_and_no_crash_budget(void **state)
{
	assert_int_equal(tries(*state, SW_RETRY, SW_C_TIMEOUT), 5);
}

static void
a_permanent_failure_is_dead_at_once(void **state)
{
	assert_int_equal(tries(*state, SW_FAIL, SW_C_PERMANENT), 1);
	assert_int_equal(rig_state(*state, 1), SW_DEAD);
}

static void
a_job_handed_back_burns_no_attempt(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	uint64_t token;

	rig_put(r, 1, "q", "a");
	rig_hello(r, 1, "q", 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(rig_take(r, 1, &token), 1);
		assert_true(rig_item(r, 1, SW_OP_JOBS, 0, &it));
		assert_int_equal(sw_int(&it, SW_F_ATTEMPT, 0), 1);
		rig_done(r, 1, 1, token, SW_RELEASE, SW_C_DRAIN);
	}
	rig_begin(r, SW_OP_BYE);
	rig_take(r, 1, &token);
	rig_begin(r, SW_OP_BYE);
	rig_send(r, 1);
	assert_int_equal(rig_state(r, 1), SW_READY);
}

static void
a_worker_that_never_says_a_word_cannot_keep_a_job_for_ever(void **state)
{
	struct rig *r = *state;
	uint64_t token;
	int n = 0;

	assert_int_equal(rig_set(r, "q", "max_attempts=5"), 0);
	rig_put(r, 1, "q", "a");
	for (int i = 0; i < 40; i++) {
		rig_hello(r, 1, "q", 0);
		n += rig_take(r, 1, &token) == 1;
		rig_pass(r, 3600000);
		rig_pass(r, 3600000);
	}
	assert_int_equal(n, 5 * 3); /* max_attempts, max_crashes lapses each */
	assert_int_equal(rig_state(r, 1), SW_DEAD);
}

static void
after_a_restart_leases_run_on_with_their_tokens(void **state)
{
	struct rig *r = *state;
	uint64_t token, other;

	rig_put(r, 1, "q", "a");
	rig_put(r, 2, "q", "b");
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	rig_restart(r);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	rig_hello(r, 2, "q", 0);
	assert_int_equal(rig_take(r, 2, &other), 2);
	assert_true(other > token);
	assert_int_equal(rig_done(r, 1, 1, token, SW_ACK, 0), 0);
}

static void
after_a_restart_a_lease_nobody_extends_ends(void **state)
{
	struct rig *r = *state;
	uint64_t token;

	rig_put(r, 1, "q", "a");
	rig_hello(r, 1, "q", 0);
	rig_take(r, 1, &token);
	rig_pass(r, 3000);
	rig_restart(r);
	rig_pass(r, 3999); /* a full term, not the rest of the old one */
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	rig_pass(r, 1);
	assert_int_equal(rig_state(r, 1), SW_READY);
}

static void
jobs_that_could_not_be_sent_are_free_again(void **state)
{
	struct rig *r = *state;
	struct out lost;
	uint64_t token;
	int found = 0;

	rig_put(r, 1, "q", "a");
	rig_hello(r, 1, "q", 0);
	rig_take(r, 1, &token);
	for (size_t i = 0; i < r->outs_n; i++) {
		lost = r->outs[i];
		core_undelivered(r->core, lost.frame);
		found++;
	}
	assert_true(found > 0);
	rig_pass(r, 0);
	rig_hello(r, 2, "q", 0);
	rig_pass(r, 0);
	assert_int_equal(rig_take(r, 2, &token), 1);
}

static void
ignore(void *arg, int err)
{
	(void)arg;
	(void)err;
}

static void
a_damaged_record_is_buried_and_never_handed_out(void **state)
{
	struct rig *r = *state;
	struct sw_id id = rig_id(1);
	struct key k = key_id('j', &id);
	struct bytes val;
	struct store_op op = {.kind = STORE_PUT, .key = key_bytes(&k)};
	uint8_t copy[512];
	uint64_t token;

	rig_put(r, 1, "q", "precious");
	assert_int_equal(r->store->driver->get(r->store, 0, op.key, &val), 0);
	memcpy(copy, val.p, val.len);
	copy[val.len - 3] ^= 1;
	op.val = bytes_of(copy, val.len);
	assert_int_equal(r->store->driver->commit(
				 r->store, &r->claim, &op, 1, ignore, NULL),
		0);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 0);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	r->core->queues[0]->total[TOTAL_BYTES] = 0; /* length lost */
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(a_job_goes_from_put_to_done),
		T(the_same_id_put_twice_is_one_job),
		T(the_id_of_a_done_job_is_free_after_its_retention),
		T(without_retention_a_done_job_leaves_nothing),
		T(a_late_ack_is_refused_and_the_second_workers_counts),
		T(done_said_twice_is_answered_twice_and_counts_once),
		T(a_worker_gone_is_noticed_within_five_seconds),
		T(an_extended_lease_goes_on),
		T(a_failing_job_is_dead_after_max_attempts),
		T(a_crashing_job_is_dead_after_its_crash_budget),
		T(a_timeout_spends_attempts_and_no_crash_budget),
		T(a_permanent_failure_is_dead_at_once),
		T(a_job_handed_back_burns_no_attempt),
		T(a_worker_that_never_says_a_word_cannot_keep_a_job_for_ever),
		T(after_a_restart_leases_run_on_with_their_tokens),
		T(after_a_restart_a_lease_nobody_extends_ends),
		T(jobs_that_could_not_be_sent_are_free_again),
		T(a_damaged_record_is_buried_and_never_handed_out),
	};

	return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
