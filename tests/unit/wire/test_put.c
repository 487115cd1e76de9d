/* SPDX-License-Identifier: MIT */
/*
 * The check of a put.  Every field at its bounds and one beyond: the library
 * before it sends, the broker's core at a put and the core at a follow-up
 * give the same error in the same words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/put.h"

/* --- every field -------------------------------------------------------- */

/*
 * A job with one field like this: a number, a text (`text`), or `len` bytes
 * of filler behind it.  NULL: absent.
 */
struct row {
	enum sw_tag tag;
	int64_t number;
	const char *text;
	size_t len;
	int err;
	const char *why; /* the error line of broker and library */
};

#define YEAR	31622400000
#define TIME_99 253402300799999

static const struct row numbers[] = {
	{SW_F_PRIORITY, -1, 0, 0, SW_EINVAL, "priority must be 0 to 9, not -1"},
	{SW_F_PRIORITY, 0, 0, 0, 0, ""},
	{SW_F_PRIORITY, 9, 0, 0, 0, ""},
	{SW_F_PRIORITY, 10, 0, 0, SW_EINVAL, "priority must be 0 to 9, not 10"},
	{SW_F_PRIORITY, 12, 0, 0, SW_EINVAL, "priority must be 0 to 9, not 12"},
	{SW_F_DELAY_MS, -1, 0, 0, SW_EINVAL,
		"delay_ms must be 0 to 31622400000, not -1"},
	{SW_F_DELAY_MS, 0, 0, 0, 0, ""},
	{SW_F_DELAY_MS, YEAR, 0, 0, 0, ""},
	{SW_F_DELAY_MS, YEAR + 1, 0, 0, SW_EINVAL,
		"delay_ms must be 0 to 31622400000, not 31622400001"},
	{SW_F_RUN_AT_MS, -1, 0, 0, SW_EINVAL,
		"run_at_ms must be 0 to 253402300799999, not -1"},
	{SW_F_RUN_AT_MS, 0, 0, 0, 0, ""},
	{SW_F_RUN_AT_MS, TIME_99, 0, 0, 0, ""},
	{SW_F_RUN_AT_MS, TIME_99 + 1, 0, 0, SW_EINVAL,
		"run_at_ms must be 0 to 253402300799999, not 253402300800000"},
	{SW_F_RUN_AT_MS, INT64_MAX, 0, 0, SW_EINVAL,
		"run_at_ms must be 0 to 253402300799999, "
		"not 9223372036854775807"},
	{SW_F_EXPIRES_AT_MS, 0, 0, 0, SW_EINVAL,
		"expires_at_ms must be 1 to 253402300799999, not 0"},
	{SW_F_EXPIRES_AT_MS, 1, 0, 0, 0, ""},
	{SW_F_EXPIRES_AT_MS, TIME_99, 0, 0, 0, ""},
	{SW_F_EXPIRES_AT_MS, TIME_99 + 1, 0, 0, SW_EINVAL,
		"expires_at_ms must be 1 to 253402300799999, "
		"not 253402300800000"},
	{SW_F_UNIQUE_ALSO, -1, 0, 0, SW_EINVAL,
		"unique_also must be 0 to 3, not -1"},
	{SW_F_UNIQUE_ALSO, 0, 0, 0, 0, ""},
	{SW_F_UNIQUE_ALSO, 3, 0, 0, 0, ""},
	{SW_F_UNIQUE_ALSO, 4, 0, 0, SW_EINVAL,
		"unique_also must be 0 to 3, not 4"},
	{SW_F_MAX_ATTEMPTS, 0, 0, 0, SW_EINVAL,
		"max_attempts must be 1 to 1000, not 0"},
	{SW_F_MAX_ATTEMPTS, 1, 0, 0, 0, ""},
	{SW_F_MAX_ATTEMPTS, 1000, 0, 0, 0, ""},
	{SW_F_MAX_ATTEMPTS, 1001, 0, 0, SW_EINVAL,
		"max_attempts must be 1 to 1000, not 1001"},
	{SW_F_TIMEOUT_MS, 0, 0, 0, SW_EINVAL,
		"timeout_ms must be 1 to 31622400000, not 0"},
	{SW_F_TIMEOUT_MS, 1, 0, 0, 0, ""},
	{SW_F_TIMEOUT_MS, YEAR, 0, 0, 0, ""},
	{SW_F_TIMEOUT_MS, YEAR + 1, 0, 0, SW_EINVAL,
		"timeout_ms must be 1 to 31622400000, not 31622400001"},
};

#define K64 "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"

