/* SPDX-License-Identifier: MIT */
/*
 * A worker that comes again names its leases: those of its earlier sessions
 * that it does not name never reached it, and their jobs are ready at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/rig.h"

enum {
	LEASE_MS = 60000,
	A = 1, /* connections */
	B = 2,
	C = 3,
	JOBS_MAX = 2000,
	ME = 77, /* ids of workers; 0: none is sent */
	OTHER = 78,
};

static uint64_t tokens[JOBS_MAX + 1]; /* of the leases that were given */

/* --- a worker ------------------------------------------------------------- */

static void
hello(struct rig *r, int who, int id)
{
	size_t mark = rig_say(r, SW_OP_HELLO, id);
	struct sw_item it;

	sw_put_text(&r->b, SW_F_WORKER, "host:1");
	sw_item_end(&r->b, mark);
	mark = sw_item_begin(&r->b);
	sw_put_text(&r->b, SW_F_QUEUE, "q");
	assert_int_equal(rig_ask(r, who, SW_OP_HELLO, mark, &it), 0);
}

/* Keeps the tokens of the jobs that have just been sent to `who`. */
static int
jobs_note(struct rig *r, int who)
{
	struct sw_item it;
	struct sw_id id;
	int n = 0;

	for (size_t o = 0; o < r->outs_n; o++) {
		struct peer p = rig_peer(who);
		struct sw_msg m;

		assert_int_equal(sw_msg_open(r->outs[o].frame, &m), 0);
		if (memcmp(&r->outs[o].peer, &p, sizeof(p)) != 0 ||
			m.op != SW_OP_JOBS)
			continue;
		for (; sw_msg_next(&m, &it); n++) {
			assert_true(sw_get_id(&it, &id));
			tokens[be_get(id.b + 8, 8)] = (uint64_t)sw_int(
				&it, SW_F_TOKEN, 0);
		}
	}
	return n;
}

/* Puts jobs `from` to `to` and lets `who`, with credit for them all, have
 * them. */
static void
give(struct rig *r, int who, int from, int to)
{
	int had = 0;

	for (int n = from; n <= to; n++)
		assert_int_equal(rig_put(r, n, "q", ""), 0);
	rig_want(r, who, to);
	had = jobs_note(r, who);
	while (had < to - from + 1) {
		int more;

		rig_pass(r, 0);
		more = jobs_note(r, who);
		assert_true(more > 0);
		had += more;
	}
}

static void
name(struct rig *r, int n, int begun)
{
	struct sw_id id = rig_id(n);
	size_t mark = sw_item_begin(&r->b);

	sw_put_id(&r->b, &id);
	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)tokens[n]);
	if (begun)
		sw_put_int(&r->b, SW_F_BEGUN, 1);
	sw_item_end(&r->b, mark);
}

/* Ends a heartbeat with the number of leases in it: the STATUS of that item. */
static int
count(struct rig *r, int who, int64_t n)
{
	size_t mark = sw_item_begin(&r->b);
	struct sw_item it;
	struct sw_msg m;

	sw_put_int(&r->b, SW_F_COUNT, n);
	sw_item_end(&r->b, mark);
	assert_int_equal(sw_msg_open(sw_buf_bytes(&r->b), &m), 0);
	rig_send(r, who);
	if (!rig_item(r, who, SW_OP_EXTEND | SW_REPLY, m.count - 1, &it))
		assert_true(rig_item(r, who, SW_OP_ERROR | SW_REPLY, 0, &it));
	return (int)sw_int(&it, SW_F_STATUS, 1);
}

/* A heartbeat that names jobs `from` to `to` as all that `who` has. */
static int
list(struct rig *r, int who, int from, int to)
{
	rig_begin(r, SW_OP_EXTEND);
	for (int n = from; n <= to; n++)
		name(r, n, 0);
	return count(r, who, to - from + 1);
}

/* --- what the test looks at ----------------------------------------------- */

