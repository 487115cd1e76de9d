/* SPDX-License-Identifier: MIT */
/* What no answer shows: headers, and members of JSON texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "broker/model/redact.h"
#include "tests/lib/chance.h"
#include "tests/lib/rig.h"

/* --- the JSON text -------------------------------------------------------- */

/* The text as it is shown, static; NULL: it is not JSON. */
static const char *
shown(const char *names, const char *json)
{
	static char text[4096];
	uint8_t room[4096];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_item it;

	if (!redact_put_json(&b, SW_F_BODY, names, bytes_str(json))) {
		assert_int_equal(b.len, 0);
		return NULL;
	}
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	sw_get_text(&it, SW_F_BODY, text, sizeof(text));
	assert_true(strlen(text) <= strlen(json));
	return text;
}

static void
members_with_a_name_are_masked_at_any_level(void **state)
{
	static const char *const of[][2] = {
		{"{}", "{}"},
		{" [1, {\"a\" : null}] ", " [1, {\"a\" : null}] "},
		{"{\"pin\":1234,\"a\":1}", "{\"pin\":\"*\",\"a\":1}"},
		{"{\"pin\":12}", "{\"pin\":0}"},
		{"{\"pin\":\"\"}", "{\"pin\":0}"},
		{"{ \"PIN\" : \"x, \\\"y\\\"\" , \"b\":[true]}",
			"{ \"PIN\" : \"*\" , \"b\":[true]}"},
		{"[{\"a\":{\"pass word\":{\"pin\":[1,2]}}}]",
			"[{\"a\":{\"pass word\":\"*\"}}]"},
		{"{\"p\\u0069n\":false,\"pinn\":5}",
			"{\"p\\u0069n\":\"*\",\"pinn\":5}"},
		{"{\"\\u00e4\\ud83d\\ude00\":\"me\",\"\\n\":-1.5E+3}",
			"{\"\\u00e4\\ud83d\\ude00\":\"*\",\"\\n\":-1.5E+3}"},
		{"{\"a\":\"pin\",\"b\":[\"pin\",99]}",
			"{\"a\":\"pin\",\"b\":[\"pin\",99]}"},
		{"{\"pin\":1,\"pin\":222}", "{\"pin\":0,\"pin\":\"*\"}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		const char *is = shown("pin,pass word,ä😀", of[i][0]);

		assert_non_null(is);
		assert_string_equal(is, of[i][1]);
	}
}

static void
what_is_no_json_is_not_shown(void **state)
{
	static const char *const wrong[] = {"", " ", "pin=1", "{\"pin\":1",
		"{\"pin\" 1}", "{pin:1}", "{\"pin\":1,}", "[1,]", "[1 2]",
		"{\"a\":1}x", "\"a", "\"\\x\"", "\"\\u00g0\"", "\"\\u0\"",
		"\"\t\"", "01", "1.", "1e", "-", "tru", "nul", "'a'", "{,}",
		"[}", "\"\\", "{\"a\":}", "+1", ".5"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (shown("pin", wrong[i]) != NULL)
			fail_msg("'%s' is shown", wrong[i]);
}

static void
levels_are_bounded(void **state)
{
	char text[4 * REDACT_DEPTH];

	(void)state;
	memset(text, '[', REDACT_DEPTH);
	memset(text + REDACT_DEPTH, ']', REDACT_DEPTH);
	text[2 * REDACT_DEPTH] = '\0';
	assert_non_null(shown("pin", text));
	memset(text, '[', REDACT_DEPTH + 1);
	memset(text + REDACT_DEPTH + 1, ']', REDACT_DEPTH + 1);
	text[2 * REDACT_DEPTH + 2] = '\0';
	assert_null(shown("pin", text));
}

/* Whatever the text, a second pass finds nothing more to hide. */
static void
a_text_that_was_shown_is_json_and_hides_nothing_more(void **state)
{
	static const char *const parts[] = {"{", "}", "[", "]", ",", ":",
		"\"pin\"", "\"a\"", "\"p\\u0069n\"", "1", "true", " ", "\"",
		"\\", "-", "e", "{\"pin\":", "{\"a\":"};
	enum { PARTS = sizeof(parts) / sizeof(parts[0]), ROUNDS = 200000 };
	uint64_t ch = chance_seed();
	int found = 0;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		char text[256] = "", again[256];
		const char *is;

		for (int n = 1 + (int)(chance_draw(&ch) % 9); n > 0; n--)
			strcat(text, parts[chance_draw(&ch) % PARTS]);
		is = shown("pin", text);
		if (is == NULL)
			continue;
		found += strcmp(is, text) != 0;
		strcpy(again, is);
		is = shown("pin", again);
		assert_non_null(is);
	}
	assert_true(found > 0);
}

/* --- answers ---------------------------------------------------------------
 */

static void
secret_put(struct rig *r, int n, const char *queue, const char *body)
{
	size_t mark = rig_say(r, SW_OP_PUT, n);
	struct sw_item it;

	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_put_text(&r->b, SW_F_BODY, body);
	sw_put_text(&r->b, SW_F_HEADER, "Authorization=secret");
	sw_put_text(&r->b, SW_F_HEADER, "cookie=");
	sw_put_text(&r->b, SW_F_HEADER, "lang=de");
	assert_int_equal(rig_ask(r, 100, SW_OP_PUT, mark, &it), 0);
}

static int
has_secret(struct bytes b)
{
	return memmem(b.p, b.len, "secret", 6) != NULL;
}

/* Whether an answer of the last turn to peer 100 has the secret. */
static int
answered_secret(const struct rig *r)
{
	for (size_t i = 0; i < r->outs_n; i++)
		if (has_secret(r->outs[i].frame))
			return 1;
	return 0;
}

static void
inspect(struct rig *r, int op)
{
	size_t mark = rig_say(r, op, 1);
	struct sw_item it;

	if (op == SW_OP_LIST)
		sw_put_int(&r->b, SW_F_STATE, SW_NONE);
	(void)rig_ask(r, 100, op, mark, &it);
}

static void
redact(struct rig *r)
{
	assert_int_equal(
		rig_set(r, "q", "redact_headers=authorization,cookie"), 0);
	assert_int_equal(rig_set(r, "q", "redact_members=pin"), 0);
}

static void
get_and_list_show_no_secret_and_the_worker_gets_all(void **state)
{
	struct rig *r = *state;
	uint64_t token;
	struct sw_item it;
	char text[64];

	secret_put(r, 1, "q", "{\"pin\":\"secret\",\"a\":1}");
	inspect(r, SW_OP_GET);
	assert_true(answered_secret(r)); /* unless redacted */
	redact(r);
	rig_restart(r);
	inspect(r, SW_OP_GET);
	assert_false(answered_secret(r));
	assert_true(rig_item(r, 100, SW_OP_GET | SW_REPLY, 0, &it));
	sw_get_text(&it, SW_F_BODY, text, sizeof(text));
	assert_string_equal(text, "{\"pin\":\"*\",\"a\":1}");
	inspect(r, SW_OP_LIST);
	assert_false(answered_secret(r));
	inspect(r, SW_OP_WHY);
	assert_false(answered_secret(r));
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	assert_true(rig_item(r, 1, SW_OP_JOBS, 0, &it));
	assert_true(has_secret(sw_bytes(&it, SW_F_BODY)));
	assert_true(has_secret(sw_bytes(&it, SW_F_HEADER)));
}

static void
whoever_waits_reads_no_secret_in_body_and_result(void **state)
{
	struct rig *r = *state;
	struct sw_id id = rig_id(1);
	uint64_t token;
	struct sw_item it;
	size_t mark;

	redact(r);
	secret_put(r, 1, "q", "{\"pin\":\"secret\"}");
	mark = rig_say(r, SW_OP_WAIT, 1);
	assert_int_equal(rig_ask(r, 7, SW_OP_WAIT, mark, &it), 1);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	mark = rig_report(r, &id, token, SW_ACK, SW_C_NONE);
	sw_put_text(&r->b, SW_F_RESULT, "[{\"pin\":\"secret\"}]");
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), 0);
	assert_true(rig_item(r, 7, SW_OP_WAIT | SW_REPLY, 0, &it));
	assert_int_equal(sw_int(&it, SW_F_STATE, 0), SW_DONE);
	assert_false(answered_secret(r));
	inspect(r, SW_OP_GET);
	assert_false(answered_secret(r));
}

