/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fuzz/scan.h"
#include "tests/lib/chance.h"

#define AT_S INT64_C(1240383171) /* 2009-04-22 06:52:51 UTC */
#define WHEN "[22/Apr/2009:18:52:51 +1200]"

/* The expected fields of one line. */
struct want {
	const char *text, *client, *method, *path, *referer, *agent;
	int64_t at_s;
	uint64_t bytes;
	int status;
};

static void
same(struct bytes got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.len == 0 ? "" : got.p, want, got.len);
}

static void
expect_good(const struct want *w)
{
	static char scratch[4096];
	struct log_line l;
	struct log_scan s;

	scan_init(&s, bytes_str(w->text), scratch, sizeof(scratch));
	if (scan_next(&s, &l) != SCAN_GOOD)
		fail_msg("%s: %s", w->text, l.why);
	same(l.raw, w->text);
	same(l.client, w->client);
	same(l.method, w->method);
	same(l.path, w->path);
	same(l.referer, w->referer);
	same(l.agent, w->agent);
	assert_int_equal(l.at_s, w->at_s);
	assert_int_equal(l.bytes, w->bytes);
	assert_int_equal(l.status, w->status);
	assert_int_equal(scan_next(&s, &l), SCAN_END);
}

/* The scanner's `why` for `text`, which is one bad line. */
static const char *
why_bad(const char *text, size_t len)
{
	struct log_line l;
	struct log_scan s;

	scan_init(&s, bytes_of(text, len), NULL, 0);
	if (scan_next(&s, &l) != SCAN_BAD)
		fail_msg("taken for a good line: %s", text);
	assert_int_equal(scan_next(&s, &l), SCAN_END);
	return l.why;
}

static void
expect_all_good(const struct want *wants, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_good(&wants[i]);
}

#define EXPECT_ALL_GOOD(w) expect_all_good(w, sizeof(w) / sizeof((w)[0]))

/* clang-format off */
static void
common_and_combined_lines_give_every_field(void **state)
{
	static const struct want wants[] = {
		{"192.0.2.7 - - " WHEN " \"GET /a?b=c HTTP/1.1\" 200 986",
			"192.0.2.7", "GET", "/a", "", "", AT_S, 986, 200},
		{"2001:db8::1 - jo " WHEN " \"POST /x HTTP/2\" 404 - \"http://r/\" \"UA 1\"",
			"2001:db8::1", "POST", "/x", "http://r/", "UA 1", AT_S, 0, 404},
		{"host.example - jo [x] doe " WHEN " \"M-SEARCH * HTTP/1.1\" 000 0 \"-\" \"-\" \"-\" 0.004",
			"host.example", "M-SEARCH", "*", "-", "-", AT_S, 0, 0},
		{"h - - " WHEN " \"GET /a b HTTP/1.0\" 200 1 \"\" \"\"",
			"h", "GET", "/a b", "", "", AT_S, 1, 200},
		{"h - - " WHEN " \"GET /old\" 200 1099511627775 \"-\" \"-\"",
			"h", "GET", "/old", "-", "-", AT_S, 1099511627775, 200},
	};

	(void)state;
	EXPECT_ALL_GOOD(wants);
}

static void
escaped_quotes_stay_within_their_field(void **state)
{
	static const struct want wants[] = {
		{"h - - " WHEN " \"GET /\\\"q\\\" HTTP/1.1\" 200 1 \"r\\\\\" \"a \\\"b\\\\\\\" c\"",
			"h", "GET", "/\\\"q\\\"", "r\\\\", "a \\\"b\\\\\\\" c", AT_S, 1, 200},
		{"h - - " WHEN " \"GET /\\x22 HTTP/1.1\" 200 1 \"-\" \"\\x5C\"",
			"h", "GET", "/\\x22", "-", "\\x5C", AT_S, 1, 200},
	};

	(void)state;
	EXPECT_ALL_GOOD(wants);
}

static void
a_request_that_is_none_still_makes_a_good_line(void **state)
{
	static const char *const requests[] = {"-", "", "\\x16\\x03\\x01", "GET", "GET ",
		"get / HTTP/1.1", " / HTTP/1.1"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		const struct want w = {text, "h", "", "", "-", "-", AT_S, 0, 400};

		(void)snprintf(text, sizeof(text), "h - - " WHEN " \"%s\" 400 0 \"-\" \"-\"", requests[i]);
		expect_good(&w);
	}
}

