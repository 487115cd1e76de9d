/* SPDX-License-Identifier: MIT */
/* The configuration of built-in jobs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/error.h"
#include "jobs/job.h"
#include "tests/lib/folder.h"
#include "tests/lib/jobs.h"

static const struct config_key keys[] = {
	{"url", CONFIG_TEXT, 0, 0, "smtp://127.0.0.1", "where to"},
	{"from", CONFIG_TEXT, 0, 0, NULL, "who"},
	{"tries", CONFIG_COUNT, 1, 10, "3", "how often"},
	{"pause", CONFIG_MS, 0, 60000, "2s", "between them"},
	{"room", CONFIG_BYTES, 1, 1 << 30, "4k", "of a file"},
	{"tls", CONFIG_FLAG, 0, 1, "yes", "whether"},
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL}};
static const struct config_key profile[] = {
	{"codec", CONFIG_TEXT, 0, 0, "h264", "which"},
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL}};

/* The check of a job type, which runs only where a queue has the type. */
static int
never_right(const struct config *c, char *say, size_t cap)
{
	(void)c;
	(void)snprintf(say, cap, "not asked for");
	return SW_EINVAL;
}

static const struct job_type types[] = {{.name = "email", .keys = keys},
	{.name = "video", .profile_keys = profile},
	{.name = "bare", .check = never_right}, {NULL}};

static char why[256];

static int
read_text(const char *text, struct config **c)
{
	char path[FOLDER_FILE];

	folder_file(test_folder, "jobs.conf", text, path);
	why[0] = '\0';
	return job_config_read(c, path, types, why, sizeof(why));
}

static void
without_a_file_the_defaults_count(void **state)
{
	struct config *c;

	(void)state;
	assert_int_equal(job_config_read(&c, NULL, types, why, sizeof(why)), 0);
	assert_string_equal(config_text(c, "email", "url"), "smtp://127.0.0.1");
	assert_null(config_text(c, "email", "from"));
	assert_int_equal(config_number(c, "email", "tries"), 3);
	assert_int_equal(config_number(c, "email", "pause"), 2000);
	assert_int_equal(config_number(c, "email", "room"), 4096);
	assert_int_equal(config_number(c, "email", "tls"), 1);
	assert_true(config_has(c, "email"));
	assert_false(config_has(c, "video small"));
	config_free(c);
}

static void
a_file_sets_values_and_adds_profiles(void **state)
{
	struct config *c;

	(void)state;
	assert_int_equal(read_text("[email]\nfrom = ann@example.org\n"
				   "pause = 1m\ntls = no\n"
				   "[video large]\ncodec = av1\n"
				   "[video small]\ncodec = vp9\n",
				 &c),
		0);
	assert_string_equal(config_text(c, "email", "from"), "ann@example.org");
	assert_int_equal(config_number(c, "email", "pause"), 60000);
	assert_int_equal(config_number(c, "email", "tls"), 0);
	assert_string_equal(config_text(c, "video large", "codec"), "av1");
	assert_string_equal(config_text(c, "video small", "codec"), "vp9");
	assert_string_equal(config_section(c, 0), "email");
	assert_string_equal(config_section(c, 1), "video large");
	assert_null(config_section(c, 3));
	config_free(c);
}

static void
what_is_wrong_is_said_with_its_place(void **state)
{
	static const struct {
		const char *text, *said;
	} bad[] = {
		{"[email]\ncolour = red\n", ":2: unknown key 'colour'"},
		{"[email]\n\ntries = 11\n",
			":3: tries is '11': must be 1 to 10"},
		{"[email]\npause = soon\n",
			":2: pause is 'soon': must be a dur"},
		{"[email]\ntls = maybe\n",
			":2: tls is 'maybe': must be yes or no"},
		{"[email]\nroom = 2g\n", ":2: room is '2g': must be a size"},
		{"[email]\nurl = a\nurl = b\n", ":3: key 'url' is there twice"},
		{"[video a]\n[video a]\n",
			":2: section [video a] is there twice"},
		{"[post]\nurl = a\n", ":1: unknown section [post]"},
		{"[video]\ncodec = a\n",
			":1: section [video] must be [video NAME]"},
		{"[video ]\ncodec = a\n", ":1: section [video] must be"},
		{"[email out]\n", ":1: section [email out] must be [email]"},
		{"[bare]\nurl = a\n", ":1: unknown section [bare]"},
		{"[email]\nwhat\n", ":2: missing '=' in 'what'"},
		{"url = a\n", ":1: key before the first [section]"},
	};
	struct config *c = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_text(bad[i].text, &c), -EINVAL);
		if (strstr(why, bad[i].said) == NULL)
			fail_msg("'%s' has no '%s'", why, bad[i].said);
	}
	assert_int_equal(
		job_config_read(&c, "/nonexistent", types, why, sizeof(why)),
		-2);
	assert_string_equal(why, "/nonexistent: No such file or directory");
	assert_null(c);
}

static void
a_line_that_is_too_long_is_refused(void **state)
{
	static char text[20000];
	struct config *c;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "[email]\nurl = ", 14);
	strcpy(text + sizeof(text) - 2, "\n");
	assert_int_equal(read_text(text, &c), -EINVAL);
	assert_non_null(strstr(why, ":2: the line is longer than 4095 bytes"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_the_defaults_count),
		cmocka_unit_test(a_file_sets_values_and_adds_profiles),
		cmocka_unit_test(what_is_wrong_is_said_with_its_place),
		cmocka_unit_test(a_line_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(
		tests, test_folder_make, test_folder_remove);
}
