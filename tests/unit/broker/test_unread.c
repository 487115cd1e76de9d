/* SPDX-License-Identifier: MIT */
/* A store that cannot be read: every request leads to core->err. And a store
 * that returns rows out of order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/error.h"
#include "broker/repair/verify.h"
#include "tests/lib/rig.h"

enum { HOUR_MS = 3600 * 1000 };

static int reads, fail_at; /* this read fails, counted from 1; 0: none */

static int
read_fails(void)
{
	return ++reads == fail_at;
}

static int
frail_get(struct store *s, uint32_t shard, struct bytes key, struct bytes *val)
{
	return read_fails() ? -EIO : store_mem.get(s, shard, key, val);
}

static int
frail_scan(struct store *s, uint32_t shard, struct bytes from, struct bytes to,
	size_t limit, store_each_fn *each, void *arg)
{
	return read_fails()
		       ? -EIO
		       : store_mem.scan(s, shard, from, to, limit, each, arg);
}

static int
blind_usage(struct store *s, struct store_usage *u)
{
	(void)s;
	(void)u;
	return -EIO;
}

/* The numbers are of a store that is nearly empty. */
static int
disk_is_full(struct store *s, struct store_usage *u)
{
	(void)s;
	*u = (struct store_usage){.used_pages = 2,
		.max_pages = 100,
		.full_why = "the disk has no room"};
	return 0;
}

/* Runs a turn with request rig->b, or with none; returns core->err. */
static int
turn(struct rig *r, int64_t ms, int taken)
{
	struct peer p = rig_peer(1);

	r->now_ms += ms;
	r->mono_ms += ms;
	return rig_turn(r, taken ? &p : NULL, sw_buf_bytes(&r->b));
}

static void
say_put(struct rig *r)
{
	size_t mark = rig_say(r, SW_OP_PUT, (int)r->seq + 1);

	sw_put_text(&r->b, SW_F_QUEUE, "q");
	sw_put_text(&r->b, SW_F_BODY, "body");
	sw_put_text(&r->b, SW_F_UNIQUE, r->seq == 1 ? "one" : "other");
	sw_put_text(&r->b, SW_F_FAIR, "ann");
	sw_put_int(&r->b, SW_F_EXPIRES_AT_MS, r->now_ms + HOUR_MS);
	sw_item_end(&r->b, mark);
}

static void
say_hello(struct rig *r)
{
	size_t mark = rig_say(r, SW_OP_HELLO, 0);

	sw_put_text(&r->b, SW_F_WORKER, "w");
	sw_item_end(&r->b, mark);
	mark = sw_item_begin(&r->b);
	sw_put_text(&r->b, SW_F_QUEUE, "q");
	sw_item_end(&r->b, mark);
}

static void
say_want(struct rig *r)
{
	size_t mark = rig_say(r, SW_OP_WANT, 0);

	sw_put_int(&r->b, SW_F_CREDIT, 1);
	sw_item_end(&r->b, mark);
}

/* A report with a follow-up, so that its checks read the store. */
static void
say_done(struct rig *r)
{
	struct sw_id id = rig_id(77), own = rig_id(1);
	const struct lease *l = lease_find(&r->core->leases, &own);
	size_t mark = rig_say(r, SW_OP_DONE, 1), nest;

	assert_non_null(l);
	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)l->token);
	sw_put_int(&r->b, SW_F_OUTCOME, SW_ACK);
	nest = sw_nest_begin(&r->b, SW_F_FOLLOW);
	sw_put_id(&r->b, &id);
	sw_put_text(&r->b, SW_F_QUEUE, "q");
	sw_put_text(&r->b, SW_F_BODY, "");
	sw_put_text(&r->b, SW_F_UNIQUE, "follow");
	sw_nest_end(&r->b, nest);
	sw_item_end(&r->b, mark);
}

static void
say_of_2(struct rig *r, int op)
{
	sw_item_end(&r->b, rig_say(r, op, 2));
}

