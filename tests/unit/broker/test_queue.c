/* SPDX-License-Identifier: MIT */
/* A queue's lanes of ready jobs, its rate limit, its row; keys and their ends;
 * the order of what is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/model/key.h"
#include "broker/model/queue.h"
#include "broker/store/store.h"
#include "tests/lib/chance.h"

struct line { /* a queue over a store that has the same rows */
	struct queue_lists lists;
	struct queue *q;
	struct store *s;
	struct claim c;
};

static int
setup(void **state)
{
	static struct line l;

	l.lists = (struct queue_lists){.pool.most = LANES_POOL};
	l.q = queue_new(&l.lists, "q", 0);
	assert_non_null(l.q);
	assert_int_equal(store_open(&l.s, "mem:", NULL), 0);
	assert_int_equal(l.s->driver->claim(l.s, 0, 0, &l.c), 0);
	*state = &l;
	return 0;
}

static int
teardown(void **state)
{
	struct line *l = *state;

	queue_free(l->q);
	queue_free(NULL);
	l->s->driver->close(l->s);
	store_mem.close(NULL);
	return 0;
}

static void
told(void *arg, int err)
{
	(void)arg;
	assert_int_equal(err, 0);
}

static struct sw_id
id_of(unsigned n)
{
	struct sw_id id = {{0}};

	be_set(id.b, 8, n);
	return id;
}

static void
row_change(struct line *l, enum store_op_kind kind, const struct key *k)
{
	struct store_op op = {.kind = kind, .key = key_bytes(k)};

	assert_int_equal(
		l->s->driver->commit(l->s, &l->c, &op, 1, told, NULL), 0);
}

/* Adds a job in memory and in the store, as the core does. */
static void
add(struct line *l, uint64_t lane, unsigned n)
{
	struct sw_id id = id_of(n);
	struct key k = key_ready(0, lane, n, &id);

	lanes_add(&l->q->lanes, lane, n, &id);
	row_change(l, STORE_PUT, &k);
}

/* Takes the next ready job; its number, 0: there is none. */
static unsigned
take(struct line *l)
{
	struct entry e;
	uint64_t lane;
	struct key k;

	if (lanes_low(&l->q->lanes))
		assert_int_equal(lanes_refill(&l->q->lanes, l->s, 0), 0);
	if (!lanes_next(&l->q->lanes, &lane, &e))
		return 0;
	lanes_pop(&l->q->lanes, lane);
	k = key_ready(0, lane, e.at, &e.id);
	row_change(l, STORE_DELETE, &k);
	return (unsigned)e.at;
}

/* --- lanes --------------------------------------------------------------- */

/* The highest possible hash ends the round. */
static void
the_lane_of_the_highest_hash_ends_the_round(void **state)
{
	struct line *l = *state;

	add(l, lane_last(0), 1);
	add(l, lane_last(0), 2);
	add(l, 5, 3);
	assert_int_equal(take(l), 3);
	assert_int_equal(take(l), 1);
	assert_int_equal(take(l), 2);
	assert_int_equal(take(l), 0);
}

/* More lanes than memory has room for, served in the order of their hashes. */
static void
lanes_beyond_memory_take_their_turn(void **state)
{
	enum { LANES = 3 * ROUND_LANES };
	struct line *l = *state;

	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 1; i <= LANES; i++)
			add(l, i == LANES ? lane_last(0) : i * 10,
				round * LANES + i);
	for (unsigned n = 1; n <= 2 * LANES; n++)
		assert_int_equal(take(l), n);
	assert_int_equal(take(l), 0);
}

/* Lanes of lower hash displace those of higher ones, which are read later. */
static void
a_lane_that_memory_had_no_room_for_is_read_when_its_turn_comes(void **state)
{
	enum { LANES = 2 * ROUND_LANES };
	struct line *l = *state;

	for (unsigned i = LANES; i >= 1; i--)
		add(l, i * 10, i);
	assert_int_equal(l->q->lanes.rounds[0]->n, ROUND_LANES);
	add(l, 5 * ROUND_LANES * 10, LANES + 1);
	for (unsigned n = 1; n <= LANES + 1; n++)
		assert_int_equal(take(l), n);
	assert_int_equal(take(l), 0);
}

