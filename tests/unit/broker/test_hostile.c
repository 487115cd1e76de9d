/* SPDX-License-Identifier: MIT */
/* Random fields in random messages, well formed or not: the core answers or
 * ignores them, its counters stay right, and it never aborts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/chance.h"
#include "tests/lib/rig.h"

enum { MESSAGES = 20000, IDS = 40 };

static uint64_t state;

static uint64_t
chance(uint64_t below)
{
	return chance_draw(&state) % below;
}

static int64_t
any_int(void)
{
	static const int64_t odd[] = {0, 1, -1, 4, 5, 100, 1000, INT64_MAX,
		INT64_MIN, INT64_MAX / 2, 1700000000000, 1700000001000};

	if (chance(3) == 0)
		return (int64_t)chance(UINT64_MAX);
	return odd[chance(sizeof(odd) / sizeof(odd[0]))];
}

static void
any_field(struct rig *r, enum sw_tag tag)
{
	static const char *const texts[] = {"q", "p", "", "a=b", "rate=5",
		"paused=yes", "paused=no", "max_jobs=30", "Bad", "x"};
	const struct sw_field_rule *rule = &sw_field_rules[tag];
	struct sw_id id = rig_id((int)chance(IDS));

	if (rule->name == NULL)
		return;
	if (rule->type == SW_T_INT)
		sw_put_int(&r->b, tag, any_int());
	else if (rule->type == SW_T_ID)
		sw_put_id(&r->b, &id);
	else if (rule->type != SW_T_ITEM)
		sw_put_text(&r->b, tag, texts[chance(10)]);
}

/* A put that is often accepted, so that later messages have jobs to act on. */
static void
likely_put(struct rig *r)
{
	struct sw_id id = rig_id((int)chance(IDS));

	sw_put_id(&r->b, &id);
	sw_put_text(&r->b, SW_F_QUEUE, chance(2) ? "q" : "p");
	sw_put_text(&r->b, SW_F_BODY, "body");
	if (chance(4) == 0)
		sw_put_text(&r->b, SW_F_UNIQUE, chance(2) ? "k" : "l");
	if (chance(4) == 0)
		sw_put_int(&r->b, SW_F_UNIQUE_ALSO, (int64_t)chance(4));
	if (chance(4) == 0)
		sw_put_int(&r->b, SW_F_DELAY_MS, (int64_t)chance(5000));
	if (chance(4) == 0)
		sw_put_int(&r->b, SW_F_EXPIRES_AT_MS,
			r->now_ms + (int64_t)chance(9000));
	if (chance(4) == 0)
		sw_put_text(&r->b, SW_F_FAIR, chance(2) ? "x" : "y");
}

/* The report of a job that is leased. */
static void
likely_done(struct rig *r)
{
	struct lease *l = r->core->leases.by_id;
	size_t nest;

	if (l == NULL)
		return;
	sw_put_id(&r->b, &l->id);
	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)l->token);
	sw_put_int(&r->b, SW_F_OUTCOME, 1 + (int64_t)chance(5));
	sw_put_int(&r->b, SW_F_CAUSE, (int64_t)chance(SW_CAUSES));
	if (chance(3) == 0) {
		nest = sw_nest_begin(&r->b, SW_F_FOLLOW);
		likely_put(r);
		sw_nest_end(&r->b, nest);
	}
}

static void
any_message(struct rig *r)
{
	int op = (int)chance(20);
	int items = (int)chance(4);

	rig_begin(r, op);
	le_set(r->b.p + 4, 2, chance(2));
	for (int i = 0; i < items; i++) {
		size_t mark = sw_item_begin(&r->b);
		int fields = (int)chance(6);

		if (op == SW_OP_PUT && chance(4) != 0)
			likely_put(r);
		else if (op == SW_OP_DONE && chance(4) != 0)
			likely_done(r);
		else if (op == SW_OP_WANT && chance(2))
			sw_put_int(&r->b, SW_F_CREDIT, (int64_t)chance(1000));
		else
			for (int f = 0; f < fields; f++)
				any_field(r, (enum sw_tag)chance(SW_TAGS));
		sw_item_end(&r->b, mark);
	}
	rig_send(r, (int)chance(5));
}

static void
no_message_breaks_the_core(void **unused)
{
	struct rig *r = rig_open("mem:");

	(void)unused;
	state = chance_seed();
	for (int i = 0; i < MESSAGES; i++) {
		any_message(r);
		if (chance(50) == 0)
			rig_pass(r, (int64_t)chance(6000));
		if (chance(200) == 0)
			rig_hello(r, (int)chance(5), chance(2) ? "q" : "p", 3);
		if (chance(500) == 0)
			rig_restart(r);
		if (i % 100 == 0)
			rig_check_counters(r);
	}
	rig_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_message_breaks_the_core),
	};

	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
