/* SPDX-License-Identifier: MIT */
/* The messages between a worker and a kept process. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/kept.h"

static ssize_t
parse(struct bytes in, struct kept_message *m)
{
	size_t need;

	return kept_parse(in, m, &need);
}

static void
assert_bytes(struct bytes b, const char *expected)
{
	assert_true(bytes_eq(b, bytes_str(expected)));
}

static void
a_message_is_a_line_and_its_bytes(void **state)
{
	static const char in[] = "4 retry 0190-a 250\nbusy0 done x\n";
	struct kept_message m;
	ssize_t n = parse(bytes_str(in), &m);

	(void)state;
	assert_int_equal(n, strlen("4 retry 0190-a 250\nbusy"));
	assert_true(kept_is(&m, "retry"));
	assert_false(kept_is(&m, "retr") || kept_is(&m, "retry "));
	assert_int_equal(m.args_n, 2);
	assert_bytes(m.args[0], "0190-a");
	assert_bytes(m.args[1], "250");
	assert_bytes(m.bytes, "busy");
	n = parse(bytes_str(in + n), &m);
	assert_int_equal(n, strlen("0 done x\n"));
	assert_true(kept_is(&m, "done"));
	assert_int_equal(m.bytes.len, 0);
}

/* At each length below the whole, and with what it needs told. */
static void
a_message_cut_anywhere_is_not_complete(void **state)
{
	static const char in[] = "11 progress some-id 40\nhalf\n\0done";
	const size_t line = strlen("11 progress some-id 40\n"),
		     whole = line + 11;
	struct kept_message m = {.args_n = 77};

	(void)state;
	for (size_t n = 0; n < whole; n++) {
		size_t need = 99;

		assert_int_equal(kept_parse(bytes_of(in, n), &m, &need), 0);
		assert_int_equal(need, n < line ? 0 : whole);
		assert_int_equal(m.args_n, 77);
	}
	assert_int_equal(parse(bytes_of(in, whole), &m), whole);
	assert_memory_equal(m.bytes.p, "half\n\0done", 10);
}

static void
what_cannot_become_a_message_is_refused_at_once(void **state)
{
	static const char *const bad[] = {
		"\n",
		" 0 done x\n",
		"hello",
		"-1 done x\n",
		"+1 done x\n",
		"0x1 done x\n",
		"0",
		"0\n",
		"0 \n",
		"0  done x\n",
		"0 done  x\n",
		"0 done x \n",
		"0 done\tx\n",
		"0 done x\r\n",
		"0 done \xc3\xa4\n",
		"0 done \x7f\n",
		"139265 job x\n",
		"999999 job x\n",
		"1000000 job x\n",
		"18446744073709551616 job x\n",
	};
	struct kept_message m = {.args_n = 77};
	size_t need = 99;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ssize_t got = kept_parse(bytes_str(bad[i]), &m, &need);

		if (strcmp(bad[i], "0") == 0) /* a line may follow */
			assert_int_equal(got, 0);
		else
			assert_int_equal(got, -EBADMSG);
	}
	assert_int_equal(m.args_n, 77);
	assert_int_equal(parse(bytes_of("0 done \0x\n", 10), &m), -EBADMSG);
}

static void
a_line_has_at_most_255_bytes(void **state)
{
	char in[KEPT_LINE_MAX + 2], line[KEPT_LINE_MAX + 2];
	struct kept_message m;

	(void)state;
	memset(in, 'a', sizeof(in));
	memcpy(in, "0 ", 2);
	in[KEPT_LINE_MAX] = '\n';
	assert_int_equal(parse(bytes_of(in, sizeof(in)), &m), 256);
	assert_int_equal(m.word.len, KEPT_LINE_MAX - 2);
	in[KEPT_LINE_MAX] = 'a';
	in[KEPT_LINE_MAX + 1] = '\n';
	assert_int_equal(parse(bytes_of(in, KEPT_LINE_MAX), &m), 0);
	assert_int_equal(parse(bytes_of(in, KEPT_LINE_MAX + 1), &m), -EBADMSG);
	assert_int_equal(kept_line(line, 0, "%.253s", in + 2), 256);
	assert_int_equal(parse(bytes_str(line), &m), 256);
	assert_int_equal(kept_line(line, 0, "%.253sb", in + 2), -EMSGSIZE);
}

static void
the_bytes_are_at_most_136_kilobytes(void **state)
{
	char line[KEPT_LINE_MAX + 2];
	struct kept_message m;
	size_t need = 0;
	int n = kept_line(line, KEPT_BYTES_MAX, "job x");

	(void)state;
	assert_string_equal(line, "139264 job x\n");
	assert_int_equal(kept_parse(bytes_of(line, (size_t)n), &m, &need), 0);
	assert_int_equal(need, (size_t)n + KEPT_BYTES_MAX);
	assert_int_equal(kept_line(line, KEPT_BYTES_MAX + 1, "x"), -EMSGSIZE);
}

static void
arguments_behind_the_eighth_are_skipped(void **state)
{
	struct kept_message m;

	(void)state;
	assert_true(parse(bytes_str("0 w 1 2 3 4 5 6 7 8 9 10\n"), &m) > 0);
	assert_int_equal(m.args_n, KEPT_ARGS);
	assert_bytes(m.args[7], "8");
}

