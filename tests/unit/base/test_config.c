/* SPDX-License-Identifier: MIT */
/* Configuration: what a file may say, and one line for whatever is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>

#include "base/config.h"

static const struct config_key shop_keys[] = {
	{"listen", CONFIG_ADDRESS | CONFIG_MANY, 0, 0, NULL, "where"},
	{"owner", CONFIG_TEXT, 0, 0, "Ann", "who"},
	{"mode", CONFIG_TEXT, 0, 0, NULL, "slow or fast"},
	{"tries", CONFIG_COUNT, 1, 10, "3", "how often"},
	{"pause_ms", CONFIG_MS, 0, 60000, "2s", "between them"},
	{"idle_s", CONFIG_S, 1, 3600, "1m", "a pause"},
	{"room", CONFIG_BYTES, 1, 1 << 30, "4k", "of a file"},
	{"rate", CONFIG_RATE, 0, 1000 * UNIT_RATE_SECOND, NULL, "starts"},
	{"tls", CONFIG_FLAG, 0, 1, "yes", "whether"},
	{"book", CONFIG_FILE, 0, 0, NULL, "what was sold"},
	{"cellar", CONFIG_FOLDER | CONFIG_MANY, 0, 0, NULL, "more room"},
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};

static const struct config_key shelf_keys[] = {
	{"colour", CONFIG_TEXT, 0, 0, NULL, "which"},
	{"set.", CONFIG_TEXT, 0, 0, NULL, "a value"},
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};

static int
label_check(const char *label, char why[INI_WHY])
{
	(void)snprintf(why, INI_WHY, "must be one word");
	return strchr(label, ' ') != NULL ? -EINVAL : 0;
}

static int
mode_check(const struct config_key *k, const char *value, char why[INI_WHY])
{
	(void)snprintf(why, INI_WHY, "must be slow or fast");
	return strcmp(k->name, "mode") == 0 && strcmp(value, "slow") != 0
		       ? -EINVAL
		       : 0;
}

static const struct config_group groups[] = {
	{"shop", NULL, "the shop", shop_keys, NULL, mode_check},
	{"shelf", "NAME", "a shelf", shelf_keys, label_check, NULL},
	{NULL, NULL, NULL, NULL, NULL, NULL},
};

static char path[] = "/tmp/spillway-config.XXXXXX";
static char why[INI_WHY];

static int
bytes_read(const char *text, size_t len, struct config **c)
{
	FILE *f = fopen(path, "w");
	int err;

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	why[0] = '\0';
	assert_int_equal(config_new(c, groups), 0);
	err = config_file_read(*c, path, why);
	if (err < 0)
		config_free(*c);
	return err;
}

static int
text_read(const char *text, struct config **c)
{
	return bytes_read(text, strlen(text), c);
}

static void
without_a_file_the_defaults_count(void **state)
{
	struct config *c;

	(void)state;
	assert_int_equal(config_new(&c, groups), 0);
	assert_string_equal(config_text(c, "shop", "owner"), "Ann");
	assert_null(config_text(c, "shop", "mode"));
	assert_int_equal(config_number(c, "shop", "tries"), 3);
	assert_int_equal(config_number(c, "shop", "pause_ms"), 2000);
	assert_int_equal(config_number(c, "shop", "idle_s"), 60);
	assert_int_equal(config_number(c, "shop", "room"), 4096);
	assert_int_equal(config_number(c, "shop", "rate"), 0);
	assert_int_equal(config_number(c, "shop", "tls"), 1);
	assert_false(config_given(c, "shop", "tls"));
	assert_true(config_has(c, "shop"));
	assert_false(config_has(c, "shelf top"));
	assert_int_equal(config_line(c, "shop"), 0);
	config_free(c);
	config_free(NULL);
}

static void
a_file_sets_values_and_adds_sections(void **state)
{
	struct config *c;

	(void)state;
	assert_int_equal(
		text_read("\xef\xbb\xbf# a shop\r\n"
			  "\n"
			  "   ; with a remark\n"
			  "[shop]   ; the only one\n"
			  "owner = \"Bob\" <bob@x>; not a remark\t; but this\n"
			  "pause-ms = 1m30s   \r\n"
			  "idle_s=90\n"
			  "tls = off\n"
			  "listen = a\n"
			  "listen = b\n"
			  "[ shelf   top ] # above\n"
			  "set.A = 1 = 2 # 3\n"
			  "set.B =\n"
			  "[shelf low]\n"
			  "colour = red",
			&c),
		-EINVAL); /* 90 s is over pause_ms's minute */
	assert_non_null(strstr(why, ":6: pause-ms is '1m30s': must be a "
				    "duration, 0 to 1m"));
	assert_int_equal(
		text_read("\xef\xbb\xbf# a shop\r\n"
			  "   ; with a remark\n"
			  "[shop]   ; the only one\n"
			  "owner = \"Bob\" <bob@x>; not a remark\t; but this\n"
			  "pause-ms = 30s   \r\n"
			  "idle_s=90\n"
			  "tls = off\n"
			  "listen = a\n"
			  "listen = b\n"
			  "[ shelf   top ] # above\n"
			  "set.A = 1 = 2 # 3\n"
			  "set.B =\n"
			  "[shelf low]\n"
			  "colour = red",
			&c),
		0);
	assert_string_equal(config_text(c, "shop", "owner"),
		"\"Bob\" <bob@x>; not a remark");
	assert_int_equal(config_number(c, "shop", "pause_ms"), 30000);
	assert_int_equal(config_number(c, "shop", "idle_s"), 90);
	assert_int_equal(config_number(c, "shop", "tls"), 0);
	assert_true(config_given(c, "shop", "tls"));
	assert_string_equal(config_text(c, "shelf low", "colour"), "red");
	assert_string_equal(config_section(c, 0), "shop");
	assert_string_equal(config_section(c, 1), "shelf top");
	assert_string_equal(config_section(c, 2), "shelf low");
	assert_null(config_section(c, 3));
	assert_int_equal(config_line(c, "shelf top"), 10);
	config_free(c);
}