static const struct row texts[] = {
	{SW_F_QUEUE, 0, "", 0, SW_EQUEUE,
		"queue must be 1 to 63 of [a-z0-9_-], not \"\""},
	{SW_F_QUEUE, 0, "q", 0, 0, ""},
	{SW_F_QUEUE, 0, "", 63, 0, ""},
	{SW_F_QUEUE, 0, "", 64, SW_EQUEUE,
		"queue must be 1 to 63 of [a-z0-9_-], not \"" K64 "\""},
	{SW_F_QUEUE, 0, "", 1000, SW_EQUEUE,
		"queue must be 1 to 63 of [a-z0-9_-], not \"" K64 "\""},
	{SW_F_QUEUE, 0, "a b", 0, SW_EQUEUE,
		"queue must be 1 to 63 of [a-z0-9_-], not \"a b\""},
	{SW_F_QUEUE, 0, "a\n\033[1m\xff", 0, SW_EQUEUE,
		"queue must be 1 to 63 of [a-z0-9_-], not \"a??[1m?\""},
	{SW_F_BODY, 0, "", 0, 0, ""},
	{SW_F_BODY, 0, "", SW_BODY_MAX, 0, ""},
	{SW_F_BODY, 0, "", SW_BODY_MAX + 1, SW_ETOOBIG,
		"body must be at most 131072 bytes, not 131073"},
	{SW_F_UNIQUE, 0, "", 0, 0, ""},
	{SW_F_UNIQUE, 0, "\xff", 0, 0, ""}, /* bytes, not text */
	{SW_F_UNIQUE, 0, "", 255, 0, ""},
	{SW_F_UNIQUE, 0, "", 256, SW_ETOOBIG,
		"unique must be at most 255 bytes, not 256"},
	{SW_F_FAIR, 0, "", 0, 0, ""},
	{SW_F_FAIR, 0, "h\xc3\xb6he", 0, 0, ""},
	{SW_F_FAIR, 0, "", 63, 0, ""},
	{SW_F_FAIR, 0, "", 64, SW_ETOOBIG,
		"fair must be at most 63 bytes, not 64"},
	{SW_F_FAIR, 0, "h\xf6he", 0, SW_EINVAL,
		"fair must be UTF-8, not \"h?he\""},
	{SW_F_CONTENT_TYPE, 0, "", 127, 0, ""},
	{SW_F_CONTENT_TYPE, 0, "", 128, SW_ETOOBIG,
		"content_type must be at most 127 bytes, not 128"},
	{SW_F_CONTENT_TYPE, 0, "\xc0\xaf", 0, SW_EINVAL,
		"content_type must be UTF-8, not \"??\""},
	{SW_F_HEADER, 0, "a=", 0, 0, ""},
	{SW_F_HEADER, 0, "a=", 4094, 0, ""},
	{SW_F_HEADER, 0, "a=", 4095, SW_ETOOBIG,
		"headers must be at most 4096 bytes, not 4097"},
	{SW_F_HEADER, 0, "=x", 0, SW_EINVAL,
		"headers must be name=value, not \"=x\""},
	{SW_F_HEADER, 0, "", 0, SW_EINVAL,
		"headers must be name=value, not \"\""},
	{SW_F_HEADER, 0, "x", 0, SW_EINVAL,
		"headers must be name=value, not \"x\""},
	{SW_F_HEADER, 0, "a=h\xf6he", 0, SW_EINVAL,
		"headers must be UTF-8, not \"a=h?he\""},
	{SW_F_HEADER, 0, "h\xc3\xb6he=\xe2\x82\xac", 0, 0, ""},
};

enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };
enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };

/* The text of a row, static. */
static const char *
text_of(const struct put_rig *w, const struct row *row)
{
	static char text[LONG + 1];

	(void)snprintf(text, sizeof(text), "%s%.*s", row->text, (int)row->len,
		w->filler);
	return text;
}

/* An item with id, queue and body, and the row's field in their place. */
static struct bytes
row_item(struct put_rig *w, const struct row *row)
{
	static uint8_t room[2 * LONG];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_id id = rig_id(++w->n);

	sw_put_id(&b, &id);
	if (row->tag != SW_F_QUEUE)
		sw_put_text(&b, SW_F_QUEUE, "q");
	if (row->tag != SW_F_BODY)
		sw_put_text(&b, SW_F_BODY, "x");
	if (row->text != NULL)
		sw_put_text(&b, row->tag, text_of(w, row));
	else
		sw_put_int(&b, row->tag, row->number);
	assert_false(b.full);
	return sw_buf_bytes(&b);
}

/* Sets the member that is the row's field; 0: struct sw_job has no such value.
 */
