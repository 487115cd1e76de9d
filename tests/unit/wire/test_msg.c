/* SPDX-License-Identifier: MIT */
/*
 * The codec: every message that was written is read back; all other bytes are
 * refused with their cause.  Frames are in heap blocks of their exact size, so
 * that the sanitizers see any byte read beyond.  SEED= repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/chance.h"
#include "wire/msg.h"

static uint8_t space[SW_BATCH_MAX];
static uint64_t chance;

static uint64_t
any(uint64_t below)
{
	return chance_draw(&chance) % below;
}

static struct sw_buf
fresh(void)
{
	return (struct sw_buf){.p = space, .cap = sizeof(space)};
}

static int
open_copy(const void *frame, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	struct sw_msg m;
	struct sw_item it;
	int err;
	unsigned n = 0;

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, frame, len);
	err = sw_msg_open(bytes_of(copy, len), &m);
	if (err == 0) {
		while (sw_msg_next(&m, &it))
			n++;
		assert_int_equal(n, m.count);
		assert_int_equal(m.items.len, 0);
	}
	free(copy);
	return err;
}

/* A message of one item that holds `n` fields `raw`, taken as they are. */
static int
open_fields(const void *raw, size_t len)
{
	struct sw_buf b = fresh();
	size_t at;

	sw_msg_begin(&b, SW_OP_PUT, 0, 1);
	at = sw_item_begin(&b);
	sw_put_raw(&b, bytes_of(raw, len));
	sw_item_end(&b, at);
	assert_false(b.full);
	return open_copy(b.p, b.len);
}

static const struct sw_id test_id = {{7, 7, 7, 7, 7, 7, 7, 7, 7}};

/* A put of two jobs and a done with a follow-up, in one message. */
static struct sw_buf
sample(void)
{
	struct sw_buf b = fresh();
	size_t at, nest;

	sw_msg_begin(&b, SW_OP_DONE, 0x0102, 0x1122334455667788);
	at = sw_item_begin(&b);
	sw_put_id(&b, &test_id);
	sw_put_int(&b, SW_F_TOKEN, INT64_MIN);
	sw_put_text(&b, SW_F_QUEUE, "email");
	sw_put_bytes(&b, SW_F_BODY, bytes_of("a\0b", 3));
	sw_put_text(&b, SW_F_HEADER, "k=v");
	sw_put_fmt(&b, SW_F_HEADER, "n=%d", 12);
	sw_item_end(&b, at);
	at = sw_item_begin(&b);
	sw_item_end(&b, at);
	at = sw_item_begin(&b);
	nest = sw_nest_begin(&b, SW_F_FOLLOW);
	sw_put_text(&b, SW_F_QUEUE, "next");
	sw_put_bytes(&b, SW_F_BODY, bytes_of("", 0));
	sw_nest_end(&b, nest);
	nest = sw_nest_begin(&b, SW_F_FOLLOW);
	sw_nest_end(&b, nest);
	sw_item_end(&b, at);
	assert_false(b.full);
	return b;
}

static void
the_layout_is_that_of_the_protocol_page(void **state)
{
	static const uint8_t want[] = {0x53, 0x57, 1, 3, 1, 0, 1,
		0,			/* header */
		8, 7, 6, 5, 4, 3, 2, 1, /* seq */
		12, 0, 0, 0,		/* the item's length */
		37, 8, 0, 0,		/* credit, 8 bytes */
		0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct sw_buf b = fresh();
	size_t at;

	(void)state;
	sw_msg_begin(&b, SW_OP_WANT, SW_FLAG_DRY_RUN, 0x0102030405060708);
	at = sw_item_begin(&b);
	sw_put_int(&b, SW_F_CREDIT, -2);
	sw_item_end(&b, at);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.p, want, sizeof(want));
}