static void
a_body_that_is_no_json_is_left_out(void **state)
{
	struct rig *r = *state;
	struct sw_item it;

	redact(r);
	secret_put(r, 1, "q", "pin=secret");
	inspect(r, SW_OP_GET);
	assert_false(answered_secret(r));
	assert_true(rig_item(r, 100, SW_OP_GET | SW_REPLY, 0, &it));
	assert_false(sw_has(&it, SW_F_BODY));
	rig_set(r, "q", "redact_members=");
	inspect(r, SW_OP_GET);
	assert_true(answered_secret(r));
}

static void
no_selector_finds_out_the_value_of_such_a_header(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;

	redact(r);
	secret_put(r, 1, "q", "1");
	for (int i = 0; i < 2; i++) {
		mark = rig_say(r, SW_OP_LIST, 0);
		sw_put_int(&r->b, SW_F_STATE, SW_READY);
		sw_put_text(&r->b, SW_F_HEADER,
			i == 0 ? "Authorization=secret" : "lang=de");
		assert_int_equal(rig_ask(r, 100, SW_OP_LIST, mark, &it), 0);
		assert_int_equal(sw_int(&it, SW_F_COUNT, -1), i);
	}
}

static void
a_job_in_a_dead_letter_queue_is_redacted_as_before(void **state)
{
	struct rig *r = *state;
	uint64_t token;
	struct sw_item it;
	size_t mark;

	redact(r);
	rig_set(r, "q", "dead_to=graves");
	rig_set(r, "graves", "redact_members=x");
	secret_put(r, 1, "q", "{\"pin\":\"secret\"}");
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	rig_done(r, 1, 1, token, SW_FAIL, SW_C_ERROR);
	inspect(r, SW_OP_GET);
	assert_false(answered_secret(r));
	mark = rig_say(r, SW_OP_LIST, 0);
	sw_put_int(&r->b, SW_F_STATE, SW_READY);
	sw_put_text(&r->b, SW_F_HEADER, "Authorization=secret");
	assert_int_equal(rig_ask(r, 100, SW_OP_LIST, mark, &it), 0);
	assert_int_equal(sw_int(&it, SW_F_COUNT, -1), 0);
}

