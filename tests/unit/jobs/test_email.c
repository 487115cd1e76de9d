/* SPDX-License-Identifier: MIT */
/* Mail: addresses, headers, encodings, templates, dispositions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <jansson.h>

#include "base/error.h"
#include "jobs/email/code.h"
#include "jobs/email/disposition.h"
#include "jobs/email/dkim.h"
#include "jobs/email/head.h"
#include "jobs/email/read.h"
#include "jobs/email/template.h"

static struct email_why why;

/* --- addresses ----------------------------------------------------------- */

static void
addresses_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *text, *name, *address;
	} cases[] = {
		{"ann@example.org", "", "ann@example.org"},
		{"  ann@example.org ", "", "ann@example.org"},
		{"<ann@example.org>", "", "ann@example.org"},
		{"Ann Bö <ann@example.org>", "Ann Bö", "ann@example.org"},
		{"\"Bö, \\\"Ann\\\"\" <a@b.c>", "Bö, \"Ann\"", "a@b.c"},
		{"O'Hara & Co. <o'h+x@e-x.org>", "O'Hara & Co.",
			"o'h+x@e-x.org"},
		{"a@bücher.example", "", "a@xn--bcher-kva.example"},
		{"jörg@example.org", "", "jörg@example.org"},
		{"a@localhost", "", "a@localhost"},
	};
	struct email_address a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(email_address_parse(cases[i].text, NULL, &a));
		assert_string_equal(a.name, cases[i].name);
		assert_string_equal(a.text, cases[i].address);
		assert_int_equal(a.text[a.host - 1], '@');
		assert_int_equal(a.utf8, strstr(a.text, "ö@") == NULL &&
						 strstr(a.text, "ö") != NULL);
	}
}

static void
what_is_not_an_address_is_refused(void **state)
{
	static const char *const cases[] = {"", "ann", "@example.org", "ann@",
		"a@@b.c", "a b@c.d", "a@b c.d", "a@b..c", "a@.b", "a@b.",
		".a@b.c", "a.@b.c", "a..b@c.d", "-a@b.c", "a@-b.c", "a@b-.c",
		"a@[127.0.0.1]", "\"a b\"@c.d", "a(b)@c.d", "a@b.c, d@e.f",
		"Ann <a@b.c", "Ann a@b.c>", "Ann <a@b.c> x", "A\"b <a@b.c>",
		"A <b> <a@b.c>", "a@b.c\n", "a\r\n@b.c", "A\x01 <a@b.c>",
		"\xff <a@b.c>", "a@b_c.d", "<>", "a@\xc2\x85.d",
		"A\xe2\x80\xa8 <a@b.c>",
		"12345678901234567890123456789012345678901234567890123456789012"
		"345@b.c"};
	struct email_address a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(char *); i++)
		if (email_address_parse(cases[i], NULL, &a) == NULL)
			fail_msg("'%s' was taken", cases[i]);
}

static void
no_control_character_is_fit_for_a_header(void **state)
{
	char text[] = "a?b", c1[] = "a\xc2?b";
	struct email_address a;

	(void)state;
	for (int c = 1; c < 256; c++) {
		text[1] = (char)c;
		assert_int_equal(email_line_ok(text), c >= 0x20 && c < 0x7f);
		if (!email_line_ok(text))
			assert_non_null(email_address_parse("a@b.c", text, &a));
	}
	for (int c = 0x80; c < 0xc0; c++) {
		c1[2] = (char)c;
		assert_int_equal(email_line_ok(c1), c >= 0xa0);
	}
}

/* --- jobs ---------------------------------------------------------------- */

static int
read_job(const char *json)
{
	static struct email e;
	int err = email_read(&e, bytes_str(json), "a@b.c", NULL, &why);

	email_free(&e);
	return err;
}

static void
a_nul_is_refused_wherever_it_is(void **state)
{
	(void)state;
	assert_int_equal(read_job("{\"to\":\"a@b.c\",\"subject\":\"\\\\u0000\","
				  "\"text\":\"t\"}"),
		0);
	assert_true(read_job("{\"to\":\"a@b.c\\u0000\",\"subject\":\"s\","
			     "\"text\":\"t\"}") < 0);
	assert_true(read_job("{\"to\":\"a@b.c\",\"subject\":\"s\","
			     "\"text\":\"\\\\\\u0000\"}") < 0);
}