static void
what_is_written_is_read_back(void **state)
{
	struct sw_buf b = sample();
	struct sw_id id;
	struct sw_item it, in;
	struct bytes v;
	struct sw_msg m;
	char text[8];
	size_t at = 0;

	(void)state;
	assert_int_equal(sw_msg_open(sw_buf_bytes(&b), &m), 0);
	assert_int_equal(m.op, SW_OP_DONE);
	assert_int_equal(m.flags, 0x0102);
	assert_int_equal(m.count, 3);
	assert_true(m.seq == 0x1122334455667788);

	assert_true(sw_msg_next(&m, &it));
	assert_true(sw_get_id(&it, &id));
	assert_memory_equal(&id, &test_id, sizeof(id));
	assert_true(sw_int(&it, SW_F_TOKEN, 0) == INT64_MIN);
	assert_true(bytes_eq(sw_bytes(&it, SW_F_BODY), bytes_of("a\0b", 3)));
	sw_get_text(&it, SW_F_QUEUE, text, sizeof(text));
	assert_string_equal(text, "email");
	assert_true(sw_item_each(&it, SW_F_HEADER, &at, &v));
	assert_true(bytes_eq(v, bytes_str("k=v")));
	assert_true(sw_item_each(&it, SW_F_HEADER, &at, &v));
	assert_true(bytes_eq(v, bytes_str("n=12")));
	assert_false(sw_item_each(&it, SW_F_HEADER, &at, &v));
	assert_true(bytes_eq(sw_bytes(&it, SW_F_HEADER), bytes_str("k=v")));

	assert_true(sw_msg_next(&m, &it));
	assert_true(it.have == 0);

	assert_true(sw_msg_next(&m, &it));
	at = 0;
	assert_true(sw_item_each(&it, SW_F_FOLLOW, &at, &v));
	assert_int_equal(sw_item_open(v, &in), 0);
	assert_true(sw_has(&in, SW_F_BODY));
	assert_int_equal(sw_bytes(&in, SW_F_BODY).len, 0);
	assert_true(sw_item_each(&it, SW_F_FOLLOW, &at, &v));
	assert_int_equal(sw_item_open(v, &in), 0);
	assert_true(in.have == 0);
	assert_false(sw_msg_next(&m, &it));
}

static void
an_absent_field_reads_as_what_the_caller_says(void **state)
{
	struct sw_item it;
	struct sw_id id = test_id;
	char text[4] = "abc";

	(void)state;
	assert_int_equal(sw_item_open(bytes_of(NULL, 0), &it), 0);
	assert_int_equal(sw_int(&it, SW_F_TOKEN, 42), 42);
	assert_int_equal(sw_bytes(&it, SW_F_BODY).len, 0);
	assert_false(sw_get_id(&it, &id));
	assert_memory_equal(&id, &test_id, sizeof(id));
	sw_get_text(&it, SW_F_QUEUE, text, sizeof(text));
	assert_string_equal(text, "");
}

static void
a_text_is_cut_to_the_room_there_is(void **state)
{
	struct sw_buf b = fresh();
	struct sw_item it;
	char text[4], one[1] = {'x'};

	(void)state;
	sw_put_text(&b, SW_F_QUEUE, "email");
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	sw_get_text(&it, SW_F_QUEUE, text, sizeof(text));
	assert_string_equal(text, "ema");
	sw_get_text(&it, SW_F_QUEUE, one, sizeof(one));
	assert_int_equal(one[0], 0);
}

static void
a_formatted_text_is_cut_at_its_limit(void **state)
{
	struct sw_buf b = fresh();
	struct sw_item it;

	(void)state;
	sw_put_fmt(&b, SW_F_TEXT, "%*d", 3 * SW_TEXT_MAX, 1);
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	assert_int_equal(sw_bytes(&it, SW_F_TEXT).len, SW_TEXT_MAX);
}

static void
a_copy_leaves_out_what_it_is_told_to(void **state)
{
	struct sw_buf b = sample(), to = {.p = malloc(256), .cap = 256};
	struct sw_item it, copy;
	struct sw_msg m;
	struct bytes v;
	size_t at = 0, n = 0;

	(void)state;
	assert_non_null(to.p);
	assert_int_equal(sw_msg_open(sw_buf_bytes(&b), &m), 0);
	assert_true(sw_msg_next(&m, &it));
	sw_copy_without(&to, &it, SW_BIT(SW_F_BODY) | SW_BIT(SW_F_TOKEN));
	assert_int_equal(sw_item_open(sw_buf_bytes(&to), &copy), 0);
	assert_true(copy.have ==
		    (it.have & ~(SW_BIT(SW_F_BODY) | SW_BIT(SW_F_TOKEN))));
	while (sw_item_each(&copy, SW_F_HEADER, &at, &v))
		n++;
	assert_int_equal(n, 2);
	free(to.p);
}

