/* SPDX-License-Identifier: MIT */
/* How many jobs of a queue with a rate start, in the time of the core. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/config.h"
#include "broker/model/key.h"
#include "tests/lib/rig.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, WORKER = 1 };

static int
out_drop(void *arg, const struct out *o)
{
	(void)arg;
	(void)o;
	return 1;
}

static void
rate_set(struct rig *r, const char *rate)
{
	char setting[32];

	(void)snprintf(setting, sizeof(setting), "rate=%s", rate);
	assert_int_equal(rig_set(r, "q", setting), 0);
	assert_int_equal(rig_set(r, "q", "lease_ms=1d"), 0);
}

static struct session *
worker(struct rig *r)
{
	struct peer p = rig_peer(WORKER);

	return session_find(r->core->sessions, &p);
}

static void
credit_set(struct rig *r, int64_t credit)
{
	worker(r)->credit = credit;
	session_hunger(worker(r));
}

/* The worker keeps the session open until `ms` from now. */
static void
session_keep(struct rig *r, int64_t ms)
{
	due_set(&r->core->silent, &worker(r)->silent,
		r->mono_ms + ms + SESSION_SILENT_MS);
}

/* As many jobs as it may start are there, and a worker that takes them all. */
static void
backlog_make(struct rig *r, int jobs)
{
	rig_put_many(r, 1, jobs, "q");
	assert_int_equal(rig_hello(r, WORKER, "q", 0), 0);
	r->on_out = out_drop;
	credit_set(r, jobs);
}

/* Starts within `ms`, if the broker sleeps as long as the core says but wakes
 * `late_ms` later. */
static int64_t
started_in(struct rig *r, int64_t ms, int64_t late_ms)
{
	int64_t before, wait, at = 0;

	do /* what was saved up before */
		rig_pass(r, 0);
	while (core_wait_ms(r->core) == 0);
	before = (int64_t)r->core->handed_out;
	while (at < ms) {
		wait = core_wait_ms(r->core);
		wait += wait > 0 ? late_ms : 0;
		session_keep(r, wait);
		if (wait > ms - at)
			wait = ms - at;
		at += wait;
		rig_pass(r, wait);
	}
	return (int64_t)r->core->handed_out - before;
}

static void
expect_rate(struct rig *r, const char *rate, int64_t jobs, int64_t ms)
{
	static const int64_t late[] = {0, 1, 7, QUEUE_LATE_MS - 1};
	int64_t within = jobs / 20;

	rate_set(r, rate);
	backlog_make(r, (int)(5 * (jobs + within)));
	for (size_t i = 0; i < sizeof(late) / sizeof(late[0]); i++) {
		int64_t n = started_in(r, ms, late[i]);

		assert_in_range(n, jobs - within, jobs + within);
	}
}

#define EXPECT_RATE(name, rate, jobs, ms)                                      \
	static void name(void **state)                                         \
	{                                                                      \
		expect_rate(*state, rate, jobs, ms);                           \
	}

EXPECT_RATE(one_a_minute, "1/m", 60, 60 * MINUTE)
EXPECT_RATE(ten_a_minute, "10/m", 100, 10 * MINUTE)
EXPECT_RATE(a_hundred_an_hour, "100/h", 200, 120 * MINUTE)
EXPECT_RATE(one_a_second, "1", 100, 100 * SECOND)
EXPECT_RATE(three_in_two_seconds, "1.5/s", 150, 100 * SECOND)
EXPECT_RATE(fifty_a_second, "50/s", 1000, 20 * SECOND)
EXPECT_RATE(five_hundred_and_ten_a_second, "510", 2550, 5 * SECOND)
EXPECT_RATE(a_thousand_a_second, "1000", 2000, 2 * SECOND)
EXPECT_RATE(five_thousand_a_second, "5000", 5000, 1 * SECOND)
EXPECT_RATE(fifty_thousand_a_second, "50000", 12500, SECOND / 4)

static void
an_idle_queue_saves_up_its_burst_and_no_more(void **state)
{
	struct rig *r = *state;

	rate_set(r, "10");
	assert_int_equal(rig_set(r, "q", "burst=3"), 0);
	backlog_make(r, 100);
	rig_pass(r, 0);
	assert_int_equal(r->core->handed_out, 3);
	credit_set(r, 0);
	session_keep(r, 10 * MINUTE);
	rig_pass(r, 10 * MINUTE);
	credit_set(r, 100);
	rig_pass(r, 0);
	assert_int_equal(r->core->handed_out, 6);
	rig_pass(r, 2 * SECOND);
	assert_int_equal(r->core->handed_out, 9);
}

