/* SPDX-License-Identifier: MIT */
/*
 * test_cmd_use.c - wrong use, help, manual and completion; no broker
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

#include "cli/cmd.h"
#include "tests/lib/command.h"
#include "wire/setting.h"

/* The command's words, and text that the error line must have. */
/* clang-format off */
static const char *const misuses[][2] = {
	{"", "missing argument: VERB"},
	{"putt", "unknown verb 'putt'"},
	{"dead", "missing argument: dead needs a second word"},
	{"dead|lst", "'dead lst'"},
	{"--frob|stats", "unknown option --frob"},
	{"put", "missing argument: QUEUE"},
	{"put|q", "missing argument: BODY, -, --file or --lines"},
	{"put|q|a|--file|f", "only one of BODY"},
	{"put|q|a|b", "unexpected argument 'b'"},
	{"put|Q!|a", "'Q!'"},
	{"put|q|a|--frob", "unknown option --frob"},
	{"put|q|a|-x", "unknown option -x"},
	{"put|q|a|--delay", "missing argument: --delay DURATION"},
	{"put|q|a|--delay|soon", "--delay must be a duration such as 30s or 1h30m, not 'soon'"},
	{"put|q|a|--delay|9999d", "--delay must be a duration, 0 to 366d, not '9999d'"},
	{"put|q|a|--timeout=0", "--timeout must be a duration, 1ms to 366d, not '0'"},
	{"put|q|a|--at=9999999d", "--at must be a time (2026-01-31T08:00:00Z)"},
	{"put|q|a|--delay=1s|--at=1s", "cannot be used together"},
	{"put|q|a|--delay=1s|--delay=1s", "--delay is given twice"},
	{"put|q|a|--at=noon", "--at must be a time (2026-01-31T08:00:00Z)"},
	{"put|q|a|--priority=10", "--priority must be 0 to 9, not '10'"},
	{"put|q|a|--max-attempts=0", "--max-attempts must be 1 to 1000, not '0'"},
	{"put|q|a|--unique-also=dead", "--unique-also needs --unique"},
	{"put|q|a|--unique=k|--unique-also=x", "--unique-also must be dead, done or dead,done, not 'x'"},
	{"put|q|a|--header=x", "--header: headers must be name=value, not \"x\""},
	{"put|q|a|--header==x", "--header: headers must be name=value, not \"=x\""},
	{"put|q|a|--header=a=\xff", "--header: headers must be UTF-8, not \"a=?\""},
	{"put|q|a|--id=7", "--id must be a UUID, not '7'"},
	{"put|q|a|--ids", "need --lines"},
	{"put|q|a|--each", "need --lines"},
	{"put|q|--lines=f|--id=" DEAD, "--id cannot be used with --lines"},
	{"put|q|--lines=f|--chunk=129k", "--chunk must be 1 to 128k, not '129k'"},
	{"put|q|a|--json=yes", "--json takes no value"},
	{"put|q|a|--broker-timeout=x", "--broker-timeout must be a duration"},
	{"stats|--broker-timeout=0", "--broker-timeout must be at least 1ms, not '0'"},
	{"--patience=0s|stats", "--broker-timeout must be at least 1ms, not '0s'"},
	{"get|7", "'7' is not a job's id"}, {"wait|7", "'7'"}, {"cancel|7", "'7'"},
	{"get", "missing argument: ID "},
	{"get|" DEAD "|--body|--json", "cannot be used together"},
	{"queue|set", "missing argument: QUEUE "},
	{"queue|set|q", "missing argument: KEY=VALUE "},
	{"queue|set|q|retries=3", "'retries': no such queue setting"},
	{"queue|set|q|rate=-1", "rate is '-1'"},
	{"queue|set|q|rate", "'rate'"},
	{"queue|set|q|rate=1|rate=2", "rate is given twice"},
	{"queue|set|q|rate=1|burst=3|rate=1", "rate is given twice"},
	{"queue|show|Q", "'Q'"}, {"pause|Q", "'Q'"},
	{"list|quue=a", "'quue=a'"}, {"list|--limit=0", "--limit must be 1 or more, not '0'"},
	{"dead|list|state=done", "spillway list"},
	{"dead|redrive", "--all"},
	{"dead|redrive|--all|queue=q", "--all cannot be used with a selector"},
	{"dead|redrive|state=done", "state must be dead, ready or delayed here, not done"},
	{"dead|redrive|--all|--rate=x", 
		"--rate must be a rate, 0.001/h to 1000000/s, not 'x'"},
	{"dead|purge|--yes", "--all"},
	{"purge|queue=q|--yes", "missing argument: state=STATE"},
	{"purge|state=ready|--yes", "--all"},
	{"purge|state=leased|--all", "spillway cancel"},
	{"cancel", "missing argument: ids, a selector, or --all"},
	{"cancel|--yes", "missing argument: a selector, or --all"},
	{"cancel|state=done|--yes", "state must be delayed, ready or leased here, not done"},
	{"run", "--all"}, {"run|state=ready", "state must be delayed here, not ready"},
	{"move", "missing argument: SELECTOR"}, {"move|q", "--all"},
	{"move|" DEAD, "the last word, '" DEAD "', must be a queue"},
	{"move|state=leased|q", "state must be delayed, ready or dead here, not leased"},
	{"bury|state=dead", "state must be delayed or ready here, not dead"},
	{"top|--interval=1ms", "--interval must be 100ms to 1h"},
	{"stats|--broker=nonsense", "broker 'nonsense' must be an endpoint"},
	{"stats|\033[2J", "\\x1b[2J"},
	{"completion", "missing argument: SHELL"},
	{"completion|csh", "shell must be bash, zsh or fish, not 'csh'"},
	{"help|frob", "unknown verb 'frob'"},
	{"help|put|get", "unexpected argument 'get'"},
	{"help|frob|put", "unknown verb 'frob'"},
	{"help|dead|frob", "unknown verb 'dead frob'"},
};
/* clang-format on */