static void
a_frame_that_is_no_message_is_refused(void **state)
{
	struct sw_buf b = sample();

	(void)state;
	assert_int_equal(open_copy("", 0), SW_EINVAL);
	for (size_t n = 0; n < SW_HEADER_LEN; n++)
		assert_int_equal(open_copy(b.p, n), SW_EINVAL);
	b.p[0] ^= 1;
	assert_int_equal(open_copy(b.p, b.len), SW_EINVAL);
	b.p[0] ^= 1;
	b.p[1] ^= 1;
	assert_int_equal(open_copy(b.p, b.len), SW_EINVAL);
}

static void
another_version_is_refused_with_what_an_answer_needs(void **state)
{
	struct sw_buf b = sample();
	struct sw_msg m;

	(void)state;
	for (int v = 0; v < 256; v++) {
		b.p[2] = (uint8_t)v;
		memset(&m, 0, sizeof(m));
		assert_int_equal(sw_msg_open(sw_buf_bytes(&b), &m),
			v == SW_VERSION ? 0 : SW_EVERSION);
		assert_int_equal(m.op, SW_OP_DONE);
		assert_true(m.seq == 0x1122334455667788);
	}
}

static void
the_count_of_items_must_be_true_and_at_most_100(void **state)
{
	struct sw_buf b = fresh();

	(void)state;
	sw_msg_begin(&b, SW_OP_PUT, 0, 1);
	for (int i = 0; i <= SW_ITEMS_MAX; i++) {
		assert_int_equal(open_copy(b.p, b.len), 0);
		b.p[6]++;
		assert_int_equal(open_copy(b.p, b.len),
			i < SW_ITEMS_MAX ? SW_EINVAL : SW_ETOOBIG);
		b.p[6] -= 2;
		if (i > 0)
			assert_int_equal(open_copy(b.p, b.len), SW_EINVAL);
		b.p[6]++;
		sw_item_end(&b, sw_item_begin(&b));
	}
	assert_int_equal(open_copy(b.p, b.len), SW_ETOOBIG);
	memset(b.p + 6, 0xff, 2);
	assert_int_equal(open_copy(b.p, b.len), SW_ETOOBIG);
}

static void
an_unknown_tag_is_refused(void **state)
{
	uint8_t field[4 + 8] = {0, 8, 0, 0};

	(void)state;
	for (int tag = 0; tag < 256; tag++) {
		int known = tag < SW_TAGS && sw_field_rules[tag].name != NULL;

		field[0] = (uint8_t)tag;
		if (!known)
			assert_int_equal(
				open_fields(field, sizeof(field)), SW_EINVAL);
	}
}

/* Every field at its limit, one beyond, and numbers of any wrong size. */
static void
a_value_must_have_its_size(void **state)
{
	uint8_t *value = calloc(1, SW_BATCH_MAX);
	struct sw_buf b;
	struct sw_item it;

	(void)state;
	assert_non_null(value);
	memset(value, 'x', SW_BATCH_MAX);
	for (unsigned tag = 1; tag < SW_TAGS; tag++) {
		const struct sw_field_rule *r = &sw_field_rules[tag];
		int sized = r->type == SW_T_INT || r->type == SW_T_ID;

		if (r->name == NULL || r->longest >= SW_BATCH_MAX)
			continue;
		for (unsigned len = sized ? 0 : r->longest - 1;
			len <= r->longest + 1; len++) {
			int bad = sized		      ? SW_EINVAL
				  : tag == SW_F_QUEUE ? SW_EQUEUE
						      : SW_ETOOBIG;
			int want = len == r->longest ||
						   (len < r->longest && !sized)
					   ? 0
					   : bad;

			b = fresh();
			sw_put_bytes(
				&b, (enum sw_tag)tag, bytes_of(value, len));
			assert_int_equal(
				sw_item_open(sw_buf_bytes(&b), &it), want);
		}
	}
	free(value);
}

