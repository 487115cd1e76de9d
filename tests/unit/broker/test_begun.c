/* SPDX-License-Identifier: MIT */
/* What a worker is told of its queue, and what it tells of an attempt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/rig.h"

/* --- settings that travel with a job -------------------------------------- */

static void
job_lacks_settings(struct rig *r, int who)
{
	struct sw_item it;

	assert_true(rig_item(r, who, SW_OP_JOBS, 0, &it));
	assert_false(sw_has(&it, SW_F_SETTING));
}

static void
a_job_tells_its_worker_the_settings_that_are_not_the_default(void **state)
{
	static const char *const sent[] = {
		"drain=1", "memory_limit=67108864", "files_limit=64"};
	struct rig *r = *state;
	struct sw_item it;
	struct bytes s;
	size_t at = 0;
	int n = 0;

	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	assert_int_equal(rig_put(r, 2, "q", ""), 0);
	assert_int_equal(rig_hello(r, 1, "q", 1), 0);
	job_lacks_settings(r, 1);
	assert_int_equal(rig_set(r, "q", "drain=term"), 0);
	assert_int_equal(rig_set(r, "q", "memory_limit=64m"), 0);
	assert_int_equal(rig_set(r, "q", "files_limit=64"), 0);
	assert_int_equal(rig_set(r, "q", "max_releases=1"), 0);
	rig_want(r, 1, 2);
	assert_true(rig_item(r, 1, SW_OP_JOBS, 0, &it));
	for (; sw_item_each(&it, SW_F_SETTING, &at, &s); n++)
		assert_true(bytes_eq(s, bytes_str(sent[n])));
	assert_int_equal(n, 3);
}

/* --- what the history keeps of a report ----------------------------------- */

/* The newest entry of the job's history. */
static struct sw_item
last_event(struct rig *r, int n)
{
	size_t mark = rig_say(r, SW_OP_GET, n), at = 0;
	struct sw_item it, event = {0};
	struct bytes e;

	assert_int_equal(rig_ask(r, RIG_ASKER, SW_OP_GET, mark, &it), 0);
	while (sw_item_each(&it, SW_F_EVENT, &at, &e))
		assert_int_equal(sw_item_open(e, &event), 0);
	return event;
}

static void
report_with_texts(struct rig *r, int n, uint64_t token, int outcome)
{
	static char text[SW_ERROR_MAX];
	struct sw_id id = rig_id(n);
	size_t mark = rig_report(r, &id, token, outcome, SW_C_ERROR);
	struct sw_item it;

	memset(text, 'x', sizeof(text));
	sw_put_bytes(&r->b, SW_F_ERROR, bytes_of(text, sizeof(text)));
	memset(text, 'o', sizeof(text));
	sw_put_bytes(&r->b, SW_F_OUTPUT, bytes_of(text, sizeof(text)));
	for (int i = 0; i < SW_WARNINGS_MAX + 5; i++)
		sw_put_bytes(
			&r->b, SW_F_WARNING, bytes_of(text, SW_WARNING_MAX));
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), 0);
}

static int
warnings_of(const struct sw_item *event)
{
	struct bytes w;
	size_t at = 0;
	int n = 0;

	while (sw_item_each(event, SW_F_WARNING, &at, &w))
		n++;
	return n;
}

static void
the_history_has_output_of_done_errors_of_failed_attempts(void **state)
{
	struct rig *r = *state;
	struct sw_item ev;
	uint64_t token;

	token = rig_run(r, 1, "");
	assert_int_equal(rig_put(r, 2, "q", ""), 0);
	report_with_texts(r, 1, token, SW_ACK);
	ev = last_event(r, 1);
	assert_int_equal(sw_bytes(&ev, SW_F_OUTPUT).len, SW_ERROR_MAX);
	assert_false(sw_has(&ev, SW_F_ERROR));
	assert_int_equal(warnings_of(&ev), SW_WARNINGS_MAX);

	assert_int_equal(rig_take(r, 1, &token), 2);
	report_with_texts(r, 2, token, SW_FAIL);
	ev = last_event(r, 2);
	assert_int_equal(sw_bytes(&ev, SW_F_ERROR).len, SW_ERROR_MAX);
	assert_false(sw_has(&ev, SW_F_OUTPUT));
	assert_int_equal(warnings_of(&ev), SW_WARNINGS_MAX);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown_rows)
	const struct CMUnitTest tests[] = {
		T(a_job_tells_its_worker_the_settings_that_are_not_the_default),
		T(the_history_has_output_of_done_errors_of_failed_attempts),
	};

	return cmocka_run_group_tests_name("begun", tests, NULL, NULL);
}
