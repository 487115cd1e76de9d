/* SPDX-License-Identifier: MIT */
/* Numbers, durations, sizes, rates, flags: read, refused, written, read back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/units.h"
#include "tests/lib/chance.h"

struct reading {
	enum unit unit;
	const char *text;
	int64_t value; /* or the error */
};

static void
readings_check(const struct reading *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int64_t v = -7;
		int err = unit_parse(all[i].unit, all[i].text, &v);

		if (all[i].value < 0 && (err != all[i].value || v != -7))
			fail_msg("'%s': %d, %lld", all[i].text, err,
				(long long)v);
		if (all[i].value >= 0 && (err != 0 || v != all[i].value))
			fail_msg("'%s': %d, %lld", all[i].text, err,
				(long long)v);
	}
}

#define CHECK(all) readings_check(all, sizeof(all) / sizeof((all)[0]))
#define DAY	   86400000LL

static void
numbers_are_digits_alone(void **state)
{
	static const struct reading all[] = {
		{UNIT_COUNT, "0", 0},
		{UNIT_COUNT, "007", 7},
		{UNIT_COUNT, "9223372036854775807", INT64_MAX},
		{UNIT_COUNT, "9223372036854775808", -ERANGE},
		{UNIT_COUNT, "", -EINVAL},
		{UNIT_COUNT, "-1", -EINVAL},
		{UNIT_COUNT, "+1", -EINVAL},
		{UNIT_COUNT, " 1", -EINVAL},
		{UNIT_COUNT, "1 ", -EINVAL},
		{UNIT_COUNT, "0x5", -EINVAL},
		{UNIT_COUNT, "5k", -EINVAL},
		{UNIT_COUNT, "1,000", -EINVAL},
		{UNIT_COUNT, "1.0", -EINVAL},
	};

	(void)state;
	CHECK(all);
}

static void
durations_take_their_units(void **state)
{
	static const struct reading all[] = {
		{UNIT_MS, "0", 0},
		{UNIT_MS, "250", 250},
		{UNIT_MS, "250ms", 250},
		{UNIT_MS, "30s", 30000},
		{UNIT_MS, "5m", 300000},
		{UNIT_MS, "2h", 7200000},
		{UNIT_MS, "366d", 366 * DAY},
		{UNIT_MS, "1h30m", 5400000},
		{UNIT_MS, "1d2h3m4s5ms", DAY + 7384005},
		{UNIT_MS, "1h0s1ms", 3600001},
		{UNIT_MS, "90m", 5400000},
		{UNIT_MS, "1.5h", 5400000},
		{UNIT_MS, "3.2s", 3200},
		{UNIT_MS, "0.5d", DAY / 2},
		{UNIT_MS, "2000us", 2},
		{UNIT_US, "10000", 10000},
		{UNIT_US, "10ms", 10000},
		{UNIT_US, "1.5ms", 1500},
		{UNIT_S, "60", 60},
		{UNIT_S, "1m", 60},
		{UNIT_S, "0.5m", 30},
		{UNIT_S, "2000ms", 2},
		{UNIT_MS, "9223372036854775807ms", INT64_MAX},
		{UNIT_MS, "9223372036854775808ms", -ERANGE},
		{UNIT_MS, "9223372036854775807s", -ERANGE},
		{UNIT_MS, "106751991167d9h", -ERANGE},
		{UNIT_MS, "99999999999999999999", -ERANGE},
		{UNIT_MS, "9223372036854775807.5d", -ERANGE},
	};

	(void)state;
	CHECK(all);
}

static void
what_is_no_duration_is_refused(void **state)
{
	static const char *const bad[] = {"", "s", "-1", "+1", " 1", "1 ", "1w",
		"1ss", "1S", "5 s", "-5s", "1h 30m", "30m1h", "1m1m", "1h30",
		"1.s", ".5s", "1.5", "1.2345678s", "1..5s", "1e3s", "1.5ms",
		"1us", "0.0001s", "yes", "5k", "ms", "1mss", "1s\n"};
	int64_t v = -7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (unit_parse(UNIT_MS, bad[i], &v) != -EINVAL || v != -7)
			fail_msg("'%s' is taken", bad[i]);
	assert_int_equal(unit_parse(UNIT_S, "500ms", &v), -EINVAL);
}