static void
a_text_with_a_nul_is_refused(void **state)
{
	struct sw_buf b;
	struct sw_item it;

	(void)state;
	for (unsigned tag = 1; tag < SW_TAGS; tag++) {
		const struct sw_field_rule *r = &sw_field_rules[tag];

		if (r->type != SW_T_TEXT && r->type != SW_T_BYTES)
			continue;
		b = fresh();
		sw_put_bytes(&b, (enum sw_tag)tag, bytes_of("a\0b", 3));
		assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it),
			r->type == SW_T_TEXT ? SW_EINVAL : 0);
	}
}

static void
a_field_stands_once_unless_its_rule_says_many(void **state)
{
	uint8_t value[SW_ID_LEN] = "xxxxxxxxxxxxxxx";
	struct sw_buf b;
	struct sw_item it;

	(void)state;
	for (unsigned tag = 1; tag < SW_TAGS; tag++) {
		const struct sw_field_rule *r = &sw_field_rules[tag];
		size_t len = r->type == SW_T_INT  ? 8
			     : r->type == SW_T_ID ? SW_ID_LEN
						  : 3;

		if (r->name == NULL)
			continue;
		b = fresh();
		sw_put_bytes(&b, (enum sw_tag)tag, bytes_of(value, len));
		sw_put_bytes(&b, (enum sw_tag)tag, bytes_of(value, len));
		assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it),
			r->many ? 0 : SW_EINVAL);
	}
}

static void
a_length_beyond_the_end_is_refused(void **state)
{
	static const uint8_t field[] = {SW_F_BODY, 2, 0, 0, 'x'};
	static const uint8_t huge[] = {SW_F_BODY, 0xff, 0xff, 0xff, 'x'};
	struct sw_buf b = fresh();
	size_t at;

	(void)state;
	assert_int_equal(open_fields(field, sizeof(field)), SW_EINVAL);
	assert_int_equal(open_fields(huge, sizeof(huge)), SW_EINVAL);
	for (size_t n = 1; n < 4; n++)
		assert_int_equal(open_fields(field, n), SW_EINVAL);

	sw_msg_begin(&b, SW_OP_PUT, 0, 1);
	at = sw_item_begin(&b);
	sw_item_end(&b, at);
	le_set(b.p + at - 4, 4, 1);
	assert_int_equal(open_copy(b.p, b.len), SW_EINVAL);
	le_set(b.p + at - 4, 4, UINT32_MAX);
	assert_int_equal(open_copy(b.p, b.len), SW_EINVAL);
}

static void
bytes_after_the_last_item_are_refused(void **state)
{
	struct sw_buf b = sample();

	(void)state;
	b.p[b.len] = 0;
	assert_int_equal(open_copy(b.p, b.len + 1), SW_EINVAL);
	memset(b.p + b.len, 0, 4); /* an empty item that is not counted */
	assert_int_equal(open_copy(b.p, b.len + 4), SW_EINVAL);
}

static void
a_message_cut_at_any_byte_is_refused(void **state)
{
	struct sw_buf b = sample();

	(void)state;
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(open_copy(b.p, n), SW_EINVAL);
	assert_int_equal(open_copy(b.p, b.len), 0);
}

static void
a_message_that_does_not_fit_is_not_overrun(void **state)
{
	struct sw_buf whole = sample(), b;
	uint8_t *copy = malloc(whole.len);
	struct sw_item it;
	struct sw_msg m;
	size_t at, nest;

	(void)state;
	assert_non_null(copy);
	memcpy(copy, whole.p, whole.len);
	for (size_t cap = 0; cap < 100; cap++) {
		b = (struct sw_buf){.p = malloc(cap > 0 ? cap : 1), .cap = cap};
		assert_non_null(b.p);
		sw_msg_begin(&b, SW_OP_PUT, 0, 1);
		at = sw_item_begin(&b);
		sw_put_text(&b, SW_F_QUEUE, "email");
		nest = sw_nest_begin(&b, SW_F_FOLLOW);
		sw_put_fmt(&b, SW_F_HEADER, "%d=%d", 100, 200);
		sw_nest_end(&b, nest);
		sw_put_raw(&b, bytes_of(copy + 20, 20)); /* the id */
		sw_item_end(&b, at);
		assert_true(b.len <= cap);
		assert_int_equal(b.full, cap < 16 + 4 + 9 + 4 + 11 + 20);
		if (!b.full) {
			assert_int_equal(sw_msg_open(sw_buf_bytes(&b), &m), 0);
			assert_true(sw_msg_next(&m, &it));
		}
		free(b.p);
	}
	free(copy);
}

