/* SPDX-License-Identifier: MIT */
/*
 * test_cmd_manual.c - docs/man/spillway.1 lists what the tables have, and
 * nothing else
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cmd.h"
#include "wire/setting.h"

enum { MAN_MAX = 256 * 1024, LINE = 200 };

static char man[MAN_MAX];

static int
man_read(void **state)
{
	FILE *f = fopen("docs/man/spillway.1", "r");
	size_t n;

	(void)state;
	assert_non_null(f);
	n = fread(man, 1, sizeof(man) - 1, f);
	man[n] = '\0';
	return fclose(f);
}

static int
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* "KEY=VALUE" as "Ar key Ns = Ns Ar value", "FROM-TO" likewise. */
static void
mdoc_name(FILE *f, const char *word, size_t len)
{
	size_t cut = 0;

	while (cut < len && word[cut] != '=' && word[cut] != '-')
		cut++;
	if (len == 1 && word[0] == '|') {
		(void)fputs("|", f);
	} else if (len == 1 && word[0] == '-') {
		(void)fputs("Fl", f);
	} else if (cut == len || cut == 0 || word[0] <= '9') {
		(void)fputs("Ar ", f);
		for (size_t i = 0; i < len; i++)
			(void)fputc(
				is_upper(word[i]) ? word[i] + 32 : word[i], f);
	} else if (is_upper(word[0])) {
		mdoc_name(f, word, cut);
		(void)fprintf(f, " Ns %c Ns ", word[cut]);
		mdoc_name(f, word + cut + 1, len - cut - 1);
	} else { /* "state=STATE" */
		(void)fprintf(f, "Cm %.*s Ns ", (int)cut + 1, word);
		mdoc_name(f, word + cut + 1, len - cut - 1);
	}
}

/* A synopsis as the manual writes it, after `head`. */
static void
mdoc_line(char line[LINE], const char *head, const char *synopsis)
{
	static const char more[] = "…";
	FILE *f = fmemopen(line, LINE, "w");

	assert_non_null(f);
	(void)fputs(head, f);
	while (*synopsis != '\0') {
		size_t len = strcspn(synopsis, " "), n = len;
		const char *word = synopsis;

		(void)fputs(*word == '[' ? " Op " : " ", f);
		n -= word[n - 1] == ']';
		word += *word == '[';
		n -= (size_t)(word - synopsis);
		if (n > 3 && memcmp(word + n - 3, more, 3) == 0) {
			mdoc_name(f, word, n - 3);
			(void)fputs(" ...", f);
		} else {
			mdoc_name(f, word, n);
		}
		synopsis += len + (synopsis[len] == ' ');
	}
	(void)fclose(f);
}

static void
verb_line(char line[LINE], const struct cmd_verb *v)
{
	char head[64];

	(void)snprintf(head, sizeof(head), ".It Cm %s", v->name);
	mdoc_line(line, head, v->args);
}

/* Whether the manual has exactly this line between two of its lines. */
static int
has_line(const char *line)
{
	size_t len = strlen(line);

	for (const char *p = man; (p = strstr(p, line)) != NULL; p++)
		if (p > man && p[-1] == '\n' && p[len] == '\n')
			return 1;
	return 0;
}

static void
the_manual_lists_each_verb_with_its_words(void **state)
{
	char line[LINE];

	(void)state;
	for (const struct cmd_verb *v = cmd_verbs; v->name != NULL; v++) {
		verb_line(line, v);
		if (!has_line(line))
			fail_msg("the manual lacks '%s'", line);
		if (v->also == NULL)
			continue;
		(void)snprintf(line, sizeof(line), ".Cm %s", v->also);
		assert_true(has_line(line));
	}
}

static void
the_manual_lists_no_verb_that_is_not(void **state)
{
	const char *p = strstr(man, ".Ss Putting jobs");
	const char *end = strstr(man, ".Sh SELECTORS");
	char line[LINE];
	int found = 0;

	(void)state;
	assert_true(p != NULL && end != NULL);
	for (; (p = strstr(p, "\n.It Cm ")) != NULL && p < end; p++) {
		const struct cmd_verb *v = cmd_verbs;

		for (; v->name != NULL; v++) {
			verb_line(line, v);
			if (strncmp(p + 1, line, strlen(line)) == 0 &&
				p[1 + strlen(line)] == '\n')
				break;
		}
		if (v->name == NULL)
			fail_msg("no such verb: %.60s", p + 1);
		found++;
	}
	assert_true(found > 20);
}

static void
the_manual_lists_each_option_with_its_value(void **state)
{
	char head[64], line[LINE];

	(void)state;
	for (int o = 0; o < CMD_OPTS; o++) {
		(void)snprintf(head, sizeof(head), "Fl -%s", cmd_opts[o].name);
		mdoc_line(line, head,
			cmd_opts[o].arg == NULL ? "" : cmd_opts[o].arg);
		if (strstr(man, line) == NULL)
			fail_msg("the manual lacks '%s'", line);
	}
}

