/* SPDX-License-Identifier: MIT */
/* The protocol's names, and the numbers and errors that may never change. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "link/endpoint.h"
#include "wire/field.h"
#include "wire/proto.h"

struct word {
	int num;
	const char *name;
};

/* Fails unless numbers and names are each used once. */
static void
expect_distinct(const struct word *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(w[i].num, w[j].num);
			assert_string_not_equal(w[i].name, w[j].name);
		}
}

static void
expect_names(const struct word *w, size_t n, const char *(*name)(int))
{
	expect_distinct(w, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(name(w[i].num), w[i].name);
	assert_string_equal(name(-1), "?");
	assert_string_equal(name(9999), "?");
}

#define WORD(sym, num, name) {num, name},
#define EXPECT_NAMES(MAP, function)                                            \
	do {                                                                   \
		static const struct word words[] = {MAP(WORD)};                \
		expect_names(                                                  \
			words, sizeof(words) / sizeof(words[0]), function);    \
	} while (0)

static void
every_number_has_one_name_and_every_name_one_number(void **state)
{
	(void)state;
	EXPECT_NAMES(SW_OP_MAP, sw_op_name);
	EXPECT_NAMES(SW_STATE_MAP, sw_state_name);
	EXPECT_NAMES(SW_OUTCOME_MAP, sw_outcome_name);
	EXPECT_NAMES(SW_CAUSE_MAP, sw_cause_name);
	EXPECT_NAMES(SW_EVENT_MAP, sw_event_name);
}

static void
every_operation_leaves_room_for_the_reply_bit(void **state)
{
	(void)state;
#define X(sym, num, name) assert_in_range(num, 1, SW_REPLY - 1);
	SW_OP_MAP(X)
#undef X
}

#define FIELD_WORD(sym, tag, name, type, many, longest, least, most, where)    \
	{tag, name},

static void
every_field_has_a_rule_that_its_type_allows(void **state)
{
	static const struct word words[] = {SW_FIELD_MAP(FIELD_WORD)};

	(void)state;
	expect_distinct(words, sizeof(words) / sizeof(words[0]));
	assert_null(sw_field_rules[0].name); /* tag 0 is not used */
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const struct sw_field_rule *r = &sw_field_rules[words[i].num];

		assert_in_range(words[i].num, 1, SW_TAGS - 1);
		assert_string_equal(r->name, words[i].name);
		assert_true(r->type != SW_T_NONE && r->longest > 0);
		assert_true(r->longest < 1u << 24); /* a length has 24 bits */
		if (r->type == SW_T_INT)
			assert_int_equal(r->longest, 8);
		if (r->type == SW_T_ID)
			assert_int_equal(r->longest, SW_ID_LEN);
		assert_true(r->type == SW_T_INT ? r->least < r->most
						: r->least == r->most);
	}
}

/* Numbers in stored records and foreign clients: a few pin all others. */
static void
numbers_are_never_renumbered(void **state)
{
	(void)state;
	assert_int_equal(SW_MAGIC, 0x5753);
	assert_int_equal(SW_VERSION, 1);
	assert_int_equal(SW_OP_PUT, 1);
	assert_int_equal(SW_OP_BYE, 17);
	assert_int_equal(SW_OP_QUEUE_DELETE, 18);
	assert_int_equal(SW_OP_ERROR | SW_REPLY, 255);
	assert_int_equal(SW_F_ID, 1);
	assert_int_equal(SW_F_TOKEN, 18);
	assert_int_equal(SW_F_DURATION_MS, 54);
	assert_int_equal(SW_CANCELLED, 6);
	assert_int_equal(SW_STOPPED, 5);
	assert_int_equal(SW_C_CORRUPT, 10);
	assert_int_equal(SW_EV_DONE, 7);
	assert_int_equal(SW_ENOJOB, -5001);
	assert_int_equal(SW_ENOQUEUE, -5024);
	assert_int_equal(SW_ECONFLICT, -5025);
	assert_int_equal(SW_EWAITS, -5028);
}

static void
states_are_read_back_by_name(void **state)
{
	(void)state;
	for (int s = SW_DELAYED; s < SW_STATES; s++)
		assert_int_equal(sw_state_parse(sw_state_name(s)), s);
	assert_int_equal(sw_state_parse("none"), SW_NONE);
	assert_int_equal(sw_state_parse(""), SW_NONE);
	assert_int_equal(sw_state_parse("Dead"), SW_NONE);
	assert_int_equal(sw_state_parse("?"), SW_NONE);
}