static int
row_job(struct put_rig *w, const struct row *row, struct sw_job *job)
{
	static const char *headers[2];
	const char *text = row->text != NULL ? text_of(w, row) : NULL;
	int is_unset = row->number == 0 && row->tag != SW_F_PRIORITY;

	*job = (struct sw_job){.queue = "q", .body = "x", .body_len = 1};
	switch ((int)row->tag) {
	case SW_F_PRIORITY:
		job->priority = (int)row->number;
		if (row->number == 0)
			job->priority = SW_PRIORITY_LOWEST;
		return row->number != SW_PRIORITY_LOWEST;
	case SW_F_DELAY_MS:
		job->delay_ms = row->number;
		return !is_unset;
	case SW_F_RUN_AT_MS:
		job->run_at_ms = row->number;
		return !is_unset;
	case SW_F_EXPIRES_AT_MS:
		job->expires_at_ms = row->number;
		return !is_unset;
	case SW_F_UNIQUE_ALSO:
		job->unique_also = (int)row->number;
		return !is_unset;
	case SW_F_MAX_ATTEMPTS:
		job->max_attempts = (int)row->number;
		return !is_unset;
	case SW_F_TIMEOUT_MS:
		job->timeout_ms = row->number;
		return !is_unset;
	case SW_F_QUEUE:
		job->queue = text;
		return 1;
	case SW_F_BODY:
		job->body = text;
		job->body_len = strlen(text);
		return 1;
	case SW_F_UNIQUE:
		job->unique = text;
		return 1;
	case SW_F_FAIR:
		job->fair = text;
		return 1;
	case SW_F_CONTENT_TYPE:
		job->content_type = text;
		return 1;
	case SW_F_HEADER:
		headers[0] = text;
		job->headers = headers;
		return 1;
	default:
		return 0;
	}
}

static void
expect_row(struct put_rig *w, const struct row *row)
{
	struct sw_job job;

	put_expect(put_core_says(w, row_item(w, row)), row->err, row->why);
	put_expect(put_follow_says(w, row_item(w, row)), row->err, row->why);
	if (row_job(w, row, &job))
		put_expect(put_library_says(w, job), row->err, row->why);
}

static void
every_field_has_its_bounds_in_the_library_and_in_the_broker(void **state)
{
	struct put_rig *w = *state;
	uint64_t seen = SW_BIT(SW_F_ID); /* has a test of its own */

	for (int i = 0; i < NUMBERS + TEXTS; i++) {
		const struct row *row = i < NUMBERS ? &numbers[i]
						    : &texts[i - NUMBERS];

		seen |= SW_BIT(row->tag);
		expect_row(w, row);
	}
	for (int tag = 0; tag < SW_TAGS; tag++)
		assert_int_equal((int)(seen >> tag & 1),
			sw_field_rules[tag].name != NULL &&
				sw_field_rules[tag].where != SW_PUT_NOT);
}

/* least - 1, least, most, most + 1 and the longest are in the rows above. */
static void
the_rows_stand_at_the_bounds_of_the_table(void **state)
{
	(void)state;
	for (int tag = 1; tag < SW_TAGS; tag++) {
		const struct sw_field_rule *r = &sw_field_rules[tag];
		unsigned found = 0;

		if (r->name == NULL || r->where == SW_PUT_NOT ||
			r->type == SW_T_ID)
			continue;
		for (int i = 0; r->type == SW_T_INT && i < NUMBERS; i++)
			if ((int)numbers[i].tag == tag)
				found |= numbers[i].number == r->least - 1  ? 1u
					 : numbers[i].number == r->least    ? 2u
					 : numbers[i].number == r->most	    ? 4u
					 : numbers[i].number == r->most + 1 ? 8u
									    : 0;
		for (int i = 0; r->type != SW_T_INT && i < TEXTS; i++) {
			size_t len = strlen(texts[i].text) + texts[i].len;

			if ((int)texts[i].tag == tag)
				found |= len == r->longest	 ? 3u
					 : len == r->longest + 1 ? 12u
								 : 0;
		}
		assert_int_equal(found, 15);
	}
}

/* --- what only an item can have ----------------------------------------- */

/* An item of id, queue and body but for `without`, and one field more. */
static struct bytes
odd_item(struct put_rig *w, enum sw_tag without, enum sw_tag more,
	struct bytes value)
{
	static uint8_t room[1024];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_id id = rig_id(++w->n);

	if (without != SW_F_ID)
		sw_put_id(&b, &id);
	if (without != SW_F_QUEUE)
		sw_put_text(&b, SW_F_QUEUE, "q");
	if (without != SW_F_BODY)
		sw_put_text(&b, SW_F_BODY, "x");
	if ((int)more != 0)
		sw_put_bytes(&b, more, value);
	return sw_buf_bytes(&b);
}

