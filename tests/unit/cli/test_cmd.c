/* SPDX-License-Identifier: MIT */
/*
 * test_cmd.c - the command's words and its output, part by part
 */
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
#include "base/units.h"
#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/lines.h"
#include "cli/time.h"
#include "tests/lib/chance.h"
#include "wire/proto.h"

#define ID1 "01935af0-0000-7000-8000-000000000001"

/* 2026-01-31T08:00:00Z */
#define NOW 1769846400000LL

static void
a_duration_is_read(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text;
		int64_t ms;	/* -1: refused */
	} rows[] = {
		{"0", 0}, {"250", 250}, {"250ms", 250}, {"30s", 30000},
		{"5m", 300000}, {"1h30m", 5400000}, {"3m12s", 192000},
		{"2d", 172800000}, {"1s500ms", 1500}, {"", -1}, {"s", -1},
		{"-5s", -1}, {" 5s", -1}, {"5x", -1}, {"5 s", -1},
		{"1h30", -1}, {"99999999999999999999", -1},
		{"9223372036854775807d", -1},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t ms = -1;
		int err = unit_parse(UNIT_MS, rows[i].text, &ms);

		assert_true(rows[i].ms < 0 ? err < 0 : err == 0);
		assert_int_equal(ms, rows[i].ms);
	}
}

static void
a_point_in_time_is_read(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text;
		int sign;
		int64_t at_ms;	/* -1: refused */
	} rows[] = {
		{"2026-01-31T08:00:00Z", -1, NOW},
		{"2026-01-31t08:00:00.250z", -1, NOW + 250},
		{"2026-01-31 09:30:00+01:30", 1, NOW},
		{"2026-01-31T03:00:00-05:00", 1, NOW},
		{"2026-01-31", 1, NOW - 8 * 3600000},
		{"2h", -1, NOW - 7200000}, {"2h", 1, NOW + 7200000},
		{"2026-02-30T08:00:00Z", 1, -1},
		{"2026-13-01T08:00:00Z", 1, -1},
		{"2026-01-31T24:00:00Z", 1, -1},
		{"2026-01-31T08:00:00", 1, -1},
		{"2026-01-31T08:00Z", 1, -1},
		{"2026-01-31T08:00:00.Z", 1, -1},
		{"2026-01-31T08:00:00Zx", 1, -1},
		{"yesterday", -1, -1}, {"", -1, -1},
		{"9223372036854775807", 1, -1},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t at = -1;
		int err = time_point(rows[i].text, NOW, rows[i].sign, &at);

		assert_int_equal(err, rows[i].at_ms < 0 ? SW_EINVAL : 0);
		assert_int_equal(at, rows[i].at_ms);
	}
}

static void
a_size_is_read_in_powers_of_1024(void **state)
{
	int64_t n = 7;

	(void)state;
	assert_int_equal(unit_parse(UNIT_BYTES, "128k", &n), 0);
	assert_int_equal(n, 131072);
	assert_true(unit_parse(UNIT_BYTES, "12q", &n) < 0);
	assert_true(unit_parse(UNIT_BYTES, "9223372036854775807g", &n) < 0);
	assert_int_equal(n, 131072);
}

static void
figures_are_written_for_people(void **state)
{
	char t[HUMAN_TEXT];

	(void)state;
	assert_string_equal(human_ms(t, 0), "0ms");
	assert_string_equal(human_ms(t, 999), "999ms");
	assert_string_equal(human_ms(t, 3250), "3.2s");
	assert_string_equal(human_ms(t, 59999), "59s");
	assert_string_equal(human_ms(t, 192000), "3m12s");
	assert_string_equal(human_ms(t, 3600000 * 5 + 180000), "5h03m");
	assert_string_equal(human_ms(t, 86400000LL * 12), "12d00h");
	assert_string_equal(human_ms(t, -1500), "-1.5s");
	assert_true(human_ms(t, INT64_MIN)[0] == '-');
	assert_string_equal(human_bytes(t, 1023), "1023 B");
	assert_string_equal(human_bytes(t, 1024), "1.0 KB");
	assert_string_equal(human_bytes(t, 1048575), "1.0 MB");
	assert_string_equal(human_bytes(t, 158544691), "151.2 MB");
	assert_string_equal(human_count(t, 0), "0");
	assert_string_equal(human_count(t, 999), "999");
	assert_string_equal(human_count(t, 1234), "1,234");
	assert_string_equal(human_count(t, -1234567), "-1,234,567");
	assert_string_equal(human_short(t, 9999), "9999");
	assert_string_equal(human_short(t, 12345), "12.3k");
	assert_string_equal(human_short(t, 123456), "123k");
	assert_string_equal(human_short(t, 1234567), "1.2M");
	assert_string_equal(human_time(t, NOW), "2026-01-31T08:00:00Z");
}

