/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "base/error.h"
#include "base/histogram.h"
#include "jobs/logs/paths.h"
#include "report/hll.h"
#include "report/path_times.h"
#include "tests/lib/chance.h"

/* The relative error of a count of `n` distinct random things. */
static double
hll_error(uint64_t *r, uint64_t n)
{
	struct hll h = {{0}};

	for (uint64_t i = 0; i < n; i++) {
		uint64_t thing = chance_draw(r);

		hll_add(&h, bytes_of(&thing, sizeof(thing)));
		if (i % 3 == 0)
			hll_add(&h, bytes_of(&thing, sizeof(thing)));
	}
	return hll_count(&h) / (double)n - 1;
}

static void
the_visitors_are_counted_within_the_stated_error(void **state)
{
	static const uint64_t ns[] = {
		1, 10, 100, 1000, 5000, 10240, 20000, 100000};
	enum { ROUNDS = 60 };
	const double se = 1.04 / 64;
	uint64_t r = chance_seed();

	(void)state;
	for (size_t k = 0; k < sizeof(ns) / sizeof(ns[0]); k++) {
		double sum = 0, squares = 0;

		for (int i = 0; i < ROUNDS; i++) {
			double e = hll_error(&r, ns[k]);

			/* Even two of few things may share a register. */
			assert_true(fabs(e) < 5.5 * se + 2 / (double)ns[k]);
			sum += e;
			squares += e * e;
		}
		print_message("n %6llu: bias %+.4f rms %.4f\n",
			(unsigned long long)ns[k], sum / ROUNDS,
			sqrt(squares / ROUNDS));
		if (ns[k] < 100)
			continue; /* too few for the normal law */
		/* Five standard errors of a mean, and of a variance, of 60. */
		assert_true(fabs(sum / ROUNDS) < 5 * se / sqrt(ROUNDS));
		assert_true(sqrt(squares / ROUNDS) < 1.5 * se);
	}
}

static void
no_visitors_are_none_and_merging_loses_nothing(void **state)
{
	static struct hll whole, parts[3];
	uint64_t r = chance_seed();

	(void)state;
	memset(&whole, 0, sizeof(whole));
	memset(parts, 0, sizeof(parts));
	assert_true(hll_count(&whole) == 0);
	for (int i = 0; i < 30000; i++) {
		uint64_t thing = chance_draw(&r) % 9000;

		hll_add(&whole, bytes_of(&thing, sizeof(thing)));
		hll_add(&parts[i % 3], bytes_of(&thing, sizeof(thing)));
	}
	hll_merge(&parts[0], &parts[1]);
	hll_merge(&parts[0], &parts[2]);
	hll_merge(&parts[0], &parts[2]);
	assert_memory_equal(&whole, &parts[0], sizeof(whole));
	assert_true(hll_valid(&whole));
	whole.reg[17] = 54;
	assert_false(hll_valid(&whole));
}

static void
a_full_sketch_counts_without_end_or_error(void **state)
{
	static struct hll h;

	(void)state;
	memset(h.reg, 53, sizeof(h.reg));
	assert_true(hll_valid(&h));
	assert_true(hll_count(&h) > 1e18);
	memset(h.reg, 1, sizeof(h.reg));
	assert_true(isfinite(hll_count(&h)));
}

