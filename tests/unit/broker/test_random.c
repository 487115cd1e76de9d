/* SPDX-License-Identifier: MIT */
/*
 * Random histories: in whatever order producers, workers and people act,
 * counters and rows agree and every job ends. SEED= repeats a run, STEPS= sets
 * its length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/chance.h"
#include "tests/lib/rig.h"

enum { IDS = 4000, WORKERS = 4, QUEUES = 3, TAKEN = 256, EVERY = 25 };

static const char *const queues[QUEUES] = {"plain", "short", "fair"};

struct taken {
	int n, who;
	uint64_t token;
};

struct world {
	struct rig *r;
	uint64_t rand;
	struct taken taken[TAKEN]; /* leases that the workers have or had */
	size_t taken_n;
};

static int
pick(struct world *w, int n)
{
	return (int)(chance_draw(&w->rand) % (uint64_t)n);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->rand = chance_seed();
	w->r = rig_open("mem:");
	assert_int_equal(rig_set(w->r, "short", "retain_done_ms=0"), 0);
	assert_int_equal(rig_set(w->r, "short", "max_attempts=2"), 0);
	assert_int_equal(rig_set(w->r, "plain", "backoff_ms=5000"), 0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	rig_close(w->r);
	free(w);
	return 0;
}

/* --- what may happen ---------------------------------------------------- */

static void
put_item(struct world *w, const char *queue)
{
	struct sw_buf *b = &w->r->b;
	struct sw_id id = rig_id(1 + pick(w, IDS));
	size_t mark = sw_item_begin(b);
	int64_t soon = w->r->now_ms + pick(w, 5000) / 1000 * 1000;

	sw_put_id(b, &id);
	sw_put_text(b, SW_F_QUEUE, queue);
	sw_put_bytes(b, SW_F_BODY, bytes_of("0123456789", (size_t)pick(w, 11)));
	sw_put_int(b, SW_F_PRIORITY, pick(w, 10));
	if (pick(w, 3) == 0)
		sw_put_int(b, SW_F_RUN_AT_MS, soon);
	if (pick(w, 4) == 0)
		sw_put_int(
			b, SW_F_EXPIRES_AT_MS, soon + (pick(w, 5) - 2) * 1000);
	if (pick(w, 4) == 0) {
		sw_put_fmt(b, SW_F_UNIQUE, "key-%d", pick(w, 50));
		sw_put_int(b, SW_F_UNIQUE_ALSO, pick(w, 4));
	}
	if (queue == queues[2])
		sw_put_fmt(b, SW_F_FAIR, "tenant-%d", pick(w, 400));
	sw_item_end(b, mark);
}

static void
do_put(struct world *w)
{
	const char *queue = queues[pick(w, QUEUES)];
	int n = pick(w, 4) == 0 ? SW_ITEMS_MAX : 1 + pick(w, 3);

	rig_begin(w->r, SW_OP_PUT);
	while (n-- > 0)
		put_item(w, queue);
	rig_send(w->r, 100);
}

static void
keep(struct world *w, int who, int n, uint64_t token)
{
	size_t i = w->taken_n < TAKEN ? w->taken_n++ : (size_t)pick(w, TAKEN);

	w->taken[i] = (struct taken){n, who, token};
}

static void
do_take(struct world *w)
{
	int who = 1 + pick(w, WORKERS);
	uint64_t token;
	int n;

	rig_hello(w->r, who, queues[pick(w, QUEUES)], 0);
	for (int i = pick(w, 20); i >= 0; i--) {
		n = rig_take(w->r, who, &token);
		if (n != 0)
			keep(w, who, n, token);
	}
}

/* Reports with an old token, too: a reported lease may stay in `taken`. */
static void
do_done(struct world *w)
{
	for (int i = pick(w, 20); i >= 0 && w->taken_n > 0; i--) {
		size_t at = (size_t)pick(w, (int)w->taken_n);
		struct taken h = w->taken[at];

		(void)rig_done(w->r, h.who, h.n, h.token, 1 + pick(w, 5),
			pick(w, SW_CAUSES));
		if (pick(w, 4) != 0)
			w->taken[at] = w->taken[--w->taken_n];
	}
}

static void
one_id(struct world *w, int op)
{
	struct sw_id id = rig_id(1 + pick(w, IDS));
	size_t mark;

	rig_begin(w->r, op);
	mark = sw_item_begin(&w->r->b);
	sw_put_id(&w->r->b, &id);
	sw_item_end(&w->r->b, mark);
	rig_send(w->r, 50 + pick(w, 5));
}

static void
do_cancel(struct world *w)
{
	one_id(w, SW_OP_CANCEL);
}

static void
do_wait(struct world *w)
{
	one_id(w, SW_OP_WAIT);
}

static void
do_extend(struct world *w)
{
	struct sw_buf *b = &w->r->b;

	rig_begin(w->r, SW_OP_EXTEND);
	for (size_t i = 0; i < w->taken_n && i < SW_ITEMS_MAX; i++) {
		struct sw_id id = rig_id(w->taken[i].n);
		size_t mark = sw_item_begin(b);

		sw_put_id(b, &id);
		sw_put_int(b, SW_F_TOKEN, (int64_t)w->taken[i].token);
		sw_item_end(b, mark);
	}
	rig_send(w->r, 1 + pick(w, WORKERS));
}

static void
page(struct world *w, int op, int state)
{
	struct sw_buf *b = &w->r->b;
	size_t mark;

	rig_begin(w->r, op);
	mark = sw_item_begin(b);
	sw_put_int(b, SW_F_STATE, state);
	sw_put_int(b, SW_F_LIMIT, 1 + pick(w, 99));
	if (pick(w, 2) == 0)
		sw_put_int(b, SW_F_RATE, 1 + pick(w, 20));
	if (pick(w, 2) == 0)
		sw_put_text(b, SW_F_QUEUE, queues[pick(w, QUEUES)]);
	sw_item_end(b, mark);
	rig_send(w->r, 60);
}

static void
do_redrive(struct world *w)
{
	page(w, SW_OP_REDRIVE, SW_DEAD);
}

static void
do_purge(struct world *w)
{
	page(w, SW_OP_PURGE, 1 + pick(w, SW_STATES - 1));
}

static void
do_bye(struct world *w)
{
	rig_begin(w->r, SW_OP_BYE);
	rig_send(w->r, 1 + pick(w, WORKERS));
}

static void
do_pass(struct world *w)
{
	rig_pass(w->r, pick(w, 20) == 0 ? 400000 : pick(w, 3000));
}

static void
do_restart(struct world *w)
{
	rig_restart(w->r);
}

static void
do_reload(struct world *w)
{
	if (w->r->core->batch.n == 0)
		assert_int_equal(core_reload(w->r->core, pick(w, 2000)), 0);
}

static void
do_lose(struct world *w)
{
	for (size_t i = 0; i < w->r->outs_n; i++)
		core_undelivered(w->r->core, w->r->outs[i].frame);
}

static void
do_set(struct world *w)
{
	static const char *const settings[] = {"paused=yes", "paused=no",
		"concurrency=3", "concurrency=0", "rate=5", "rate=0",
		"max_jobs=900", "max_jobs=0", "max_bytes=2k", "max_bytes=0"};

	(void)rig_set(w->r, queues[pick(w, QUEUES)], settings[pick(w, 10)]);
}

/* --- the test ----------------------------------------------------------- */

static int64_t
unfinished(const struct core *c)
{
	int64_t n = 0;

	for (unsigned i = 0; i < c->queues_n; i++)
		for (int s = SW_DELAYED; s <= SW_LEASED; s++)
			n += c->queues[i]->count[s];
	return n;
}

/* Lifts all limits and lets every job succeed: no job may be left over. */
static void
drain(struct world *w)
{
	static const char *const free_all[] = {
		"paused=no", "concurrency=0", "rate=0"};
	uint64_t token;
	int n;

	for (int q = 0; q < QUEUES; q++)
		for (int i = 0; i < 3; i++)
			assert_int_equal(
				rig_set(w->r, queues[q], free_all[i]), 0);
	for (int round = 0; round < 200 && unfinished(w->r->core) > 0;
		round++) {
		rig_pass(w->r, 10000); /* ends leases, back-off and delays */
		for (int q = 0; q < QUEUES; q++) {
			rig_hello(w->r, 1, queues[q], 0);
			rig_pass(w->r, 0);
			while ((n = rig_take(w->r, 1, &token)) != 0)
				assert_int_equal(
					rig_done(w->r, 1, n, token, SW_ACK, 0),
					0);
		}
	}
	assert_int_equal(unfinished(w->r->core), 0);
}

static void
every_history_adds_up_and_every_job_ends(void **state)
{
	static void (*const acts[])(struct world *) = {do_put, do_put, do_put,
		do_put, do_take, do_take, do_take, do_done, do_done, do_done,
		do_cancel, do_cancel, do_wait, do_extend, do_redrive, do_purge,
		do_bye, do_pass, do_pass, do_pass, do_restart, do_reload,
		do_lose, do_set};
	struct world *w = *state;
	int steps = (int)number_of_env("STEPS", 3000);

	for (int i = 1; i <= steps; i++) {
		acts[pick(w, sizeof(acts) / sizeof(acts[0]))](w);
		if (i % EVERY == 0 && w->r->core->batch.n == 0) {
			rig_check_counters(w->r);
			rig_check_rows(w->r);
		}
	}
	drain(w);
	rig_check_rows(w->r);
}

static void
odd_field_put(struct world *w, enum sw_tag tag)
{
	static const int64_t odd[] = {0, 1, -1, 2, 100, INT64_MAX, INT64_MIN,
		INT64_MAX / 2, 1LL << 40, 1700000000000};
	struct sw_buf *b = &w->r->b;
	struct sw_id id = rig_id(1 + pick(w, 50));

	if (sw_field_rules[tag].name == NULL || pick(w, 4) != 0)
		return;
	if (tag == SW_F_QUEUE)
		sw_put_text(b, SW_F_QUEUE, queues[pick(w, QUEUES)]);
	else if (sw_field_rules[tag].type == SW_T_INT)
		sw_put_int(b, tag, odd[pick(w, 10)]);
	else if (sw_field_rules[tag].type == SW_T_ID)
		sw_put_id(b, &id);
	else
		sw_put_bytes(b, tag, bytes_of("a=b", 3));
}

/* Any fields with any values to any operation are answered and never abort. */
static void
foreign_bytes_do_no_harm(void **state)
{
	struct world *w = *state;
	struct sw_buf *b = &w->r->b;

	for (int i = 0; i < 5000; i++) {
		rig_begin(w->r, 1 + pick(w, SW_OP_BYE));
		for (int items = pick(w, 4); items > 0; items--) {
			size_t mark = sw_item_begin(b);

			for (int tag = 1; tag < SW_TAGS; tag++)
				odd_field_put(w, (enum sw_tag)tag);
			sw_item_end(b, mark);
		}
		rig_send(w->r, 1 + pick(w, WORKERS));
		if (pick(w, 10) == 0)
			do_take(w);
		if (pick(w, 10) == 0)
			do_put(w);
		if (i % 100 == 0)
			rig_check_rows(w->r);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_history_adds_up_and_every_job_ends),
		T(foreign_bytes_do_no_harm),
	};

	return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