/* The new lane is below the range in memory. */
static void
a_lane_behind_the_turn_is_served_in_the_next_round(void **state)
{
	enum { LANES = ROUND_LANES + 10 };
	struct line *l = *state;

	for (unsigned i = 1; i <= LANES; i++)
		add(l, i * 10, i);
	for (unsigned n = 1; n <= ROUND_LANES + 2; n++)
		assert_int_equal(take(l), n);
	add(l, 1, LANES + 1);
	for (unsigned n = ROUND_LANES + 3; n <= LANES + 1; n++)
		assert_int_equal(take(l), n);
	assert_int_equal(take(l), 0);
}

/* The lanes of the new round are only in the store, and come before a new job.
 */
static void
after_the_highest_lane_nothing_is_known_until_the_first_are_read(void **state)
{
	enum { LANES = ROUND_LANES + 1 };
	struct line *l = *state;
	struct entry e;
	uint64_t lane;

	for (unsigned i = 1; i <= LANES; i++)
		add(l, i == LANES ? lane_last(0) : i * 10, i);
	for (unsigned n = 1; n <= LANES; n++) {
		if (n == LANES)
			add(l, lane_last(0), LANES + 2);
		assert_int_equal(take(l), n);
	}
	add(l, 10, LANES + 1);
	assert_false(lanes_next(&l->q->lanes, &lane, &e));
	assert_true(lanes_low(&l->q->lanes));
	assert_int_equal(take(l), LANES + 1);
	assert_int_equal(take(l), LANES + 2);
}

/* Nothing is read within a turn: the other lanes wait for the next one. */
static void
past_the_lanes_in_memory_nothing_is_known_in_this_turn(void **state)
{
	struct line *l = *state;
	struct entry e;
	uint64_t lane;

	for (unsigned i = 1; i <= ROUND_LANES + 1; i++) {
		add(l, i * 10, 2 * i);
		add(l, i * 10, 2 * i + 1);
	}
	for (unsigned i = 1; i <= ROUND_LANES; i++) {
		assert_true(lanes_next(&l->q->lanes, &lane, &e));
		assert_int_equal(e.at, 2 * i);
		lanes_pop(&l->q->lanes, lane);
	}
	assert_false(lanes_next(&l->q->lanes, &lane, &e));
	assert_int_equal(take(l), 2 * (ROUND_LANES + 1));
}

static void
an_empty_main_lane_does_not_end_the_round(void **state)
{
	enum { LANES = ROUND_LANES + 10 };
	struct line *l = *state;
	struct sw_id id = id_of(1);
	struct key k = key_ready(0, 0, 1, &id);

	add(l, 0, 1);
	for (unsigned i = 2; i <= LANES; i++)
		add(l, i * 10, i);
	lanes_remove(&l->q->lanes, 0, 1, &id);
	row_change(l, STORE_DELETE, &k);
	for (unsigned n = 2; n <= LANES; n++)
		assert_int_equal(take(l), n);
	assert_int_equal(take(l), 0);
}

static void
what_leaves_the_line_from_its_middle_is_not_handed_out(void **state)
{
	struct line *l = *state;
	struct sw_id id = id_of(2), strange = id_of(9);

	for (unsigned n = 1; n <= 3; n++)
		add(l, 7, n);
	lanes_remove(&l->q->lanes, 7, 2, &id);
	lanes_remove(&l->q->lanes, 7, 9, &strange);
	lanes_remove(&l->q->lanes, 8, 2, &id);
	assert_int_equal(take(l), 1);
	assert_int_equal(take(l), 3);
}

/* More jobs than a lane has in memory, and all of these are removed. */
static void
a_lane_emptied_in_memory_goes_on_from_the_store(void **state)
{
	enum { JOBS = LANE_ENTRIES + 10 };
	struct line *l = *state;

	for (unsigned n = 1; n <= JOBS; n++)
		add(l, 0xffff, n);
	for (unsigned i = 0; i < ROUND_LANES; i++)
		add(l, 0x10000 + i, JOBS + 1 + i);
	for (unsigned n = 1; n <= LANE_ENTRIES; n++) {
		struct sw_id id = id_of(n);
		struct key k = key_ready(0, 0xffff, n, &id);

		lanes_remove(&l->q->lanes, 0xffff, n, &id);
		row_change(l, STORE_DELETE, &k);
	}
	assert_int_equal(take(l), LANE_ENTRIES + 1);
	assert_int_equal(take(l), JOBS + 1);
}

