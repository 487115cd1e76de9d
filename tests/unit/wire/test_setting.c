/* SPDX-License-Identifier: MIT */
/* Queue settings: every row of the table at, inside and beyond its limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "wire/setting.h"

static int
parse(const char *text, int64_t values[SW_SETTINGS], char why[256])
{
	uint32_t given = 0;

	why[0] = '\0';
	return sw_setting_parse(text, strlen(text), values, &given, why, 256);
}

/* One accepted value, written into its place and nowhere else. */
static void
expect(const char *text, enum sw_setting s, int64_t want)
{
	int64_t values[SW_SETTINGS];
	char why[256];

	for (int i = 0; i < SW_SETTINGS; i++)
		values[i] = -7;
	assert_int_equal(parse(text, values, why), 0);
	for (int i = 0; i < SW_SETTINGS; i++)
		assert_int_equal(values[i], i == (int)s ? want : -7);
}

/* One refusal, whose error line has `word`. */
static void
refuse(const char *text, size_t len, const char *word)
{
	int64_t values[SW_SETTINGS], was[SW_SETTINGS];
	uint32_t given = 0;
	char why[256] = "";

	memset(values, 0x5a, sizeof(values));
	memcpy(was, values, sizeof(was));
	assert_int_equal(
		sw_setting_parse(text, len, values, &given, why, sizeof(why)),
		SW_ESETTING);
	assert_int_equal(given, 0);
	assert_memory_equal(values, was, sizeof(was));
	if (strstr(why, word) == NULL)
		fail_msg("'%s' does not say '%s'", why, word);
	assert_null(strchr(why, '\n'));
}

static void
every_default_lies_within_its_limits(void **state)
{
	(void)state;
	for (int i = 0; i < SW_SETTINGS; i++) {
		const struct sw_setting_rule *r = &sw_setting_rules[i];

		assert_non_null(r->name);
		assert_non_null(r->text);
		assert_true(unit_is_within(r->unit, r->min, r->max, r->def));
	}
}

static void
every_setting_takes_its_limits_and_nothing_beyond(void **state)
{
	char text[96];

	(void)state;
	for (int i = 0; i < SW_SETTINGS; i++) {
		const struct sw_setting_rule *r = &sw_setting_rules[i];
		/* A plain number in the unit of a rate is per second. */
		int64_t one = r->unit == UNIT_RATE ? UNIT_RATE_SECOND : 1;

		(void)snprintf(text, sizeof(text), "%s=%lld", r->name,
			(long long)(r->min / one));
		expect(text, (enum sw_setting)i, r->min);
		(void)snprintf(text, sizeof(text), "%s=%lld", r->name,
			(long long)(r->max / one));
		expect(text, (enum sw_setting)i, r->max);

		(void)snprintf(text, sizeof(text), "%s=%lld", r->name,
			(long long)(r->min / one) - 1);
		refuse(text, strlen(text), "must be");
		if (r->max == INT64_MAX)
			(void)snprintf(text, sizeof(text),
				"%s=9223372036854775808", r->name);
		else
			(void)snprintf(text, sizeof(text), "%s=%lld", r->name,
				(long long)(r->max / one) + 1);
		refuse(text, strlen(text), "must be");
	}
}

static void
durations_take_their_units(void **state)
{
	(void)state;
	expect("timeout_ms=250", SW_S_timeout_ms, 250);
	expect("timeout_ms=250ms", SW_S_timeout_ms, 250);
	expect("timeout_ms=30s", SW_S_timeout_ms, 30000);
	expect("timeout_ms=5m", SW_S_timeout_ms, 300000);
	expect("timeout_ms=2h", SW_S_timeout_ms, 7200000);
	expect("timeout_ms=1h30m", SW_S_timeout_ms, 5400000);
	expect("timeout_ms=1.5s", SW_S_timeout_ms, 1500);
	expect("timeout_ms=366d", SW_S_timeout_ms, SW_YEAR_MS);
}

static void
sizes_and_flags_take_their_words(void **state)
{
	static const char *const yes[] = {"yes", "1", "true", "on"};
	static const char *const no[] = {"no", "0", "false", "off"};
	char text[64];

	(void)state;
	expect("max_bytes=3", SW_S_max_bytes, 3);
	expect("rate=600/m", SW_S_rate, 10 * UNIT_RATE_SECOND);
	expect("rate=10/m", SW_S_rate, 600000);
	expect("rate=1.5/s", SW_S_rate, 5400000);
	expect("max_bytes=3K", SW_S_max_bytes, 3 << 10);
	expect("max_bytes=3m", SW_S_max_bytes, 3 << 20);
	expect("max_bytes=3g", SW_S_max_bytes, 3LL << 30);
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		(void)snprintf(text, sizeof(text), "paused=%s", yes[i]);
		expect(text, SW_S_paused, 1);
		(void)snprintf(text, sizeof(text), "paused=%s", no[i]);
		expect(text, SW_S_paused, 0);
	}
	expect("drain=finish", SW_S_drain, 0);
	expect("drain=term", SW_S_drain, 1);
	expect("memory_limit=64m", SW_S_memory_limit, 64 << 20);
	expect("cpu_limit=2s", SW_S_cpu_limit, 2000);
	refuse("drain=kill", 10, "drain is 'kill': must be finish or term");
	refuse("files_limit=15", 14, "must be 16 to 1000000");
	expect("memory_limit=0", SW_S_memory_limit, 0);
	refuse("memory_limit=1", 14,
		"memory_limit is '1': must be 0 or a size, at least 4m");
}