static void
values_are_walked_in_the_order_of_the_file(void **state)
{
	const struct config_value *v;
	struct config *c;

	(void)state;
	assert_int_equal(text_read("[shelf a]\nset.B = 2\ncolour = red\n"
				   "set.A =\n",
				 &c),
		0);
	v = config_value(c, "shelf a", 0);
	assert_string_equal(v->name, "set.B");
	assert_string_equal(v->text, "2");
	assert_int_equal(v->line, 2);
	assert_string_equal(config_value(c, "shelf a", 1)->name, "colour");
	assert_string_equal(config_value(c, "shelf a", 2)->text, "");
	assert_null(config_value(c, "shelf a", 3));
	assert_null(config_value(c, "shelf b", 0));
	config_free(c);
}

static const struct {
	const char *text, *said;
} bad[] = {
	{"[shop]\ncolour = red\n", ":2: unknown key 'colour' in [shop]"},
	{"[shelf a]\ntries = 1\n", ":2: unknown key 'tries' in [shelf a]"},
	{"[shop]\n\ntries = 11\n", ":3: tries is '11': must be 1 to 10"},
	{"[shop]\ntries = ; none\n", ":2: tries is '': must be 1 to 10"},
	{"[shop]\nidle_s = soon\n",
		":2: idle_s is 'soon': must be a duration, 1s to 1h"},
	{"[shop]\nidle_s = 500ms\n", ":2: idle_s is '500ms': must be"},
	{"[shop]\ntls = maybe\n", ":2: tls is 'maybe': must be yes or no"},
	{"[shop]\nroom = 2g\n", ":2: room is '2g': must be a size, 1 to 1g"},
	{"[shop]\nrate = 10/d\n",
		":2: rate is '10/d': must be a rate, 0 to 1000/s"},
	{"[shop]\nmode = fast\n", ":2: mode is 'fast': must be slow or fast"},
	{"[shop]\nbook =\n", ":2: book is '': must name a file"},
	{"[shop]\ncellar = ; none\n", ":2: cellar is '': must name a folder"},
	{"[shop]\nowner = a\nowner = b\n",
		":3: key 'owner' is there twice, first in line 2"},
	{"[shop]\npause_ms = 1\npause-ms = 1\n",
		":3: key 'pause-ms' is there twice, first in line 2"},
	{"[shelf a]\nset.A = 1\nset.A = 2\n",
		":3: key 'set.A' is there twice, first in line 2"},
	{"[shelf a]\nset. = 1\n", ":2: unknown key 'set.'"},
	{"[shop]\n[shelf a]\n[shop]\n",
		":3: section [shop] is there twice, first in line 1"},
	{"[shelf a]\n[shelf  a ]\n",
		":2: section [shelf a] is there twice, first in line "
		"1"},
	{"[post]\n", ":1: unknown section [post]"},
	{"[]\n", ":1: unknown section []"},
	{"[shopping]\n", ":1: unknown section [shopping]"},
	{"[shelf]\n", ":1: section [shelf] must be [shelf NAME]"},
	{"[shelf ]\n", ":1: section [shelf] must be [shelf NAME]"},
	{"[shop a]\n", ":1: section [shop a] must be [shop]"},
	{"[shelf a b]\n", ":1: [shelf a b]: must be one word"},
	{"[shop] owner = a\n", ":1: unexpected text behind ]: 'owner = a'"},
	{"[shop\n", ":1: missing ] in '[shop'"},
	{" [shop]\n", ":1: the line must not be indented: '[shop]'"},
	{"[shop]\n\towner = a\n",
		":2: the line must not be indented: 'owner = a'"},
	{"owner = a\n", ":1: key before the first [section]: 'owner'"},
	{"[shop]\nowner\n", ":2: missing '=' in 'owner'"},
	{"[shop]\nowner: a\n",
		":2: must be 'key = value' with '=', not ':': 'owner: "
		"a'"},
	{"[shop]\nowner : a = b\n", ":2: must be 'key = value' with"},
	{"[shop]\n= a\n", ":2: bad key ''"},
	{"[shop]\nthe owner = a\n", ":2: bad key 'the owner'"},
	{"[shop]\n\"owner\" = a\n", ":2: bad key '\"owner\"'"},
	{"[shop]\ntries = \x1b[2J\xc3\xa4\n",
		":2: tries is '\\x1b[2J\\xc3\\xa4': must be"},
};