/* The output of out_text(); the caller frees it. */
static char *
escaped(const char *text, size_t len, enum out_style style)
{
	char *to = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&to, &n);

	assert_non_null(f);
	out_text(f, bytes_of(text, len), style);
	assert_int_equal(fclose(f), 0);
	return to;
}

#define ESCAPES(text, want) ESCAPES_STYLE(text, want, OUT_LINE)
#define ESCAPES_STYLE(text, want, style)                                       \
	do {                                                                   \
		char *got = escaped(text, sizeof(text) - 1, style);            \
                                                                               \
		assert_string_equal(got, want);                                \
		free(got);                                                     \
	} while (0)

/* What is shown is at most a tenth off; 2^63 - 1 bytes would round up to 2^63.
 */
static void
what_people_are_shown_can_be_given_back(void **state)
{
	uint64_t seed = chance_seed();
	char t[HUMAN_TEXT];

	(void)state;
	for (int i = 0; i < 100000; i++) {
		int64_t v = (int64_t)(chance_draw(&seed) >>
				      (2 + chance_draw(&seed) % 61));
		int64_t back = -1;

		assert_int_equal(unit_parse(UNIT_MS, human_ms(t, v), &back), 0);
		if (back > v || v - back > v / 10)
			fail_msg("%lld ms is shown as %s", (long long)v, t);
		assert_int_equal(
			unit_parse(UNIT_BYTES, human_bytes(t, v), &back), 0);
		if (back / 100 > v / 100 * 106 / 100 + 1 ||
			back / 100 < v / 100 * 94 / 100 - 1)
			fail_msg("%lld bytes are shown as %s", (long long)v, t);
	}
}

static void
no_terminal_obeys_what_is_shown(void **state)
{
	(void)state;
	ESCAPES("plain héllo ✓", "plain héllo ✓");
	ESCAPES("\033[2J\007", "\\x1b[2J\\x07");
	ESCAPES("a\nb\tc\rd", "a\\nb\\tc\\rd");
	ESCAPES("nul\0here", "nul\\x00here");
	ESCAPES("\x7f", "\\x7f");
	ESCAPES("csi \xc2\x9b"
		"31m",
		"csi \\x9b31m");
	ESCAPES("bad \xff\xc0\xaf\xed\xa0\x80",
		"bad \\xff\\xc0\\xaf\\xed\\xa0\\x80");
	ESCAPES("cut \xe2\x82", "cut \\xe2\\x82");
	ESCAPES("rtl \xe2\x80\xae.", "rtl \\u202e.");
	ESCAPES_STYLE("{\"a\":\"\xc2\x9b\"}", "{\"a\":\"\\u009b\"}", OUT_JSON);
}