static void
values_that_are_no_values_are_refused(void **state)
{
	static const char *const bad[] = {"max_attempts=", "max_attempts=x",
		"max_attempts=5x", "max_attempts=5 ", "max_attempts= 5",
		"max_attempts=+5", "max_attempts=-5", "max_attempts=0x5",
		"max_attempts=5k", "max_attempts=5s", "max_attempts=5=5",
		"timeout_ms=5k", "timeout_ms=5S", "timeout_ms=-5s",
		"timeout_ms=5 s", "timeout_ms=s", "timeout_ms=1m1h",
		"max_bytes=5s", "rate=10/d", "max_bytes=9223372036854775807g",
		"timeout_ms=9223372036854775807d", "paused=maybe",
		"paused=", "paused=2", "paused=Yes"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse(bad[i], strlen(bad[i]), "must be");
}

static void
the_refusal_names_the_setting_and_what_it_must_be(void **state)
{
	char digits[606] = "rate=";

	(void)state;
	refuse("timeout_ms=soon", 15,
		"timeout_ms is 'soon': must be a duration, 1ms to 366d");
	refuse("rate=1000001", 12,
		"rate is '1000001': must be a rate, 0 to 1000000/s");
	refuse("max_bytes=much", 14,
		"max_bytes is 'much': must be a size, at least 0");
	refuse("paused=maybe", 12, "paused is 'maybe': must be yes or no");
	refuse("colour=red", 10, "'colour': no such queue setting");
	refuse("paused", 6, "'paused': must be key=value");
	memset(digits + sizeof("rate=") - 1, '9', 600);
	refuse(digits, 605, "...': must be a rate, 0 to 1000000/s");
	refuse(digits + 1, 604, "'ate': no such queue setting");
}

static void
names_that_are_no_settings_are_refused(void **state)
{
	static const char *const bad[] = {
		"=5", "Rate=5", "rate =5", " rate=5", "rat=5", "rates=5"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse(bad[i], strlen(bad[i]), "no such queue setting");
}

static void
foreign_bytes_are_refused_without_harm(void **state)
{
	char text[4096];

	(void)state;
	refuse("", 0, "must be");
	refuse("paused\0=1", 9, "must be"); /* NUL before the '=' */
	refuse("paused=1\0", 9, "must be"); /* and after it */
	memset(text, 'x', sizeof(text));
	for (size_t n = 1; n < sizeof(text); n *= 2)
		refuse(text, n, "must be");
	memcpy(text, "rate=", 5);
	memset(text + 5, '9', sizeof(text) - 5);
	for (size_t n = 12; n < sizeof(text); n *= 2)
		refuse(text, n, "must be");
}

/* The text is `len` bytes of something longer. */
static void
the_length_ends_the_text(void **state)
{
	int64_t values[SW_SETTINGS];
	uint32_t given = 0;
	char why[64];

	(void)state;
	assert_int_equal(sw_setting_parse("rate=125", 6, values, &given, why,
				 sizeof(why)),
		0);
	assert_int_equal(values[SW_S_rate], UNIT_RATE_SECOND);
	assert_int_equal(given, 1U << SW_S_rate);
}

static void
a_setting_that_is_given_twice_is_refused_by_name(void **state)
{
	int64_t values[SW_SETTINGS];
	uint32_t given = 0;
	char why[64];

	(void)state;
	assert_int_equal(
		sw_setting_parse("rate=1", 6, values, &given, why, 64), 0);
	assert_int_equal(
		sw_setting_parse("burst=2", 7, values, &given, why, 64), 0);
	assert_int_equal(sw_setting_parse("rate=3", 6, values, &given, why, 64),
		SW_ESETTING);
	assert_string_equal(why, "rate is given twice");
	assert_int_equal(values[SW_S_rate], UNIT_RATE_SECOND);
}

static void
a_short_explanation_is_cut_not_overrun(void **state)
{
	int64_t values[SW_SETTINGS];
	uint32_t given = 0;
	char why[16];

	(void)state;
	memset(why, '#', sizeof(why));
	assert_int_equal(
		sw_setting_parse("nonsense=5", 10, values, &given, why, 8),
		SW_ESETTING);
	assert_int_equal(strlen(why), 7);
	assert_int_equal(why[8], '#');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_default_lies_within_its_limits),
		cmocka_unit_test(
			every_setting_takes_its_limits_and_nothing_beyond),
		cmocka_unit_test(durations_take_their_units),
		cmocka_unit_test(sizes_and_flags_take_their_words),
		cmocka_unit_test(values_that_are_no_values_are_refused),
		cmocka_unit_test(
			the_refusal_names_the_setting_and_what_it_must_be),
		cmocka_unit_test(names_that_are_no_settings_are_refused),
		cmocka_unit_test(foreign_bytes_are_refused_without_harm),
		cmocka_unit_test(the_length_ends_the_text),
		cmocka_unit_test(
			a_setting_that_is_given_twice_is_refused_by_name),
		cmocka_unit_test(a_short_explanation_is_cut_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