static void
a_bucket_stands_for_its_values_within_the_stated_error(void **state)
{
	const uint64_t max = ((uint64_t)1 << HIST_MAX_BITS) - 1;
	uint64_t r = chance_seed();
	unsigned last = 0;

	(void)state;
	for (uint64_t v = 0; v < 256; v++)
		assert_int_equal(hist_value(hist_bucket(v)), v);
	for (int i = 0; i < 200000; i++) {
		uint64_t v = chance_draw(&r) &
			     max >> chance_draw(&r) % HIST_MAX_BITS;
		uint64_t got = hist_value(hist_bucket(v));
		uint64_t off = got > v ? got - v : v - got;

		assert_true(hist_bucket(v) < HIST_LEN);
		assert_true(off * 256 <= v);
	}
	for (uint64_t v = 0; v < 1 << 20; v++) {
		unsigned b = hist_bucket(v);

		assert_true(b == last || b == last + 1);
		last = b;
	}
	assert_int_equal(hist_bucket(max), HIST_LEN - 1);
	assert_int_equal(hist_bucket(UINT64_MAX), HIST_LEN - 1);
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
quantiles_are_those_of_the_sorted_values(void **state)
{
	static const unsigned qs[] = {0, 1, 500, 900, 990, 999, 1000};
	static struct hist all, parts[2];
	static uint64_t v[5000];
	uint64_t r = chance_seed();

	(void)state;
	for (size_t n = 1; n <= 5000; n = n * 3 + 1) {
		memset(&all, 0, sizeof(all));
		memset(parts, 0, sizeof(parts));
		for (size_t i = 0; i < n; i++) {
			v[i] = chance_draw(&r) >> (30 + chance_draw(&r) % 30);
			hist_add(&all, v[i]);
			hist_add(&parts[i % 2], v[i]);
		}
		hist_merge(&parts[0], &parts[1]);
		assert_memory_equal(&all, &parts[0], sizeof(all));
		qsort(v, n, sizeof(v[0]), by_value);
		for (size_t k = 0; k < sizeof(qs) / sizeof(qs[0]); k++) {
			size_t rank = (n * qs[k] + 999) / 1000;
			uint64_t want = v[rank == 0 ? 0 : rank - 1];

			assert_int_equal(hist_quantile(&all, qs[k]),
				hist_value(hist_bucket(want)));
		}
	}
	memset(&all, 0, sizeof(all));
	assert_int_equal(hist_quantile(&all, 500), 0);
}

static void
every_path_is_counted_exactly(void **state)
{
	static uint64_t want[3000];
	static char text[3000][12];
	struct log_paths t = {0};
	uint64_t r = chance_seed(), seen = 0;

	(void)state;
	for (int i = 0; i < 3000; i++)
		(void)snprintf(text[i], sizeof(text[i]), "%d", i);
	for (int i = 0; i < 60000; i++) {
		uint64_t k = chance_draw(&r) % 3000 * (chance_draw(&r) % 3000) /
			     3000;

		seen += want[k]++ == 0;
		assert_int_equal(
			paths_add(&t, bytes_of(text[k], sizeof(text[k])), 200,
				-1),
			0);
	}
	assert_int_equal(paths_add(&t, bytes_of(NULL, 0), 200, -1), 0);
	assert_int_equal(t.n, seen + 1);
	assert_int_equal(t.entries[seen].n, 1);
	for (size_t i = 0; i < seen; i++) {
		unsigned long k = strtoul(t.entries[i].key.p, NULL, 10);

		assert_int_equal(t.entries[i].n, want[k]);
	}
	paths_fini(&t);
	paths_fini(&t);
}

static void
times_read_back_are_those_written(void **state)
{
	char text[PATH_TIMES_TEXT];
	uint64_t r = chance_seed(), want[PATH_TIMES], got[PATH_TIMES];

	(void)state;
	for (int round = 0; round < 1000; round++) {
		uint64_t gap = 1 + (uint64_t)round % 100;
		size_t len;

		memset(got, 0, sizeof(got));
		for (int i = 0; i < PATH_TIMES; i++)
			want[i] = chance_draw(&r) % gap != 0 ? 0
				  : round == 0		     ? UINT64_MAX
					       : chance_draw(&r) >>
							 chance_draw(&r) % 64;
		len = path_times_write(want, text);
		assert_true(len <= sizeof(text));
		assert_int_equal(path_times_read(bytes_of(text, len), got), 0);
		assert_memory_equal(got, want, sizeof(got));
		while (len-- > 0)
			assert_int_equal(
				path_times_read(bytes_of(text, len), got),
				SW_ECORRUPT);
	}
}

static void
times_are_added_to_those_that_are_there(void **state)
{
	uint64_t n[PATH_TIMES] = {[3] = 1};

	(void)state;
	assert_int_equal(
		path_times_read(bytes_str("{\"271\":5,\"3\":2}"), n), 0);
	assert_int_equal(n[3], 3);
	assert_int_equal(n[271], 5);
}

static void
what_is_no_text_of_times_is_told(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "{}}", "{\"272\":1}",
		"{\"1\":}", "{\"1\":1,}", "{\"1\":-1}", "{\"1\":1.5}", "{1:1}",
		"{\"\":1}", "{\"1\":1 }", "{\"1\":111111111111111111111}",
		"{\"18446744073709551616\":1}"};
	uint64_t n[PATH_TIMES] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(
			path_times_read(bytes_str(texts[i]), n), SW_ECORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_visitors_are_counted_within_the_stated_error),
		cmocka_unit_test(
			no_visitors_are_none_and_merging_loses_nothing),
		cmocka_unit_test(a_full_sketch_counts_without_end_or_error),
		cmocka_unit_test(
			a_bucket_stands_for_its_values_within_the_stated_error),
		cmocka_unit_test(quantiles_are_those_of_the_sorted_values),
		cmocka_unit_test(every_path_is_counted_exactly),
		cmocka_unit_test(times_read_back_are_those_written),
		cmocka_unit_test(times_are_added_to_those_that_are_there),
		cmocka_unit_test(what_is_no_text_of_times_is_told),
	};

	return cmocka_run_group_tests_name("sketch", tests, NULL, NULL);
}