/* Encodes a message that opened again: the bytes must be the same. */
static void
expect_same_again(const uint8_t *frame, size_t len)
{
	uint8_t *back = malloc(len);
	struct sw_buf b = {.p = back, .cap = len};
	struct sw_item it;
	struct sw_msg m;

	assert_non_null(back);
	assert_int_equal(sw_msg_open(bytes_of(frame, len), &m), 0);
	sw_msg_begin(&b, m.op, m.flags, m.seq);
	while (sw_msg_next(&m, &it)) {
		size_t at = sw_item_begin(&b);

		sw_copy_without(&b, &it, 0);
		sw_item_end(&b, at);
	}
	assert_false(b.full);
	assert_int_equal(b.len, len);
	assert_memory_equal(b.p, frame, len);
	free(back);
}

static void
random_changes_give_an_error_or_a_message(void **state)
{
	uint8_t bad[512];
	size_t opened = 0, refused = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct sw_buf b = sample();
		size_t len = b.len;
		int err;

		assert_true(len <= sizeof(bad));
		memcpy(bad, b.p, len);
		for (uint64_t n = 1 + any(4); n > 0; n--)
			bad[any(len)] = (uint8_t)any(256);
		if (any(4) == 0)
			len -= any(len);
		err = open_copy(bad, len);
		if (err == 0)
			expect_same_again(bad, len);
		else
			assert_true(err == SW_EINVAL || err == SW_ETOOBIG ||
				    err == SW_EVERSION || err == SW_EQUEUE);
		*(err == 0 ? &opened : &refused) += 1;
	}
	assert_true(opened > 1000 && refused > 1000);
}

static void
random_item_put(struct sw_buf *b)
{
	static uint8_t value[SW_TEXT_MAX];
	size_t at = sw_item_begin(b);

	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (uint8_t)('a' + i % 26);
	for (uint64_t tag = any(8); tag < SW_TAGS; tag += 1 + any(16)) {
		const struct sw_field_rule *r = &sw_field_rules[tag];
		size_t len = r->longest < sizeof(value) ? r->longest
							: sizeof(value);

		if (r->name == NULL)
			continue;
		if (r->type > SW_T_ID)
			len = any(len + 1);
		sw_put_bytes(b, (enum sw_tag)tag, bytes_of(value, len));
	}
	sw_item_end(b, at);
}

/* Encodes and decodes fields of any legal size in any order. */
static void
random_messages_survive_the_round_trip(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct sw_buf b = fresh();

		sw_msg_begin(&b, (int)any(256), (unsigned)any(65536),
			any(1ULL << 53));
		for (uint64_t n = any(SW_ITEMS_MAX + 1); n > 0; n--)
			random_item_put(&b);
		assert_false(b.full);
		assert_int_equal(open_copy(b.p, b.len), 0);
		expect_same_again(b.p, b.len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_layout_is_that_of_the_protocol_page),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(an_absent_field_reads_as_what_the_caller_says),
		cmocka_unit_test(a_text_is_cut_to_the_room_there_is),
		cmocka_unit_test(a_formatted_text_is_cut_at_its_limit),
		cmocka_unit_test(a_copy_leaves_out_what_it_is_told_to),
		cmocka_unit_test(a_frame_that_is_no_message_is_refused),
		cmocka_unit_test(
			another_version_is_refused_with_what_an_answer_needs),
		cmocka_unit_test(
			the_count_of_items_must_be_true_and_at_most_100),
		cmocka_unit_test(an_unknown_tag_is_refused),
		cmocka_unit_test(a_value_must_have_its_size),
		cmocka_unit_test(a_text_with_a_nul_is_refused),
		cmocka_unit_test(a_field_stands_once_unless_its_rule_says_many),
		cmocka_unit_test(a_length_beyond_the_end_is_refused),
		cmocka_unit_test(bytes_after_the_last_item_are_refused),
		cmocka_unit_test(a_message_cut_at_any_byte_is_refused),
		cmocka_unit_test(a_message_that_does_not_fit_is_not_overrun),
		cmocka_unit_test(random_changes_give_an_error_or_a_message),
		cmocka_unit_test(random_messages_survive_the_round_trip),
	};

	chance = chance_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