static void
an_item_becomes_json(void **state)
{
	uint8_t room[2048];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_id id;
	struct sw_item it;
	size_t mark;
	json_t *j;
	char *text;

	(void)state;
	assert_int_equal(sw_id_parse(ID1, &id), 0);
	sw_put_id(&b, &id);
	sw_put_text(&b, SW_F_QUEUE, "q");
	sw_put_bytes(&b, SW_F_BODY, bytes_of("\xff\x00\x01\x02", 4));
	sw_put_int(&b, SW_F_STATUS, SW_ENOJOB);
	sw_put_int(&b, SW_F_STATE, SW_DEAD);
	sw_put_text(&b, SW_F_HEADER, "a=1");
	sw_put_text(&b, SW_F_HEADER, "b=x=y");
	sw_put_text(&b, SW_F_HEADER, "a=2");
	sw_put_int(&b, SW_F_TOKEN, INT64_MAX);
	sw_put_int(&b, SW_F_CAUSE, SW_C_OOM);
	sw_put_text(&b, SW_F_RESULT, "say \"hi\"\n");
	mark = sw_nest_begin(&b, SW_F_EVENT);
	sw_put_int(&b, SW_F_KIND, SW_EV_ATTEMPT);
	sw_put_int(&b, SW_F_OUTCOME, SW_RETRY);
	sw_nest_end(&b, mark);
	sw_put_text(&b, SW_F_STAT, "ready=12");
	sw_put_text(&b, SW_F_STAT, "rate=0.5");
	sw_put_text(&b, SW_F_STAT, "version=0.1.0");
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);

	j = json_item(&it);
	text = json_write(j);
	assert_string_equal(text,
		"{\"id\":\"" ID1 "\",\"queue\":\"q\","
		"\"body_base64\":\"/wABAg==\",\"status\":-5001,"
		"\"status_text\":\"no such job\",\"state\":\"dead\","
		"\"headers\":{\"a\":[\"1\",\"2\"],\"b\":\"x=y\"},"
		"\"token\":9223372036854775807,\"cause\":\"oom\","
		"\"result\":\"say \\\"hi\\\"\\n\","
		"\"events\":[{\"outcome\":\"retry\",\"kind\":\"attempt\"}],"
		"\"stats\":{\"ready\":12,\"rate\":0.5,"
		"\"version\":\"0.1.0\"}}");
	free(text);
	json_decref(j);
	assert_int_equal(pair_int(&it, SW_F_STAT, "ready", 0), 12);
	assert_int_equal(pair_int(&it, SW_F_STAT, "read", 7), 7);
}

/* Headers that foreign producers may have put, and numbers as sent. */
static void
json_is_valid_whatever_the_item_holds(void **state)
{
	uint8_t room[1024];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_item it;
	json_t *j;
	char *text;

	(void)state;
	sw_put_text(&b, SW_F_HEADER, "\xc3\xa9=\xc3\xa9");
	sw_put_text(&b, SW_F_HEADER, "a\xe9=\xe9");
	sw_put_text(&b, SW_F_HEADER, "=");
	sw_put_text(&b, SW_F_HEADER, "bare");
	sw_put_text(&b, SW_F_HEADER, "esc=\\\x1b\"\x7f/");
	sw_put_text(&b, SW_F_STAT, "whole=5.0");
	sw_put_text(&b, SW_F_STAT, "tenth=-0.1");
	sw_put_text(&b, SW_F_STAT, "most=9223372036854775807");
	sw_put_text(&b, SW_F_STAT, "beyond=18446744073709551616");
	sw_put_text(&b, SW_F_STAT, "text=007");
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	j = json_item(&it);
	text = json_write(j);
	assert_string_equal(text,
		"{\"headers\":{\"\xc3\xa9\":\"\xc3\xa9\","
		"\"a\xc3\xa9\":\"6Q==\",\"\":\"\",\"bare\":\"\","
		"\"esc\":\"\\\\\\u001b\\\"\x7f/\"},"
		"\"stats\":{\"whole\":5.0,\"tenth\":-0.1,"
		"\"most\":9223372036854775807,"
		"\"beyond\":\"18446744073709551616\",\"text\":\"007\"}}");
	free(text);
	json_decref(j);
}

