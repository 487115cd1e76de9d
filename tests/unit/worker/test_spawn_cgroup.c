/* SPDX-License-Identifier: MIT */
/*
 * The whole spawner with control groups, by its client: the spawner is this
 * program, started again, with plain folders in place of the kernel's.
 */
#include "tests/unit/worker/spawned.h"

#include <sys/xattr.h>

#include "spawner/serve.h"
#include "tests/unit/worker/cgroup_fake.h"

#define CGROUP_FILE "TEST_CGROUP_FILE"
#define MOUNTS_FILE "TEST_MOUNTS_FILE"
#define PLACE	    "TEST_CGROUP_PLACE"
#define PROCS_FULL  "TEST_PROCS_FULL"

static char place[FOLDER_PATH]; /* the delegated group */

static int
groups_up(void **state)
{
	static const char *const shell[] = {"sh", NULL};
	const struct spawn_command_line lines[] = {
		[SHELL] = {"/bin/sh", shell},
		[MISSING] = {"/nonexistent/command", shell},
	};
	char text[FAKE_TEXT], file[FOLDER_FILE];
	int folder_error;

	(void)state;
	folder_make(place);
	assert_int_equal(setxattr(place, "user.delegate", "1", 1, 0), 0);
	folder_file(place, "cgroup", "0::/\n", file);
	setenv(CGROUP_FILE, file, 1);
	(void)snprintf(text, sizeof(text),
		"41 31 0:38 / %s rw - cgroup2 cgroup2 rw\n", place);
	folder_file(place, "mounts", text, file);
	setenv(MOUNTS_FILE, file, 1);
	setenv(PLACE, place, 1);
	assert_int_equal(
		spawn_open(&spawn, "/proc/self/exe", lines, 2, &folder_error),
		0);
	return folder_error;
}

/* With a kernel that lets nobody enter a group. */
static int
closed_groups_up(void **state)
{
	int err;

	setenv(PROCS_FULL, "1", 1);
	err = groups_up(state);
	unsetenv(PROCS_FULL);
	return err;
}

static int
groups_down(void **state)
{
	(void)state;
	spawn_close(&spawn);
	folder_remove(place);
	return 0;
}

/* A path in the one root. */
static const char *
path_of(const char *name)
{
	static char path[2 * FOLDER_FILE];

	(void)snprintf(path, sizeof(path), "%s/spillway-worker.%d-1/%s", place,
		spawn.pid, name);
	return path;
}

/* Groups of children. */
static int
groups_left(void)
{
	return fake_folders(AT_FDCWD, path_of(""));
}

static int
roots_left(void)
{
	return fake_folders(AT_FDCWD, place);
}

static void
each_child_is_in_a_group_of_its_own_and_takes_it_away(void **state)
{
	struct kid k;

	(void)state;
	assert_int_equal(spawn.cgroup_error, 0);
	for (int i = 2; i <= 4; i++) { /* 1 was the spawner's own try */
		char wanted[FAKE_TEXT];

		(void)snprintf(wanted, sizeof(wanted), "spillway-job-%d 0", i);
		shell_run("cd $" PLACE "/*/spillway-job-*; "
			  "echo ${PWD##*/} $(cat cgroup.procs)",
			&k);
		assert_memory_equal(k.text, wanted, strlen(wanted));
		assert_int_equal(groups_left(), 0);
	}
}

static void
groups_that_cannot_be_entered_are_not_used(void **state)
{
	struct kid k;

	(void)state;
	assert_int_equal(spawn.cgroup_error, -ENOSPC);
	shell_run("exit 7", &k);
	assert_int_equal(WEXITSTATUS(k.ended.status), 7);
	assert_int_equal(roots_left(), 0);
}

static void
a_failed_start_leaves_no_group(void **state)
{
	struct kid k;

	(void)state;
	command_run(MISSING, &k);
	assert_int_equal(k.failed.step, SPAWN_EXEC);
	assert_int_equal(groups_left(), 0);
}

/* The spawner looks at the group by itself: no process ends meanwhile. */
static void
what_lives_in_a_group_after_the_end_is_killed(void **state)
{
	char text[FAKE_TEXT];
	struct kid k;

	(void)state;
	shell_start("cd $" PLACE "/*/spillway-job-*; "
		    "echo populated 1 >cgroup.events",
		&k);
	UNTIL((fake_get(AT_FDCWD, path_of("spillway-job-2/cgroup.kill"), text),
		text[0] == '1'));
	fake_put(AT_FDCWD, path_of("spillway-job-2/cgroup.events"),
		"populated 0\n");
	kid_wait(&k);
	assert_int_equal(k.ended.status, 0);
	UNTIL(groups_left() == 0);
}

/* Its own, the groups within, and the root: all are the same user's. */
static void
a_group_ends_whatever_its_modes(void **state)
{
	struct kid k, other;

	(void)state;
	shell_run("cd $" PLACE "/*/spillway-job-*; mkdir -p in/deeper; "
		  "chmod 0 in/deeper in * . ..",
		&k);
	assert_int_equal(k.starts, 1);
	UNTIL(groups_left() == 0);
	shell_start("chmod 0 $" PLACE "/*; echo up; exec sleep 1000", &k);
	UNTIL((out_read(&k), k.len) > 0);
	shell_run("exit 0", &other);
	assert_int_equal(other.starts, 1);
	assert_int_equal(
		spawn_signal(&spawn, (int)k.started.number, SIGKILL), 0);
	kid_wait(&k);
	UNTIL(groups_left() == 0);
}

static void
the_end_of_the_worker_removes_the_root(void **state)
{
	struct kid k;

	(void)state;
	shell_start("exec sleep 1000", &k);
	UNTIL(k.starts == 1);
	close(k.out);
	assert_int_equal(roots_left(), 1);
	spawn_close(&spawn);
	assert_int_equal(roots_left(), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, groups_up, groups_down)
	const struct CMUnitTest tests[] = {
		T(each_child_is_in_a_group_of_its_own_and_takes_it_away),
		cmocka_unit_test_setup_teardown(
			groups_that_cannot_be_entered_are_not_used,
			closed_groups_up, groups_down),
		T(a_failed_start_leaves_no_group),
		T(what_lives_in_a_group_after_the_end_is_killed),
		T(a_group_ends_whatever_its_modes),
		T(the_end_of_the_worker_removes_the_root),
	};
	const struct serve_cgroups own = {
		getenv(CGROUP_FILE), getenv(MOUNTS_FILE), &fake_kernel};

	fake.procs_full = getenv(PROCS_FULL) != NULL;
	if (serve_is_asked())
		return (int)serve_worker(&own);
	return cmocka_run_group_tests_name(
		"spawn_cgroup", tests, begin, finish);
}