static void
what_is_wrong_is_said_with_its_place(void **state)
{
	struct config *c = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (text_read(bad[i].text, &c) != -EINVAL)
			fail_msg("taken: %s", bad[i].text);
		if (strstr(why, bad[i].said) == NULL)
			fail_msg("'%s' has no '%s'", why, bad[i].said);
		assert_memory_equal(why, path, strlen(path));
		assert_null(strchr(why, '\n'));
	}
}

static void
a_nul_byte_is_refused_wherever_it_is(void **state)
{
	struct config *c;

	(void)state;
	assert_int_equal(bytes_read("[shop]\nowner = a\0b\n", 19, &c), -EINVAL);
	assert_non_null(strstr(why, ":2: there is a NUL byte in the line"));
	assert_int_equal(bytes_read("[shop]\n\0", 8, &c), -EINVAL);
	assert_non_null(strstr(why, ":2: there is a NUL byte in the line"));
	assert_int_equal(bytes_read("# \0\n", 4, &c), -EINVAL);
}

static void
a_line_may_have_4095_bytes_and_no_more(void **state)
{
	static char text[20000];
	struct config *c;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "[shop]\nowner = ", 15);
	text[7 + INI_LINE_MAX] = '\n';
	assert_int_equal(bytes_read(text, 7 + INI_LINE_MAX + 1, &c), 0);
	assert_int_equal(
		strlen(config_text(c, "shop", "owner")), INI_LINE_MAX - 8);
	config_free(c);
	text[7 + INI_LINE_MAX] = 'x';
	assert_int_equal(bytes_read(text, sizeof(text), &c), -EINVAL);
	assert_non_null(strstr(why, ":2: the line is longer than 4095 bytes"));
	memset(text, '[', sizeof(text));
	assert_int_equal(bytes_read(text, 4000, &c), -EINVAL);
	assert_true(strlen(why) < 300);
	memset(text + 1, 'a', 4000);
	text[4001] = ']';
	assert_int_equal(bytes_read(text, 4002, &c), -EINVAL);
	assert_non_null(strstr(why, ":1: unknown section [aaaa"));
}