static void
json_lines_give_every_field_under_many_names(void **state)
{
	static const struct want wants[] = {
		{"{\"remote_addr\":\"192.0.2.7\",\"time_iso8601\":\"2009-04-22T18:52:51+12:00\",\"request\":\"GET /a?b HTTP/1.1\","
			"\"status\":200,\"body_bytes_sent\":986,\"http_referer\":\"r\",\"http_user_agent\":\"u\"}",
			"192.0.2.7", "GET", "/a", "r", "u", AT_S, 986, 200},
		{"{\"ip\":\"h\",\"ts\":1240383171.5,\"method\":\"PUT\",\"path\":\"/p?x\",\"status\":\"201\",\"size\":\"-\"}",
			"h", "PUT", "/p", "", "", AT_S, 0, 201},
		{"{ \"level\":\"info\", \"ts\":1240383171250, \"request\":{\"remote_ip\":\"::1\",\"method\":\"GET\",\"uri\":\"/c\","
			"\"headers\":{\"status\":[\"999\"],\"uri\":\"/no\"}},\"x\":[{\"ip\":\"no\",\"status\":1}],\"size\":7,\"status\":204 }",
			"::1", "GET", "/c", "", "", AT_S, 7, 204},
		{"{\"client\":\"h\",\"uri\":\"\\/caf\\u00e9\\\"\\n\",\"status\":200,\"time\":\"22/Apr/2009:18:52:51 +1200\",\"bytes\":null}",
			"h", "", "/caf\303\251\"\n", "", "", AT_S, 0, 200},
		{"{\"client\":\"h\",\"url\":\"/\xff\",\"status\":200,\"time\":\"yesterday\"}",
			"h", "", "/\xff", "", "", SCAN_NO_TIME, 0, 200},
	};

	(void)state;
	EXPECT_ALL_GOOD(wants);
}