static const int asked_of_2[] = {SW_OP_GET, SW_OP_WAIT, SW_OP_WHY, SW_OP_CANCEL,
	SW_OP_LIST, SW_OP_REDRIVE, SW_OP_PURGE};

/* A delayed job whose record is corrupt, with a timer that is due. */
static void
corrupt_record_add(struct rig *r)
{
	struct sw_id id = rig_id(60);
	struct key j = key_id('j', &id), t = key_timed('w', 0, 1, &id);
	struct store_op ops[] = {{STORE_PUT, key_bytes(&j), bytes_of("?", 1)},
		{STORE_PUT, key_bytes(&t), bytes_of("", 0)}};

	assert_int_equal(rig_rows_commit(r, ops, 2), 0);
}

static void (*const life[])(struct rig *) = {
	say_put, say_put, say_hello, say_want};

/* Runs some of every operation; returns the first error of the core. */
static int
play(struct rig *r)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < sizeof(life) / sizeof(*life); i++) {
		life[i](r);
		err = turn(r, 1, 1);
	}
	corrupt_record_add(r);
	for (int n = 0; err == 0 && n < 2; n++)
		err = rig_start_again(r);
	if (err == 0) {
		say_done(r);
		err = turn(r, 1, 1);
	}
	for (size_t i = 0;
		err == 0 && i < sizeof(asked_of_2) / sizeof(asked_of_2[0]);
		i++) {
		say_of_2(r, asked_of_2[i]);
		err = turn(r, 1, 1);
	}
	if (err == 0) {
		size_t mark = rig_say(r, SW_OP_LIST, 0);

		sw_put_text(&r->b, SW_F_QUEUE, "q");
		sw_item_end(&r->b, mark);
		err = turn(r, 1, 1);
	}
	for (int n = 0; err == 0 && n < 3; n++)
		err = turn(r, HOUR_MS, 0);
	if (err == 0)
		err = core_reload(r->core, 0);
	return err;
}

static struct rig *
rig_on(const struct store_driver *d)
{
	struct rig *r = rig_open("mem:");

	r->store->driver = d;
	return r;
}

static void
a_read_that_fails_ends_the_turn_wherever_it_is(void **unused)
{
	struct store_driver frail = store_mem;
	int all;

	(void)unused;
	frail.get = frail_get;
	frail.scan = frail_scan;
	fail_at = 0;
	do {
		struct rig *r;
		int err;

		fail_at++;
		reads = 0;
		r = rig_on(&frail);
		reads = 0;
		err = play(r);
		all = reads < fail_at;
		assert_int_equal(err, all ? 0 : -EIO);
		r->store->driver = &store_mem;
		assert_int_equal(rig_start_again(r), 0);
		rig_drop(r);
	} while (!all);
	assert_true(fail_at > 30);
}