/* A rate of old rows is per second, and an old broker can read new ones. */
static void
a_rate_is_the_same_after_a_restart_and_read_from_an_old_row(void **state)
{
	struct rig *r = *state;
	uint8_t room[1024];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct key k = key_queue(0);
	struct sw_item it;
	struct bytes row, set;

	assert_int_equal(rig_set(r, "q", "rate=10/m"), 0);
	rig_restart(r);
	assert_int_equal(r->core->queues[0]->set[SW_S_rate], 600000);
	assert_int_equal(
		r->store->driver->get(r->store, 0, key_bytes(&k), &row), 0);
	assert_int_equal(sw_item_open(row, &it), 0);
	set = sw_bytes(&it, SW_F_BODY);
	assert_int_equal(le_get((const uint8_t *)set.p + SW_S_rate * 8, 8), 1);
	sw_copy_without(&b, &it, SW_BIT(SW_F_RATE));
	rig_row_change(r, STORE_PUT, &k, sw_buf_bytes(&b));
	rig_restart(r);
	assert_int_equal(r->core->queues[0]->set[SW_S_rate], UNIT_RATE_SECOND);
}

/* What a listing shows of the setting. */
static void
shown_is(struct rig *r, const char *setting)
{
	size_t mark = rig_say(r, SW_OP_QUEUES, 0), at = 0;
	struct sw_item it;
	struct bytes s;
	int found = 0;

	assert_int_equal(rig_ask(r, 2, SW_OP_QUEUES, mark, &it), 0);
	assert_true(rig_item(r, 2, SW_OP_QUEUES | SW_REPLY, 1, &it));
	while (sw_item_each(&it, SW_F_SETTING, &at, &s))
		found += bytes_eq(s, bytes_str(setting));
	assert_int_equal(found, 1);
}

static void
what_is_shown_of_a_rate_sets_it_again(void **state)
{
	static const struct {
		const char *set, *shown;
	} all[] = {{"rate=5000", "rate=5000"}, {"rate=10/m", "rate=10/m"},
		{"rate=1.5/s", "rate=90/m"}, {"rate=100/h", "rate=100/h"},
		{"rate=0.5/h", "rate=0.5/h"}, {"rate=0", "rate=0"}};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int64_t was;

		assert_int_equal(rig_set(r, "q", all[i].set), 0);
		was = r->core->queues[0]->set[SW_S_rate];
		shown_is(r, all[i].shown);
		assert_int_equal(rig_set(r, "q", all[i].shown), 0);
		assert_int_equal(r->core->queues[0]->set[SW_S_rate], was);
	}
}

static int
setting_apply(void *arg, const char *queue, const char *setting)
{
	struct rig *r = arg;

	return rig_set(r, queue, setting);
}

static void
a_rate_of_the_configuration_is_the_queues(void **state)
{
	static const char text[] = "[queue mail]\nrate = 1.5/s\npaused = yes\n"
				   "[queue q]\nrate = 50\ntimeout_ms = 1h30m\n";
	char name[] = "broker", option[] = "--config", path[64];
	char *argv[] = {name, option, path, NULL};
	int fd = memfd_create("config", MFD_CLOEXEC);
	struct broker_config cfg;
	struct rig *r = *state;

	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/tmp", 1), 0);
	assert_int_equal(setenv("HOME", "/tmp", 1), 0);
	assert_int_equal(broker_config_read(&cfg, 3, argv), 0);
	assert_int_equal(broker_config_settings(&cfg, setting_apply, r), 0);
	assert_int_equal(r->core->queues[0]->set[SW_S_rate], 5400000);
	assert_int_equal(r->core->queues[0]->set[SW_S_paused], 1);
	assert_int_equal(
		r->core->queues[1]->set[SW_S_rate], 50 * UNIT_RATE_SECOND);
	assert_int_equal(r->core->queues[1]->set[SW_S_timeout_ms], 5400000);
	broker_config_fini(&cfg);
	close(fd);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(one_a_minute),
		T(ten_a_minute),
		T(a_hundred_an_hour),
		T(one_a_second),
		T(three_in_two_seconds),
		T(fifty_a_second),
		T(five_hundred_and_ten_a_second),
		T(a_thousand_a_second),
		T(five_thousand_a_second),
		T(fifty_thousand_a_second),
		T(an_idle_queue_saves_up_its_burst_and_no_more),
		T(a_rate_is_the_same_after_a_restart_and_read_from_an_old_row),
		T(what_is_shown_of_a_rate_sets_it_again),
		T(a_rate_of_the_configuration_is_the_queues),
	};

	return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
