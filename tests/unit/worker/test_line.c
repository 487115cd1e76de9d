/* SPDX-License-Identifier: MIT */
/* The reader of descriptor 3: lines and blocks, cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/process/line.h"

/* All that was reported, in text: "result 3:a?b". */
struct notes {
	struct report_reader r;
	char text[4096];
	size_t len;
};

static void
note(void *arg, const struct report_line *l)
{
	static const char *const kinds[] = {"progress", "result", "retry-after",
		"put", "not-run", "warning", "lost"};
	struct notes *n = arg;
	const char *p = l->bytes.p != NULL ? l->bytes.p : "(none)";
	size_t len = l->bytes.p != NULL ? l->bytes.len : strlen(p);
	char *at = n->text + n->len, *end = n->text + sizeof(n->text);

	at += snprintf(at, 16, "%s ", kinds[l->kind]);
	if (l->kind < LINE_WARNING)
		at += snprintf(at, 160, "%lld %s %zu:", (long long)l->number,
			l->queue, l->bytes.len);
	for (size_t i = 0; i < len && i < 255; i++)
		*at++ = p[i] != '\0' ? p[i] : '@';
	*at++ = '|';
	*at = '\0';
	n->len = (size_t)(at - n->text);
	assert_true(end - at > 512);
}

static void
notes_init(struct notes *n)
{
	n->len = 0;
	n->text[0] = '\0';
	reader_init(&n->r, note, n);
}

static void
feed(struct notes *n, const void *p, size_t len)
{
	/* Bytes of its own, so that a read beyond them is seen by valgrind. */
	void *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, p, len);
	reader_feed(&n->r, bytes_of(copy, len));
	free(copy);
}

static const char *
reported(struct notes *n, const void *p, size_t len)
{
	notes_init(n);
	feed(n, p, len);
	reader_end(&n->r);
	reader_fini(&n->r);
	return n->text;
}

#define REPORTED(n, text) reported(n, text, sizeof(text) - 1)

static void
lines_are_understood(void **state)
{
	struct notes n;

	(void)state;
	assert_string_equal(
		REPORTED(&n, "progress 40 so far\nprogress 100\nprogress 0 \n"),
		"progress 40  6:so far|progress 100  0:|progress 0  0:|");
	assert_string_equal(REPORTED(&n, "result a  b\nresult\nresult \n"),
		"result 0  4:a  b|result 0  0:|result 0  0:|");
	assert_string_equal(REPORTED(&n, "retry-after 2m\nretry-after 0\n"),
		"retry-after 120000  0:|retry-after 0  0:|");
	assert_string_equal(REPORTED(&n, "not-run 2\nnot-run 4095\n"),
		"not-run 2  0:|not-run 4095  0:|");
	assert_string_equal(REPORTED(&n, "put mail {\"to\": 1}\nput a\n"),
		"put 0 mail 9:{\"to\": 1}|put 0 a 0:|");
}

static void
blocks_carry_any_bytes(void **state)
{
	struct notes n;

	(void)state;
	assert_string_equal(REPORTED(&n, "result-bytes 5\na\n\0\nbresult c\n"),
		"result 0  5:a\n@\nb|result 0  1:c|");
	assert_string_equal(REPORTED(&n, "put-bytes q 4\nput \nresult-bytes "
					 "0\nresult-bytes 1\n\n"),
		"put 0 q 4:put |result 0  0:|result 0  1:\n|");
}

static void
lines_carry_any_bytes_but_a_newline(void **state)
{
	struct notes n;

	(void)state;
	assert_string_equal(REPORTED(&n, "result a\0b\nput q \0\n"),
		"result 0  3:a@b|put 0 q 1:@|");
}

static void
empty_lines_are_nothing(void **state)
{
	struct notes n;

	(void)state;
	assert_string_equal(REPORTED(&n, "\n\n"), "");
	assert_string_equal(REPORTED(&n, ""), "");
	assert_string_equal(REPORTED(&n, "result-bytes 0\n"), "result 0  0:|");
	assert_string_equal(REPORTED(&n, "result-bytes 1\nx\nresult y\n"),
		"result 0  1:x|result 0  1:y|");
}

static void
the_last_line_may_lack_its_newline(void **state)
{
	struct notes n;

	(void)state;
	assert_string_equal(REPORTED(&n, "result a\nput q b"),
		"result 0  1:a|put 0 q 1:b|");
	notes_init(&n);
	feed(&n, "put q b", 7);
	reader_fini(&n.r); /* killed: the line may be a part of one */
	assert_string_equal(n.text, "");
}

