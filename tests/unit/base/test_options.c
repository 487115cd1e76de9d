/* SPDX-License-Identifier: MIT */
/* The command line, the help, the example and the page, from one table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <sysexits.h>

#include "base/manual.h"
#include "base/options.h"

static const struct config_key shop_keys[] = {
	{"map_size", CONFIG_BYTES, 1, INT64_MAX, "64g", "the largest size"},
	{"listen", CONFIG_ENDPOINT | CONFIG_MANY, 0, 0, NULL, "where to be"},
	{"force", CONFIG_FLAG, 0, 1, "no", "accept what is odd"},
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};

static const struct config_key shelf_keys[] = {
	{"tries", CONFIG_COUNT, 1, 10, "3", "how often to try"},
	{"pattern", CONFIG_TEXT, 0, 0, "\\.c", ".h is another"},
	{"set.", CONFIG_TEXT, 0, 0, NULL, "a value"},
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};

static const struct config_group groups[] = {
	{"shop", NULL, "the shop itself", shop_keys, NULL, NULL},
	{"shelf", "NAME", "one shelf", shelf_keys, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL, NULL},
};

static const struct option_action actions[] = {
	{"verify", "check the shop and exit"}, {NULL, NULL}};

static const struct option_variable variables[] = {
	{"map_size", "SHOP_MAP_SIZE"}, {NULL, NULL}};

static const struct program shop = {.name = "shop",
	.usage = "[options]",
	.page = "shop.conf",
	.file_option = "config",
	.file_text = "read options from FILE",
	.file_env = "SHOP_CONFIG",
	.groups = groups,
	.variables = variables,
	.actions = actions};

static const struct program report = {
	.name = "report", .usage = "[FILE]", .arguments_max = 1};

static char path[] = "/tmp/spillway-options.XXXXXX";
static char why[INI_WHY];

enum { ARGUMENTS_MAX = 8 };

/* Of these words, which end with NULL. */
static int
words_read(struct options *o, const struct program *p, const char *const *words)
{
	static char copies[ARGUMENTS_MAX][128];
	char *argv[ARGUMENTS_MAX + 1];
	int argc = 1;

	argv[0] = copies[0];
	for (; words[argc - 1] != NULL; argc++) {
		(void)snprintf(
			copies[argc], sizeof(copies[0]), "%s", words[argc - 1]);
		argv[argc] = copies[argc];
	}
	argv[argc] = NULL;
	return options_read(o, p, argc, argv, why);
}

#define READ(o, p, ...)                                                        \
	words_read(o, p, (const char *const[]){__VA_ARGS__, NULL})

static void
options_take_their_arguments_both_ways(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(READ(&o, &shop, "--map-size", "1g", "--listen=a",
				 "--listen", "b", "--force"),
		0);
	assert_int_equal(config_number(o.config, "shop", "map_size"), 1 << 30);
	assert_int_equal(config_number(o.config, "shop", "force"), 1);
	assert_string_equal(config_value(o.config, "shop", 1)->text, "a");
	assert_string_equal(config_value(o.config, "shop", 2)->text, "b");
	assert_null(o.action);
	assert_null(o.file);
	options_fini(&o);
}

static void
a_flag_s_argument_may_be_left_out(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(READ(&o, &shop, "--force", "--force=off"), 0);
	assert_int_equal(config_number(o.config, "shop", "force"), 0);
	options_fini(&o);
	assert_int_equal(READ(&o, &shop, "--force=maybe"), -22);
	assert_string_equal(why, "--force is 'maybe': must be yes or no");
	assert_int_equal(o.status, EXIT_USE);
	options_fini(&o);
}

static void
what_is_wrong_names_the_option(void **state)
{
	static const struct {
		const char *words[4], *said;
	} bad[] = {
		{{"--map-size", "0"},
			"--map-size is '0': must be a size, at least 1"},
		{{"--map-size="},
			"--map-size is '': must be a size, at least 1"},
		{{"--map-size"}, "--map-size: missing argument"},
		{{"--map_size", "1g"}, "--map_size: unknown option"},
		{{"--colour=red"}, "--colour=red: unknown option"},
		{{"--map"}, "--map: unknown option"},
		{{"-x"}, "-x: unknown option"},
		{{"--verify=yes"}, "--verify: unexpected argument"},
		{{"--help=me"}, "--help: unexpected argument"},
		{{"--config"}, "--config: missing argument"},
		{{"--config="}, "--config: must name a file"},
		{{"--verify", "--check-config"},
			"--check-config: cannot be used together with "
			"--verify"},
		{{"--help", "--force", "--version"},
			"--version: cannot be used together with --help"},
		{{"word"}, "word: unexpected argument"},
		{{"--", "--force"}, "--force: unexpected argument"},
		{{"-"}, "-: unexpected argument"},
		{{"--\n"}, "--\\x0a: unknown option"},
	};
	struct options o;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(words_read(&o, &shop, bad[i].words), -22);
		assert_string_equal(why, bad[i].said);
		assert_int_equal(o.status, EXIT_USE);
		options_fini(&o);
	}
}