static void
is_free(struct rig *r, int n)
{
	assert_int_equal(rig_state(r, n), SW_READY);
	assert_int_equal(rig_shown(r, n, SW_F_ATTEMPT), 0);
	assert_int_equal(rig_shown(r, n, SW_F_LAPSES), 0);
	assert_int_equal(rig_shown(r, n, SW_F_RELEASES), 0);
}

static int
setup(void **state)
{
	rig_setup(state);
	assert_int_equal(rig_set(*state, "q", "lease_ms=60s"), 0);
	assert_int_equal(rig_set(*state, "q", "max_attempts=1"), 0);
	assert_int_equal(rig_set(*state, "q", "max_crashes=1"), 0);
	return 0;
}

/* A worker that has jobs 1 to 3 on connection A comes again on B. */
static int
setup_away(void **state)
{
	struct rig *r;

	setup(state);
	r = *state;
	hello(r, A, ME);
	give(r, A, 1, 3);
	hello(r, B, ME);
	return 0;
}

/* --- tests ---------------------------------------------------------------- */

static void
what_a_worker_that_comes_again_does_not_name_is_free_at_once(void **state)
{
	struct rig *r = *state;
	struct sw_item event;

	assert_int_equal(list(r, B, 2, 2), 0);
	is_free(r, 1);
	is_free(r, 3);
	assert_int_equal(rig_state(r, 2), SW_LEASED);
	event = rig_last_event(r, 1);
	assert_int_equal(sw_int(&event, SW_F_OUTCOME, 0), SW_RELEASE);
	assert_int_equal(sw_int(&event, SW_F_CAUSE, 0), SW_C_LOST);
}

static void
a_worker_that_has_nothing_names_nothing(void **state)
{
	struct rig *r = *state;

	assert_int_equal(list(r, B, 1, 0), 0);
	for (int n = 1; n <= 3; n++)
		is_free(r, n);
}

static void
an_old_token_of_what_went_back_is_stale(void **state)
{
	struct rig *r = *state;

	assert_int_equal(list(r, B, 1, 1), 0);
	assert_int_equal(
		rig_done(r, A, 2, tokens[2], SW_ACK, SW_C_NONE), SW_ESTALE);
	assert_int_equal(rig_extend(r, B, 2, tokens[2], 1), SW_ESTALE);
	is_free(r, 2);
}

static void
nothing_goes_back_before_the_list_is_whole(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_extend(r, B, 1, tokens[1], 0), 0);
	rig_begin(r, SW_OP_EXTEND);
	name(r, 2, 0);
	assert_int_equal(count(r, B, 3), SW_EINVAL); /* one was lost */
	rig_pass(r, LEASE_MS / 2);
	for (int n = 1; n <= 3; n++)
		assert_int_equal(rig_state(r, n), SW_LEASED);
}

static void
a_list_may_span_messages(void **state)
{
	struct rig *r = *state;

	hello(r, A, ME);
	give(r, A, 1, 250);
	hello(r, B, ME);
	rig_begin(r, SW_OP_EXTEND);
	for (int n = 1; n < 250; n++) {
		if (n == 7)
			continue;
		name(r, n, 0);
		if (n % 90 == 0) {
			rig_send(r, B);
			rig_begin(r, SW_OP_EXTEND);
		}
	}
	for (int n = 1; n <= 250; n++)
		assert_int_equal(rig_state(r, n), SW_LEASED);
	rig_begin(r, SW_OP_EXTEND);
	for (int n = 181; n < 250; n++)
		name(r, n, 0);
	assert_int_equal(count(r, B, 248), 0);
	is_free(r, 7);
	is_free(r, 250);
	for (int n = 1; n < 250; n++)
		if (n != 7)
			assert_int_equal(rig_state(r, n), SW_LEASED);
}

static void
a_job_that_comes_after_hello_is_in_no_list(void **state)
{
	struct rig *r = *state;

	give(r, B, 4, 4);
	assert_int_equal(list(r, B, 1, 3), 0);
	for (int n = 1; n <= 4; n++)
		assert_int_equal(rig_state(r, n), SW_LEASED);
}