static void
a_file_that_cannot_be_read_is_named(void **state)
{
	struct config *c;

	(void)state;
	assert_int_equal(config_new(&c, groups), 0);
	assert_int_equal(config_file_read(c, "/nonexistent", why), -ENOENT);
	assert_string_equal(why, "/nonexistent: No such file or directory");
	assert_int_equal(config_file_read(c, "/tmp", why), -EISDIR);
	assert_string_equal(why, "/tmp: Is a directory");
	config_free(c);
}

/* Opening a FIFO waits for a writer, who may never come. */
static void
a_fifo_is_no_file_and_a_pipe_is_one(void **state)
{
	char fifo[sizeof(path) + 8], pipe_path[32], said[64];
	struct config *c;
	int fds[2];

	(void)state;
	assert_int_equal(config_new(&c, groups), 0);
	(void)snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	(void)snprintf(said, sizeof(said), "%s: is not a regular file", fifo);
	assert_int_equal(config_file_read(c, fifo, why), -EINVAL);
	assert_string_equal(why, said);
	assert_int_equal(unlink(fifo), 0);

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "[shop]\ntries = 7\n", 17), 17);
	assert_int_equal(close(fds[1]), 0);
	(void)snprintf(pipe_path, sizeof(pipe_path), "/dev/fd/%d", fds[0]);
	assert_int_equal(config_file_read(c, pipe_path, why), 0);
	assert_int_equal(config_number(c, "shop", "tries"), 7);
	assert_int_equal(close(fds[0]), 0);
	config_free(c);

	assert_int_equal(config_new(&c, groups), 0);
	assert_int_equal(config_file_read(c, "/dev/null", why), 0);
	config_free(c);
}

static int
set(struct config *c, const char *key, const char *value)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "--%s", key);
	return config_set(
		c, groups, config_key_find(shop_keys, key), name, value, why);
}

static void
what_is_set_replaces_what_the_file_says(void **state)
{
	struct config *c;

	(void)state;
	assert_int_equal(text_read("[shop]\ntries = 4\nlisten = a\n"
				   "listen = b\n",
				 &c),
		0);
	assert_int_equal(set(c, "tries", "5"), 0);
	assert_int_equal(set(c, "tries", "6"), 0);
	assert_int_equal(config_number(c, "shop", "tries"), 6);
	assert_int_equal(set(c, "listen", "c"), 0);
	assert_int_equal(set(c, "listen", "d"), 0);
	assert_string_equal(config_value(c, "shop", 1)->text, "c");
	assert_string_equal(config_value(c, "shop", 2)->text, "d");
	assert_null(config_value(c, "shop", 3));
	assert_int_equal(set(c, "tries", "0"), -EINVAL);
	assert_string_equal(why, "--tries is '0': must be 1 to 10");
	assert_int_equal(config_number(c, "shop", "tries"), 6);
	config_free(c);
}

static void
more_sections_than_there_may_be_are_refused(void **state)
{
	char *text = malloc(100000);
	struct config *c;
	size_t at = 0;

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < CONFIG_SECTIONS_MAX; i++)
		at += (size_t)sprintf(text + at, "[shelf %d]\n", i);
	assert_int_equal(bytes_read(text, at, &c), -EINVAL);
	assert_non_null(strstr(why, ":4200: too many sections: [shelf 4199]"));
	free(text);
}

/* The file may have any number of lines: the limit is met before the rest. */
static void
more_values_than_there_may_be_are_refused(void **state)
{
	char *text = malloc(100000), last[64];
	struct config *c;
	size_t at = 0;

	(void)state;
	assert_non_null(text);
	at += (size_t)sprintf(text, "[shelf a]\n");
	for (int i = 0; i < CONFIG_VALUES_MAX; i++)
		at += (size_t)sprintf(text + at, "set.k%d = 1\n", i);
	assert_int_equal(bytes_read(text, at, &c), 0);
	config_free(c);
	at += (size_t)sprintf(text + at, "set.k0 = 1\nnonsense\n");
	assert_int_equal(bytes_read(text, at, &c), -EINVAL);
	(void)snprintf(last, sizeof(last),
		":%d: too many values: 'set.k0' in [shelf a]",
		CONFIG_VALUES_MAX + 2);
	assert_non_null(strstr(why, last));
	free(text);

	assert_int_equal(config_new(&c, groups), 0);
	for (int i = 0; i < CONFIG_VALUES_MAX; i++)
		assert_int_equal(set(c, "listen", "a"), 0);
	assert_int_equal(set(c, "listen", "a"), -EINVAL);
	assert_string_equal(why, "too many values: --listen");
	config_free(c);
}