static void
quiet(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static void
a_read_that_fails_ends_the_verification_wherever_it_is(void **unused)
{
	struct store_driver frail = store_mem;
	struct rig *r = rig_open("mem:");
	int all = 0;

	(void)unused;
	frail.get = frail_get;
	frail.scan = frail_scan;
	fail_at = 0;
	for (int n = 1; n <= 3; n++)
		assert_int_equal(rig_put(r, n, "q", "body"), 0);
	corrupt_record_add(r);
	r->store->driver = &frail;
	for (int k = 1; !all; k++) {
		struct verify v = {.core = r->core, .report = quiet};
		int err;

		fail_at = 0;
		assert_int_equal(rig_start_again(r), 0);
		fail_at = k;
		reads = 0;
		err = verify_run(&v);
		all = reads < k;
		assert_int_equal(err, all ? 0 : -EIO);
	}
	r->store->driver = &store_mem;
	rig_drop(r);
}

static void
a_store_that_cannot_say_how_full_it_is_keeps_its_last_word(void **unused)
{
	struct store_driver blind = store_mem;
	struct rig *r = rig_on(&blind);

	(void)unused;
	blind.usage = blind_usage;
	assert_int_equal(rig_put(r, 1, "q", ""), 0);
	r->core->full = 1;
	assert_int_equal(rig_put(r, 2, "q", ""), SW_EFULL);
	r->store->driver = &store_mem;
	assert_int_equal(rig_put(r, 2, "q", ""), 0);
	rig_close(r);
}

static void
a_disk_without_room_refuses_puts_and_its_numbers_stay_true(void **unused)
{
	struct store_driver full = store_mem;
	struct rig *r = rig_on(&full);

	(void)unused;
	full.usage = disk_is_full;
	assert_int_equal(rig_put(r, 1, "q", ""), SW_EFULL);
	assert_int_equal(r->core->usage.used_pages, 2);
	r->store->driver = &store_mem;
	rig_close(r);
}

struct seen {
	struct bytes key[4], val[4];
	size_t n;
};

static int
row_see(void *arg, struct bytes key, struct bytes val)
{
	struct seen *s = arg;

	assert_true(s->n < 4);
	s->key[s->n] = key;
	s->val[s->n++] = val;
	return 0;
}

/* LMDB shows rows in the order of the file, also if keys have changed. */
static int
queues_last_first(struct store *s, uint32_t shard, struct bytes from,
	struct bytes to, size_t limit, store_each_fn *each, void *arg)
{
	struct seen seen = {.n = 0};
	int err;

	if (*(const char *)from.p != 'q')
		return store_mem.scan(s, shard, from, to, limit, each, arg);
	err = store_mem.scan(s, shard, from, to, limit, row_see, &seen);
	while (err == 0 && seen.n-- > 0)
		if (each(arg, seen.key[seen.n], seen.val[seen.n]) != 0)
			break;
	return err;
}

static void
a_queue_whose_number_was_damaged_hides_no_other(void **unused)
{
	struct rig *r = rig_open("mem:");
	struct store_driver d = store_mem;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "a", "body"), 0);
	assert_int_equal(rig_put(r, 2, "b", "body"), 0);
	d.scan = queues_last_first;
	r->store->driver = &d;
	rig_restart(r);
	assert_int_equal(r->core->queues_n, 2);
	assert_int_equal(rig_put(r, 3, "c", "body"), 0);
	assert_string_equal(rig_drain(r, 1, "b"), "2");
	rig_restart(r);
	r->store->driver = &store_mem;
	rig_close(r);
}

static void
a_record_longer_than_any_is_dead_and_not_the_end_of_the_broker(void **unused)
{
	static uint8_t junk[STORE_VAL_MAX];
	struct rig *r = rig_open("mem:");
	struct sw_id id = rig_id(1);
	struct key j = key_id('j', &id);
	uint64_t token;

	(void)unused;
	assert_int_equal(rig_put(r, 1, "q", "body"), 0);
	rig_row_change(r, STORE_PUT, &j, bytes_of(junk, sizeof(junk)));
	assert_int_equal(rig_hello(r, 1, "q", 0), 0);
	assert_int_equal(rig_take(r, 1, &token), 0);
	assert_int_equal(rig_state(r, 1), SW_DEAD);
	rig_drop(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_read_that_fails_ends_the_turn_wherever_it_is),
		cmocka_unit_test(
			a_read_that_fails_ends_the_verification_wherever_it_is),
		cmocka_unit_test(
			a_store_that_cannot_say_how_full_it_is_keeps_its_last_word),
		cmocka_unit_test(
			a_disk_without_room_refuses_puts_and_its_numbers_stay_true),
		cmocka_unit_test(
			a_queue_whose_number_was_damaged_hides_no_other),
		cmocka_unit_test(
			a_record_longer_than_any_is_dead_and_not_the_end_of_the_broker),
	};

	return cmocka_run_group_tests_name("unread", tests, NULL, NULL);
}
