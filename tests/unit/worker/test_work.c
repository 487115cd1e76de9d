/* SPDX-License-Identifier: MIT */
/* The worker's decisions: routes, dispositions, leases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>

#include "base/error.h"
#include "worker/process/child.h"
#include "worker/process/disposition.h"

/* --- dispositions -------------------------------------------------------- */

enum { EXITED = 8 }; /* where wait puts the exit code */

static struct disposition
verdict(int status, int timed_out, int killed, int64_t rss_kb, int64_t memory)
{
	return disposition_of_exit(status, timed_out, killed, rss_kb, memory);
}

static void
expect(struct disposition v, int outcome, int cause)
{
	assert_int_equal(v.outcome, outcome);
	assert_int_equal(v.cause, cause);
}

static void
every_exit_code_means_what_the_contract_says(void **state)
{
	(void)state;
	for (int code = 0; code < 256; code++) {
		struct disposition v = verdict(code << EXITED, 0, 0, 0, 0);

		if (code == 0)
			expect(v, SW_ACK, SW_C_NONE);
		else if (code >= 64 && code <= 78 && code != 75)
			expect(v, SW_FAIL, SW_C_PERMANENT);
		else
			expect(v, SW_RETRY, SW_C_ERROR);
	}
}

static void
a_signal_is_a_crash_unless_memory_or_time_explains_it(void **state)
{
	(void)state;
	expect(verdict(SIGSEGV, 0, 0, 1000, 0), SW_RETRY, SW_C_CRASH);
	expect(verdict(SIGSEGV, 0, 0, 1000, 64 << 20), SW_RETRY, SW_C_CRASH);
	expect(verdict(SIGABRT, 0, 0, 60 << 10, 64 << 20), SW_RETRY, SW_C_OOM);
	expect(verdict(SIGKILL, 0, 0, 1000, 0), SW_RETRY, SW_C_OOM);
	expect(verdict(SIGKILL, 0, 1, 1000, 0), SW_RETRY, SW_C_CRASH);
	expect(verdict(SIGTERM, 1, 0, 1000, 0), SW_RETRY, SW_C_TIMEOUT);
	expect(verdict(SIGKILL, 1, 1, 1000, 0), SW_RETRY, SW_C_TIMEOUT);
	expect(verdict(0, 1, 0, 0, 0), SW_ACK, SW_C_NONE);
}

/* --- routes -------------------------------------------------------------- */

static int
route(struct worker_route *r, const char *arg)
{
	char why[256] = "";
	int err = route_parse(r, arg, why, sizeof(why));

	assert_true((err < 0) == (why[0] != '\0'));
	return err;
}

static void
a_route_names_queue_weight_and_job(void **state)
{
	struct worker_route r;

	(void)state;
	assert_int_equal(route(&r, "a=logs"), 0);
	assert_string_equal(r.queue, "a");
	assert_int_equal(r.kind, ROUTE_KEEP);
	assert_string_equal(r.name, "logs");
	assert_string_equal(r.argv[0], "spillway-job-logs");
	assert_null(r.argv[1]);
	assert_int_equal(r.weight, 0);
	assert_int_equal(route(&r, "a-b*12=exec:run it"), 0);
	assert_string_equal(r.queue, "a-b");
	assert_int_equal(r.weight, 12);
	assert_int_equal(r.kind, ROUTE_EXEC);
	assert_null(r.name);
	assert_int_equal(route(&r, "q=keep:x 'y z'"), 0);
	assert_int_equal(r.kind, ROUTE_KEEP);
	assert_null(r.name);
	assert_string_equal(r.argv[0], "x");
	assert_string_equal(r.argv[1], "y z");
	assert_null(r.argv[2]);
}

static void
a_command_is_cut_into_words_as_a_shell_would(void **state)
{
	static const char *const want[] = {
		"sh", "-c", "a  'b' $c", "d e", "f\"g", "", "h\\i", NULL};
	struct worker_route r;
	int i;

	(void)state;
	assert_int_equal(
		route(&r,
			"q=exec: sh -c \"a  'b' $c\"\td\\ e f\\\"g '' 'h\\i' "),
		0);
	for (i = 0; want[i] != NULL; i++)
		assert_string_equal(r.argv[i], want[i]);
	assert_null(r.argv[i]);
}