static void
a_job_says_for_whom_it_is(void **state)
{
	(void)state;
	assert_true(read_job("{\"to\":[\"a@b.c\",\"d@e.f\"],\"subject\":\"s\","
			     "\"text\":\"t\"}") < 0);
	assert_non_null(strstr(why.text, "recipient"));
	assert_int_equal(why.disposition, JOB_FAIL);
	assert_int_equal(read_job("{\"to\":[\"a@b.c\",\"d@e.f\"],"
				  "\"recipient\":\"g@h.i\",\"subject\":\"s\","
				  "\"text\":\"t\"}"),
		0);
	assert_true(read_job("{\"recipient\":\"g@h.i\",\"subject\":\"s\","
			     "\"text\":\"t\"}") < 0);
}

static void
what_a_job_does_not_know_is_refused(void **state)
{
	(void)state;
	assert_true(read_job("{\"to\":\"a@b.c\",\"subject\":\"s\","
			     "\"text\":\"t\",\"bcc\":\"x@y.z\"}") < 0);
	assert_true(read_job("{\"to\":\"a@b.c\",\"subject\":\"s\","
			     "\"text\":\"t\",\"to\":\"x@y.z\"}") < 0);
	assert_true(read_job("[]") < 0);
	assert_true(read_job("") < 0);
	assert_true(read_job("{} x") < 0);
}

/* --- headers ------------------------------------------------------------- */

static char *made;
static size_t made_len;

static char *
text_header(const char *text)
{
	struct email_head h;
	FILE *f;

	free(made);
	f = open_memstream(&made, &made_len);
	assert_non_null(f);
	email_head_begin(&h, f, "Subject");
	email_head_text(&h, text);
	email_head_end(&h);
	assert_int_equal(fclose(f), 0);
	return made;
}

static void
plain_text_stands_as_it_is_and_is_folded_at_blanks(void **state)
{
	(void)state;
	assert_string_equal(text_header("Hello you"), "Subject: Hello you\r\n");
	assert_string_equal(
		text_header("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
			    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb cccc dddd"),
		"Subject: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n cccc dddd\r\n");
}

static void
encoded_words_are_short_and_never_cut_a_character(void **state)
{
	char text[301], word[64];
	char *p;

	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		memset(text, 'a', shift);
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "好", 4);
		p = text_header(text);
		for (char *w = p; (w = strstr(w, "=?UTF-8?B?")) != NULL;) {
			size_t len = strcspn(w + 10, "?");
			size_t pad = w[9 + len] == '='
					     ? w[8 + len] == '=' ? 2 : 1
					     : 0;
			size_t bytes = len / 4 * 3 - pad;

			assert_true(len + 12 <= 75);
			/* `shift` bytes of ASCII come first. */
			assert_int_equal(
				(bytes - (w == p + 9 ? shift : 0)) % 3, 0);
			w += len + 12;
		}
		for (char *l = p; *l != '\0'; l += strcspn(l, "\n") + 1)
			assert_true(strcspn(l, "\r") <= 76);
	}
	(void)snprintf(word, sizeof(word), "%s", text_header("=?x?="));
	assert_string_equal(word, "Subject: =?UTF-8?B?PT94Pz0=?=\r\n");
	assert_non_null(strstr(text_header("two  blanks"), "=?UTF-8"));
	assert_non_null(strstr(text_header(" front"), "=?UTF-8"));
	assert_string_equal(text_header(""), "Subject:\r\n");
}

static void
names_of_files_are_quoted_or_encoded(void **state)
{
	struct email_head h;
	FILE *f;

	(void)state;
	free(made);
	f = open_memstream(&made, &made_len);
	assert_non_null(f);
	email_head_begin(&h, f, "C");
	email_head_param(&h, "filename", "a \"b\".pdf");
	email_head_end(&h);
	email_head_begin(&h, f, "C");
	email_head_param(&h, "filename", "für.pdf");
	email_head_end(&h);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(made, "C:; filename=\"a \\\"b\\\".pdf\"\r\n"
				  "C:; filename*0*=UTF-8''f%C3%BCr.pdf\r\n");
}