static void
sizes_take_their_units_in_either_case(void **state)
{
	static const struct reading all[] = {
		{UNIT_BYTES, "0", 0},
		{UNIT_BYTES, "4096", 4096},
		{UNIT_BYTES, "3k", 3 << 10},
		{UNIT_BYTES, "3K", 3 << 10},
		{UNIT_BYTES, "3m", 3 << 20},
		{UNIT_BYTES, "64g", 64LL << 30},
		{UNIT_BYTES, "2t", 2LL << 40},
		{UNIT_BYTES, "1p", 1LL << 50},
		{UNIT_BYTES, "25MB", 25 << 20},
		{UNIT_BYTES, "25 MiB", 25 << 20},
		{UNIT_BYTES, "512 B", 512},
		{UNIT_BYTES, "1.5g", 3LL << 29},
		{UNIT_BYTES, "151.2 MB", 158544691},
		{UNIT_BYTES, "9223372036854775807", INT64_MAX},
		{UNIT_BYTES, "9223372036854775807g", -ERANGE},
		{UNIT_BYTES, "8192p", -ERANGE},
		{UNIT_BYTES, "0.9999p", 1125787316851939},
		{UNIT_BYTES, "1.9999p", 2251687223694563},
		{UNIT_BYTES, "8191.999999p", 9223372035728875901},
		{UNIT_BYTES, "", -EINVAL},
		{UNIT_BYTES, "g", -EINVAL},
		{UNIT_BYTES, "-1k", -EINVAL},
		{UNIT_BYTES, "1.5", -EINVAL},
		{UNIT_BYTES, "1.5 B", -EINVAL},
		{UNIT_BYTES, "5s", -EINVAL},
		{UNIT_BYTES, "5  k", -EINVAL},
		{UNIT_BYTES, "5k ", -EINVAL},
		{UNIT_BYTES, "5 ", -EINVAL},
		{UNIT_BYTES, "5kk", -EINVAL},
		{UNIT_BYTES, "5ki", -EINVAL},
		{UNIT_BYTES, "5kibibytes", -EINVAL},
		{UNIT_BYTES, "5bb", -EINVAL},
		{UNIT_BYTES, "1g1m", -EINVAL},
	};

	(void)state;
	CHECK(all);
}

static void
rates_are_per_second_minute_or_hour(void **state)
{
	static const struct reading all[] = {
		{UNIT_RATE, "0", 0},
		{UNIT_RATE, "50", 50 * UNIT_RATE_SECOND},
		{UNIT_RATE, "50/s", 50 * UNIT_RATE_SECOND},
		{UNIT_RATE, "600/m", 10 * UNIT_RATE_SECOND},
		{UNIT_RATE, "7200/h", 2 * UNIT_RATE_SECOND},
		{UNIT_RATE, "0/m", 0},
		{UNIT_RATE, "0.0", 0},
		{UNIT_RATE, "10/m", 600000},
		{UNIT_RATE, "1.5/s", 5400000},
		{UNIT_RATE, "1.5", 5400000},
		{UNIT_RATE, "100/h", 100000},
		{UNIT_RATE, "0.001/h", 1},
		{UNIT_RATE, "0.333333/s", 1199998},
		{UNIT_RATE, "0.0009/h", -EINVAL},
		{UNIT_RATE, "0.0000001", -EINVAL},
		{UNIT_RATE, "1./s", -EINVAL},
		{UNIT_RATE, ".5/s", -EINVAL},
		{UNIT_RATE, "9223372036854775807", -ERANGE},
		{UNIT_RATE, "10/", -EINVAL},
		{UNIT_RATE, "/s", -EINVAL},
		{UNIT_RATE, "10/d", -EINVAL},
		{UNIT_RATE, "10 /s", -EINVAL},
		{UNIT_RATE, "10/sec", -EINVAL},
		{UNIT_RATE, "", -EINVAL},
	};

	(void)state;
	CHECK(all);
}