static void
what_no_struct_can_say_is_refused_with_its_field(void **state)
{
	static const uint8_t zeroes[16];
	static const struct {
		enum sw_tag without, more;
		size_t len;
		const char *why;
	} odd[] = {
		{SW_F_ID, 0, 0, "id is missing"},
		{SW_F_QUEUE, 0, 0, "queue is missing"},
		{SW_F_BODY, 0, 0, "body is missing"},
		{SW_F_ID, SW_F_ID, 16, "id must not be nil"},
		{SW_F_ID, SW_F_ID, 15, "id must be 16 bytes, not 15"},
		{0, SW_F_PRIORITY, 7, "priority must be 8 bytes, not 7"},
		{0, SW_F_FAIR, 3, "fair must not have a NUL"},
		{0, SW_F_BODY, 1, "body must stand once"},
		{0, SW_F_TOKEN, 8, "token is not a field of a put"},
		{0, SW_F_STATE, 8, "state is not a field of a put"},
		{0, SW_F_EVENT, 0, "events is not a field of a put"},
		{0, 63, 8, "field 63 is unknown"},
	};
	struct put_rig *w = *state;

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		for (int follow = 0; follow <= 1; follow++)
			put_expect(
				(follow ? put_follow_says : put_core_says)(w,
					odd_item(w, odd[i].without, odd[i].more,
						bytes_of(zeroes, odd[i].len))),
				SW_EINVAL, odd[i].why);
}

static void
no_field_but_those_of_a_put_may_be_put(void **state)
{
	static const uint8_t zeroes[16];
	struct put_rig *w = *state;
	char why[SW_WHY_ROOM];

	for (int tag = 1; tag < SW_TAGS; tag++) {
		const struct sw_field_rule *r = &sw_field_rules[tag];
		size_t len = r->type == SW_T_INT ? 8 : 0;

		if (r->name == NULL || r->where != SW_PUT_NOT)
			continue;
		(void)snprintf(why, sizeof(why), "%s is not a field of a put",
			r->name);
		put_expect(put_core_says(w,
				   odd_item(w, (enum sw_tag)0, (enum sw_tag)tag,
					   bytes_of(zeroes, len))),
			SW_EINVAL, why);
	}
}

/* --- rules that span fields --------------------------------------------- */

static void
expect_job(struct put_rig *w, struct sw_job job, int err, const char *why)
{
	put_expect(put_library_says(w, job), err, why);
	put_expect(put_core_says(w, put_item_of(w, &job)), err, why);
	put_expect(put_follow_says(w, put_item_of(w, &job)), err, why);
}

static void
a_delay_and_a_time_exclude_each_other(void **state)
{
	struct sw_job job = {.queue = "q", .delay_ms = 1, .run_at_ms = 1};

	expect_job(*state, job, SW_EINVAL,
		"delay_ms and run_at_ms exclude each other");
}

static void
all_headers_together_have_a_limit(void **state)
{
	static char h[3][2048];
	static const char *const two[] = {h[0], h[1], NULL};
	static const char *const three[] = {h[0], h[1], h[2], NULL};
	struct sw_job job = {.queue = "q", .headers = two};

	for (int i = 0; i < 2; i++) {
		memset(h[i], 'h', sizeof(h[i]) - 1);
		h[i][1] = '=';
	}
	(void)strcpy(h[2], "a=");
	expect_job(*state, job, 0, "");
	h[2][2] = 'b';
	job.headers = three;
	expect_job(*state, job, SW_ETOOBIG,
		"headers must be at most 4096 bytes in all, not 4097");
}

/* -EAGAIN would wrongly promise room for these headers later. */
static void
headers_that_no_message_could_hold_are_too_large(void **state)
{
	enum { MANY = SW_BATCH_MAX / 4 };
	struct put_rig *w = *state;
	const char **headers = calloc(MANY + 1, sizeof(*headers));
	struct sw_job job = {.queue = "q", .headers = headers};

	assert_non_null(headers);
	for (int i = 0; i < MANY; i++)
		headers[i] = "h=";
	put_expect(put_library_says(w, job), SW_ETOOBIG,
		"headers must be at most 4096 bytes in all");
	free(headers);
}

/* --- the codec of jobs -------------------------------------------------- */