static void
a_begun_job_that_is_not_named_has_its_lease(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_extend(r, B, 1, tokens[1], 1), 0);
	hello(r, A, ME);
	assert_int_equal(list(r, A, 2, 3), 0);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	rig_pass(r, LEASE_MS);
	assert_int_equal(rig_shown(r, 1, SW_F_ATTEMPT), 1);
}

static void
only_the_worker_itself_can_give_its_leases_up(void **state)
{
	struct rig *r = *state;

	hello(r, A, ME);
	give(r, A, 1, 3);
	hello(r, B, OTHER);
	assert_int_equal(list(r, B, 1, 0), 0);
	hello(r, C, ME); /* it has named nothing so far */
	assert_int_equal(list(r, B, 1, 0), 0);
	hello(r, B, 0);
	assert_int_equal(list(r, B, 1, 0), 0);
	for (int n = 1; n <= 3; n++)
		assert_int_equal(rig_state(r, n), SW_LEASED);
}

/* A list is over with its turn: it frees nothing that becomes free later. */
static void
an_old_list_frees_nothing(void **state)
{
	struct rig *r = *state;

	assert_int_equal(list(r, B, 1, 3), 0);
	hello(r, C, OTHER);
	assert_int_equal(rig_extend(r, C, 1, tokens[1], 0), 0);
	hello(r, A, OTHER); /* C's session ends, and with it that of job 1 */
	assert_int_equal(list(r, A, 1, 0), 0);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
}

static void
without_an_id_a_lease_ends_by_its_time(void **state)
{
	struct rig *r = *state;

	hello(r, A, 0);
	give(r, A, 1, 1);
	hello(r, B, 0);
	assert_int_equal(list(r, B, 1, 0), 0);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	rig_pass(r, LEASE_MS);
	assert_int_equal(rig_shown(r, 1, SW_F_ATTEMPT), 1);
}

static void
a_hello_ends_the_earlier_session(void **state)
{
	struct rig *r = *state;

	assert_int_equal(HASH_COUNT(r->core->sessions), 1);
	assert_int_equal(rig_extend(r, A, 1, tokens[1], 1), SW_ESESSION);
	assert_int_equal(rig_shown(r, 1, SW_F_BEGUN), 0);
	assert_int_equal(rig_put(r, 4, "q", ""), 0);
	rig_want(r, A, 100);
	assert_int_equal(rig_state(r, 4), SW_READY);
}

static void
a_second_hello_on_a_link_gives_nothing_up(void **state)
{
	struct rig *r = *state;

	hello(r, A, ME);
	give(r, A, 1, 3);
	assert_int_equal(list(r, A, 1, 3), 0);
	hello(r, A, ME);
	assert_int_equal(list(r, A, 1, 1), 0);
	for (int n = 1; n <= 3; n++)
		assert_int_equal(rig_state(r, n), SW_LEASED);
	hello(r, A, OTHER);
	hello(r, B, ME);
	assert_int_equal(HASH_COUNT(r->core->sessions), 2);
	assert_int_equal(list(r, B, 1, 0), 0);
	assert_int_equal(rig_state(r, 2), SW_LEASED);
}

static void
a_worker_may_be_away_for_long(void **state)
{
	struct rig *r = *state;

	hello(r, A, ME);
	give(r, A, 1, 2);
	rig_pass(r, SESSION_SILENT_MS + 1);
	assert_int_equal(HASH_COUNT(r->core->sessions), 0);
	hello(r, B, ME);
	assert_int_equal(list(r, B, 2, 2), 0);
	is_free(r, 1);
	assert_int_equal(rig_state(r, 2), SW_LEASED);
}

/* Two faults at once: the worker cannot come again, and the broker would not
 * hear it; half of the lease had passed before. */
