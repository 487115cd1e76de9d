/* SPDX-License-Identifier: MIT */
/* The strict reader of a job's body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "jobs/body.h"

static char why[BODY_WHY];
static char word[32]; /* by the last body_take() */

static int
word_take(void *arg, const char *name, json_t *value)
{
	const char *text = NULL;
	int err = body_text(name, value, &text, why);

	(void)arg;
	if (err == 0)
		(void)snprintf(word, sizeof(word), "%s", text);
	return err;
}

static int
any_take(void *arg, const char *name, json_t *value)
{
	(void)arg;
	(void)name;
	(void)value;
	return 0;
}

static int
never_take(void *arg, const char *name, json_t *value)
{
	(void)arg;
	(void)name;
	(void)value;
	strcpy(why, "its own words");
	return SW_EBUSY;
}

static const struct body_key keys[] = {
	{"word", word_take},
	{"never", never_take},
	{"any", any_take},
	{NULL, NULL},
};

/* 0, or the error with `why` set. */
static int
look(struct bytes json)
{
	json_t *value = NULL;
	int err;

	word[0] = '\0';
	err = body_parse(json, &value, why);
	if (err == 0)
		err = body_take(value, "the body", keys, NULL, why);
	else
		assert_null(value);
	json_decref(value);
	return err;
}

