/* SPDX-License-Identifier: MIT */
/* Queue settings whose value is a text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "wire/setting.h"

enum { ROOM = 256 };

static int
parse(struct sw_settings *s, const char *text, char why[ROOM])
{
	return sw_settings_parse(s, text, strlen(text), why, ROOM);
}

static void
both_kinds_are_read_by_one_call(void **state)
{
	struct sw_settings s = {.given = 0};
	char why[ROOM];

	(void)state;
	assert_int_equal(parse(&s, "rate=5", why), 0);
	assert_int_equal(parse(&s, "dead_to=graves", why), 0);
	assert_int_equal(s.given, 1U << SW_S_rate);
	assert_int_equal(s.texts_given, 1U << SW_TS_dead_to);
	assert_true(bytes_eq(s.texts[SW_TS_dead_to], bytes_str("graves")));
}

static void
the_empty_text_takes_a_setting_back(void **state)
{
	struct sw_settings s = {.given = 0};
	char why[ROOM];

	(void)state;
	assert_int_equal(parse(&s, "dead_to=", why), 0);
	assert_int_equal(s.texts_given, 1U << SW_TS_dead_to);
	assert_int_equal(s.texts[SW_TS_dead_to].len, 0);
}

static void
refuse(const char *text, const char *want)
{
	struct sw_settings s = {.given = 0};
	char why[ROOM] = "";

	assert_int_equal(parse(&s, text, why), SW_ESETTING);
	if (strcmp(why, want) != 0)
		fail_msg("'%s': \"%s\", not \"%s\"", text, why, want);
	assert_int_equal(s.texts_given, 0);
}

static void
a_wrong_text_is_refused_with_what_it_must_be(void **state)
{
	(void)state;
	refuse("dead_to=A b", "dead_to is 'A b': must be the name of a queue, "
			      "or empty");
	refuse("redact_headers=a, b",
		"redact_headers is 'a, b': must be names with commas between "
		"them, 400 bytes at most, or empty");
	refuse("redact_members=a,,b",
		"redact_members is 'a,,b': must be names with commas between "
		"them, 400 bytes at most, or empty");
	refuse("notice_header=x", "notice_header is 'x': must be a header, "
				  "name=value, or empty");
	refuse("dead_t=b", "'dead_t': no such queue setting");
	refuse("dead_to", "'dead_to': must be key=value");
}

static void
names_have_a_limit(void **state)
{
	struct sw_settings s = {.given = 0};
	char text[SW_NAMES_MAX + 32] = "redact_members=", why[ROOM];
	size_t n = strlen(text);

	(void)state;
	memset(text + n, 'x', SW_NAMES_MAX);
	text[n + SW_NAMES_MAX] = '\0';
	assert_int_equal(parse(&s, text, why), 0);
	s.texts_given = 0;
	text[n + SW_NAMES_MAX] = 'x';
	text[n + SW_NAMES_MAX + 1] = '\0';
	assert_int_equal(parse(&s, text, why), SW_ESETTING);
	s.texts_given = 0;
	assert_int_equal(parse(&s, "redact_members=one two,x-3", why), 0);
}

static void
a_text_that_is_given_twice_is_refused(void **state)
{
	struct sw_settings s = {.given = 0};
	char why[ROOM];

	(void)state;
	assert_int_equal(parse(&s, "dead_to=a", why), 0);
	assert_int_equal(parse(&s, "dead_to=b", why), SW_ESETTING);
	assert_string_equal(why, "dead_to is given twice");
	assert_true(bytes_eq(s.texts[SW_TS_dead_to], bytes_str("a")));
}

static void
a_queue_is_not_named_by_its_own_settings(void **state)
{
	struct sw_settings s = {.given = 0};
	char why[ROOM];

	(void)state;
	assert_int_equal(parse(&s, "dead_to=a", why), 0);
	assert_int_equal(sw_settings_check(&s, bytes_str("b"), why, ROOM), 0);
	assert_int_equal(
		sw_settings_check(&s, bytes_str("a"), why, ROOM), SW_ESETTING);
	assert_string_equal(why, "dead_to is 'a': must be another queue");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_kinds_are_read_by_one_call),
		cmocka_unit_test(the_empty_text_takes_a_setting_back),
		cmocka_unit_test(a_wrong_text_is_refused_with_what_it_must_be),
		cmocka_unit_test(names_have_a_limit),
		cmocka_unit_test(a_text_that_is_given_twice_is_refused),
		cmocka_unit_test(a_queue_is_not_named_by_its_own_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