static void
a_stall_of_the_broker_while_a_link_is_broken_costs_nothing(void **state)
{
	enum { TERM_MS = 60 * 1000, STALL_MS = 10 * TERM_MS };
	struct rig *r = *state;

	hello(r, A, ME);
	give(r, A, 1, 3);
	rig_pass(r, TERM_MS / 2);
	core_stalled(r->core, STALL_MS);
	rig_pass(r, STALL_MS);
	rig_pass(r, TERM_MS / 2 - 1);
	hello(r, B, ME);
	assert_int_equal(list(r, B, 2, 3), 0);
	is_free(r, 1);
	assert_int_equal(rig_state(r, 2), SW_LEASED);
	assert_int_equal(rig_shown(r, 2, SW_F_LAPSES), 0);
	rig_pass(r, TERM_MS + 1); /* silence counts again */
	assert_int_equal(rig_state(r, 2), SW_DEAD);
}

static void
after_a_restart_of_the_broker_too(void **state)
{
	struct rig *r = *state;

	rig_restart(r);
	hello(r, A, ME);
	assert_int_equal(list(r, A, 1, 1), 0);
	assert_int_equal(rig_state(r, 1), SW_LEASED);
	is_free(r, 2);
	is_free(r, 3);
}

static void
a_cancel_that_was_asked_for_is_done(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_cancel(r, 3), 0);
	assert_int_equal(list(r, B, 1, 2), 0);
	assert_int_equal(rig_state(r, 3), SW_CANCELLED);
}

/* 2,000 leases that went with a link: some in each turn; one that is named
 * after all stays, whole, and is charged as any other. */
static void
very_many_go_back_over_several_turns(void **state)
{
	struct rig *r = *state;
	struct queue *q = queue_find(r->core->queues_by_name, bytes_str("q"));
	int turns = 0;

	hello(r, A, ME);
	give(r, A, 1, JOBS_MAX);
	hello(r, B, ME);
	assert_int_equal(list(r, B, 1, 0), 0);
	assert_int_equal(q->count[SW_LEASED], JOBS_MAX - TURN_TIMERS);
	assert_int_equal(core_wait_ms(r->core), 0);
	assert_int_equal(rig_extend(r, B, JOBS_MAX, tokens[JOBS_MAX], 1), 0);
	for (; q->count[SW_LEASED] > 1; turns++) {
		int64_t before = q->count[SW_LEASED];

		rig_pass(r, 0);
		assert_true(before - q->count[SW_LEASED] <= TURN_TIMERS);
		assert_true(q->count[SW_LEASED] < before);
	}
	assert_int_equal(turns, JOBS_MAX / TURN_TIMERS - 1);
	is_free(r, 1);
	rig_pass(r, LEASE_MS);
	assert_int_equal(rig_shown(r, JOBS_MAX, SW_F_ATTEMPT), 1);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown_rows)
#define AWAY(f)                                                                \
	cmocka_unit_test_setup_teardown(f, setup_away, rig_teardown_rows)
	const struct CMUnitTest tests[] = {
		AWAY(what_a_worker_that_comes_again_does_not_name_is_free_at_once),
		AWAY(a_worker_that_has_nothing_names_nothing),
		AWAY(an_old_token_of_what_went_back_is_stale),
		AWAY(nothing_goes_back_before_the_list_is_whole),
		T(a_list_may_span_messages),
		AWAY(a_job_that_comes_after_hello_is_in_no_list),
		AWAY(a_begun_job_that_is_not_named_has_its_lease),
		T(only_the_worker_itself_can_give_its_leases_up),
		AWAY(an_old_list_frees_nothing),
		T(without_an_id_a_lease_ends_by_its_time),
		AWAY(a_hello_ends_the_earlier_session),
		T(a_second_hello_on_a_link_gives_nothing_up),
		T(a_worker_may_be_away_for_long),
		T(a_stall_of_the_broker_while_a_link_is_broken_costs_nothing),
		AWAY(after_a_restart_of_the_broker_too),
		AWAY(a_cancel_that_was_asked_for_is_done),
		T(very_many_go_back_over_several_turns),
	};

	return cmocka_run_group_tests_name("relink", tests, NULL, NULL);
}