static void
what_is_not_understood_is_a_warning_with_its_line(void **state)
{
	struct notes n;

	(void)state;
	assert_string_equal(REPORTED(&n, "result a\n\nProgress 4\n"),
		"result 0  1:a|"
		"warning line 3: is not understood: \"Progress 4\"|");
	assert_string_equal(REPORTED(&n, "progress 101\n"),
		"warning line 1: must be progress PERCENT [TEXT], 0 to "
		"100: \"progress 101\"|");
	assert_string_equal(REPORTED(&n, "retry-after soon\n"),
		"warning line 1: must be retry-after DURATION, such as "
		"30s: \"retry-after soon\"|");
	assert_string_equal(REPORTED(&n, "result-bytes 1 name\nx\n"),
		"warning line 1: the words behind the length are "
		"ignored: \"result-bytes 1 name\"|result 0  1:x|");
}

static void
every_malformed_line_is_a_warning(void **state)
{
	static const char *const bad[] = {"progress", "progress ", "progress x",
		"not-run", "not-run 0", "not-run 4096", "not-run -2",
		"not-run 2 x", "progress -1", "progress +1", "progress 4x",
		"progress  4", "retry-after", "retry-after 5 m",
		"retry-after -1s", "result-byte 1", "results", "putx", "hello",
		" result x", "\xff\xfe", "result\tx"};
	struct notes n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_memory_equal(
			reported(&n, bad[i], strlen(bad[i])), "warning ", 8);
}

static void
a_quoted_start_is_one_line_of_text(void **state)
{
	static const char want[] =
		"warning line 1: is not understood: \"y??yyyy";
	static char much[200000];
	struct notes n;

	(void)state;
	memset(much, 'y', sizeof(much));
	much[1] = '\0';
	much[2] = '\x1b';
	reported(&n, much, sizeof(much));
	assert_memory_equal(n.text, want, sizeof(want) - 1);
	assert_true(n.len < LINE_TEXT);
}

static void
retry_after_is_clamped_and_never_refused(void **state)
{
	static const char *const much[] = {"retry-after 500d\n",
		"retry-after 99999999999999999999s\n", "retry-after 367d"};
	char want[64];
	struct notes n;

	(void)state;
	(void)snprintf(want, sizeof(want), "retry-after %lld  0:|",
		(long long)SW_DELAY_MAX_MS);
	for (int i = 0; i < 3; i++) {
		const char *text = reported(&n, much[i], strlen(much[i]));

		assert_memory_equal(text, "warning ", 8);
		assert_string_equal(strchr(text, '|') + 1, want);
	}
	assert_string_equal(REPORTED(&n, "retry-after 366d\n"), want);
}

static void
a_follow_up_for_no_queue_is_lost(void **state)
{
	struct notes n;

	(void)state;
	assert_string_equal(REPORTED(&n, "put BAD name\n"),
		"lost line 1: put names no queue: \"put BAD name\"|");
	assert_memory_equal(REPORTED(&n, "put\n"), "lost ", 5);
	assert_memory_equal(REPORTED(&n, "put \n"), "lost ", 5);
	/* Its bytes are not taken for lines. */
	assert_string_equal(
		REPORTED(&n, "put-bytes BAD 9\nresult x\nresult y\n"),
		"lost line 1: put-bytes names no queue: \"put-bytes BAD "
		"9\"|result 0  1:y|");
}

static void
a_block_without_a_length_is_lost(void **state)
{
	static const char *const bad[] = {"result-bytes\n", "result-bytes x\n",
		"result-bytes -1\n", "result-bytes 18446744073709551617\n",
		"put-bytes q\n", "put-bytes q 1k\n", "put-bytes\n"};
	struct notes n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *text = reported(&n, bad[i], strlen(bad[i]));

		assert_memory_equal(text, "lost line 1: must be ", 21);
		assert_int_equal(strchr(text, '|')[1], '\0');
	}
}

static void
a_block_that_lacks_bytes_is_lost(void **state)
{
	struct notes n;

	(void)state;
	assert_string_equal(REPORTED(&n, "result a\nput-bytes q 10\nabc"),
		"result 0  1:a|lost line 2: put-bytes announced 10 "
		"bytes, of which 7 were missing|");
	assert_string_equal(REPORTED(&n, "result-bytes 1"),
		"lost line 1: result-bytes announced 1 bytes, of which 1 "
		"were missing|");
}

/* A line of `len` bytes in all, or a block of them. */
static const char *
reported_long(struct notes *n, const char *head, size_t len, const char *tail)
{
	char chunk[1000];

	memset(chunk, 'x', sizeof(chunk));
	notes_init(n);
	feed(n, head, strlen(head));
	while (len > 0) {
		size_t part = len < sizeof(chunk) ? len : sizeof(chunk);

		feed(n, chunk, part);
		len -= part;
		assert_true(n->r.cap <= (size_t)2 * LINE_MAX_LEN);
	}
	feed(n, tail, strlen(tail));
	reader_end(&n->r);
	reader_fini(&n->r);
	return n->text;
}