static void
a_number_is_within_its_bounds_and_has_no_sign(void **state)
{
	struct kept_message m;
	int64_t v = -5;

	(void)state;
	assert_true(parse(bytes_str("0 w 0 40 041 -1 4x 9223372036854775807 "
				    "9223372036854775808\n"),
			    &m) > 0);
	assert_int_equal(kept_int(&m, 0, 0, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(kept_int(&m, 1, 39, &v), -EINVAL);
	assert_int_equal(kept_int(&m, 1, 3, &v), -EINVAL);
	assert_int_equal(kept_int(&m, 2, 0, &v), -EINVAL);
	assert_int_equal(v, 0);
	assert_int_equal(kept_int(&m, 1, 40, &v), 0);
	assert_int_equal(v, 40);
	assert_int_equal(kept_int(&m, 2, 41, &v), 0);
	assert_int_equal(v, 41);
	assert_int_equal(kept_int(&m, 3, 100, &v), -EINVAL);
	assert_int_equal(kept_int(&m, 4, 100, &v), -EINVAL);
	assert_int_equal(kept_int(&m, 5, INT64_MAX, &v), 0);
	assert_true(v == INT64_MAX);
	assert_int_equal(kept_int(&m, 6, INT64_MAX, &v), -EINVAL);
	assert_int_equal(kept_int(&m, 7, 100, &v), -EINVAL); /* there is none */
}

static void
a_text_that_does_not_fit_is_refused(void **state)
{
	struct kept_message m;
	char to[4] = "old";

	(void)state;
	assert_true(parse(bytes_str("0 w four abc\n"), &m) > 0);
	assert_int_equal(kept_text(&m, 0, to, sizeof(to)), -EINVAL);
	assert_int_equal(kept_text(&m, 2, to, sizeof(to)), -EINVAL);
	assert_string_equal(to, "old");
	assert_int_equal(kept_text(&m, 1, to, sizeof(to)), 0);
	assert_string_equal(to, "abc");
}

static void
headers_are_the_first_bytes_and_the_body_the_rest(void **state)
{
	static const char in[] = "13 job id q 1 20 500 8\na=b\0c==\0body!";
	struct kept_message m;
	struct bytes headers, body, h;
	size_t at = 0;

	(void)state;
	assert_true(parse(bytes_of(in, sizeof(in) - 1), &m) > 0);
	assert_int_equal(kept_headers(&m, 5, &headers, &body), 0);
	assert_bytes(body, "body!");
	assert_int_equal(kept_header_next(headers, &at, &h), 1);
	assert_bytes(h, "a=b");
	assert_int_equal(kept_header_next(headers, &at, &h), 1);
	assert_bytes(h, "c==");
	assert_int_equal(kept_header_next(headers, &at, &h), 0);
}

static void
a_header_block_that_is_none_is_refused(void **state)
{
	static const struct {
		const char *in;
		size_t len;
	} bad[] = {
		{"3 w 4\na=b", 9},     /* longer than the bytes */
		{"3 w 3\na=b", 9},     /* no NUL at its end */
		{"4 w 4\nabc\0", 10},  /* no '=' */
		{"4 w 4\n=bc\0", 10},  /* no name */
		{"4 w 1\n\0abc", 10},  /* an empty one */
		{"4 w 5x\na=b\0", 11}, /* no number */
		{"4 w\na=b\0", 8},     /* no length */
	};
	struct bytes headers = {NULL, 7}, body = {NULL, 7};
	struct kept_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(parse(bytes_of(bad[i].in, bad[i].len), &m) > 0);
		assert_int_equal(kept_headers(&m, 0, &headers, &body), -EINVAL);
	}
	assert_int_equal(headers.len, 7);
	assert_true(parse(bytes_str("2 w 0\nhi"), &m) > 0);
	assert_int_equal(kept_headers(&m, 0, &headers, &body), 0);
	assert_int_equal(headers.len, 0);
	assert_bytes(body, "hi");
}

/* Each byte of a message changed to each other value, and cut at each length:
 * what is accepted is within the input and is read again as the same. */
static void
any_bytes_are_a_message_or_refused(void **state)
{
	static const char in[] = "9 put an-id next 4\na=b\0body!";
	const size_t len = sizeof(in) - 1;

	(void)state;
	for (size_t at = 0; at < len; at++)
		for (unsigned v = 0; v < 256; v++) {
			char *copy = malloc(len);
			struct kept_message m;
			ssize_t n;

			assert_non_null(copy);
			memcpy(copy, in, len);
			copy[at] = (char)v;
			n = parse(bytes_of(copy, len), &m);
			assert_true(n <= (ssize_t)len);
			if (n > 0)
				assert_ptr_equal(
					(const char *)m.bytes.p + m.bytes.len,
					copy + n);
			free(copy);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_a_line_and_its_bytes),
		cmocka_unit_test(a_message_cut_anywhere_is_not_complete),
		cmocka_unit_test(
			what_cannot_become_a_message_is_refused_at_once),
		cmocka_unit_test(a_line_has_at_most_255_bytes),
		cmocka_unit_test(the_bytes_are_at_most_136_kilobytes),
		cmocka_unit_test(arguments_behind_the_eighth_are_skipped),
		cmocka_unit_test(a_number_is_within_its_bounds_and_has_no_sign),
		cmocka_unit_test(a_text_that_does_not_fit_is_refused),
		cmocka_unit_test(
			headers_are_the_first_bytes_and_the_body_the_rest),
		cmocka_unit_test(a_header_block_that_is_none_is_refused),
		cmocka_unit_test(any_bytes_are_a_message_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