static void
a_body_is_one_object_of_known_keys(void **state)
{
	static const struct {
		const char *json, *word;
	} good[] = {
		{"{}", ""},
		{"{\"word\": \"a\"}", "a"},
		{" \t\r\n{\"word\":\"a\"}\n\r\t ", "a"},
		{"{\"w\\u006frd\":\"\\u0061\"}", "a"},
		{"{\"word\": \"\\\\u0000\"}", "\\u0000"}, /* no NUL */
		{"{\"word\": \"\\ud83d\\ude00\"}", "\xf0\x9f\x98\x80"},
		{"{\"any\": 9223372036854775807, \"word\": \"a\"}", "a"},
		{"{\"any\": [{\"a\": 1}, {\"a\": 1}]}", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (look(bytes_str(good[i].json)) < 0)
			fail_msg("%s: %s", good[i].json, why);
		assert_string_equal(word, good[i].word);
	}
}

/* Texts that are not JSON, with the place of the error. */
static void
a_body_that_is_not_json_is_refused_at_its_place(void **state)
{
	static const struct {
		const char *json;
		int line, column;
	} bad[] = {
		{"", 1, 0}, {" ", 1, 1}, {"word", 1, 4},
		{"{\"word\": \"a\"", 1, 12}, {"{\"word\":\n \"a\"}x", 2, 6},
		{"{\"word\": \"a\"} {}", 1, 15}, {"{\"word\": \"a\"},", 1, 14},
		{"{\"word\": \"a\",}", 1, 14},
		{"{\"word\": \"\xc3\xa9\n\"}", 1, 11},
		{"{\"word\": \"\\ud83d\"}", 1, 17}, {"{\"any\": 01}", 1, 9},
		{"{\"any\": .5}", 1, 9}, {"{\"any\": NaN}", 1, 11},
		{"{'word': 1}", 1, 2},
		{"\xef\xbb\xbf{}", 1, 1}, /* a byte order mark */
	};
	char want[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(look(bytes_str(bad[i].json)), SW_EINVAL);
		(void)snprintf(want, sizeof(want),
			"the body is not JSON: line %d, column %d", bad[i].line,
			bad[i].column);
		assert_string_equal(why, want);
	}
}

static void
what_a_body_may_not_be_is_told(void **state)
{
	static const struct {
		const char *json, *why;
	} bad[] = {
		{"{\"word\": \"\xff\"}",
			"the body is not UTF-8: line 1, column 10"},
		{"{\"word\": \"\xed\xa0\x80\"}",
			"the body is not UTF-8: line 1, column 10"},
		{"{\"word\": \"\xc3",
			"the body is not UTF-8: line 1, column 10"},
		{"{\"word\": \"\\\\\\u0000\"}",
			"the body has a NUL in it: line 1, column 19"},
		{"{\"word\": \"\\u0000\"}",
			"the body has a NUL in it: line 1, column 17"},
		{"{\"wo\\u0000rd\": \"a\"}",
			"the body has a NUL in it: line 1, column 13"},
		{"\"word\"", "the body is not a JSON object"},
		{"[{\"word\": \"a\"}]", "the body is not a JSON object"},
		{"null", "the body is not a JSON object"},
		{"{\"Word\": \"a\"}", "the body: unknown key 'Word'"},
		{"{\"\": \"a\"}", "the body: unknown key ''"},
		{"{\"word\": 1}", "'word' is not a string"},
		{"{\"word\": null}", "'word' is not a string"},
		{"{\"any\": 9223372036854775808}",
			"the body has a number out of range: "
			"line 1, column 27"},
		{"{\"any\": -9223372036854775809}",
			"the body has a number out of range: "
			"line 1, column 28"},
		{"{\"any\": 1e400}", "the body has a number out of range: "
				     "line 1, column 13"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		assert_int_equal(look(bytes_str(bad[i].json)), SW_EINVAL);
		assert_string_equal(why, bad[i].why);
	}
	assert_int_equal(look(bytes_of("{}\0", 3)), SW_EINVAL);
	assert_string_equal(why, "the body has a NUL in it");
	assert_int_equal(look(bytes_of("{}x", 2)), 0); /* no byte too many */
}

static void
a_key_that_comes_twice_is_named_at_any_depth(void **state)
{
	static const struct {
		const char *json, *key;
	} bad[] = {
		{"{\"word\": \"a\", \"word\": \"a\"}", "word"},
		{"{\"never\": 1, \"never\": 1}", "never"},
		{"{\"any\": [{\"b\": 1,\n\"c\": 2, \"b\": 3}]}", "b"},
		{"{\"any\": {\"\": 1, \"\": 2}}", ""},
		{"{\"any\": 1, \"\\u0061ny\" : 2}", "\\u0061ny"},
		{"{\"a\\\"b\\\\\": 1, \"a\\\"b\\\\\": 2}", "a\\\"b\\\\"},
		{"{\"0123456789012345678901234567890123456789xyz\": 1,"
		 "\"0123456789012345678901234567890123456789xyz\": 1}",
			"0123456789012345678901234567890123456789"},
	};
	char want[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(look(bytes_str(bad[i].json)), SW_EINVAL);
		(void)snprintf(want, sizeof(want), "the body: '%s' comes twice",
			bad[i].key);
		assert_string_equal(why, want);
	}
}

/* An object, and in it arrays, `depth` levels with the object. */
static int
look_deep(size_t depth)
{
	static const char head[] = "{\"any\":";
	size_t len = sizeof(head) - 1 + 2 * (depth - 1) + 1;
	char *text = malloc(len), *p = text;
	int err;

	assert_non_null(text);
	memcpy(p, head, sizeof(head) - 1);
	p += sizeof(head) - 1;
	memset(p, '[', depth - 1);
	memset(p + depth - 1, ']', depth - 1);
	text[len - 1] = '}';
	err = look(bytes_of(text, len));
	free(text);
	return err;
}

static void
a_body_is_nested_as_deep_as_the_limit_and_no_deeper(void **state)
{
	(void)state;
	assert_int_equal(look_deep(JSON_PARSER_MAX_DEPTH), 0);
	assert_int_equal(look_deep(JSON_PARSER_MAX_DEPTH + 1), SW_EINVAL);
	assert_non_null(strstr(why, "the body is nested too deeply: line 1"));
}

/*
 * jansson would leave bytes out of a string.  The sanitizers end a process
 * for such a size by themselves.
 */
static void
a_reader_without_memory_ends_its_process(void **state)
{
	json_malloc_t alloc;
	json_free_t release;
	int status = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(look(bytes_str("{}")), 0);
	json_get_alloc_funcs(&alloc, &release);
	pid = fork();
	if (pid == 0) {
		(void)close(STDERR_FILENO);
		(void)alloc(SIZE_MAX / 2);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
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
		cmocka_unit_test(
			a_body_that_is_not_json_is_refused_at_its_place),
		cmocka_unit_test(what_a_body_may_not_be_is_told),
		cmocka_unit_test(a_key_that_comes_twice_is_named_at_any_depth),
		cmocka_unit_test(
			a_body_is_nested_as_deep_as_the_limit_and_no_deeper),
		cmocka_unit_test(a_reader_without_memory_ends_its_process),
		cmocka_unit_test(a_key_may_refuse_in_its_own_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