static void
what_is_wrong_with_a_bad_line_is_told(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{" ", "no client address"},
		{"word", "no client address"},
		{"\033 - - " WHEN " \"GET / HTTP/1.1\" 200 1", "no client address"},
		{"h - - \"GET / HTTP/1.1\" 200 1", "no [time]"},
		{"h - - [22/Apr/2009:18:52:51 +1200", "no [time]"},
		{"h - - [22/Apr/2009:18:52:51 +1200)", "no [time]"},
		{"h - - [29/Feb/2009:18:52:51 +1200] \"GET / HTTP/1.1\" 200 1", "no [time]"},
		{"h - - [22/Avr/2009:18:52:51 +1200] \"GET / HTTP/1.1\" 200 1", "no [time]"},
		{"h - - [22/Apr/2009:24:52:51 +1200] \"GET / HTTP/1.1\" 200 1", "no [time]"},
		{"h - - [22/Apr/2009:18:52:61 +1200] \"GET / HTTP/1.1\" 200 1", "no [time]"},
		{"h - - [22/Apr/2009:18:52:51 01200] \"GET / HTTP/1.1\" 200 1", "no [time]"},
		{"h - - " WHEN " GET / 200 1", "no \"request\""},
		{"h - - " WHEN " \"GET / HTTP/1.1\\\" 200 1", "no \"request\""},
		{"h - - " WHEN " \"GET / HTTP/1.1\" 20 1", "no status of three digits"},
		{"h - - " WHEN " \"GET / HTTP/1.1\" 2000 1", "no status of three digits"},
		{"h - - " WHEN " \"GET / HTTP/1.1\" 200", "no status of three digits"},
		{"h - - " WHEN " \"GET / HTTP/1.1\" 200 ", "no size, or one beyond 1 TiB"},
		{"h - - " WHEN " \"GET / HTTP/1.1\" 200 x", "no size, or one beyond 1 TiB"},
		{"h - - " WHEN " \"GET / HTTP/1.1\" 200 1099511627776", "no size, or one beyond 1 TiB"},
		{"h - - " WHEN " \"GET / HTTP/1.1\" 200 1x", "no size, or one beyond 1 TiB"},
		{"h - - " WHEN " \"GET / HTTP/1.1\" 200 -1", "no size, or one beyond 1 TiB"},
		{"h - - " WHEN " \"GET / HTTP/1.1\" 200 1 \"r", "no \"referer\" after the size"},
		{"h - - " WHEN " \"GET / HTTP/1.1\" 200 1 \"r\"", "no \"user agent\" after the referer"},
		{"h - - " WHEN " \"GET / HTTP/1.1\" 200 1 \"r\" \"u", "no \"user agent\" after the referer"},
		{"h - - " WHEN " \"GET / HTTP/1.1\" 200 1 \"r\" \"u\"x", "text behind the user agent"},
		{"{", "not a JSON object"},
		{"{}x", "not a JSON object"},
		{"{\"ip\":\"h\",\"status\":200,\"path\":\"/", "not a JSON object"},
		{"{\"status\":200,\"path\":\"/\"}", "no client address in the object"},
		{"{\"ip\":\"h\",\"path\":\"/\"}", "no status in the object"},
		{"{\"ip\":\"h\",\"status\":2e2,\"path\":\"/\"}", "no status in the object"},
		{"{\"ip\":\"h\",\"status\":1000,\"path\":\"/\"}", "no status in the object"},
		{"{\"ip\":\"h\",\"status\":200}", "no path or request in the object"},
		{"{\"ip\":\"h\",\"status\":200,\"path\":\"/\",\"size\":-1}", "no size, or one beyond 1 TiB"},
		{"{\"ip\":\"h\",\"status\":200,\"path\":\"\\u002f\"}", "no room to decode JSON strings"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_string_equal(why_bad(bad[i].text, strlen(bad[i].text)), bad[i].why);
	(void)why_bad("\0\0\0", 3);
}
/* clang-format on */

static void
a_line_torn_anywhere_before_its_size_is_bad(void **state)
{
	static const char line[] = "192.0.2.7 - - " WHEN
				   " \"GET / HTTP/1.1\" 200 9 \"r\" \"u\"";
	const char *size = strstr(line, " 9 ");
	char *copy;

	(void)state;
	for (size_t len = 1; len < sizeof(line) - 1; len++) {
		if (line + len == size + 2)
			continue;   /* that is a line in common format */
		copy = malloc(len); /* exact: the sanitizer sees over-reads */
		assert_non_null(copy);
		memcpy(copy, line, len);
		(void)why_bad(copy, len);
		free(copy);
	}
}

static void
lines_end_at_newlines_and_empty_ones_are_none(void **state)
{
	static const char text[] = "\n\r\nbad\r\n\nh - - " WHEN
				   " \"GET / HTTP/1.1\" 200 1\r\nb";
	struct log_line l;
	struct log_scan s;

	(void)state;
	scan_init(&s, bytes_of(text, sizeof(text) - 1), NULL, 0);
	assert_int_equal(scan_next(&s, &l), SCAN_BAD);
	same(l.raw, "bad");
	assert_int_equal(scan_next(&s, &l), SCAN_GOOD);
	assert_int_equal(l.bytes, 1);
	assert_int_equal(scan_next(&s, &l), SCAN_BAD);
	same(l.raw, "b");
	assert_int_equal(scan_next(&s, &l), SCAN_END);
	scan_init(&s, bytes_of(NULL, 0), NULL, 0);
	assert_int_equal(scan_next(&s, &l), SCAN_END);
}

/* Compares with timegm() over years and zones. */
static void
times_agree_with_the_c_library(void **state)
{
	struct scan_clock c = {0};
	char text[64];

	(void)state;
	for (int64_t at = 0; at < INT64_C(7258118400); at += 86399 * 13 + 7) {
		time_t t = (time_t)at;
		int64_t got = 0;
		struct tm tm;

		assert_non_null(gmtime_r(&t, &tm));
		(void)strftime(
			text, sizeof(text), "%d/%b/%Y:%H:%M:%S -0330", &tm);
		assert_int_equal(scan_time_clf(&c, text, &got), 0);
		assert_int_equal(got, at + 12600);
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
		assert_int_equal(scan_time(&c, bytes_str(text)), at);
	}
}

static void
times_next_to_each_other_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		int64_t at_s;
	} times[] = {
		{"22/Apr/2009:18:52:51 +1200", AT_S},
		{"22/Apr/2009:18:52:52 +1200", AT_S + 1},
		{"22/Apr/2009:18:52:52 +1100", AT_S + 3601},
		{"22/Apr/2009:18:53:52 +1100", AT_S + 3661},
		{"23/Apr/2009:18:53:52 +1100", AT_S + 90061},
	};
	struct scan_clock c = {0};
	int64_t got;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_int_equal(scan_time_clf(&c, times[i].text, &got), 0);
		assert_int_equal(got, times[i].at_s);
	}
}