static void
types_and_fields_are_only_what_they_may_be(void **state)
{
	(void)state;
	assert_true(
		email_type_ok("text/calendar; method=REQUEST;charset=utf-8"));
	assert_true(email_type_ok("application/vnd.x-y+z"));
	assert_false(email_type_ok("text"));
	assert_false(email_type_ok("text/"));
	assert_false(email_type_ok("text/plain; x"));
	assert_false(email_type_ok("text/plain; x=\"y\""));
	assert_false(email_type_ok("text/plain; x=y\r\nz"));
	assert_false(email_type_ok("multipart/mixed"));
	assert_false(email_type_ok("message/rfc822"));
	assert_true(email_field_ok("X-Order"));
	assert_true(email_field_ok("in-reply-to"));
	assert_false(email_field_ok("Bcc"));
	assert_false(email_field_ok("From"));
	assert_false(email_field_ok("X-"));
	assert_false(email_field_ok("X-A: b"));
}

/* --- encodings ----------------------------------------------------------- */

static void
text_becomes_lines_of_seven_bits(void **state)
{
	FILE *f;

	(void)state;
	free(made);
	f = open_memstream(&made, &made_len);
	assert_non_null(f);
	email_quoted(f, "a=b\n.x\r\nFrom y\rend \nü\t");
	assert_int_equal(fclose(f), 0);
	assert_string_equal(made, "a=3Db\r\n=2Ex\r\n=46rom y\r\nend=20\r\n"
				  "=C3=BC=09\r\n");
}

static void
no_line_is_longer_than_76(void **state)
{
	char text[1001];
	FILE *f;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		text[i] = i % 7 == 0 ? '=' : i % 5 == 0 ? ' ' : '.';
	text[1000] = '\0';
	free(made);
	f = open_memstream(&made, &made_len);
	assert_non_null(f);
	email_quoted(f, text);
	assert_int_equal(fclose(f), 0);
	for (char *l = made; *l != '\0'; l += strcspn(l, "\n") + 1) {
		assert_true(strcspn(l, "\r") <= 76);
		assert_int_not_equal(l[0], '.');
	}
}

static void
the_size_of_base64_is_known_before(void **state)
{
	static char in[1000], out[2000];

	(void)state;
	for (size_t n = 0; n < sizeof(in); n++)
		assert_int_equal(email_base64_lines(in, n, out),
			email_base64_size((int64_t)n));
	assert_int_equal(email_base64("foob", 4, out), 8);
	assert_memory_equal(out, "Zm9vYg==", 8);
}

/* --- DKIM: the examples of RFC 6376, 3.4.5 -------------------------------- */

static void
put_text(void *arg, const void *p, size_t len)
{
	strncat(arg, p, len);
}

static void
the_relaxed_forms_are_those_of_the_rfc(void **state)
{
	static const char body[] = " C \r\nD \t E\r\n\r\n\r\n";
	char text[128] = "";
	struct email_relaxed r = {.put = put_text, .arg = text};

	(void)state;
	email_relaxed_field(put_text, text, "A: X", 4, 0);
	email_relaxed_field(put_text, text, "B : Y\t\r\n\tZ  ", 12, 0);
	assert_string_equal(text, "a:X\r\nb :Y Z\r\n");
	for (size_t cut = 0; cut < sizeof(body); cut++) {
		text[0] = '\0';
		r = (struct email_relaxed){.put = put_text, .arg = text};
		email_relaxed_body(&r, body, cut);
		email_relaxed_body(&r, body + cut, sizeof(body) - 1 - cut);
		assert_true(r.some);
		put_text(text, "\r\n", 2);
		assert_string_equal(text, " C\r\nD E\r\n");
	}
	text[0] = '\0';
	r = (struct email_relaxed){.put = put_text, .arg = text};
	email_relaxed_body(&r, " \r\n\r\n", 5);
	assert_false(r.some);
	assert_string_equal(text, "");
}

/* --- templates ----------------------------------------------------------- */

static int
filled(enum email_context context, const char *text, const char *values,
	char **to)
{
	json_t *v = json_loads(values, 0, NULL);
	int err;

	*to = NULL;
	err = email_template_text(text, "t", context, v, to, &why);
	json_decref(v);
	return err;
}

