/* SPDX-License-Identifier: MIT */
/* What a body of JSON must be before any job looks into it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "jobs/body.h"
#include "base/error.h"

static char why[BODY_WHY];
static char word[32]; /* as the last look took it */

static int
word_take(void *arg, const cJSON *value)
{
	const char *text = NULL;
	int err = body_text(value, &text, why);

	(void)arg;
	if (err == 0)
		(void)snprintf(word, sizeof(word), "%s", text);
	return err;
}

static int
never_take(void *arg, const cJSON *value)
{
	(void)arg;
	(void)value;
	strcpy(why, "its own words");
	return SW_EBUSY;
}

static const struct body_key keys[] = {
	{"word", word_take},
	{"never", never_take},
	{NULL, NULL},
};

/* 0, or why not. */
static int
look(struct bytes json)
{
	cJSON *value = NULL;
	int err;

	word[0] = '\0';
	err = body_parse(json, &value, why);
	if (err == 0)
		err = body_take(value, "the body", keys, NULL, why);
	else
		assert_null(value);
	cJSON_Delete(value);
	return err;
}

static void
a_body_is_one_object_of_known_keys(void **state)
{
	static const struct {
		const char *json, *word;
	} good[] = {
		{"{}", ""}, {"{\"word\": \"a\"}", "a"},
		{" \t\r\n{\"word\":\"a\"}\n\r\t ", "a"},
		{"{\"w\\u006frd\":\"\\u0061\"}", "a"},
		{"{\"word\": \"\\\\u0000\"}", "\\u0000"}, /* no NUL */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (look(bytes_str(good[i].json)) < 0)
			fail_msg("%s: %s", good[i].json, why);
		assert_string_equal(word, good[i].word);
	}
}

static void
what_a_body_may_not_be_is_told(void **state)
{
	static const struct {
		const char *json, *why;
	} bad[] = {
		{"", "the body is not JSON"},
		{" ", "the body is not JSON"},
		{"word", "the body is not JSON"},
		{"{\"word\": \"a\"", "the body is not JSON"},
		{"{\"word\": \"a\"}x", "the body is not JSON"},
		{"{\"word\": \"a\"} {}", "the body is not JSON"},
		{"{\"word\": \"a\"},", "the body is not JSON"},
		{"{\"word\": \"\xff\"}", "the body is not UTF-8"},
		{"{\"word\": \"\\\\\\u0000\"}", "the body has a NUL in it"},
		{"{\"word\": \"\\u0000\"}", "the body has a NUL in it"},
		{"{\"wo\\u0000rd\": \"a\"}", "the body has a NUL in it"},
		{"\"word\"", "the body is not a JSON object"},
		{"[{\"word\": \"a\"}]", "the body is not a JSON object"},
		{"null", "the body is not a JSON object"},
		{"{\"Word\": \"a\"}", "the body: unknown key 'Word'"},
		{"{\"\": \"a\"}", "the body: unknown key ''"},
		{"{\"word\": \"a\", \"word\": \"a\"}",
			"the body: 'word' comes twice"},
		{"{\"word\": 1}", "'word' is not a string"},
		{"{\"word\": null}", "'word' is not a string"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		assert_int_equal(look(bytes_str(bad[i].json)), SW_EINVAL);
		assert_string_equal(why, bad[i].why);
	}
	assert_int_equal(look(bytes_of("{}\0", 3)), SW_EINVAL);
	assert_string_equal(why, "the body has a NUL in it");
}

static void
a_key_may_refuse_in_its_own_words(void **state)
{
	(void)state;
	assert_int_equal(look(bytes_str("{\"never\": 1}")), SW_EBUSY);
	assert_string_equal(why, "its own words");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_is_one_object_of_known_keys),
		cmocka_unit_test(what_a_body_may_not_be_is_told),
		cmocka_unit_test(a_key_may_refuse_in_its_own_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