static void
the_time_a_request_took_is_read_where_it_is_one(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} tails[] = {{" 0.004", 4000}, {" \"-\" 12.5", 12500000}, {" 0.000", 0},
		{" 1e3", -1}, {" 4", -1}, {" -0.5", -1}, {" 0.5x", -1},
		{" 1.2.3", -1}, {" .5", -1}, {" 5.", -1}, {" \"0.5\"", -1},
		{" 86400.0", 86400000000}, {" 86400.1", -1}, {" 0.0000004", 0},
		{" 0.004 ", -1}, {"", -1}};
	static const struct {
		const char *pair;
		int64_t us;
	} pairs[] = {{"\"request_time\":0.25", 250000},
		{"\"request_time\":\"0.25\"", 250000},
		{"\"duration\":5.1e-05", 51}, {"\"duration\":2E+1", 20000000},
		{"\"duration_ms\":12", 12000}, {"\"duration\":\"1.2ms\"", -1},
		{"\"duration\":1e999", -1}, {"\"duration\":1e-999", 0},
		{"\"duration\":1e9999", -1}, {"\"duration\":null", -1},
		{"\"duration\":0.12345678901234567890123", 123457}};
	struct log_line l;
	char text[256];
	struct log_scan s;

	(void)state;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		(void)snprintf(text, sizeof(text),
			"h - - " WHEN " \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"%s",
			tails[i].text);
		scan_init(&s, bytes_str(text), NULL, 0);
		assert_int_equal(scan_next(&s, &l), SCAN_GOOD);
		if (l.took_us != tails[i].us)
			fail_msg("%s: %lld", text, (long long)l.took_us);
	}
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		(void)snprintf(text, sizeof(text),
			"{\"ip\":\"h\",\"uri\":\"/\",\"status\":200,%s}",
			pairs[i].pair);
		scan_init(&s, bytes_str(text), NULL, 0);
		assert_int_equal(scan_next(&s, &l), SCAN_GOOD);
		if (l.took_us != pairs[i].us)
			fail_msg("%s: %lld", text, (long long)l.took_us);
	}
}

/* Checks that lines are within the text and do not overlap. */
static void
scan_whole(const char *text, size_t len)
{
	char *scratch = malloc(len);
	const char *after = text;
	struct log_line l;
	enum scan_kind k;
	struct log_scan s;

	assert_non_null(scratch);
	scan_init(&s, bytes_of(text, len), scratch, len);
	while ((k = scan_next(&s, &l)) != SCAN_END) {
		const char *p = l.raw.p;

		assert_true(p >= after && l.raw.len > 0);
		after = p + l.raw.len;
		assert_true(after <= text + len);
		assert_int_equal(k == SCAN_BAD, l.why != NULL);
		if (k == SCAN_GOOD) {
			assert_in_range(l.status, 0, 999);
			assert_in_range(l.bytes, 0, SCAN_BYTES_MAX);
			assert_in_range(l.client.len, 1, l.raw.len);
			assert_in_range(l.path.len, 0, l.raw.len);
		}
	}
	free(scratch);
}

static void
any_bytes_are_read_without_harm(void **state)
{
	static const char *const seeds[] = {
		"192.0.2.7 - - " WHEN
		" \"GET /a\\\"?b HTTP/1.1\" 200 986 \"r\" \"u\\\\\"\n",
		"{\"ip\":\"h\",\"uri\":\"\\u00e9\",\"status\":200,\"size\":1}"
		"\n",
		"",
	};
	static const char spice[] = "\"\\[]{}: -\n\r\0/?u09\xff";
	uint64_t r = chance_seed();

	(void)state;
	for (int round = 0; round < 20000; round++) {
		const char *seed = seeds[chance_draw(&r) % 3];
		size_t n = strlen(seed),
		       len = n == 0 ? chance_draw(&r) % 64 + 1 : n;
		char *text = malloc(len);

		assert_non_null(text);
		for (size_t i = 0; i < len; i++)
			text[i] = n > 0 ? seed[i] : (char)chance_draw(&r);
		for (uint64_t i = chance_draw(&r) % 5; i > 0; i--)
			text[chance_draw(&r) % len] =
				chance_draw(&r) % 2 == 0
					? spice[chance_draw(&r) %
						  (sizeof(spice) - 1)]
					: (char)chance_draw(&r);
		scan_whole(text, len - chance_draw(&r) % (len / 2 + 1));
		free(text);
	}
}