static void
flags_and_endings_take_their_words_alone(void **state)
{
	static const struct reading all[] = {
		{UNIT_FLAG, "yes", 1},
		{UNIT_FLAG, "on", 1},
		{UNIT_FLAG, "true", 1},
		{UNIT_FLAG, "1", 1},
		{UNIT_FLAG, "no", 0},
		{UNIT_FLAG, "off", 0},
		{UNIT_FLAG, "false", 0},
		{UNIT_FLAG, "0", 0},
		{UNIT_FLAG, "", -EINVAL},
		{UNIT_FLAG, "2", -EINVAL},
		{UNIT_FLAG, "Yes", -EINVAL},
		{UNIT_FLAG, "maybe", -EINVAL},
		{UNIT_FLAG, "noo", -EINVAL},
		{UNIT_ENDING, "finish", 0},
		{UNIT_ENDING, "term", 1},
		{UNIT_ENDING, "0", 0},
		{UNIT_ENDING, "1", 1},
		{UNIT_ENDING, "yes", -EINVAL},
		{UNIT_ENDING, "kill", -EINVAL},
		{UNIT_ENDING, "", -EINVAL},
		{UNIT_FLAG, "term", -EINVAL},
	};

	(void)state;
	CHECK(all);
}

static void
values_are_written_in_their_largest_units(void **state)
{
	static const struct reading all[] = {
		{UNIT_COUNT, "12", 12},
		{UNIT_MS, "0", 0},
		{UNIT_MS, "250ms", 250},
		{UNIT_MS, "1m30s", 90000},
		{UNIT_MS, "366d", 366 * DAY},
		{UNIT_MS, "106751991167d7h12m55s807ms", INT64_MAX},
		{UNIT_US, "10ms", 10000},
		{UNIT_US, "1ms5us", 1005},
		{UNIT_S, "1m", 60},
		{UNIT_BYTES, "0", 0},
		{UNIT_BYTES, "64g", 64LL << 30},
		{UNIT_BYTES, "1536k", 1536 << 10},
		{UNIT_BYTES, "1000", 1000},
		{UNIT_RATE, "0", 0},
		{UNIT_RATE, "50/s", 50 * UNIT_RATE_SECOND},
		{UNIT_RATE, "90/m", 5400000},
		{UNIT_RATE, "100/h", 100000},
		{UNIT_RATE, "1199.998/h", 1199998},
		{UNIT_RATE, "0.5/h", 500},
		{UNIT_FLAG, "yes", 1},
		{UNIT_FLAG, "no", 0},
		{UNIT_ENDING, "finish", 0},
		{UNIT_ENDING, "term", 1},
	};
	char text[UNIT_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_string_equal(
			unit_format(all[i].unit, all[i].value, text),
			all[i].text);
}

/* Of every size, with round ones among them. */
static int64_t
some_value(uint64_t *c, enum unit unit)
{
	static const int64_t round[] = {1, 1000, 1024, 60000, 1 << 20, DAY};
	int64_t v = (int64_t)(chance_draw(c) >> (1 + chance_draw(c) % 63));
	int64_t r = round[chance_draw(c) % (sizeof(round) / sizeof(round[0]))];

	if (unit == UNIT_FLAG || unit == UNIT_ENDING)
		return v & 1;
	return chance_draw(c) % 2 ? v : v / r * r;
}

static void
whatever_is_written_is_read_back(void **state)
{
	uint64_t c = chance_seed();
	char text[UNIT_TEXT];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		enum unit unit = (enum unit)(chance_draw(&c) % UNITS);
		int64_t v = some_value(&c, unit), again = -1;

		(void)unit_format(unit, v, text);
		if (unit_parse(unit, text, &again) != 0 || again != v)
			fail_msg("%s %lld is written '%s', read %lld",
				unit_name(unit), (long long)v, text,
				(long long)again);
	}
}

