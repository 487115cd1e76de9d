/* SPDX-License-Identifier: MIT */
/* Answers in pages: each ends early enough, and none is left out.  Waits: how
 * many, and how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/core/attempt.h"
#include "broker/job/job.h"
#include "tests/lib/rig.h"

/* Lists all pages; the number of items, and of pages. */
static int
pages_walk(struct rig *r, int op, int *pages)
{
	uint8_t cursor[SW_CURSOR_MAX];
	struct bytes at = {"", 0};
	struct sw_item it;
	int n = 0;

	*pages = 0;
	do {
		size_t mark = rig_say(r, op, 0);

		if (op == SW_OP_LIST)
			sw_put_int(&r->b, SW_F_STATE, SW_READY);
		if (at.len > 0)
			sw_put_bytes(&r->b, SW_F_CURSOR, at);
		sw_item_end(&r->b, mark);
		rig_send(r, 1);
		for (int i = 1; rig_item(r, 1, op | SW_REPLY, i, &it); i++)
			n++;
		assert_true(rig_item(r, 1, op | SW_REPLY, 0, &it));
		at = sw_bytes(&it, SW_F_CURSOR);
		if (at.len > 0)
			memcpy(cursor, at.p, at.len);
		at.p = cursor;
		(*pages)++;
	} while (at.len > 0);
	return n;
}

static void
queues_and_workers_are_listed_page_by_page(void **state)
{
	enum { ALL = 250 };
	struct rig *r = *state;
	char name[16];
	int pages;

	for (int i = 0; i < ALL; i++) {
		(void)snprintf(name, sizeof(name), "q%d", i);
		assert_int_equal(rig_hello(r, 200 + i, name, 0), 0);
	}
	assert_int_equal(pages_walk(r, SW_OP_QUEUES, &pages), ALL);
	assert_int_equal(pages, 3);
	assert_int_equal(pages_walk(r, SW_OP_WORKERS, &pages), ALL);
	assert_int_equal(pages, 3);
}

static void
a_page_of_jobs_with_large_headers_ends_early_and_none_is_left_out(void **state)
{
	enum { JOBS = 96 };
	struct rig *r = *state;
	int pages;

	for (int i = 1; i <= JOBS; i++) {
		size_t mark = rig_say(r, SW_OP_PUT, i);

		sw_put_text(&r->b, SW_F_QUEUE, "q");
		sw_put_text(&r->b, SW_F_BODY, "");
		for (int h = 0; h < SW_HEADERS_MAX / 2; h++)
			sw_put_text(&r->b, SW_F_HEADER, "h=");
		sw_item_end(&r->b, mark);
		rig_send(r, 100);
	}
	assert_int_equal(pages_walk(r, SW_OP_LIST, &pages), JOBS);
	assert_in_range(pages, 5, 6);
}

/* Items of the page of dead jobs behind `cursor`, which is replaced. */
static int
dead_page(struct rig *r, uint8_t cursor[SW_CURSOR_MAX], size_t *len)
{
	size_t mark = rig_say(r, SW_OP_LIST, 0);
	struct sw_item it;
	int n = 1;

	if (*len > 0)
		sw_put_bytes(&r->b, SW_F_CURSOR, bytes_of(cursor, *len));
	assert_int_equal(rig_ask(r, 1, SW_OP_LIST, mark, &it), 0);
	*len = sw_bytes(&it, SW_F_CURSOR).len;
	memcpy(cursor, sw_bytes(&it, SW_F_CURSOR).p, *len);
	while (rig_item(r, 1, SW_OP_LIST | SW_REPLY, n, &it))
		n++;
	return n - 1;
}

