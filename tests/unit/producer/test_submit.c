/* SPDX-License-Identifier: MIT */
/* Jobs that are put without waiting, with the library's public header. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/lib/api.h"
#include "tests/lib/chance.h"

static void
what_is_submitted_together_leaves_together(void **state)
{
	struct api_room *r = *state;
	struct api_tally t = {0};

	api_submit_emails(r->c, 30, &t);
	assert_int_equal(sw_flush(r->c, PLENTY_MS), 0);
	assert_int_equal(t.good, 30);
	assert_int_equal(local_requests(r->broker, OP_PUT), 1);
	api_submit_emails(r->c, 256, &t);
	assert_int_equal(sw_flush(r->c, PLENTY_MS), 0);
	assert_int_equal(local_requests(r->broker, OP_PUT), 4);
	assert_int_equal(local_jobs(r->broker), 286);
}

static void
the_window_holds_so_many_and_no_more(void **state)
{
	struct api_room *r = *state;
	struct sw_job job = api_email();
	struct api_tally t = {0};

	api_submit_emails(r->c, 256, &t);
	assert_int_equal(sw_submit(r->c, &job, api_count, &t), -EAGAIN);
	assert_true(sw_process(r->c, PLENTY_MS) > 0);
	assert_int_equal(sw_submit(r->c, &job, api_count, &t), 0);
	assert_int_equal(sw_flush(r->c, PLENTY_MS), 0);
	assert_int_equal(t.good, 257);
	sw_window_set(r->c, 3);
	api_submit_emails(r->c, 3, &t);
	assert_int_equal(sw_submit(r->c, &job, api_count, &t), -EAGAIN);
	assert_int_equal(sw_flush(r->c, PLENTY_MS), 0);
	assert_int_equal(t.good, 260);
}

static void
mark(void *arg, const struct sw_put_result *res)
{
	unsigned char *times = arg;

	assert_int_equal(res->status, 0);
	(*times)++;
}

/* Every fault of a broker that a put must survive. */
static void
each_callback_runs_once_whatever_the_broker_does(void **state)
{
	static const enum local_act misdeeds[] = {LOCAL_OK, LOCAL_OK,
		LOCAL_BREAK, LOCAL_TWICE, LOCAL_GARBAGE, LOCAL_HOLD, LOCAL_OK};
	enum { JOBS = 600, ACTS = 24 };
	struct api_room *r = *state;
	uint64_t chance = chance_seed();
	enum local_act acts[ACTS];
	unsigned char times[JOBS] = {0};

	for (int i = 0; i < ACTS; i++)
		acts[i] = misdeeds[chance_draw(&chance) % 7];
	local_script(r->broker, acts, ACTS);
	for (int i = 0; i < JOBS; i++) {
		struct sw_job job = api_email();

		while (sw_submit(r->c, &job, mark, &times[i]) == -EAGAIN)
			assert_true(sw_process(r->c, PLENTY_MS) > 0);
		if (chance_draw(&chance) % 16 == 0)
			assert_true(sw_process(r->c, 0) >= 0);
	}
	assert_int_equal(sw_flush(r->c, PLENTY_MS), 0);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(times[i], 1);
	assert_int_equal(local_jobs(r->broker), JOBS);
}

static void
the_descriptor_tells_when_to_process(void **state)
{
	struct api_room *r = *state;
	struct api_tally t = {0};
	struct pollfd p = {.fd = sw_fd(r->c), .events = POLLIN};

	assert_true(p.fd >= 0);
	assert_int_equal(sw_fd(r->c), p.fd);
	for (int round = 0; round < 50; round++) {
		api_submit_emails(r->c, 10, &t);
		while (t.calls < 10 * (round + 1)) {
			assert_int_equal(poll(&p, 1, PLENTY_MS), 1);
			assert_true(sw_process(r->c, 0) >= 0);
		}
	}
	while (poll(&p, 1, 0) == 1)
		assert_int_equal(sw_process(r->c, 0), 0);
	assert_int_equal(t.good, 500);
	assert_int_equal(local_requests(r->broker, OP_PUT), 50);
}

static void
the_descriptor_tells_of_a_new_link(void **state)
{
	struct api_room *r = *state;
	struct api_tally t = {0};
	struct pollfd p = {.fd = sw_fd(r->c), .events = POLLIN};

	api_submit_emails(r->c, 1, &t);
	while (poll(&p, 1, 0) == 1)
		assert_int_equal(sw_process(r->c, 0), 0);
	local_up(r->broker);
	while (t.calls == 0) {
		assert_int_equal(poll(&p, 1, PLENTY_MS), 1);
		assert_true(sw_process(r->c, 0) >= 0);
	}
	assert_int_equal(t.good, 1);
}

static void
go_on(void *arg, const struct sw_put_result *res)
{
	struct api_tally *t = arg;
	struct sw_job job = api_email();

	api_count(t, res);
	t->nested = sw_put(t->c, &job, 1000, NULL);
	if (t->nested == -EDEADLK)
		t->nested = sw_process(t->c, 0);
	if (t->more-- > 0)
		assert_int_equal(sw_submit(t->c, &job, go_on, t), 0);
}