/* Whether the last get says that parts of job 1 are not shown. */
static int
is_marked(struct rig *r)
{
	struct sw_item it;

	inspect(r, SW_OP_GET);
	assert_true(rig_item(r, 100, SW_OP_GET | SW_REPLY, 0, &it));
	return (int)sw_int(&it, SW_F_REDACTED, 0);
}

static void
an_answer_says_when_a_part_is_not_shown(void **state)
{
	static const struct {
		const char *setting;
		int marked;
	} cases[] = {{"redact_headers=authorization", 1},
		{"redact_headers=cookie", 0}, /* it is empty */
		{"redact_headers=", 0}, {"redact_members=pin", 1},
		{"redact_members=pins", 0}, {"redact_members=", 0}};
	struct rig *r = *state;

	secret_put(r, 1, "q", "{\"a\":{\"pin\":\"x\"}}");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(rig_set(r, "q", cases[i].setting), 0);
		assert_int_equal(is_marked(r), cases[i].marked);
	}
}

static void
so_does_one_without_its_body_or_with_a_part_of_its_result(void **state)
{
	struct rig *r = *state;
	struct sw_id id = rig_id(1);
	uint64_t token;
	struct sw_item it;
	size_t mark;

	assert_int_equal(rig_set(r, "q", "redact_members=pin"), 0);
	secret_put(r, 1, "q", "no JSON");
	assert_int_equal(is_marked(r), 1);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	mark = rig_report(r, &id, token, SW_ACK, SW_C_NONE);
	sw_put_text(&r->b, SW_F_RESULT, "[{\"pin\":\"secret\"}]");
	assert_int_equal(rig_ask(r, 1, SW_OP_DONE, mark, &it), 0);
	assert_int_equal(is_marked(r), 1);
	assert_int_equal(rig_set(r, "q", "redact_members=pins"), 0);
	assert_int_equal(is_marked(r), 0); /* the body of a done job is gone */
}

/* The masked answer must have room where the plain one had just enough. */
static void
very_many_empty_headers_do_not_make_an_answer_grow(void **state)
{
	struct rig *r = *state;
	struct sw_item it;
	size_t mark;
	uint64_t token;

	rig_set(r, "q", "redact_headers=a,b");
	mark = rig_say(r, SW_OP_PUT, 1);
	sw_put_text(&r->b, SW_F_QUEUE, "q");
	sw_put_text(&r->b, SW_F_BODY, "");
	for (int i = 0; i < 1000; i++)
		sw_put_text(&r->b, SW_F_HEADER, i % 2 == 0 ? "a=" : "b=x");
	assert_int_equal(rig_ask(r, 100, SW_OP_PUT, mark, &it), 0);
	mark = rig_say(r, SW_OP_WAIT, 1);
	assert_int_equal(rig_ask(r, 7, SW_OP_WAIT, mark, &it), 1);
	rig_hello(r, 1, "q", 0);
	assert_int_equal(rig_take(r, 1, &token), 1);
	rig_done(r, 1, 1, token, SW_FAIL, SW_C_ERROR);
	assert_true(rig_item(r, 7, SW_OP_WAIT | SW_REPLY, 0, &it));
}

int
main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown_rows)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_with_a_name_are_masked_at_any_level),
		cmocka_unit_test(what_is_no_json_is_not_shown),
		cmocka_unit_test(levels_are_bounded),
		cmocka_unit_test(
			a_text_that_was_shown_is_json_and_hides_nothing_more),
		TEST(get_and_list_show_no_secret_and_the_worker_gets_all),
		TEST(whoever_waits_reads_no_secret_in_body_and_result),
		TEST(a_body_that_is_no_json_is_left_out),
		TEST(no_selector_finds_out_the_value_of_such_a_header),
		TEST(a_job_in_a_dead_letter_queue_is_redacted_as_before),
		TEST(an_answer_says_when_a_part_is_not_shown),
		TEST(so_does_one_without_its_body_or_with_a_part_of_its_result),
		TEST(very_many_empty_headers_do_not_make_an_answer_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
