/* SPDX-License-Identifier: MIT */
/*
 * test_select.c - the words of a selector
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "cli/select.h"
#include "wire/proto.h"

#define ID1 "01935af0-0000-7000-8000-000000000001"
#define ID2 "01935af0-0000-7000-8000-000000000002"

/* 2026-01-31T08:00:00Z */
#define NOW 1769846400000LL

static int
parse(struct selector *s, const char *words, char why[SELECT_WHY])
{
	static char copy[512];
	char *list[16], *at = copy;
	int n = 0;

	(void)snprintf(copy, sizeof(copy), "%s", words);
	while ((list[n] = strtok(n == 0 ? at : NULL, "|")) != NULL)
		n++;
	return selector_parse(s, list, n, NOW, why);
}

static void
a_selector_is_words_that_all_hold(void **state)
{
	struct selector s;
	char why[SELECT_WHY] = "";

	(void)state;
	assert_int_equal(
		parse(&s,
			"queue=email|state=dead|since=2h|until=2026-01-31T07:"
			"00:00Z|"
			"error~no such host|header=tenant=a=b|header=x=|" ID1
			"|id=" ID2,
			why),
		0);
	assert_string_equal(s.queue, "email");
	assert_int_equal(s.state, SW_DEAD);
	assert_int_equal(s.since_ms, NOW - 7200000);
	assert_int_equal(s.until_ms, NOW - 3600000);
	assert_string_equal(s.match, "no such host");
	assert_int_equal(s.n_headers, 2);
	assert_string_equal(s.headers[0], "tenant=a=b");
	assert_int_equal(s.n_ids, 2);
	assert_int_equal(s.ids[1].b[15], 2);
	assert_false(selector_empty(&s));
	selector_fini(&s);

	assert_int_equal(parse(&s, "", why), 0);
	assert_true(selector_empty(&s));
	selector_fini(&s);
}

static void
a_bad_selector_is_named(void **state)
{
	/* clang-format off */
	static const char *const rows[][2] = {
		{"queue=Bad", "'queue=Bad': must be 1 to 63 of"}, {"queue=", "queue"},
		{"queue=a|queue=b", "twice"}, {"state=ded", "'state=ded': must be delayed,"},
		{"state=dead|state=done", "twice"}, {"since=soon", "'since=soon': must be a time"},
		{"since=1h|since=2h", "twice"}, {"error~", "error~"},
		{"error~a|error~b", "twice"}, {"header=x", "NAME=VALUE"},
		{"header==x", "NAME=VALUE"}, {"id=7", "UUID"},
		{"quue=a", "'quue=a': unknown selector"}, {"since=1h|until=2h", "since= must be before until="},
		{"cause=none", "'cause=none': must be error, permanent,"}, {"cause=oom|cause=lost", "cause= is given twice"},
		{ID1 "x", "'" ID1 "x'"},
		{"priority=10", "must be 0 to 9"}, {"priority=1|priority=2", "twice"},
		{"attempts=5-3", "'attempts=5-3': must be 3, 3- (or more) or 3-5"}, {"attempts=-3", "3-5"},
		{"attempts=x", "3-5"}, {"attempts=1|attempts=2", "twice"},
		{"worker=", "empty"}, {"fair=a|fair=b", "twice"},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct selector s;
		char why[SELECT_WHY] = "";

		assert_int_equal(parse(&s, rows[i][0], why), SW_EINVAL);
		assert_non_null(strstr(why, rows[i][1]));
	}
}

static void
a_selector_goes_into_an_item(void **state)
{
	uint8_t room[1024];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct selector s;
	struct sw_item it;
	struct sw_id id;
	char why[SELECT_WHY];

	(void)state;
	assert_int_equal(
		parse(&s, "queue=q|state=done|error~e|" ID1 "|" ID2, why), 0);
	selector_put(&b, &s, 1);
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	assert_int_equal(sw_int(&it, SW_F_STATE, 0), SW_DONE);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_QUEUE), bytes_str("q")));
	assert_true(bytes_eq(sw_bytes(&it, SW_F_MATCH), bytes_str("e")));
	assert_false(sw_has(&it, SW_F_SINCE_MS));
	assert_true(sw_get_id(&it, &id));
	assert_int_equal(id.b[15], 2);
	selector_fini(&s);
}

static void
attempts_are_a_number_or_a_span(void **state)
{
	static const struct {
		const char *text;
		int64_t from, to;
	} rows[] = {{"attempts=3", 3, 3}, {"attempts=3-", 3, INT64_MAX},
		{"attempts=3-5", 3, 5}, {"attempts=0", 0, 0}};
	struct selector s;
	char why[SELECT_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t room[256];
		struct sw_buf b = {.p = room, .cap = sizeof(room)};
		struct sw_item it;

		assert_int_equal(parse(&s, rows[i].text, why), 0);
		selector_put(&b, &s, -1);
		assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
		assert_int_equal(sw_int(&it, SW_F_ATTEMPT, -1), rows[i].from);
		assert_int_equal(
			sw_int(&it, SW_F_MAX_ATTEMPTS, -1), rows[i].to);
		selector_fini(&s);
	}
}

static void
other_fields_are_sent_as_they_are_given(void **state)
{
	uint8_t room[1024];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct selector s;
	struct sw_item it;
	char why[SELECT_WHY];

	(void)state;
	assert_int_equal(parse(&s,
				 "priority=0|worker=box:1|fair=acme|unique=k|"
				 "cause=buried|"
				 "content-type=text/plain",
				 why),
		0);
	assert_false(selector_empty(&s));
	selector_put(&b, &s, -1);
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	assert_int_equal(sw_int(&it, SW_F_PRIORITY, -1), 0);
	assert_int_equal(sw_int(&it, SW_F_CAUSE, -1), SW_C_BURIED);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_WORKER), bytes_str("box:1")));
	assert_true(bytes_eq(sw_bytes(&it, SW_F_FAIR), bytes_str("acme")));
	assert_true(bytes_eq(sw_bytes(&it, SW_F_UNIQUE), bytes_str("k")));
	assert_true(bytes_eq(
		sw_bytes(&it, SW_F_CONTENT_TYPE), bytes_str("text/plain")));
	selector_fini(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_selector_is_words_that_all_hold),
		cmocka_unit_test(a_bad_selector_is_named),
		cmocka_unit_test(a_selector_goes_into_an_item),
		cmocka_unit_test(attempts_are_a_number_or_a_span),
		cmocka_unit_test(other_fields_are_sent_as_they_are_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