/* --- rate ---------------------------------------------------------------- */

/* A pause saves up one burst, however long it is. */
static void
a_rate_saves_up_no_more_than_its_burst(void **state)
{
	struct queue *q = ((struct line *)*state)->q;
	int64_t set[SW_SETTINGS], now = 1000;

	memcpy(set, q->set, sizeof(set));
	set[SW_S_rate] = 10 * UNIT_RATE_SECOND;
	set[SW_S_burst] = 3;
	queue_settings(q, set);
	now += 48LL * 3600 * 1000;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(queue_rate_wait_ms(q, now), 0);
		queue_rate_spend(q);
	}
	assert_int_equal(queue_rate_wait_ms(q, now), 100 - QUEUE_LATE_MS);
	assert_int_equal(
		queue_rate_wait_ms(q, now - 5000), 100 - QUEUE_LATE_MS);
	assert_int_equal(queue_rate_wait_ms(q, now + 100), 0);
}

/* --- the row ------------------------------------------------------------- */

static void
row_write(struct sw_buf *b, uint8_t *room, size_t cap, const char *name,
	size_t set_len, size_t numbers_len)
{
	static const uint8_t zeros[1024];

	*b = (struct sw_buf){.p = room, .cap = cap};
	if (name != NULL)
		sw_put_text(b, SW_F_QUEUE, name);
	sw_put_bytes(b, SW_F_BODY, bytes_of(zeros, set_len));
	sw_put_bytes(b, SW_F_RESULT, bytes_of(zeros, numbers_len));
	assert_false(b->full);
}

static void
a_queues_row_without_name_or_of_a_wrong_length_is_damage(void **state)
{
	enum {
		NUMBERS = (SW_STATES + QUEUE_TOTALS) * 8,
		OLDEST = (SW_STATES + TOTAL_DROPPED) * 8,
	};
	struct queue *q = ((struct line *)*state)->q;
	uint8_t room[2048];
	struct sw_buf b;

	row_write(&b, room, sizeof(room), NULL, 8, NUMBERS);
	assert_int_equal(queue_decode(q, sw_buf_bytes(&b)), SW_ECORRUPT);
	row_write(&b, room, sizeof(room), "q", 8, NUMBERS - 4);
	assert_int_equal(queue_decode(q, sw_buf_bytes(&b)), SW_ECORRUPT);
	row_write(&b, room, sizeof(room), "q", 8, NUMBERS + 8);
	assert_int_equal(queue_decode(q, sw_buf_bytes(&b)), SW_ECORRUPT);
	row_write(&b, room, sizeof(room), "q", 8, OLDEST - 8);
	assert_int_equal(queue_decode(q, sw_buf_bytes(&b)), SW_ECORRUPT);
	row_write(&b, room, sizeof(room), "q", 7, NUMBERS);
	assert_int_equal(queue_decode(q, sw_buf_bytes(&b)), SW_ECORRUPT);
	assert_int_equal(queue_decode(q, bytes_of("?", 1)), SW_ECORRUPT);
	row_write(&b, room, sizeof(room), "q", 8, NUMBERS);
	assert_int_equal(queue_decode(q, sw_buf_bytes(&b)), 0);
}

/* An older row has fewer settings, a newer one more. */
static void
a_row_of_an_older_or_newer_broker_gives_the_settings_that_both_know(
	void **state)
{
	enum { NUMBERS = (SW_STATES + QUEUE_TOTALS) * 8 };
	struct queue *q = ((struct line *)*state)->q;
	uint8_t room[2048];
	struct sw_buf b;

	row_write(&b, room, sizeof(room), "q", 8, NUMBERS);
	assert_int_equal(queue_decode(q, sw_buf_bytes(&b)), 0);
	assert_int_equal(q->set[0], 0);
	assert_int_equal(q->set[1], sw_setting_rules[1].def);
	row_write(&b, room, sizeof(room), "q", (SW_SETTINGS + 2) * 8, NUMBERS);
	assert_int_equal(queue_decode(q, sw_buf_bytes(&b)), 0);
	assert_int_equal(q->set[SW_SETTINGS - 1], 0);
	row_write(&b, room, sizeof(room), "q", 8,
		(SW_STATES + TOTAL_DROPPED) * 8);
	assert_int_equal(queue_decode(q, sw_buf_bytes(&b)), 0);
}