/* Records may not be in the page cache: a put must not wait for all of them. */
static void
a_page_and_a_turn_read_only_some_bytes_of_records(void **state)
{
	enum { JOBS = 9, PAGE = PAGE_READ / SW_BODY_MAX };
	struct rig *r = *state;
	struct peer p = {.b = {1}, .len = 5};
	uint8_t cursor[SW_CURSOR_MAX];
	size_t mark, len = 0;
	int n, all = 0, pages = 0;

	assert_int_equal(rig_set(r, "q", "paused=yes"), 0);
	for (int i = 1; i <= JOBS; i++) {
		rig_put_say(r, i, SW_BODY_MAX);
		rig_send(r, 100);
	}
	assert_int_equal(pages_walk(r, SW_OP_LIST, &pages), JOBS);
	assert_int_equal(pages, (JOBS + PAGE - 1) / PAGE);
	for (int i = 1; i <= JOBS; i++) {
		struct sw_id id = rig_id(i);
		struct record rec;

		core_begin(r->core, r->now_ms, r->mono_ms);
		assert_int_equal(job_load(r->core, &id, &rec), 0);
		job_bury(r->core, &rec, SW_C_EXPIRED, SW_EV_EXPIRED);
		rig_pass(r, 0);
	}
	do {
		n = dead_page(r, cursor, &len);
		assert_in_range(n, 0, PAGE);
		all += n;
	} while (len > 0);
	assert_int_equal(all, JOBS);

	mark = rig_say(r, SW_OP_LIST, 0);
	sw_item_end(&r->b, mark);
	core_begin(r->core, r->now_ms, r->mono_ms);
	assert_true(core_may_take(r->core));
	core_take(r->core, &p, sw_buf_bytes(&r->b));
	assert_false(core_may_take(r->core));
	assert_true(core_has_room(r->core));
	rig_turn_drop(r);
}

/* --- waits ---------------------------------------------------------------- */

static int
wait_answer(struct rig *r, int who)
{
	struct sw_item it;

	return rig_item(r, who, SW_OP_WAIT | SW_REPLY, 0, &it)
		       ? (int)sw_int(&it, SW_F_STATUS, 1)
		       : 1;
}

/* Waits for job 1 without a time of its own; 1: no answer so far. */
static int
wait_as(struct rig *r, int who)
{
	size_t mark = rig_say(r, SW_OP_WAIT, 1);
	struct sw_item it;

	return rig_ask(r, who, SW_OP_WAIT, mark, &it);
}

static void
past_the_last_wait_another_is_refused(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	for (int i = 0; i < SW_WAITS_MAX; i++)
		assert_int_equal(wait_as(r, 3 + i / SW_WAITS_PER_PEER), 1);
	assert_int_equal(wait_as(r, 2), SW_EWAITS);
}

static void
one_connection_has_only_some_of_the_waits(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	for (int i = 0; i < SW_WAITS_PER_PEER; i++)
		assert_int_equal(wait_as(r, 3), 1);
	assert_int_equal(wait_as(r, 3), SW_EWAITS);
	assert_int_equal(wait_as(r, 4), 1);
}

/* Clients that are gone do not take the table from the others for ever. */
static void
a_wait_ends_at_its_deadline(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	assert_int_equal(wait_as(r, 3), 1);
	mark = rig_say(r, SW_OP_WAIT, 1);
	sw_put_int(&r->b, SW_F_TIMEOUT_MS, 500);
	assert_int_equal(rig_ask(r, 4, SW_OP_WAIT, mark, &it), 1);
	mark = rig_say(r, SW_OP_WAIT, 1);
	sw_put_int(&r->b, SW_F_TIMEOUT_MS, INT64_MAX);
	assert_int_equal(rig_ask(r, 5, SW_OP_WAIT, mark, &it), 1);
	assert_int_equal(core_wait_ms(r->core), 500);
	rig_pass(r, 499);
	assert_int_equal(r->core->waits.n, 3);
	rig_pass(r, 1);
	assert_int_equal(r->core->waits.n, 2);
	assert_int_equal(wait_answer(r, 4), SW_ETIMEOUT);
	rig_pass(r, SW_WAIT_MS - 500);
	assert_int_equal(wait_answer(r, 3), SW_ETIMEOUT);
	assert_int_equal(wait_answer(r, 5), SW_ETIMEOUT);
	assert_int_equal(r->core->waits.n, 0);
	assert_null(r->core->wait_peers);
	assert_null(r->core->wait_jobs);
}

/* A connection that has as many waits as it may have gets places back. */
static void
an_answered_wait_makes_room(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	for (int i = 0; i < SW_WAITS_PER_PEER; i++)
		assert_int_equal(wait_as(r, 3), 1);
	rig_pass(r, SW_WAIT_MS);
	assert_int_equal(wait_as(r, 3), 1);
	assert_int_equal(rig_cancel(r, 1), 0);
	assert_int_equal(r->core->waits.n, 0);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(queues_and_workers_are_listed_page_by_page),
		TEST(a_page_of_jobs_with_large_headers_ends_early_and_none_is_left_out),
		TEST(a_page_and_a_turn_read_only_some_bytes_of_records),
		TEST(past_the_last_wait_another_is_refused),
		TEST(one_connection_has_only_some_of_the_waits),
		TEST(a_wait_ends_at_its_deadline),
		TEST(an_answered_wait_makes_room),
	};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