static void
wrong_use_is_one_line_that_says_what_and_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++) {
		int rc = seen_run(misuses[i][0]);

		if (rc != CMD_USAGE || strstr(seen.err, misuses[i][1]) == NULL)
			fail_msg("%s: %d %s", misuses[i][0], rc, seen.err);
		assert_string_equal(seen.out, "");
		assert_non_null(strstr(seen.err, "see spillway help"));
		/* the table of settings has its own texts */
		assert_true(strstr(seen.err, "wanted") == NULL ||
			    strncmp(misuses[i][0], "queue|set", 9) == 0);
		assert_ptr_equal(strchr(seen.err, '\n'),
			seen.err + strlen(seen.err) - 1);
	}
}

static void
what_is_too_long_is_wrong_use_too(void **state)
{
	static const struct {
		const char *words, *said;
		int len; /* of what is added to the words */
	} rows[] = {
		{"put|q|a|--header=a=", "headers must be at most 4096 bytes",
			SW_HEADERS_MAX - 1},
		{"put|q|a|--unique=", "--unique must be 1 to 255 bytes", 256},
		{"put|q|a|--header=a=x|--header=", "must be name=value", 600},
		{"queue|set|q|rate=", "must be a rate, 0 to 1000000/s", 600},
	};
	char words[SW_HEADERS_MAX + 64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = strlen(rows[i].words), len = (size_t)rows[i].len;

		memcpy(words, rows[i].words, n);
		memset(words + n, '7', len);
		words[n + len] = '\0';
		assert_int_equal(seen_run(words), CMD_USAGE);
		if (strstr(seen.err, rows[i].said) == NULL)
			fail_msg("%s: %s", rows[i].words, seen.err);
	}
}

static void
what_cannot_be_read_is_refused_before_a_broker_is_asked(void **state)
{
	/* clang-format off */
	static const char *const rows[][2] = {
		{"put|q|--file|/nonexistent/file", "/nonexistent/file: No such"},
		{"put|q|--lines|/nonexistent/file", "/nonexistent/file: No"},
		{"put|q|--file|/", "Is a directory"},
		{"put|q|--file|/dev/zero",
		 "larger than 128 KB (131072 bytes): with --claim-check"},
		{"put|q|--lines|/dev/zero|--broker|ipc:///nonexistent/s|"
		 "--broker-timeout=1ms", "/nonexistent/s"},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = seen_run(rows[i][0]);

		if (strstr(seen.err, rows[i][1]) == NULL)
			fail_msg("%s: %d %s", rows[i][0], rc, seen.err);
		assert_int_equal(rc, i == 4 ? CMD_NO_BROKER : CMD_REFUSED);
		assert_string_equal(seen.out, "");
	}
}

static void
no_broker_is_said_with_its_endpoint_and_exit_3(void **state)
{
	(void)state;
	assert_int_equal(seen_run("--broker|ipc:///nonexistent/"
				  "sock|stats|--broker-timeout|50ms"),
		CMD_NO_BROKER);
	assert_non_null(strstr(seen.err, "ipc:///nonexistent/sock"));
	assert_ptr_equal(
		strchr(seen.err, '\n'), seen.err + strlen(seen.err) - 1);
}

static void
the_old_name_of_an_option_works_and_is_not_shown(void **state)
{
	(void)state;
	assert_int_equal(
		seen_run("stats|--broker=ipc:///nonexistent/s|--patience=1ms"),
		CMD_NO_BROKER);
	assert_int_equal(seen_run("stats|--patience=1ms|--broker-timeout=1ms"),
		CMD_USAGE);
	assert_non_null(strstr(seen.err, "--broker-timeout"));
	assert_int_equal(seen_run("stats|--help"), CMD_OK);
	assert_null(strstr(seen.out, "patience"));
}

static void
help_as_seen(const struct cmd_verb *v)
{
	char words[64], *space;

	(void)snprintf(words, sizeof(words), "%s|--help", v->name);
	space = strchr(words, ' ');
	if (space != NULL)
		*space = '|';
	assert_int_equal(seen_run(words), CMD_OK);
}