static void
a_value_is_escaped_for_the_place_where_it_stands(void **state)
{
	static const struct {
		enum email_context context;
		const char *text, *values, *want; /* NULL: refused */
	} cases[] = {
		{EMAIL_TEXT, "{{a}}{{ b }}", "{\"a\": \"<&\", \"b\": 1}",
			"<&1"},
		{EMAIL_TEXT, "{{a}} {{b}}", "{\"a\": 1.5, \"b\": true}",
			"1.5 true"},
		{EMAIL_TEXT, "{{a}} {{b}}",
			"{\"a\": 9007199254740993, \"b\": 2e3}",
			"9007199254740993 2000"},
		{EMAIL_TEXT, "{{a}}", "{\"a\": \"{{b}}\"}", "{{b}}"},
		{EMAIL_HTML, "<b>{{a}}</b>", "{\"a\": \"<&>\\\"'\"}",
			"<b>&lt;&amp;&gt;&quot;&#39;</b>"},
		{EMAIL_HTML, "{{{a}}}", "{\"a\": \"<b>\"}", "<b>"},
		{EMAIL_HTML, "<a href=\"{{a}}\">",
			"{\"a\": \"https://x/?a&b\"}",
			"<a href=\"https://x/?a&amp;b\">"},
		{EMAIL_HTML, "<a HREF = '{{a}}'>", "{\"a\": \"javascript:x\"}",
			NULL},
		{EMAIL_HTML, "<img src=\"{{a}}\">", "{\"a\": \"data:x\"}",
			NULL},
		{EMAIL_HTML, "<a href=\"https://x/{{a}}?{{a}}\">",
			"{\"a\": \"/\\\"&\"}",
			"<a href=\"https://x/%2F%22%26?%2F%22%26\">"},
		{EMAIL_HTML, "<a href=\"x\">{{a}}</a>", "{\"a\": \"j:x\"}",
			"<a href=\"x\">j:x</a>"},
		{EMAIL_HTML, "<a data-href=\"{{a}}\">", "{\"a\": \"j:x\"}",
			"<a data-href=\"j:x\">"},
		{EMAIL_TEXT, "{{a}}", "{}", NULL},
		{EMAIL_TEXT, "{{a}}", "{\"a\": [1]}", NULL},
		{EMAIL_TEXT, "{{a", "{\"a\": 1}", NULL},
		{EMAIL_TEXT, "{{}}", "{}", NULL},
		{EMAIL_TEXT, "{{{a}}", "{\"a\": 1}", NULL},
	};
	char *to;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int err = filled(
			cases[i].context, cases[i].text, cases[i].values, &to);

		assert_int_equal(err == 0, cases[i].want != NULL);
		if (err == 0)
			assert_string_equal(to, cases[i].want);
		else
			assert_null(to);
		free(to);
	}
}

static void
a_value_that_is_missing_is_the_jobs_fault_a_broken_template_is_not(void **state)
{
	char *to;

	(void)state;
	assert_int_equal(filled(EMAIL_TEXT, "{{a}}", "{}", &to), SW_EINVAL);
	assert_int_equal(why.disposition, JOB_FAIL);
	assert_true(filled(EMAIL_TEXT, "x\n{{a", "{}", &to) < 0);
	assert_int_equal(why.disposition, JOB_RETRY);
	assert_true(why.alarm);
	assert_non_null(strstr(why.text, "line 2"));
}

/* --- dispositions -------------------------------------------------------- */

