/* SPDX-License-Identifier: MIT */
/* Job ids: the layout of RFC 9562, and the order they promise. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/id.h"

/*
 * The process remembers the last time it made an id for, so later tests must
 * use later times than earlier ones: each takes the next hour.
 */
static int64_t
fresh_ms(void)
{
	static int64_t hour = 1700000000000;

	hour += 3600 * 1000;
	return hour;
}

static int
id_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sw_id));
}

static void
an_id_has_the_layout_of_uuid_version_7(void **state)
{
	int64_t now = fresh_ms();
	struct sw_id id = sw_id_make(now);

	(void)state;
	assert_int_equal(be_get(id.b, 6), now); /* unix_ts_ms, 48 bits */
	assert_int_equal(id.b[6] >> 4, 7);	/* ver */
	assert_int_equal(id.b[8] >> 6, 2);	/* var, 0b10 */
}

static void
the_counter_starts_anew_with_each_millisecond(void **state)
{
	int64_t now = fresh_ms();
	struct sw_id a = sw_id_make(now), b = sw_id_make(now),
		     c = sw_id_make(now + 1);

	(void)state;
	assert_int_equal(be_get(a.b + 6, 2) & 0xfff, 0);
	assert_int_equal(be_get(b.b + 6, 2) & 0xfff, 1);
	assert_int_equal(be_get(c.b + 6, 2) & 0xfff, 0);
}

static void
the_random_part_differs_from_id_to_id(void **state)
{
	int64_t now = fresh_ms();
	struct sw_id a = sw_id_make(now), b = sw_id_make(now);

	(void)state;
	assert_memory_not_equal(a.b + 8, b.b + 8, 8);
}

/* 4096 fit into a millisecond; the next carries into the time. */
static void
ids_of_one_millisecond_grow_also_past_the_counter(void **state)
{
	int64_t now = fresh_ms();
	struct sw_id was = sw_id_make(now), id;

	(void)state;
	for (int i = 1; i < 3 * 4096; i++) {
		id = sw_id_make(now);
		assert_true(id_cmp(&was, &id) < 0);
		assert_int_equal(be_get(id.b, 6), now + i / 4096);
		assert_int_equal(id.b[6] >> 4, 7);
		was = id;
	}
}

static void
ids_grow_when_the_clock_goes_back(void **state)
{
	int64_t now = fresh_ms();
	struct sw_id a = sw_id_make(now), b = sw_id_make(now - 60000);

	(void)state;
	assert_true(id_cmp(&a, &b) < 0);
}

enum { THREADS = 4, PER_THREAD = 20000 };

struct maker {
	pthread_t thread;
	int64_t now_ms;
	struct sw_id *ids;
};

static void *
make_many(void *arg)
{
	struct maker *m = arg;

	for (int i = 0; i < PER_THREAD; i++)
		m->ids[i] = sw_id_make(m->now_ms + i / 1000);
	return NULL;
}

static void
threads_make_growing_ids_that_never_share_a_tick(void **state)
{
	struct sw_id *all = calloc(THREADS * PER_THREAD, sizeof(*all));
	struct maker m[THREADS];
	int64_t now = fresh_ms();

	(void)state;
	assert_non_null(all);
	for (int t = 0; t < THREADS; t++) {
		m[t].now_ms = now;
		m[t].ids = all + t * PER_THREAD;
		assert_int_equal(
			pthread_create(&m[t].thread, NULL, make_many, &m[t]),
			0);
	}
	for (int t = 0; t < THREADS; t++)
		assert_int_equal(pthread_join(m[t].thread, NULL), 0);

	for (int t = 0; t < THREADS; t++)
		for (int i = 1; i < PER_THREAD; i++)
			assert_true(id_cmp(&m[t].ids[i - 1], &m[t].ids[i]) < 0);
	/* Time and counter alone, the first 8 bytes, tell any two apart. */
	qsort(all, THREADS * PER_THREAD, sizeof(*all), id_cmp);
	for (int i = 1; i < THREADS * PER_THREAD; i++)
		assert_true(memcmp(all[i - 1].b, all[i].b, 8) < 0);
	free(all);
}

static void
an_id_survives_its_text(void **state)
{
	struct sw_id id = sw_id_make(fresh_ms()), back;
	char text[SW_ID_TEXT];

	(void)state;
	sw_id_format(&id, text);
	assert_int_equal(strlen(text), 36);
	assert_int_equal(text[14], '7');
	assert_int_equal(sw_id_parse(text, &back), 0);
	assert_memory_equal(id.b, back.b, SW_ID_LEN);
}

/* The example of RFC 9562, A.6. */
static void
the_example_of_the_rfc_is_read(void **state)
{
	static const char text[] = "017F22E2-79B0-7CC3-98C4-DC0C0C07398F";
	static const uint8_t want[] = {0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c,
		0xc3, 0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};
	char back[SW_ID_TEXT];
	struct sw_id id;

	(void)state;
	assert_int_equal(sw_id_parse(text, &id), 0);
	assert_memory_equal(id.b, want, sizeof(want));
	assert_int_equal(be_get(id.b, 6), 1645557742000);
	sw_id_format(&id, back);
	assert_string_equal(back, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

static void
malformed_ids_are_refused_and_change_nothing(void **state)
{
	static const char *const bad[] = {"", "x", "017F22E2",
		"017F22E2-79B0-7CC3-98C4-DC0C0C07398",
		"017F22E2-79B0-7CC3-98C4-DC0C0C07398FF",
		"017F22E279B07CC398C4DC0C0C07398F",
		"017F22E2-79B0-7CC3-98C4-DC0C0C07398G",
		"017F22E2-79B0-7CC3-98C4_DC0C0C07398F",
		" 017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
		"017F22E2-79B0-7CC3-98C4-DC0C0C07398F\n",
		"{17F22E2-79B0-7CC3-98C4-DC0C0C07398F}"};
	struct sw_id id, was;

	(void)state;
	memset(&id, 0x5a, sizeof(id));
	was = id;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(sw_id_parse(bad[i], &id), SW_EID);
		assert_memory_equal(&id, &was, sizeof(id));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_has_the_layout_of_uuid_version_7),
		cmocka_unit_test(the_counter_starts_anew_with_each_millisecond),
		cmocka_unit_test(the_random_part_differs_from_id_to_id),
		cmocka_unit_test(
			ids_of_one_millisecond_grow_also_past_the_counter),
		cmocka_unit_test(ids_grow_when_the_clock_goes_back),
		cmocka_unit_test(
			threads_make_growing_ids_that_never_share_a_tick),
		cmocka_unit_test(an_id_survives_its_text),
		cmocka_unit_test(the_example_of_the_rfc_is_read),
		cmocka_unit_test(malformed_ids_are_refused_and_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