static void
file_write(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
the_command_line_wins_over_the_file_wherever_that_stands(void **state)
{
	struct options o;

	(void)state;
	file_write("[shop]\nmap_size = 1g\nforce = yes\n");
	assert_int_equal(
		READ(&o, &shop, "--map-size", "2k", "--config", path), 0);
	assert_int_equal(config_number(o.config, "shop", "map_size"), 2048);
	assert_int_equal(config_number(o.config, "shop", "force"), 1);
	assert_string_equal(o.file, path);
	options_fini(&o);
	assert_int_equal(setenv("SHOP_CONFIG", path, 1), 0);
	assert_int_equal(READ(&o, &shop, "--verify"), 0);
	assert_int_equal(config_number(o.config, "shop", "force"), 1);
	assert_string_equal(o.action, "verify");
	options_fini(&o);
	assert_int_equal(READ(&o, &shop, "--verify", "--verify"), 0);
	assert_string_equal(o.action, "verify");
	options_fini(&o);
	assert_int_equal(unsetenv("SHOP_CONFIG"), 0);
}

static void
a_variable_sets_what_neither_file_nor_command_line_does(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(setenv("SHOP_MAP_SIZE", "3k", 1), 0);
	assert_int_equal(READ(&o, &shop, "--force"), 0);
	assert_int_equal(config_number(o.config, "shop", "map_size"), 3072);
	options_fini(&o);
	assert_int_equal(READ(&o, &shop, "--map-size", "2k"), 0);
	assert_int_equal(config_number(o.config, "shop", "map_size"), 2048);
	options_fini(&o);
	file_write("[shop]\nmap_size = 1k\n");
	assert_int_equal(setenv("SHOP_MAP_SIZE", "much", 1), 0);
	assert_int_equal(READ(&o, &shop, "--config", path), 0);
	assert_int_equal(config_number(o.config, "shop", "map_size"), 1024);
	options_fini(&o);
	assert_int_equal(READ(&o, &shop, "--check-config"), -22);
	assert_string_equal(why, "$SHOP_MAP_SIZE is 'much': must be a size, at "
				 "least 1");
	assert_int_equal(o.status, EXIT_USE);
	options_fini(&o);
	assert_int_equal(setenv("SHOP_MAP_SIZE", "", 1), 0);
	assert_int_equal(READ(&o, &shop, "--check-config"), 0);
	assert_int_equal(
		config_number(o.config, "shop", "map_size"), 1LL << 36);
	options_fini(&o);
	assert_int_equal(unsetenv("SHOP_MAP_SIZE"), 0);
}

static void
a_fault_of_the_file_has_its_own_status(void **state)
{
	struct options o;

	(void)state;
	file_write("[shop]\nmap_size = much\n");
	assert_int_equal(READ(&o, &shop, "--config", path), -22);
	assert_int_equal(o.status, EXIT_CONFIG);
	assert_non_null(strstr(why, ":2: map_size is 'much': must be a size"));
	options_fini(&o);
	assert_int_equal(READ(&o, &shop, "--config", "/nonexistent"), -2);
	assert_int_equal(o.status, EXIT_CONFIG);
	options_fini(&o);
	assert_int_equal(READ(&o, &shop, "--config", path, "--help"), 0);
	assert_string_equal(o.action, "help");
	options_fini(&o);
	assert_int_equal(READ(&o, &shop, "-h"), 0);
	assert_string_equal(o.action, "help");
	options_fini(&o);
}

static void
a_program_without_a_file_has_no_options_of_one(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(READ(&o, &report, "--check-config"), -22);
	assert_string_equal(why, "--check-config: unknown option");
	options_fini(&o);
	assert_int_equal(READ(&o, &report, "a.db", "--version"), 0);
	assert_int_equal(o.arguments_n, 1);
	assert_string_equal(o.arguments[0], "a.db");
	options_fini(&o);
	assert_int_equal(READ(&o, &report, "a.db", "b.db"), -22);
	assert_string_equal(why, "b.db: unexpected argument");
	options_fini(&o);
	assert_int_equal(READ(&o, &report, "--", "--odd"), 0);
	assert_string_equal(o.arguments[0], "--odd");
	options_fini(&o);
}

static void
exit_statuses_are_those_of_sysexits(void **state)
{
	static const int theirs[] = {EX_OK, EX_USAGE, EX_DATAERR, EX_NOINPUT,
		EX_UNAVAILABLE, EX_SOFTWARE, EX_OSERR, EX_OSFILE, EX_CANTCREAT,
		EX_IOERR, EX_TEMPFAIL, EX_CONFIG, EX__MAX + 1, EX__MAX + 2};
	static const struct {
		int number;
		const char *text;
	} ours[] = {
#define X(symbol, number, text) {symbol, text},
		EXIT_MAP(X)
#undef X
	};

	(void)state;
	assert_int_equal(sizeof(ours) / sizeof(ours[0]),
		sizeof(theirs) / sizeof(theirs[0]));
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		assert_int_equal(ours[i].number, theirs[i]);
		assert_true(strlen(ours[i].text) > 0);
	}
}