static void
a_queue_name_is_1_to_63_of_its_alphabet(void **state)
{
	char name[SW_QUEUE_MAX + 2];

	(void)state;
	memset(name, 'q', sizeof(name));
	assert_int_equal(sw_queue_check(name, 0), SW_EQUEUE);
	assert_int_equal(sw_queue_check(name, 1), 0);
	assert_int_equal(sw_queue_check(name, SW_QUEUE_MAX), 0);
	assert_int_equal(sw_queue_check(name, SW_QUEUE_MAX + 1), SW_EQUEUE);
	for (int c = 0; c < 256; c++) {
		int ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			 c == '_' || c == '-';

		name[1] = (char)c;
		assert_int_equal(sw_queue_check(name, 3), ok ? 0 : SW_EQUEUE);
	}
}

struct error_row {
	int num;
	const char *name, *text;
};

static void
every_error_has_a_name_and_a_text_of_its_own(void **state)
{
#define X(name, num, text) {num, #name, text},
	static const struct error_row rows[] = {SW_ERR_MAP(X)};
#undef X
	size_t n = sizeof(rows) / sizeof(rows[0]);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_true(rows[i].num <= -5001);
		assert_string_equal(sw_errname(rows[i].num), rows[i].name);
		assert_string_equal(sw_strerror(rows[i].num), rows[i].text);
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(rows[i].num, rows[j].num);
			assert_string_not_equal(rows[i].text, rows[j].text);
		}
	}
}

static void
any_number_has_an_error_text(void **state)
{
	(void)state;
	assert_string_equal(sw_strerror(0), "OK");
	assert_string_equal(sw_errname(0), "OK");
	assert_string_equal(sw_strerror(-ENOENT), "No such file or directory");
	assert_string_equal(sw_errname(-ENOENT), "errno");
	assert_string_equal(sw_strerror(-9999), "unknown error");
	assert_string_equal(sw_strerror(INT32_MIN), "unknown error");
	assert_non_null(sw_strerror(INT32_MAX));
}

static void
the_default_endpoint_follows_the_environment(void **state)
{
	char buf[64], small[24];
	int root = geteuid() == 0;

	(void)state;
	assert_int_equal(setenv("RUNTIME_DIRECTORY", "/run/here", 1), 0);
	assert_int_equal(sw_endpoint_default(buf, sizeof(buf)), 0);
	assert_string_equal(buf, "ipc:///run/here/broker.sock");
	assert_int_equal(
		sw_endpoint_default(small, sizeof(small)), -ENAMETOOLONG);

	assert_int_equal(unsetenv("RUNTIME_DIRECTORY"), 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/7", 1), 0);
	if (root) { /* it has one place */
		assert_int_equal(sw_endpoint_default(buf, sizeof(buf)), 0);
		assert_string_equal(buf, "ipc:///run/spillway/broker.sock");
		assert_int_equal(seteuid(65534), 0);
	}
	assert_int_equal(sw_endpoint_default(buf, sizeof(buf)), 0);
	assert_string_equal(buf, "ipc:///run/user/7/spillway/broker.sock");
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	assert_int_equal(sw_endpoint_default(buf, sizeof(buf)), -ENOENT);
	if (root)
		assert_int_equal(seteuid(0), 0);
}

static void
what_is_no_socket_cannot_be_set_like_one(void **state)
{
	(void)state;
	assert_int_equal(sw_socket_set(NULL), -ENOTSOCK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_number_has_one_name_and_every_name_one_number),
		cmocka_unit_test(every_operation_leaves_room_for_the_reply_bit),
		cmocka_unit_test(every_field_has_a_rule_that_its_type_allows),
		cmocka_unit_test(numbers_are_never_renumbered),
		cmocka_unit_test(states_are_read_back_by_name),
		cmocka_unit_test(a_queue_name_is_1_to_63_of_its_alphabet),
		cmocka_unit_test(every_error_has_a_name_and_a_text_of_its_own),
		cmocka_unit_test(any_number_has_an_error_text),
		cmocka_unit_test(the_default_endpoint_follows_the_environment),
		cmocka_unit_test(what_is_no_socket_cannot_be_set_like_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