static int
is_option(const char *name, size_t len)
{
	static const char *const others[] = {
		"version", "name", /* of the form of options */
#define X(sym, old) old,
		CMD_OPT_OLD_MAP(X)
#undef X
	};

	for (int o = 0; o < CMD_OPTS; o++)
		if (strlen(cmd_opts[o].name) == len &&
			memcmp(cmd_opts[o].name, name, len) == 0)
			return 1;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strlen(others[i]) == len &&
			memcmp(others[i], name, len) == 0)
			return 1;
	return 0;
}

static void
the_manual_lists_no_option_that_is_not(void **state)
{
	int found = 0;

	(void)state;
	for (const char *p = man; (p = strstr(p, "Fl -")) != NULL; found++) {
		size_t len;

		p += strlen("Fl -");
		len = strspn(p, "abcdefghijklmnopqrstuvwxyz-");
		if (len > 0 && !is_option(p, len))
			fail_msg("no such option: --%.*s", (int)len, p);
	}
	assert_true(found > 40);
}

static void
the_manual_lists_the_settings_that_there_are(void **state)
{
	const char *p = strstr(man, ".Sh QUEUE SETTINGS");
	const char *end = strstr(man, ".Sh OUTPUT");
	char line[LINE];
	int found = 0;

	(void)state;
	assert_true(p != NULL && end != NULL);
	for (int i = 0; i < SW_SETTINGS; i++) {
		(void)snprintf(line, sizeof(line), ".It Cm %s",
			sw_setting_rules[i].name);
		if (!has_line(line))
			fail_msg("the manual lacks '%s'", line);
	}
	for (int i = 0; i < SW_TEXT_SETTINGS; i++) {
		(void)snprintf(
			line, sizeof(line), ".It Cm %s", sw_text_rules[i].name);
		if (!has_line(line) || !has_line(sw_text_rules[i].text))
			fail_msg("the manual lacks '%s' or its text", line);
	}
	for (; (p = strstr(p, "\n.It Cm ")) != NULL && p < end; p++)
		found++;
	assert_int_equal(found, SW_SETTINGS + SW_TEXT_SETTINGS);
}

/* As "(DEFAULT)", or "(0: no limit)" where the text of the table has it. */
static void
the_manual_has_the_default_of_each_setting(void **state)
{
	const char *p = strstr(man, ".Sh QUEUE SETTINGS");

	(void)state;
	for (int i = 0; i < SW_SETTINGS; i++) {
		const struct sw_setting_rule *r = &sw_setting_rules[i];
		char name[LINE], def[UNIT_TEXT], want[LINE];
		const char *zero = strstr(r->text, "; 0: "), *at, *end, *found;

		(void)snprintf(name, sizeof(name), ".It Cm %s\n", r->name);
		at = strstr(p, name);
		assert_non_null(at);
		at += strlen(name);
		end = strstr(at, "\n.");
		while (end != NULL && strncmp(end, "\n.It", 4) != 0 &&
			strncmp(end, "\n.El", 4) != 0)
			end = strstr(end + 1, "\n.");
		assert_non_null(end);
		(void)snprintf(want, sizeof(want), "(%s)",
			zero != NULL ? zero + 2
				     : unit_format(r->unit, r->def, def));
		found = strstr(at, want);
		if (found == NULL || found > end)
			fail_msg("the manual lacks '%s' of %s", want, r->name);
	}
}

/* The manual's lines may be broken anywhere. */
static void
the_manual_has_the_table_of_exit_codes(void **state)
{
	static const struct {
		int code;
		const char *text;
	} codes[] = {
#define X(sym, code, text) {code, text},
		CMD_EXIT_MAP(X)
#undef X
	};
	char line[LINE];

	(void)state;
	for (char *p = man; (p = strchr(p, '\n')) != NULL;)
		*p = ' ';
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		(void)snprintf(line, sizeof(line), ".It %d %s .", codes[i].code,
			codes[i].text);
		if (strstr(man, line) == NULL)
			fail_msg("the manual lacks '%s'", line);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manual_lists_each_verb_with_its_words),
		cmocka_unit_test(the_manual_lists_no_verb_that_is_not),
		cmocka_unit_test(the_manual_lists_each_option_with_its_value),
		cmocka_unit_test(the_manual_lists_no_option_that_is_not),
		cmocka_unit_test(the_manual_lists_the_settings_that_there_are),
		cmocka_unit_test(the_manual_has_the_default_of_each_setting),
		cmocka_unit_test(the_manual_has_the_table_of_exit_codes),
	};

	return cmocka_run_group_tests(tests, man_read, NULL);
}