/* --- what is printed ------------------------------------------------------ */

static char *
printed(void (*print)(FILE *, const struct program *), const struct program *p)
{
	static char *text;
	size_t len;
	FILE *f;

	free(text);
	text = NULL;
	f = open_memstream(&text, &len);
	assert_non_null(f);
	print(f, p);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void
has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no '%s' in:\n%s", part, text);
}

static void
the_help_has_every_option_and_every_key(void **state)
{
	const char *text = printed(manual_help, &shop);

	(void)state;
	has(text, "usage: shop [options]\n");
	has(text, "  --config FILE               read options from FILE\n");
	has(text, "  --map-size SIZE             the largest size (64g)\n");
	has(text, "  --listen ENDPOINT           where to be\n");
	has(text, "  --force                     accept what is odd (no)\n");
	has(text, "  --verify                    check the shop and exit\n");
	has(text, "  --check-config ");
	has(text, "\n[shelf NAME] of shop.conf: one shelf\n\n"
		  "  tries              how often to try (3)\n");
	assert_null(strstr(text, "--man"));
	text = printed(manual_help, &report);
	has(text, "usage: report [FILE]\n");
	assert_null(strstr(text, "--check-config"));
}

static void
the_example_is_a_file_that_sets_nothing(void **state)
{
	const char *text = printed(manual_example, &shop);
	struct options o;

	(void)state;
	has(text, "\n[shop]\n# the largest size: a size, at least 1\n"
		  "#map_size = 64g\n");
	has(text, "\n#[shelf NAME]\n# how often to try: 1 to 10\n#tries = 3\n");
	file_write(text);
	assert_int_equal(READ(&o, &shop, "--config", path), 0);
	assert_null(config_value(o.config, "shop", 0));
	options_fini(&o);
}

static void
the_page_has_every_key_and_escapes_what_mdoc_would_read(void **state)
{
	const char *text = printed(manual_page, &shop);

	(void)state;
	has(text, ".Dt SHOP.CONF 5\n");
	has(text, ".Ss [shelf NAME]\nOne shelf.\n");
	has(text, ".It Cm tries\nHow often to try.\n1 to 10; 3 by default.\n");
	has(text, ".It Cm pattern\n\\&.h is another.\nA text; \\e.c by "
		  "default.\n");
	has(text, ".It Cm set. Ns Ar NAME\n");
	has(text, "An endpoint; may be given more than once.\n");
}

static void
the_page_of_a_shared_file_names_the_reader_of_each_section(void **state)
{
	struct program one = shop;
	const char *text = printed(manual_page, &one);

	(void)state;
	has(text, ".Nd configuration of shop\n.Sh DESCRIPTION\n.Xr shop 8\n"
		  "reads it if\n.Fl -config\nor\n.Ev SHOP_CONFIG\n"
		  "names it.\n");
	assert_null(strstr(text, "Read by"));
	one.others = config_others_skip;
	one.page_of = "shop and its stalls";
	text = printed(manual_page, &one);
	has(text,
		".Nd configuration of shop and its stalls\n"
		".Sh DESCRIPTION\nSeveral programs read the file, each its own "
		"sections and no others, if\n.Fl -config\n");
	has(text, ".Ss [shelf NAME]\nRead by\n.Pa shop .\nOne shelf.\n");
}

static int
begin(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int
finish(void **state)
{
	(void)state;
	return unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_take_their_arguments_both_ways),
		cmocka_unit_test(a_flag_s_argument_may_be_left_out),
		cmocka_unit_test(what_is_wrong_names_the_option),
		cmocka_unit_test(
			the_command_line_wins_over_the_file_wherever_that_stands),
		cmocka_unit_test(
			a_variable_sets_what_neither_file_nor_command_line_does),
		cmocka_unit_test(a_fault_of_the_file_has_its_own_status),
		cmocka_unit_test(
			a_program_without_a_file_has_no_options_of_one),
		cmocka_unit_test(exit_statuses_are_those_of_sysexits),
		cmocka_unit_test(the_help_has_every_option_and_every_key),
		cmocka_unit_test(the_example_is_a_file_that_sets_nothing),
		cmocka_unit_test(
			the_page_has_every_key_and_escapes_what_mdoc_would_read),
		cmocka_unit_test(
			the_page_of_a_shared_file_names_the_reader_of_each_section),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