/* --- keys ---------------------------------------------------------------- */

static void
the_key_after_a_prefix_ends_its_range(void **state)
{
	struct key k = key_start('r'), after;

	(void)state;
	key_num(&k, 4, 0x12ffff);
	after = key_after(k);
	assert_memory_equal(after.b, "r\0\x13", 3);
	assert_int_equal(after.len, 3);
}

static void
bytes_are_equal_by_length_and_content(void **state)
{
	(void)state;
	assert_true(bytes_eq(bytes_str("ab"), bytes_str("ab")));
	assert_true(bytes_eq(bytes_of(NULL, 0), bytes_of("x", 0)));
	assert_false(bytes_eq(bytes_str("ab"), bytes_str("abc")));
	assert_false(bytes_eq(bytes_str("ab"), bytes_str("aB")));
}

/* --- what is due ---------------------------------------------------------- */

enum { THINGS = 300, ROUNDS = 20000 };

struct thing {
	int number;
	struct due due;
};

static void
what_is_set_comes_out_by_time_and_then_by_age(void **state)
{
	struct thing t[4] = {
		{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
	static const int64_t at[] = {7, 5, 7, 6};
	static const int order[] = {1, 3, 0, 2};
	struct due_heap h = {0};

	(void)state;
	assert_null(due_first(&h));
	for (int i = 0; i < 4; i++)
		due_set(&h, &t[i].due, at[i]);
	assert_null(due_now(&h, 4));
	for (int i = 0; i < 4; i++) {
		struct due *d = due_now(&h, 7);

		assert_ptr_equal(d, &t[order[i]].due);
		d = &t[order[i]].due;
		assert_int_equal(
			due_owner(d, struct thing, due)->number, order[i]);
		due_drop(&h, d);
		due_drop(&h, d);
	}
	assert_null(due_first(&h));
	due_fini(&h);
}

/* Set, moved and dropped at random: the first is the least of all. */
static void
the_first_is_always_the_least(void **state)
{
	static struct thing t[THINGS];
	struct due_heap h = {0};
	uint64_t seed = chance_seed();

	(void)state;
	for (int n = 0; n < ROUNDS; n++) {
		struct thing *one = &t[chance_draw(&seed) % THINGS];
		int64_t least = INT64_MAX;
		unsigned in = 0;

		if (chance_draw(&seed) % 3 == 0)
			due_drop(&h, &one->due);
		else
			due_set(&h, &one->due,
				(int64_t)(chance_draw(&seed) % 50));
		for (int i = 0; i < THINGS; i++) {
			if (t[i].due.place == 0)
				continue;
			in++;
			if (t[i].due.at < least)
				least = t[i].due.at;
		}
		assert_int_equal(h.n, in);
		assert_true(in == 0 || h.all[0]->at == least);
	}
	due_fini(&h);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_lane_of_the_highest_hash_ends_the_round),
		TEST(lanes_beyond_memory_take_their_turn),
		TEST(a_lane_that_memory_had_no_room_for_is_read_when_its_turn_comes),
		TEST(a_lane_behind_the_turn_is_served_in_the_next_round),
		TEST(after_the_highest_lane_nothing_is_known_until_the_first_are_read),
		TEST(past_the_lanes_in_memory_nothing_is_known_in_this_turn),
		TEST(an_empty_main_lane_does_not_end_the_round),
		TEST(what_leaves_the_line_from_its_middle_is_not_handed_out),
		TEST(a_lane_emptied_in_memory_goes_on_from_the_store),
		TEST(a_rate_saves_up_no_more_than_its_burst),
		TEST(a_queues_row_without_name_or_of_a_wrong_length_is_damage),
		TEST(a_row_of_an_older_or_newer_broker_gives_the_settings_that_both_know),
		cmocka_unit_test(the_key_after_a_prefix_ends_its_range),
		cmocka_unit_test(what_is_set_comes_out_by_time_and_then_by_age),
		cmocka_unit_test(the_first_is_always_the_least),
		cmocka_unit_test(bytes_are_equal_by_length_and_content),
	};

	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