static void
a_bad_route_is_refused(void **state)
{
	static const char *const bad[] = {"", "a", "=logs", "A=logs",
		"a=", "a=exec", "a=../logs", "a=Logs",
		"a=keep:", "a=keep:'open", "a*0=logs", "a*x=logs",
		"a*1001=logs", "a=exec:", "a=exec:  ", "a=exec:'open",
		"a=exec:\"open"};
	struct worker_route r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(route(&r, bad[i]) < 0, 1);
}

/* --- the session with the broker ----------------------------------------- */

struct desk { /* the broker's side, by hand */
	struct leases h;
	struct worker_route route;
	uint8_t out[SW_MSG_MAX]; /* the last message of `op` */
	struct sw_msg said[SW_REPLY];
	int count[SW_REPLY];
	int64_t now;
};

static void
hear(void *arg, struct bytes message)
{
	struct desk *d = arg;
	struct sw_msg m;

	assert_int_equal(sw_msg_open(message, &m), 0);
	if (m.op == SW_OP_DONE) {
		memcpy(d->out, message.p, message.len);
		assert_int_equal(
			sw_msg_open(bytes_of(d->out, message.len), &m), 0);
	}
	d->said[m.op] = m;
	d->count[m.op]++;
}

static void
answer(struct desk *d, int op, uint64_t seq, int items, int status)
{
	uint8_t room[4096];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};

	sw_msg_begin(&b, op, 0, seq);
	for (int i = 0; i < items; i++) {
		size_t mark = sw_item_begin(&b);

		sw_put_int(&b, SW_F_STATUS, status);
		sw_item_end(&b, mark);
	}
	leases_receive(&d->h, sw_buf_bytes(&b), d->now);
}

static void
give_job(struct desk *d, int n)
{
	uint8_t room[512];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_id id = {{(uint8_t)n}};
	size_t mark;

	sw_msg_begin(&b, SW_OP_JOBS, 0, 0);
	mark = sw_item_begin(&b);
	sw_put_id(&b, &id);
	sw_put_text(&b, SW_F_QUEUE, "q");
	sw_put_text(&b, SW_F_BODY, "x");
	sw_put_int(&b, SW_F_TOKEN, n);
	sw_item_end(&b, mark);
	leases_receive(&d->h, sw_buf_bytes(&b), d->now);
}

static void
pass(struct desk *d, int64_t ms)
{
	d->now += ms;
	d->h.received_ms = d->now;
	leases_send(&d->h, d->now);
}

static int
desk_open(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	assert_int_equal(route(&d->route, "q=logs"), 0);
	assert_int_equal(leases_init(&d->h, &d->route, 1, 2, "me", hear, d), 0);
	d->now = 1000;
	pass(d, 0);
	answer(d, SW_OP_HELLO | SW_REPLY, d->said[SW_OP_HELLO].seq, 1, 0);
	pass(d, 0);
	*state = d;
	return 0;
}

static int
desk_close(void **state)
{
	struct desk *d = *state;

	leases_fini(&d->h);
	free(d);
	return 0;
}

static void
a_report_is_said_again_until_it_is_confirmed(void **state)
{
	struct desk *d = *state;
	struct worker_lease *j;

	give_job(d, 1);
	j = leases_begin(&d->h, d->now);
	assert_non_null(j);
	j->report = (struct attempt_report){.outcome = SW_ACK};
	leases_end(&d->h, j, d->now);
	pass(d, 0);
	assert_int_equal(d->count[SW_OP_DONE], 1);
	pass(d, 500);
	assert_int_equal(d->count[SW_OP_DONE], 1);
	pass(d, 500);
	assert_int_equal(d->count[SW_OP_DONE], 2);
	answer(d, SW_OP_DONE | SW_REPLY, d->said[SW_OP_DONE].seq, 1, 0);
	assert_int_equal(d->h.used, 0);
	pass(d, 5000);
	assert_int_equal(d->count[SW_OP_DONE], 2);
}

static void
a_broker_that_forgot_us_hears_hello_and_the_reports_anew(void **state)
{
	struct desk *d = *state;
	struct worker_lease *j;
	int hellos = d->count[SW_OP_HELLO];

	give_job(d, 1);
	j = leases_begin(&d->h, d->now);
	j->report = (struct attempt_report){.outcome = SW_ACK};
	leases_end(&d->h, j, d->now);
	pass(d, 0);
	answer(d, SW_OP_ERROR | SW_REPLY, 0, 1, SW_ESESSION);
	pass(d, 1);
	assert_int_equal(d->count[SW_OP_HELLO], hellos + 1);
	answer(d, SW_OP_HELLO | SW_REPLY, d->said[SW_OP_HELLO].seq, 1, 0);
	pass(d, 1);
	assert_int_equal(d->count[SW_OP_DONE], 2);
}