/* Writes a line as servers do, with random variations. */
static size_t
line_make(uint64_t *r, char *to, size_t cap)
{
	static const char *const clients[] = {"192.0.2.7", "2001:db8::17:ff",
		"a.host.with.a.long.name.to.be.found.in.the.second.window.of."
		"sixty.four.bytes.example",
		"{h", "\177h", "h"};
	static const char *const users[] = {"- -", "- jo", "- jo [x] doe",
		"- a-user-too-long-for-the-short-cut",
		"- [21/Apr/2009:18:52:51 +1200]", "-  -"};
	static const char *const requests[] = {"GET /a?b=c HTTP/1.1",
		"POST /x HTTP/2", "M-SEARCH * HTTP/1.1", "GET /old", "", "-",
		"GET", "GET HTTP/1.1", "GET  HTTP/1.1", "GET ? HTTP/1.1",
		"GET /a/path/so/long/that/it/is/not/found/within/a/window/of/"
		"64/bytes/all/told?q HTTP/1.1",
		"GET "
		"/this/path/has/sixty-four/bytes/and/so/it/not/one/fewer/the/"
		"that HTTP/1.1",
		"GET /\\\"q\\\" HTTP/1.0", "BREW /tea HTTP/10.1"};
	static const char *const sizes[] = {"0", "-", "986", "12345678",
		"123456789", "1099511627776", "-1"};
	static const char *const agents[] = {"-", "", "curl/7.88.1",
		"a \\\"b\\\\\\\" c", "\\\\",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
		"(KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"};
	static const char *const tails[] = {"", " 0.004", " 123.456", " \"-\"",
		" \"-\" 0.1", " 86400.0", " 86400.1", " 1.2.3", " .5", " 5.",
		" 0.0000001", " 12345678.9", "x", " ", " 1e-3.5",
		" \"10.0.0.1, 10.0.0.2, 10.0.0.3\" 0.250", "\r", " 0.5\r"};
#define ONE(of) (of)[chance_draw(r) % (sizeof(of) / sizeof((of)[0]))]
	int n = snprintf(to, cap, "%s %s " WHEN " \"%s\" %03d %s", ONE(clients),
		ONE(users), ONE(requests), (int)(chance_draw(r) % 1000),
		ONE(sizes));

	if (chance_draw(r) % 8 > 0)
		n += snprintf(to + n, cap - (size_t)n, " \"%s\" \"%s\"%s",
			ONE(agents), ONE(agents), ONE(tails));
#undef ONE
	to[n++] = '\n';
	return (size_t)n;
}

static void
short_cuts_find_what_the_plain_way_finds(void **state)
{
	static const char spice[] = "\"\\[]{}: -\n\r\0/?.09\xff";
	uint64_t r = chance_seed();
	size_t cut = 0;
	char text[4096];

	(void)state;
	for (int round = 0; round < 100000; round++) {
		size_t len = 0;

		for (uint64_t n = chance_draw(&r) % 4 + 1; n > 0; n--)
			len += line_make(&r, text + len, sizeof(text) - len);
		for (uint64_t i = chance_draw(&r) % 4; i > 0; i--)
			text[chance_draw(&r) % len] =
				spice[chance_draw(&r) % (sizeof(spice) - 1)];
		if (!us_both_ways(text, len, &cut))
			fail_msg("not the same: %.*s", (int)len, text);
	}
	assert_true(cut > 50000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(common_and_combined_lines_give_every_field),
		cmocka_unit_test(escaped_quotes_stay_within_their_field),
		cmocka_unit_test(
			a_request_that_is_none_still_makes_a_good_line),
		cmocka_unit_test(json_lines_give_every_field_under_many_names),
		cmocka_unit_test(what_is_wrong_with_a_bad_line_is_told),
		cmocka_unit_test(a_line_torn_anywhere_before_its_size_is_bad),
		cmocka_unit_test(lines_end_at_newlines_and_empty_ones_are_none),
		cmocka_unit_test(times_agree_with_the_c_library),
		cmocka_unit_test(times_next_to_each_other_are_told_apart),
		cmocka_unit_test(
			the_time_a_request_took_is_read_where_it_is_one),
		cmocka_unit_test(any_bytes_are_read_without_harm),
		cmocka_unit_test(short_cuts_find_what_the_plain_way_finds),
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