static void
each_verb_has_help_with_all_its_options(void **state)
{
	(void)state;
	for (const struct cmd_verb *v = cmd_verbs; v->name != NULL; v++) {
		char option[64];

		help_as_seen(v);
		assert_non_null(strstr(seen.out, v->text));
		assert_true(v->also == NULL || strstr(seen.out, v->also));
		for (int o = 0; o < CMD_OPTS; o++) {
			(void)snprintf(option, sizeof(option), "  --%s ",
				cmd_opts[o].name);
			assert_int_equal(strstr(seen.out, option) != NULL,
				cmd_knows(v, (enum cmd_opt_id)o));
		}
	}
}

/* Fails unless `text` has a line "  LEFT  RIGHT", with the blanks. */
static void
has_row(const char *text, const char *left, const char *right)
{
	const char *row = text, *cell;
	size_t len = strlen(left);

	while ((row = strstr(row, left)) != NULL) {
		cell = row + len + strspn(row + len, " ");
		if (row >= text + 2 && memcmp(row - 2, "  ", 2) == 0 &&
			cell >= row + len + 2 &&
			strncmp(cell, right, strlen(right)) == 0)
			return;
		row += len;
	}
	fail_msg("no row '%s  %s' in: %s", left, right, text);
}

static void
columns_of_the_help_are_two_blanks_apart(void **state)
{
	char left[64];

	(void)state;
	assert_int_equal(seen_run("help"), CMD_OK);
	for (const struct cmd_verb *v = cmd_verbs; v->name != NULL; v++)
		has_row(seen.out, v->name, v->text);
	for (const struct cmd_verb *v = cmd_verbs; v->name != NULL; v++) {
		help_as_seen(v);
		for (int o = 0; o < CMD_OPTS; o++) {
			const struct cmd_opt *opt = &cmd_opts[o];

			(void)snprintf(left, sizeof(left), "--%s%s%s",
				opt->name, opt->arg == NULL ? "" : " ",
				opt->arg == NULL ? "" : opt->arg);
			if (cmd_knows(v, (enum cmd_opt_id)o))
				has_row(seen.out, left, opt->text);
		}
	}
}

static void
the_help_has_what_each_setting_must_be_and_its_default(void **state)
{
	(void)state;
	assert_int_equal(seen_run("help|queue|set"), CMD_OK);
	for (int i = 0; i < SW_SETTINGS; i++) {
		const struct sw_setting_rule *r = &sw_setting_rules[i];
		char must[UNIT_WHY], def[UNIT_TEXT], want[512];

		(void)snprintf(want, sizeof(want), "%s\n%*s%s; %s by default\n",
			r->text, 19, "",
			unit_range_format(r->unit, r->min, r->max, must),
			unit_format(r->unit, r->def, def));
		has_row(seen.out, r->name, want);
	}
	for (int i = 0; i < SW_TEXT_SETTINGS; i++) {
		const struct sw_text_rule *r = &sw_text_rules[i];
		char want[512];

		(void)snprintf(want, sizeof(want),
			"%s\n%*s%s; none by "
			"default\n",
			r->text, 19, "", sw_text_must(r->kind));
		has_row(seen.out, r->name, want);
	}
}

/* The content of a file of the repository; the caller frees it. */
static char *
file_read(const char *path)
{
	char *text = calloc(1, 256 * 1024);
	FILE *f = fopen(path, "r");

	assert_true(text != NULL && f != NULL);
	assert_true(fread(text, 1, 256 * 1024 - 1, f) > 0);
	(void)fclose(f);
	return text;
}

static void
the_completion_is_what_the_table_makes(void **state)
{
	static const char *const shells[] = {"bash", "zsh", "fish"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char path[64], words[32], *file;

		(void)snprintf(path, sizeof(path),
			"docs/completion/spillway.%s", shells[i]);
		(void)snprintf(
			words, sizeof(words), "completion|%s", shells[i]);
		file = file_read(path);
		assert_int_equal(seen_run(words), CMD_OK);
		assert_string_equal(seen.out, file);
		free(file);
	}
}

static void
help_bash_is_completion_bash(void **state)
{
	char *printed;

	(void)state;
	assert_int_equal(seen_run("completion|bash"), CMD_OK);
	printed = strdup(seen.out);
	assert_non_null(printed);
	assert_int_equal(seen_run("help|--bash"), CMD_OK);
	assert_string_equal(seen.out, printed);
	free(printed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			wrong_use_is_one_line_that_says_what_and_where),
		cmocka_unit_test(what_is_too_long_is_wrong_use_too),
		cmocka_unit_test(
			what_cannot_be_read_is_refused_before_a_broker_is_asked),
		cmocka_unit_test(
			no_broker_is_said_with_its_endpoint_and_exit_3),
		cmocka_unit_test(
			the_old_name_of_an_option_works_and_is_not_shown),
		cmocka_unit_test(each_verb_has_help_with_all_its_options),
		cmocka_unit_test(columns_of_the_help_are_two_blanks_apart),
		cmocka_unit_test(
			the_help_has_what_each_setting_must_be_and_its_default),
		cmocka_unit_test(the_completion_is_what_the_table_makes),
		cmocka_unit_test(help_bash_is_completion_bash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
