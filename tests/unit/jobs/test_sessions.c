/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "jobs/logs/sessions.h"
#include "tests/lib/chance.h"

enum { HITS = 30000, CUTS = 12 };

struct hit {
	uint64_t visitor;
	int32_t s;
};

static struct hit hits[HITS];

/* Visitors with evenly spread hashes. */
static void
hits_make(uint64_t *r, uint64_t visitors)
{
	for (size_t i = 0; i < HITS; i++) {
		uint64_t who = chance_draw(r) % visitors;

		hits[i].visitor = chance_draw(&who);
		hits[i].s = (int32_t)(chance_draw(r) % SESSIONS_DAY_S);
	}
}

static int
by_visitor(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	if (x->visitor != y->visitor)
		return x->visitor < y->visitor ? -1 : 1;
	return (x->s > y->s) - (x->s < y->s);
}

/* By the definition: a gap of more than 30 minutes begins a session. */
static struct sessions_sum
sum_plain(void)
{
	static struct hit h[HITS];
	struct sessions_sum sum = {0, 0, 1};

	memcpy(h, hits, sizeof(h));
	qsort(h, HITS, sizeof(h[0]), by_visitor);
	for (size_t i = 0; i < HITS; i++) {
		int new = i == 0 || h[i].visitor != h[i - 1].visitor;

		sum.visitors += (uint64_t) new;
		sum.sessions += new || h[i].s - h[i - 1].s > 1800;
	}
	return sum;
}

static void
hits_shuffle(uint64_t *r)
{
	for (size_t i = HITS - 1; i > 0; i--) {
		size_t k = chance_draw(r) % (i + 1);
		struct hit h = hits[i];

		hits[i] = hits[k];
		hits[k] = h;
	}
}

/* A day merged from several jobs, each with a piece, as the report does. */
static struct sessions_sum
sum_of_pieces(size_t pieces, uint8_t **stored, size_t *len)
{
	struct sessions_sum sum = {0};

	*stored = NULL;
	*len = 0;
	for (size_t p = 0; p < pieces; p++) {
		struct log_sessions v = {0};

		for (size_t i = HITS * p / pieces; i < HITS * (p + 1) / pieces;
			i++)
			assert_int_equal(
				sessions_add(&v, hits[i].visitor, hits[i].s),
				0);
		assert_int_equal(sessions_load(&v, bytes_of(*stored, *len)), 0);
		assert_int_equal(sessions_tidy(&v), 0);
		sum = sessions_count(&v);
		free(*stored);
		*len = sessions_stored_len(&v);
		*stored = malloc(*len);
		assert_non_null(*stored);
		sessions_store(&v, *stored);
		sessions_fini(&v);
	}
	return sum;
}

/* Compares any order and cut with all requests at once. */
static void
same_in_any_pieces(uint64_t *r, struct sessions_sum want)
{
	size_t len, first_len;
	uint8_t *first, *stored;

	(void)sum_of_pieces(1, &first, &first_len);
	for (int i = 0; i < CUTS; i++) {
		struct sessions_sum got;

		hits_shuffle(r);
		got = sum_of_pieces(1 + chance_draw(r) % 40, &stored, &len);
		assert_int_equal(got.sessions, want.sessions);
		assert_int_equal(got.visitors, want.visitors);
		assert_int_equal(got.exact, want.exact);
		assert_int_equal(len, first_len);
		assert_memory_equal(stored, first, len);
		free(stored);
	}
	free(first);
}

static void
sessions_are_exact_however_the_day_was_cut(void **state)
{
	static const uint64_t visitors[] = {1, 30, 900, SESSIONS_MAX - 1};
	uint64_t r = chance_seed();

	(void)state;
	for (size_t i = 0; i < sizeof(visitors) / sizeof(visitors[0]); i++) {
		hits_make(&r, visitors[i]);
		same_in_any_pieces(&r, sum_plain());
	}
}

static void
beyond_the_sample_the_estimate_is_near_and_still_the_same(void **state)
{
	uint64_t r = chance_seed(), max = 0;
	struct sessions_sum want, got;
	uint8_t *stored;
	size_t len;

	(void)state;
	for (uint64_t n = 6000; n <= 200000; n *= 5) {
		hits_make(&r, n);
		want = sum_plain();
		got = sum_of_pieces(7, &stored, &len);
		free(stored);
		assert_int_equal(got.exact, 0);
		/* Five standard errors. */
		assert_in_range(got.visitors, want.visitors * 92 / 100,
			want.visitors * 108 / 100);
		assert_in_range(got.sessions, want.sessions * 90 / 100,
			want.sessions * 110 / 100);
		same_in_any_pieces(&r, got);
		max = len > max ? len : max;
	}
	assert_true(max <= (size_t)SESSIONS_MAX * 48 * SESSIONS_SPAN);
}