static void
the_verdict_follows_from_stage_reply_and_error(void **state)
{
	static const struct {
		int rc;
		enum email_stage stage;
		int code, own;
		enum job_disposition disposition;
		int alarm;
	} cases[] = {
		{CURLE_SEND_ERROR, EMAIL_RCPT, 550, 0, JOB_FAIL, 0},
		{CURLE_SEND_ERROR, EMAIL_RCPT, 451, 0, JOB_RETRY, 0},
		{CURLE_SEND_ERROR, EMAIL_RCPT, 530, 0, JOB_RETRY, 1},
		{CURLE_SEND_ERROR, EMAIL_MAIL, 550, 0, JOB_RETRY, 1},
		{CURLE_SEND_ERROR, EMAIL_MAIL, 550, 1, JOB_FAIL, 0},
		{CURLE_SEND_ERROR, EMAIL_MAIL, 552, 0, JOB_FAIL, 0},
		{CURLE_WEIRD_SERVER_REPLY, EMAIL_SENT, 554, 0, JOB_FAIL, 0},
		{CURLE_WEIRD_SERVER_REPLY, EMAIL_CONNECT, 554, 0, JOB_RETRY, 1},
		{CURLE_WEIRD_SERVER_REPLY, EMAIL_CONNECT, 421, 0, JOB_RETRY, 0},
		{CURLE_PEER_FAILED_VERIFICATION, EMAIL_HELLO, 220, 0, JOB_RETRY,
			1},
		{CURLE_LOGIN_DENIED, EMAIL_AUTH, 535, 0, JOB_RETRY, 1},
		{CURLE_LOGIN_DENIED, EMAIL_AUTH, 454, 0, JOB_RETRY, 1},
		{CURLE_USE_SSL_FAILED, EMAIL_HELLO, 250, 0, JOB_RETRY, 1},
		{CURLE_COULDNT_CONNECT, EMAIL_CONNECT, 0, 0, JOB_RETRY, 1},
		{CURLE_COULDNT_RESOLVE_HOST, EMAIL_CONNECT, 0, 0, JOB_RETRY, 1},
		{CURLE_OPERATION_TIMEDOUT, EMAIL_CONNECT, 0, 0, JOB_RETRY, 1},
		{CURLE_OPERATION_TIMEDOUT, EMAIL_SENT, 0, 0, JOB_RETRY, 0},
		{CURLE_RECV_ERROR, EMAIL_SENT, 0, 0, JOB_RETRY, 0},
		{CURLE_OUT_OF_MEMORY, EMAIL_CONNECT, 0, 0, JOB_RETRY, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct email_end e = {.rc = cases[i].rc,
			.stage = cases[i].stage,
			.code = cases[i].code,
			.own_sender = cases[i].own,
			.reply = "r",
			.problem = "p",
			.server = "s"};

		assert_true(email_judge(&e, &why) < 0);
		assert_int_equal(why.disposition, cases[i].disposition);
		assert_int_equal(why.alarm, cases[i].alarm);
	}
}

static void
a_code_counts_for_nothing_where_the_mail_was_sent(void **state)
{
	struct email_end e = {
		.rc = CURLE_OK, .stage = EMAIL_SENT, .code = 550, .reply = "r"};

	(void)state;
	assert_int_equal(email_judge(&e, &why), 0);
}

static void
a_hint_is_taken_only_where_it_is_one(void **state)
{
	static const struct {
		const char *reply;
		int64_t ms;
	} cases[] = {
		{"451 4.7.1 Greylisted, try again in 300 seconds", 300000},
		{"450 please come back in 00:04:59", 299000},
		{"421 retry after 5 minutes", 300000},
		{"451 Greylisted for 5 min", 300000},
		{"451 wait, try in 1 hour.", 3600000},
		{"451 in 90s", 90000},
		{"451 try again later", 0},
		{"451 in 300", 0},
		{"451 300 seconds", 0},
		{"451 in 0 seconds", 0},
		{"451 in 9999999 seconds", 0},
		{"451 in 25 hours", 0},
		{"451 in 5 messages", 0},
		{"451 in 99:99:99", 0},
		{"451 for 10.0.0.1 in 2 minutes", 120000},
		{"", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(email_hint_ms(cases[i].reply), cases[i].ms);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_as_people_write_them),
		cmocka_unit_test(what_is_not_an_address_is_refused),
		cmocka_unit_test(no_control_character_is_fit_for_a_header),
		cmocka_unit_test(a_nul_is_refused_wherever_it_is),
		cmocka_unit_test(a_job_says_for_whom_it_is),
		cmocka_unit_test(what_a_job_does_not_know_is_refused),
		cmocka_unit_test(
			plain_text_stands_as_it_is_and_is_folded_at_blanks),
		cmocka_unit_test(
			encoded_words_are_short_and_never_cut_a_character),
		cmocka_unit_test(names_of_files_are_quoted_or_encoded),
		cmocka_unit_test(types_and_fields_are_only_what_they_may_be),
		cmocka_unit_test(text_becomes_lines_of_seven_bits),
		cmocka_unit_test(no_line_is_longer_than_76),
		cmocka_unit_test(the_size_of_base64_is_known_before),
		cmocka_unit_test(the_relaxed_forms_are_those_of_the_rfc),
		cmocka_unit_test(
			a_value_is_escaped_for_the_place_where_it_stands),
		cmocka_unit_test(
			a_value_that_is_missing_is_the_jobs_fault_a_broken_template_is_not),
		cmocka_unit_test(
			the_verdict_follows_from_stage_reply_and_error),
		cmocka_unit_test(
			a_code_counts_for_nothing_where_the_mail_was_sent),
		cmocka_unit_test(a_hint_is_taken_only_where_it_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