static void
a_callback_may_submit_but_not_wait(void **state)
{
	struct api_room *r = *state;
	struct api_tally t = {.c = r->c, .more = 500};
	struct sw_job job = api_email();

	assert_int_equal(sw_submit(r->c, &job, go_on, &t), 0);
	assert_int_equal(sw_flush(r->c, PLENTY_MS), 0);
	assert_int_equal(t.good, 501);
	assert_int_equal(t.nested, -EDEADLK);
	assert_int_equal(local_jobs(r->broker), 501);
}

/* The callback of the first job submits the second: it is sent at the end. */
static void
the_descriptor_tells_when_a_timeout_ends(void **state)
{
	static const enum local_act acts[] = {LOCAL_OK, LOCAL_LOSE};
	struct api_room *r = *state;
	struct api_tally t = {.c = r->c, .more = 1};
	struct sw_job job = api_email();
	struct pollfd p = {.fd = sw_fd(r->c), .events = POLLIN};

	assert_int_equal(api_put_email(r, PLENTY_MS), 0);
	local_script(r->broker, acts, 2);
	sw_timeout_set(r->c, 200);
	assert_int_equal(sw_submit(r->c, &job, go_on, &t), 0);
	while (t.calls < 2) {
		assert_int_equal(poll(&p, 1, PLENTY_MS), 1);
		assert_true(sw_process(r->c, 0) >= 0);
	}
	assert_int_equal(t.last, SW_ETIMEOUT);
}

static void
a_flush_without_a_broker_keeps_what_is_submitted(void **state)
{
	struct api_room *r = *state;
	struct api_tally t = {0};

	api_submit_emails(r->c, 2, &t);
	assert_int_equal(sw_flush(r->c, 30), SW_ELINK);
	assert_int_equal(t.calls, 0);
	local_up(r->broker);
	assert_int_equal(sw_flush(r->c, PLENTY_MS), 0);
	assert_int_equal(t.good, 2);
}

static void
a_flush_of_what_was_sent_before_the_link_was_cut_is_unknown(void **state)
{
	static const enum local_act acts[] = {LOCAL_OK, LOCAL_CUT};
	struct api_room *r = *state;
	struct api_tally t = {0};

	local_script(r->broker, acts, 2);
	assert_int_equal(api_put_email(r, PLENTY_MS), 0);
	api_submit_emails(r->c, 2, &t);
	assert_int_equal(sw_flush(r->c, 300), SW_ETIMEOUT);
	assert_int_equal(local_jobs(r->broker), 3); /* stored, unknown to us */
	assert_int_equal(t.calls, 0);
	local_up(r->broker);
	assert_int_equal(sw_flush(r->c, PLENTY_MS), 0);
	assert_int_equal(t.good, 2);
	assert_int_equal(local_jobs(r->broker), 3);
}

static void
a_timeout_ends_what_is_not_answered(void **state)
{
	struct api_room *r = *state;
	struct api_tally t = {0};

	sw_timeout_set(r->c, 30);
	api_submit_emails(r->c, 2, &t);
	assert_int_equal(sw_flush(r->c, PLENTY_MS), 0);
	assert_int_equal(t.bad, 2);
	assert_int_equal(t.last, SW_ELINK);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void
the_old_name_of_the_timeout_still_works(void **state)
{
	struct api_room *r = *state;
	struct api_tally t = {0};

	sw_patience_set(r->c, 30);
	api_submit_emails(r->c, 1, &t);
	assert_int_equal(sw_flush(r->c, PLENTY_MS), 0);
	assert_int_equal(t.last, SW_ELINK);
}
#pragma GCC diagnostic pop

static void
a_put_leaves_after_what_was_submitted(void **state)
{
	struct api_room *r = *state;
	struct api_tally t = {0};

	api_submit_emails(r->c, 2, &t);
	assert_int_equal(api_put_email(r, PLENTY_MS), 0);
	assert_int_equal(t.good, 2);
	assert_int_equal(local_jobs(r->broker), 3);
}

static void
closing_calls_back_what_is_open(void **state)
{
	struct api_room *r = *state;
	struct api_tally t = {0};

	api_submit_emails(r->c, 120, &t);
	sw_close(r->c);
	assert_int_equal(t.bad, 120);
	assert_int_equal(t.last, SW_EUNKNOWN);
	r->c = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(what_is_submitted_together_leaves_together),
		WITH(the_window_holds_so_many_and_no_more),
		WITH(each_callback_runs_once_whatever_the_broker_does),
		WITH(the_descriptor_tells_when_to_process),
		WITHOUT(the_descriptor_tells_of_a_new_link),
		WITH(a_callback_may_submit_but_not_wait),
		WITH(the_descriptor_tells_when_a_timeout_ends),
		WITHOUT(a_flush_without_a_broker_keeps_what_is_submitted),
		WITH(a_flush_of_what_was_sent_before_the_link_was_cut_is_unknown),
		WITHOUT(a_timeout_ends_what_is_not_answered),
		WITHOUT(the_old_name_of_the_timeout_still_works),
		WITH(a_put_leaves_after_what_was_submitted),
		WITHOUT(closing_calls_back_what_is_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