static void
a_job_that_is_read_from_an_item_is_the_one_that_was_written(void **state)
{
	static const char *const headers[] = {"a=1", "b=", NULL};
	static char text[1024];
	static const char *back[SW_JOB_HEADERS + 1];
	struct sw_job in = {.queue = "q",
			      .body = "body",
			      .body_len = 4,
			      .priority = SW_PRIORITY_LOWEST,
			      .run_at_ms = 2,
			      .expires_at_ms = 3,
			      .unique = "u",
			      .unique_also = 1,
			      .fair = "f",
			      .max_attempts = 4,
			      .timeout_ms = 5,
			      .content_type = "c",
			      .headers = headers},
		      out;
	struct sw_batch b;
	struct sw_msg m;
	struct sw_item it;
	char why[SW_WHY_ROOM] = "";

	(void)state;
	in.id = rig_id(7);
	assert_int_equal(sw_batch_init(&b), 0);
	assert_int_equal(sw_batch_add(&b, &in, why), 0);
	assert_string_equal(why, "");
	assert_int_equal(sw_msg_open(sw_buf_bytes(&b.buf), &m), 0);
	assert_true(sw_msg_next(&m, &it) && it.raw.len < sizeof(text));
	sw_job_read(&it, text, back, &out);
	assert_memory_equal(&out.id, &in.id, sizeof(in.id));
	assert_string_equal(out.queue, "q");
	assert_true(bytes_eq(
		bytes_of(out.body, out.body_len), bytes_of("body", 4)));
	assert_int_equal(out.priority, SW_PRIORITY_LOWEST);
	assert_int_equal(out.delay_ms, 0);
	assert_int_equal(out.run_at_ms, 2);
	assert_int_equal(out.expires_at_ms, 3);
	assert_string_equal(out.unique, "u");
	assert_int_equal(out.unique_also, 1);
	assert_string_equal(out.fair, "f");
	assert_int_equal(out.max_attempts, 4);
	assert_int_equal(out.timeout_ms, 5);
	assert_string_equal(out.content_type, "c");
	assert_string_equal(out.headers[0], "a=1");
	assert_string_equal(out.headers[1], "b=");
	assert_null(out.headers[2]);
	sw_batch_fini(&b);
}

static void
a_refused_job_leaves_the_batch_as_it_was(void **state)
{
	struct sw_job good = {.queue = "q"},
		      bad = {.queue = "q", .priority = 12};
	struct sw_batch b;
	struct sw_msg m;
	char why[SW_WHY_ROOM] = "";
	size_t len;

	(void)state;
	good.id = bad.id = rig_id(7);
	assert_int_equal(sw_batch_init(&b), 0);
	assert_int_equal(sw_batch_add(&b, &good, why), 0);
	len = b.buf.len;
	assert_int_equal(sw_batch_add(&b, &bad, why), SW_EINVAL);
	assert_int_equal(b.buf.len, len);
	assert_int_equal(b.n, 1);
	assert_int_equal(sw_batch_add(&b, &good, why), 0);
	assert_int_equal(sw_msg_open(sw_buf_bytes(&b.buf), &m), 0);
	assert_int_equal(m.count, 2);
	sw_batch_fini(&b);
}

static void
of_several_items_a_refusal_whole_says_which(void **state)
{
	struct put_rig *w = *state;
	struct sw_buf *b = &w->r->b;

	rig_begin(w->r, SW_OP_PUT);
	for (int i = 0; i < 3; i++) {
		size_t mark = sw_item_begin(b);
		struct sw_id id = rig_id(++w->n);

		sw_put_id(b, &id);
		sw_put_text(b, SW_F_QUEUE, "q");
		sw_put_bytes(b, SW_F_BODY, bytes_of(w->filler, 1));
		if (i == 1)
			sw_put_bytes(b, SW_F_FAIR, bytes_of(w->filler, 64));
		sw_item_end(b, mark);
	}
	rig_send(w->r, PUT_PRODUCER);
	put_expect(put_answer_of(w->r, PUT_PRODUCER, SW_OP_PUT), SW_ETOOBIG,
		"item 2: fair must be at most 63 bytes, not 64");
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, put_rig_setup, put_rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_field_has_its_bounds_in_the_library_and_in_the_broker),
		cmocka_unit_test(the_rows_stand_at_the_bounds_of_the_table),
		TEST(what_no_struct_can_say_is_refused_with_its_field),
		TEST(no_field_but_those_of_a_put_may_be_put),
		TEST(a_delay_and_a_time_exclude_each_other),
		TEST(all_headers_together_have_a_limit),
		TEST(headers_that_no_message_could_hold_are_too_large),
		cmocka_unit_test(
			a_job_that_is_read_from_an_item_is_the_one_that_was_written),
		cmocka_unit_test(a_refused_job_leaves_the_batch_as_it_was),
		TEST(of_several_items_a_refusal_whole_says_which),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
