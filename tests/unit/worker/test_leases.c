/* SPDX-License-Identifier: MIT */
/* The messages that a worker sends on its leases; no broker, no child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/log.h"
#include "worker/leases.h"

enum { NOW_MS = 100000 };

static const struct worker_route route = {.queue = "mail"};

struct talk {
	struct leases h;
	uint8_t last[1024]; /* the last message sent */
	size_t len;
};

static void
listen_to(void *arg, struct bytes m)
{
	struct talk *t = arg;

	assert_true(m.len <= sizeof(t->last));
	memcpy(t->last, m.p, m.len);
	t->len = m.len;
}

static int
setup(void **state)
{
	struct talk *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	sw_log_set(SW_LOG_ERR);
	assert_int_equal(
		leases_init(&t->h, &route, 1, 2, "w", listen_to, t), 0);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct talk *t = *state;

	leases_fini(&t->h);
	free(t);
	return 0;
}

static void
tell(struct talk *t, int op, uint64_t seq, uint64_t token)
{
	uint8_t room[256];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_id id = {{1}};
	size_t mark;

	sw_msg_begin(&b, op, 0, seq);
	mark = sw_item_begin(&b);
	if (op == SW_OP_JOBS) {
		sw_put_id(&b, &id);
		sw_put_text(&b, SW_F_QUEUE, "mail");
		sw_put_int(&b, SW_F_TOKEN, (int64_t)token);
	} else {
		sw_put_int(&b, SW_F_STATUS, 0);
	}
	sw_item_end(&b, mark);
	leases_receive(&t->h, sw_buf_bytes(&b), NOW_MS);
}

static void
join(struct talk *t)
{
	leases_send(&t->h, NOW_MS);
	tell(t, SW_OP_HELLO | SW_REPLY, t->h.hello_seq, 0);
	assert_true(t->h.joined);
	leases_send(&t->h, NOW_MS);
}

static void
a_job_that_comes_while_draining_is_handed_back(void **state)
{
	struct talk *t = *state;
	struct sw_msg m;
	struct sw_item it;

	join(t);
	leases_drain(&t->h);
	leases_send(&t->h, NOW_MS);
	tell(t, SW_OP_JOBS, 0, 7); /* was sent before the drain */
	assert_null(leases_begin(&t->h, NOW_MS));
	t->h.credit_sent =
		t->h.jobs_received; /* only the report is left to say */
	leases_send(&t->h, NOW_MS);
	assert_int_equal(sw_msg_open(bytes_of(t->last, t->len), &m), 0);
	assert_int_equal(m.op, SW_OP_DONE);
	assert_true(sw_msg_next(&m, &it));
	assert_int_equal(sw_int(&it, SW_F_TOKEN, 0), 7);
	assert_int_equal(sw_int(&it, SW_F_OUTCOME, 0), SW_RELEASE);
	tell(t, SW_OP_DONE | SW_REPLY, m.seq, 0);
	assert_int_equal(t->h.used, 0);
}

/* The report in the last message sent; returns its sequence number. */
static uint64_t
report_said(struct talk *t, struct sw_item *it)
{
	struct sw_msg m;

	leases_send(&t->h, NOW_MS);
	assert_int_equal(sw_msg_open(bytes_of(t->last, t->len), &m), 0);
	assert_int_equal(m.op, SW_OP_DONE);
	assert_true(sw_msg_next(&m, it));
	return m.seq;
}

static void
a_refused_follow_up_fails_the_attempt_with_the_reason(void **state)
{
	static const char why[] = "priority must be 0 to 9, not 12";
	struct talk *t = *state;
	uint8_t room[256];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct worker_lease *j;
	struct sw_item it;
	struct bytes error;
	size_t mark;

	join(t);
	tell(t, SW_OP_JOBS, 0, 7);
	j = leases_begin(&t->h, NOW_MS);
	assert_non_null(j);
	leases_drain(&t->h);
	t->h.credit_sent =
		t->h.jobs_received; /* only the report is left to say */
	j->report.outcome = SW_ACK;
	leases_end(&t->h, j, NOW_MS);
	sw_msg_begin(&b, SW_OP_DONE | SW_REPLY, 0, report_said(t, &it));
	mark = sw_item_begin(&b);
	sw_put_int(&b, SW_F_STATUS, SW_EINVAL);
	sw_put_text(&b, SW_F_DETAIL, why);
	sw_item_end(&b, mark);
	leases_receive(&t->h, sw_buf_bytes(&b), NOW_MS);
	(void)report_said(t, &it);
	assert_int_equal(sw_int(&it, SW_F_OUTCOME, 0), SW_RETRY);
	error = sw_bytes(&it, SW_F_ERROR);
	assert_true(error.len > sizeof(why));
	assert_memory_equal((const char *)error.p + error.len + 1 - sizeof(why),
		why, sizeof(why) - 1);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_job_that_comes_while_draining_is_handed_back),
		T(a_refused_follow_up_fails_the_attempt_with_the_reason),
	};

	return cmocka_run_group_tests_name("leases", tests, NULL, NULL);
}