static void
a_gap_of_thirty_minutes_is_still_within_and_one_second_more_is_not(void **state)
{
	struct log_sessions v = {0};

	(void)state;
	assert_int_equal(sessions_add(&v, 7, 0), 0);
	assert_int_equal(sessions_add(&v, 7, 1800), 0);
	assert_int_equal(sessions_add(&v, 7, 3601), 0);
	assert_int_equal(sessions_add(&v, 8, 3601), 0);
	assert_int_equal(sessions_tidy(&v), 0);
	assert_int_equal(sessions_count(&v).sessions, 3);
	assert_int_equal(sessions_count(&v).visitors, 2);
	sessions_fini(&v);

	/* A request that is added last joins two sessions. */
	assert_int_equal(sessions_add(&v, 7, 100), 0);
	assert_int_equal(sessions_add(&v, 7, 3500), 0);
	assert_int_equal(sessions_add(&v, 7, 1800), 0);
	assert_int_equal(sessions_tidy(&v), 0);
	assert_int_equal(sessions_count(&v).sessions, 1);
	sessions_fini(&v);
}

static void
the_last_visitor_of_a_full_sample_is_still_in_it(void **state)
{
	struct log_sessions v = {0};

	(void)state;
	for (uint64_t i = 1; i <= SESSIONS_MAX; i++)
		assert_int_equal(sessions_add(&v, i, 0), 0);
	assert_int_equal(sessions_tidy(&v), 0);
	assert_int_equal(sessions_add(&v, SESSIONS_MAX, SESSIONS_DAY_S - 1), 0);
	assert_int_equal(sessions_add(&v, SESSIONS_MAX + 1, 0), 0);
	assert_int_equal(sessions_tidy(&v), 0);
	assert_int_equal(
		sessions_stored_len(&v), (SESSIONS_MAX + 1) * SESSIONS_SPAN);
	sessions_fini(&v);
}

static void
what_comes_after_a_count_is_counted_too(void **state)
{
	static const int32_t at[] = {0, 40000, 80000, 20000, 60000};
	struct log_sessions v = {0};

	(void)state;
	for (size_t k = 0; k < sizeof(at) / sizeof(at[0]); k++) {
		for (uint64_t i = 1; i < SESSIONS_MAX; i++)
			assert_int_equal(sessions_add(&v, i, at[k]), 0);
		if (k % 2 == 1)
			continue;
		assert_int_equal(sessions_tidy(&v), 0);
		assert_int_equal(sessions_tidy(&v), 0);
		assert_int_equal(sessions_count(&v).sessions,
			(k + 1) * (SESSIONS_MAX - 1));
		assert_int_equal(sessions_count(&v).visitors, SESSIONS_MAX - 1);
	}
	sessions_fini(&v);
}

static void
what_is_no_stored_day_is_refused(void **state)
{
	uint8_t b[SESSIONS_SPAN] = {0};
	struct log_sessions v = {0};

	(void)state;
	assert_int_equal(sessions_load(&v, bytes_of(b, 13)), SW_ECORRUPT);
	be_set(b + 8, 3, 5);
	assert_int_equal(sessions_load(&v, bytes_of(b, 14)), SW_ECORRUPT);
	be_set(b + 11, 3, SESSIONS_DAY_S);
	assert_int_equal(sessions_load(&v, bytes_of(b, 14)), SW_ECORRUPT);
	be_set(b + 11, 3, SESSIONS_DAY_S - 1);
	assert_int_equal(sessions_load(&v, bytes_of(b, 14)), 0);
	sessions_fini(&v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_are_exact_however_the_day_was_cut),
		cmocka_unit_test(
			beyond_the_sample_the_estimate_is_near_and_still_the_same),
		cmocka_unit_test(
			a_gap_of_thirty_minutes_is_still_within_and_one_second_more_is_not),
		cmocka_unit_test(
			the_last_visitor_of_a_full_sample_is_still_in_it),
		cmocka_unit_test(what_comes_after_a_count_is_counted_too),
		cmocka_unit_test(what_is_no_stored_day_is_refused),
	};

	return cmocka_run_group_tests_name("sessions", tests, NULL, NULL);
}