static void
a_value_out_of_its_range_is_told_the_range(void **state)
{
	static const struct {
		enum unit unit;
		int64_t min, max;
		const char *text, *why;
	} bad[] = {
		{UNIT_COUNT, 1, 1000, "many", "must be 1 to 1000"},
		{UNIT_COUNT, 1, 1000, "1001", "must be 1 to 1000"},
		{UNIT_COUNT, 0, INT64_MAX, "x", "must be a number, at least 0"},
		{UNIT_MS, 1000, 366 * DAY, "1",
			"must be a duration, 1s to 366d"},
		{UNIT_BYTES, 1, INT64_MAX, "0", "must be a size, at least 1"},
		{UNIT_BYTES, 1024, 1 << 30, "2g", "must be a size, 1k to 1g"},
		{UNIT_BYTES_OR_0, 4096, INT64_MAX, "4095",
			"must be 0 or a size, at least 4k"},
		{UNIT_BYTES_OR_0, 4096, 1 << 20, "2m",
			"must be 0 or a size, 4k to 1m"},
		{UNIT_RATE, 0, 100 * UNIT_RATE_SECOND, "101",
			"must be a rate, 0 to 100/s"},
		{UNIT_FLAG, 0, 1, "perhaps", "must be yes or no"},
		{UNIT_ENDING, 0, 1, "perhaps", "must be finish or term"},
	};
	char why[UNIT_WHY];
	int64_t v = -7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(unit_parse_within(bad[i].unit, bad[i].min,
				    bad[i].max, bad[i].text, &v, why) < 0);
		assert_string_equal(why, bad[i].why);
		assert_int_equal(v, -7);
	}
	assert_int_equal(unit_parse_within(UNIT_COUNT, 1, 9, "9", &v, why), 0);
	assert_int_equal(v, 9);
}

static void
a_limit_may_be_none_below_its_least(void **state)
{
	static const struct reading all[] = {{UNIT_BYTES_OR_0, "0", 0},
		{UNIT_BYTES_OR_0, "4k", 4096}, {UNIT_BYTES_OR_0, "1g", 1 << 30},
		{UNIT_BYTES_OR_0, "-1", -EINVAL}};
	char why[UNIT_WHY];
	int64_t v = -7;

	(void)state;
	CHECK(all);
	assert_int_equal(
		unit_parse_within(UNIT_BYTES_OR_0, 4096, 8192, "0", &v, why),
		0);
	assert_int_equal(v, 0);
	assert_int_equal(
		unit_parse_within(UNIT_BYTES_OR_0, 4096, 8192, "4k", &v, why),
		0);
	assert_int_equal(v, 4096);
	assert_true(unit_is_within(UNIT_BYTES_OR_0, 4096, 8192, 0));
	assert_false(unit_is_within(UNIT_BYTES_OR_0, 4096, 8192, 1));
	assert_false(unit_is_within(UNIT_BYTES, 4096, 8192, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_digits_alone),
		cmocka_unit_test(durations_take_their_units),
		cmocka_unit_test(what_is_no_duration_is_refused),
		cmocka_unit_test(sizes_take_their_units_in_either_case),
		cmocka_unit_test(rates_are_per_second_minute_or_hour),
		cmocka_unit_test(flags_and_endings_take_their_words_alone),
		cmocka_unit_test(values_are_written_in_their_largest_units),
		cmocka_unit_test(whatever_is_written_is_read_back),
		cmocka_unit_test(a_value_out_of_its_range_is_told_the_range),
		cmocka_unit_test(a_limit_may_be_none_below_its_least),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