static void
a_history_says_what_it_leaves_out(void **state)
{
	static const int kinds[] = {SW_EV_PUT, SW_EV_ATTEMPT, SW_EV_ATTEMPT};
	static const int attempts[] = {0, 1, 10};
	static struct cmd c;
	uint8_t room[1024];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_item it;
	char *text = NULL;
	size_t len = 0;

	(void)state;
	sw_put_int(&b, SW_F_COUNT, 8);
	for (int i = 0; i < 3; i++) {
		size_t mark = sw_nest_begin(&b, SW_F_EVENT);

		sw_put_int(&b, SW_F_KIND, kinds[i]);
		if (attempts[i] > 0)
			sw_put_int(&b, SW_F_ATTEMPT, attempts[i]);
		sw_nest_end(&b, mark);
	}
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	c.out.f = open_memstream(&text, &len);
	assert_non_null(c.out.f);
	cmd_job_show(&c, &it);
	assert_int_equal(fclose(c.out.f), 0);
	assert_non_null(strstr(text,
		"attempt 1\n  … 8 entries left out\n  1970-01-01T00:00:00Z  "
		"attempt 10\n"));
	free(text);
}

static void
a_table_is_aligned(void **state)
{
	static const char *const heads[] = {"NAME", "-N", "NOTE"};
	char *text = NULL;
	size_t len = 0;
	struct cmd_out o = {.f = open_memstream(&text, &len)};
	struct out_table t;

	(void)state;
	table_init(&t, heads, 3);
	table_text(&t, "é");
	table_text(&t, "7");
	table_text(&t, "a\033b");
	table_text(&t, "longer");
	table_text(&t, "1,234");
	table_text(&t, "");
	table_print(&t, &o);
	table_fini(&t);
	assert_int_equal(fclose(o.f), 0);
	assert_string_equal(text, "NAME        N  NOTE\n"
				  "é           7  a\\x1bb\n"
				  "longer  1,234\n");
	free(text);
}

struct packed {
	char all[4096];
	size_t len, most, n;
	int64_t last;
	int stop;
};

static int
pack_take(void *arg, struct bytes body, int64_t first, int64_t last)
{
	struct packed *p = arg;

	assert_int_equal(first, p->last + 1);
	assert_true(last >= first);
	memcpy(p->all + p->len, body.p, body.len);
	p->len += body.len;
	p->most = body.len > p->most ? body.len : p->most;
	p->last = last;
	p->n++;
	if (p->stop)
		return p->stop;
	/* no line is cut: a body ends with its line, or the file does */
	if (p->all[p->len - 1] != '\n')
		p->stop = 99;
	return 0;
}

/* "N:LINE|" of each. */
static int
each_take(void *arg, struct bytes body, int64_t first, int64_t last)
{
	struct packed *p = arg;

	assert_int_equal(first, last);
	p->len += (size_t)snprintf(p->all + p->len, sizeof(p->all) - p->len,
		"%d:%.*s|", (int)first, (int)body.len, (const char *)body.p);
	p->n++;
	return p->stop;
}

static int
cut(const char *text, size_t len, size_t chunk, lines_fn *take,
	struct packed *p, int64_t *line)
{
	FILE *f = tmpfile();
	int rc;

	assert_non_null(f);
	memset(p, 0, sizeof(*p));
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fflush(f), 0);
	assert_int_equal(lseek(fileno(f), 0, SEEK_SET), 0);
	rc = lines_pack(fileno(f), chunk, take == each_take, take, p, line);
	assert_int_equal(fclose(f), 0);
	return rc;
}

static int
pack(const char *text, size_t len, size_t chunk, struct packed *p,
	int64_t *line)
{
	return cut(text, len, chunk, pack_take, p, line);
}

static void
packing_cuts_no_line_and_loses_no_byte(void **state)
{
	static const char *const texts[] = {"", "\n", "a", "a\n", "\n\n\n",
		"one\ntwo\nthree\nfour\n", "one\ntwo\nthree\nlast",
		"1234567\n1234567\n", "1234567\n12345678"};
	struct packed p;
	int64_t line;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (size_t chunk = 8; chunk < 40; chunk++) {
			size_t len = strlen(texts[i]);

			assert_int_equal(
				pack(texts[i], len, chunk, &p, &line), 0);
			assert_int_equal(p.len, len);
			assert_memory_equal(p.all, texts[i], len);
			assert_true(p.most <= chunk);
		}
	/* as many lines as fit go into one body */
	assert_int_equal(pack("aaa\nbbb\nccc\nddd\n", 16, 8, &p, &line), 0);
	assert_int_equal(p.n, 2);
	assert_int_equal(p.last, 4);
}

