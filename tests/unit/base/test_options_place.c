/* SPDX-License-Identifier: MIT */
/* Paths that a program may use or not, before it makes anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/options.h"
#include "tests/lib/folder.h"

static const char *
in_dir(const char *name)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", test_folder, name);
	return path;
}

struct place {
	const char *name;
	int folder, file; /* what the checks say */
};

static void
what_is_there_and_what_can_be_made_may_be_used(void **state)
{
	static const struct place places[] = {
		{"", 0, -EISDIR},
		{"folder", 0, -EISDIR},
		{"folder/", 0, -EISDIR},
		{"new", 0, 0},
		{"new/", 0, 0},
		{"new//", 0, 0},
		{"folder/new", 0, 0},
		{"file", -ENOTDIR, 0},
		{"file/new", -ENOTDIR, -ENOTDIR},
		{"none/new", -ENOENT, -ENOENT},
		{"none/none/new", -ENOENT, -ENOENT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct place *p = &places[i];

		if (options_folder_check(in_dir(p->name)) != p->folder ||
			options_file_check(in_dir(p->name)) != p->file)
			fail_msg("'%s': %d, %d", p->name,
				options_folder_check(in_dir(p->name)),
				options_file_check(in_dir(p->name)));
	}
	assert_int_not_equal(access(in_dir("new"), F_OK), 0);
}

static void
a_relative_path_is_one_of_the_working_folder(void **state)
{
	char was[PATH_MAX];

	(void)state;
	assert_non_null(getcwd(was, sizeof(was)));
	assert_int_equal(chdir(test_folder), 0);
	assert_int_equal(options_folder_check("new"), 0);
	assert_int_equal(options_file_check("file"), 0);
	assert_int_equal(options_file_check("none/new"), -ENOENT);
	assert_int_equal(chdir(was), 0);
}

static void
a_path_that_is_too_long_is_refused(void **state)
{
	char name[NAME_MAX + 2], path[PATH_MAX + 64];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(options_folder_check(in_dir(name)), -ENAMETOOLONG);
	assert_int_equal(options_file_check(in_dir(name)), -ENAMETOOLONG);
	memset(path, '/', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(options_folder_check(path), -ENAMETOOLONG);
}

/* Root may write to all of them, so another user asks. */
static void
without_the_right_to_write_neither_may_be_used(void **state)
{
	static const struct place places[] = {
		{"closed", -EACCES, -EISDIR},
		{"closed/new", -EACCES, -EACCES},
		{"read-only", -ENOTDIR, -EACCES},
	};
	int root = geteuid() == 0;

	(void)state;
	assert_int_equal(root ? setresuid(65534, 65534, 0) : 0, 0);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		assert_int_equal(options_folder_check(in_dir(places[i].name)),
			places[i].folder);
		assert_int_equal(options_file_check(in_dir(places[i].name)),
			places[i].file);
	}
	assert_int_equal(root ? setresuid(0, 0, 0) : 0, 0);
}

static int
places_make(void **state)
{
	char path[FOLDER_FILE];
	int err = test_folder_make(state);

	folder_file(test_folder, "file", "", path);
	folder_file(test_folder, "read-only", "", path);
	return err != 0 || chmod(path, 0400) != 0 ||
	       chmod(test_folder, 0711) != 0 ||
	       mkdir(in_dir("folder"), 0700) != 0 ||
	       mkdir(in_dir("closed"), 0555) != 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_is_there_and_what_can_be_made_may_be_used),
		cmocka_unit_test(a_relative_path_is_one_of_the_working_folder),
		cmocka_unit_test(a_path_that_is_too_long_is_refused),
		cmocka_unit_test(
			without_the_right_to_write_neither_may_be_used),
	};

	return cmocka_run_group_tests(tests, places_make, test_folder_remove);
}