static int
garden_only(const char *name, char must[INI_WHY])
{
	(void)snprintf(must, INI_WHY, "there is no '%s'", name);
	return strcmp(name, "garden") == 0 ? 0 : -EINVAL;
}

static int
shared_read(const char *text, config_others_fn *others, struct config **c)
{
	FILE *f = fopen(path, "w");
	int err;

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	why[0] = '\0';
	assert_int_equal(config_new(c, groups), 0);
	err = config_shared_read(*c, path, others, why);
	if (err < 0)
		config_free(*c);
	return err;
}

static void
sections_of_other_programs_are_skipped(void **state)
{
	static const char text[] = "[garden]\nlisten = roses\nlisten = more\n"
				   "[shop]\nowner = Bea\n"
				   "[garden back]\nset.x = 1\n[garden]\n"
				   "[shelf a]\ncolour = red\n";
	struct config *c;

	(void)state;
	assert_int_equal(shared_read(text, config_others_skip, &c), 0);
	assert_string_equal(config_text(c, "shop", "owner"), "Bea");
	assert_string_equal(config_text(c, "shelf a", "colour"), "red");
	assert_false(config_has(c, "garden"));
	assert_false(config_given(c, "shop", "listen"));
	assert_null(config_section(c, 2));
	config_free(c);
	assert_int_equal(shared_read(text, garden_only, &c), 0);
	config_free(c);
	assert_int_equal(shared_read(text, NULL, &c), -EINVAL);
	assert_non_null(strstr(why, ":1: unknown section [garden]"));
}

static void
a_section_of_no_program_is_refused_where_it_stands(void **state)
{
	struct config *c;

	(void)state;
	assert_int_equal(shared_read("[shop]\n[gardn back]\n", garden_only, &c),
		-EINVAL);
	assert_non_null(strstr(
		why, ":2: unknown section [gardn back]: there is no 'gardn'"));
}

static void
a_shared_file_is_sound_in_every_line(void **state)
{
	static const char *const unsound[][2] = {
		{"[garden]\n rose = 1\n", ":2: the line must not be indented"},
		{"[garden]\nrose\n", ":2: missing '='"},
		{"[garden\n", ":1: missing ]"},
		{"[garden]\na=1\n[shop]\nrose = 1\n", ":4: unknown key 'rose'"},
		{"[shop]\n[garden]\n[shop]\n", "is there twice"},
		{"[shop a]\n", "must be [shop]"},
	};
	struct config *c;

	(void)state;
	for (size_t i = 0; i < sizeof(unsound) / sizeof(unsound[0]); i++) {
		assert_int_equal(
			shared_read(unsound[i][0], config_others_skip, &c),
			-EINVAL);
		if (strstr(why, unsound[i][1]) == NULL)
			fail_msg("%s: %s", unsound[i][1], why);
	}
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
		cmocka_unit_test(without_a_file_the_defaults_count),
		cmocka_unit_test(a_file_sets_values_and_adds_sections),
		cmocka_unit_test(values_are_walked_in_the_order_of_the_file),
		cmocka_unit_test(what_is_wrong_is_said_with_its_place),
		cmocka_unit_test(a_nul_byte_is_refused_wherever_it_is),
		cmocka_unit_test(a_line_may_have_4095_bytes_and_no_more),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
		cmocka_unit_test(a_fifo_is_no_file_and_a_pipe_is_one),
		cmocka_unit_test(what_is_set_replaces_what_the_file_says),
		cmocka_unit_test(more_sections_than_there_may_be_are_refused),
		cmocka_unit_test(more_values_than_there_may_be_are_refused),
		cmocka_unit_test(sections_of_other_programs_are_skipped),
		cmocka_unit_test(
			a_section_of_no_program_is_refused_where_it_stands),
		cmocka_unit_test(a_shared_file_is_sound_in_every_line),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