static void
random_lines_are_packed_whole(void **state)
{
	uint64_t chance = chance_seed();
	struct packed p;
	int64_t line = 0;

	(void)state;
	for (int round = 0; round < 300; round++) {
		char text[2000];
		size_t len = chance_draw(&chance) % sizeof(text), run = 0;
		size_t chunk = 16 + chance_draw(&chance) % 100;

		for (size_t i = 0; i < len; i++) {
			int end = run == 15 || chance_draw(&chance) % 8 == 0;

			text[i] = end ? '\n' : 'x';
			run = end ? 0 : run + 1;
		}
		assert_int_equal(pack(text, len, chunk, &p, &line), 0);
		assert_int_equal(p.len, len);
		assert_memory_equal(p.all, text, len);
		assert_true(p.most <= chunk);
	}
}

static void
a_line_that_is_too_long_is_named(void **state)
{
	struct packed p;
	int64_t line = 0;

	(void)state;
	assert_int_equal(
		pack("ok\nok\n123456789\nok\n", 19, 8, &p, &line), LINES_LONG);
	assert_int_equal(line, 3);
	assert_int_equal(pack("123456789", 9, 8, &p, &line), LINES_LONG);
	assert_int_equal(line, 1);
	assert_int_equal(pack("12345678", 8, 8, &p, &line), 0);
	assert_int_equal(
		lines_pack(-1, 8, 0, pack_take, &p, &line), LINES_READ);
}

static void
each_line_is_a_body_and_an_empty_one_is_none(void **state)
{
	static const struct {
		const char *text, *bodies;
	} all[] = {{"", ""}, {"\n\n", ""}, {"a", "1:a|"}, {"a\n", "1:a|"},
		{"a\n\n\nbc\nd", "1:a|4:bc|5:d|"},
		{"12345678\n12345678", "1:12345678|2:12345678|"},
		{"12345678\n\n12345678\n", "1:12345678|3:12345678|"}};
	static char text[100000];
	struct packed p;
	int64_t line = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (size_t chunk = 8; chunk < 40; chunk++) {
			assert_int_equal(cut(all[i].text, strlen(all[i].text),
						 chunk, each_take, &p, &line),
				0);
			assert_string_equal(p.all, all[i].bodies);
		}
	assert_int_equal(cut("ok\n123456789\n", 13, 8, each_take, &p, &line),
		LINES_LONG);
	assert_int_equal(line, 2);
	assert_string_equal(p.all, "1:ok|");
	memset(text, '\n', sizeof(text));
	memcpy(text + sizeof(text) - 3, "end", 3);
	assert_int_equal(cut(text, sizeof(text), 8, each_take, &p, &line), 0);
	assert_string_equal(p.all, "99998:end|");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_duration_is_read),
		cmocka_unit_test(a_point_in_time_is_read),
		cmocka_unit_test(a_size_is_read_in_powers_of_1024),
		cmocka_unit_test(figures_are_written_for_people),
		cmocka_unit_test(what_people_are_shown_can_be_given_back),
		cmocka_unit_test(no_terminal_obeys_what_is_shown),
		cmocka_unit_test(an_item_becomes_json),
		cmocka_unit_test(json_is_valid_whatever_the_item_holds),
		cmocka_unit_test(a_history_says_what_it_leaves_out),
		cmocka_unit_test(a_table_is_aligned),
		cmocka_unit_test(packing_cuts_no_line_and_loses_no_byte),
		cmocka_unit_test(random_lines_are_packed_whole),
		cmocka_unit_test(a_line_that_is_too_long_is_named),
		cmocka_unit_test(each_line_is_a_body_and_an_empty_one_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