static void
what_is_too_long_has_its_length_and_no_bytes(void **state)
{
	struct notes n;

	(void)state;
	assert_string_equal(reported_long(&n, "put q ", 300000, "\nresult b\n"),
		"put 0 q 300000:(none)|result 0  1:b|");
	assert_string_equal(
		reported_long(&n, "result ", 300000, "\nresult b\n"),
		"result 0  300000:(none)|result 0  1:b|");
	assert_string_equal(
		reported_long(&n, "put-bytes q 131073\n", 131073, "result b"),
		"put 0 q 131073:(none)|result 0  1:b|");
	assert_string_equal(
		reported_long(&n, "result-bytes 65537\n", 65537, "result b"),
		"result 0  65537:(none)|result 0  1:b|");
	assert_memory_equal(
		reported_long(&n, "result-bytes 65536\n", 65536, ""),
		"result 0  65536:xxxx", 20);
	assert_memory_equal(
		reported_long(&n, "put-bytes q 131072\n", 131072, ""),
		"put 0 q 131072:xxxx", 19);
	assert_memory_equal(reported_long(&n, "put q ", 131072, "\n"),
		"put 0 q 131072:xxxx", 19);
}

static void
what_is_announced_takes_no_memory(void **state)
{
	struct notes n;

	(void)state;
	notes_init(&n);
	feed(&n, "put-bytes q 131072\nx", 20);
	assert_true(n.r.cap <= 256);
	reader_fini(&n.r);
	notes_init(&n);
	feed(&n, "result-bytes 1000000000\n", 24);
	for (int i = 0; i < 100; i++)
		feed(&n, n.text, sizeof(n.text));
	assert_int_equal(n.r.cap, 0);
	reader_end(&n.r);
	assert_string_equal(n.text, "lost line 1: result-bytes announced "
				    "1000000000 bytes, of "
				    "which 999590400 were missing|");
	reader_fini(&n.r);
}

static void
a_reader_between_lines_has_little_memory(void **state)
{
	static char much[100000];
	struct notes n;

	(void)state;
	memset(much, 'x', sizeof(much));
	notes_init(&n);
	assert_null(n.r.p);
	feed(&n, "result ", 7);
	feed(&n, much, sizeof(much));
	assert_true(n.r.cap >= sizeof(much));
	feed(&n, "\n", 1);
	assert_null(n.r.p);
	reader_fini(&n.r);
}

static const char story[] =
	"progress 5 half\nresult-bytes 7\na\nb\0c\n\n\nnonsense\nput-bytes q "
	"3\n"
	"\0\0\nretry-after 500d\nput-bytes Q 4\nput \nresult-bytes 0\nput q "
	"x\0y\nresult-bytes 2 more\nzz\nput A b\nresult last";

static void
wherever_it_is_cut_the_same_is_read(void **state)
{
	struct notes whole, n;
	size_t len = sizeof(story) - 1;

	(void)state;
	reported(&whole, story, len);
	for (size_t a = 0; a <= len; a++)
		for (size_t b = a; b <= len; b += 3) {
			notes_init(&n);
			feed(&n, story, a);
			feed(&n, story + a, b - a);
			feed(&n, story + b, len - b);
			reader_end(&n.r);
			reader_fini(&n.r);
			assert_string_equal(n.text, whole.text);
		}
	notes_init(&n);
	for (size_t i = 0; i < len; i++)
		feed(&n, story + i, 1);
	reader_end(&n.r);
	reader_fini(&n.r);
	assert_string_equal(n.text, whole.text);
}

static void
a_stream_that_ends_anywhere_ends_well(void **state)
{
	struct notes n;

	(void)state;
	for (size_t len = 0; len < sizeof(story); len++) {
		reported(&n, story, len);
		notes_init(&n);
		feed(&n, story, len);
		reader_fini(&n.r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_understood),
		cmocka_unit_test(blocks_carry_any_bytes),
		cmocka_unit_test(lines_carry_any_bytes_but_a_newline),
		cmocka_unit_test(empty_lines_are_nothing),
		cmocka_unit_test(the_last_line_may_lack_its_newline),
		cmocka_unit_test(
			what_is_not_understood_is_a_warning_with_its_line),
		cmocka_unit_test(every_malformed_line_is_a_warning),
		cmocka_unit_test(a_quoted_start_is_one_line_of_text),
		cmocka_unit_test(retry_after_is_clamped_and_never_refused),
		cmocka_unit_test(a_follow_up_for_no_queue_is_lost),
		cmocka_unit_test(a_block_without_a_length_is_lost),
		cmocka_unit_test(a_block_that_lacks_bytes_is_lost),
		cmocka_unit_test(what_is_too_long_has_its_length_and_no_bytes),
		cmocka_unit_test(what_is_announced_takes_no_memory),
		cmocka_unit_test(a_reader_between_lines_has_little_memory),
		cmocka_unit_test(wherever_it_is_cut_the_same_is_read),
		cmocka_unit_test(a_stream_that_ends_anywhere_ends_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