static void
answer_lease(struct desk *d, int op, uint64_t seq, int64_t lease_ms)
{
	uint8_t room[256];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	size_t mark;

	sw_msg_begin(&b, op, 0, seq);
	mark = sw_item_begin(&b);
	sw_put_int(&b, SW_F_STATUS, 0);
	sw_put_int(&b, SW_F_LEASE_MS, lease_ms);
	sw_item_end(&b, mark);
	leases_receive(&d->h, sw_buf_bytes(&b), d->now);
}

/* The number of heartbeats in the first three seconds of a session. */
static int
beats(struct desk *d, int64_t lease_ms)
{
	int before;

	answer(d, SW_OP_ERROR | SW_REPLY, 0, 1, SW_ESESSION);
	pass(d, 0);
	answer_lease(
		d, SW_OP_HELLO | SW_REPLY, d->said[SW_OP_HELLO].seq, lease_ms);
	pass(d, 0);
	before = d->count[SW_OP_EXTEND];
	for (int64_t end = d->now + 3000; d->now < end;)
		pass(d, leases_wait_ms(&d->h, d->now));
	return d->count[SW_OP_EXTEND] - before;
}

static void
a_short_lease_is_extended_in_time(void **state)
{
	struct desk *d = *state;

	assert_int_equal(beats(d, 4000), 3);
	assert_in_range(beats(d, 1000), 9, 10);
	assert_int_equal(beats(d, 3600000), 3);
	assert_int_equal(beats(d, 0), 3000 / LEASE_HEARTBEAT_MIN_MS);
}

static void
a_stale_lease_is_ended_without_a_word(void **state)
{
	struct desk *d = *state;
	struct worker_lease *j;

	give_job(d, 1);
	j = leases_begin(&d->h, d->now);
	pass(d, 1000);
	answer(d, SW_OP_EXTEND | SW_REPLY, d->said[SW_OP_EXTEND].seq, 1,
		SW_ESTALE);
	assert_int_equal(j->stop, LEASE_STALE);
	j->report = (struct attempt_report){.outcome = SW_ACK};
	leases_end(&d->h, j, d->now);
	pass(d, 1000);
	assert_int_equal(d->count[SW_OP_DONE], 0);
	assert_int_equal(d->h.used, 0);
}

static void
a_drain_hands_back_what_has_not_begun(void **state)
{
	struct desk *d = *state;
	struct sw_item it;

	give_job(d, 1);
	give_job(d, 2);
	assert_non_null(leases_begin(&d->h, d->now));
	leases_drain(&d->h);
	assert_null(leases_begin(&d->h, d->now));
	pass(d, 0);
	assert_int_equal(d->count[SW_OP_DONE], 1);
	assert_true(sw_msg_next(&d->said[SW_OP_DONE], &it));
	assert_int_equal(sw_int(&it, SW_F_OUTCOME, 0), SW_RELEASE);
	assert_int_equal(sw_int(&it, SW_F_TOKEN, 0), 2);
}

static void
no_more_run_than_there_are_slots(void **state)
{
	struct desk *d = *state;

	for (int i = 1; i <= 3; i++)
		give_job(d, i);
	assert_int_equal(leases_begin(&d->h, d->now)->token, 1);
	assert_int_equal(leases_begin(&d->h, d->now)->token, 2);
	assert_null(leases_begin(&d->h, d->now));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, desk_open, desk_close)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_exit_code_means_what_the_contract_says),
		cmocka_unit_test(
			a_signal_is_a_crash_unless_memory_or_time_explains_it),
		cmocka_unit_test(a_route_names_queue_weight_and_job),
		cmocka_unit_test(a_command_is_cut_into_words_as_a_shell_would),
		cmocka_unit_test(a_bad_route_is_refused),
		T(a_report_is_said_again_until_it_is_confirmed),
		T(a_broker_that_forgot_us_hears_hello_and_the_reports_anew),
		T(a_short_lease_is_extended_in_time),
		T(a_stale_lease_is_ended_without_a_word),
		T(a_drain_hands_back_what_has_not_begun),
		T(no_more_run_than_there_are_slots),
	};

	return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
