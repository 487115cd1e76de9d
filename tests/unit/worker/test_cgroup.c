/* SPDX-License-Identifier: MIT */
/* Control groups of children: plain folders, in place of the kernel's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "spawner/cgroup.h"
#include "spawner/group.h"
#include "spawner/launch.h"
#include "tests/lib/folder.h"
#include "tests/unit/worker/cgroup_fake.h"

enum { PATH = 512 };

static char parent[FOLDER_PATH];
static struct cgroups cgroups;
static struct folders folders;

static const char *
path_of(unsigned long number, const char *file)
{
	static char path[PATH];

	(void)snprintf(path, sizeof(path), "%s/%s/spillway-job-%lu/%s", parent,
		cgroups.name, number, file);
	return path;
}

static void
populate(unsigned long number, int lives)
{
	fake_put(AT_FDCWD, path_of(number, "cgroup.events"),
		lives ? "populated 1\nfrozen 0\n" : "populated 0\nfrozen 0\n");
}

static int
was_killed(const char *path)
{
	char text[FAKE_TEXT];

	fake_get(AT_FDCWD, path, text);
	return strcmp(text, "1") == 0;
}

static int
is_there(unsigned long number)
{
	return access(path_of(number, ""), F_OK) == 0;
}

static int
folders_in(const char *path)
{
	return fake_folders(AT_FDCWD, path);
}

/* --- life ----------------------------------------------------------------- */

static int
begin(void **state)
{
	sigset_t all;

	(void)state;
	sigfillset(&all);
	sigdelset(&all, SIGTERM);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	launch_init();
	return 0;
}

static int
up(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	folder_make(parent);
	assert_int_equal(setxattr(parent, "user.delegate", "1", 1, 0), 0);
	assert_int_equal(cgroups_open(&cgroups, &fake_kernel, parent), 0);
	(void)cgroups_turn(&cgroups, 0);
	return 0;
}

static int
down(void **state)
{
	(void)state;
	cgroups_close(&cgroups, 0);
	folder_remove(parent);
	return 0;
}

/* --- where ---------------------------------------------------------------- */

static void
a_process_finds_its_own_group(void **state)
{
	static const char v1[] = "9:name=systemd:/\n";
	static const char own[] = "8:pids:/a\n0::/system.slice/w@1.service\n";
	static const char top[] = "0::/\n";
#define CGROUP2 " rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
	static const char all[] =
		"22 1 254:0 / / rw - ext4 /dev/root rw\n"
		"31 22 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
		"41 31 0:38 / /sys/fs/cgroup/uni" CGROUP2;
	static const char escaped[] = "41 31 0:38 / /a\\040b" CGROUP2;
	static const char part[] = "41 31 0:38 /system.slice /cg" CGROUP2;
	static const char other[] = "41 31 0:38 /system.slice/w /cg" CGROUP2;
	static const struct {
		const char *cgroup, *mounts, *path;
		int err;
	} rows[] = {
		{own, all, "/sys/fs/cgroup/uni/system.slice/w@1.service", 0},
		{top, all, "/sys/fs/cgroup/uni/", 0},
		{top, escaped, "/a b/", 0},
		{own, part, "/cg/w@1.service", 0},
		{own, other, "", -ENODATA},
		{v1, all, "", -ENODATA},
		{own, "", "", -ENODATA},
		{"", all, "", -ENODATA},
	};
	char path[CGROUP_PATH], cgroup[FOLDER_FILE], mounts[FOLDER_FILE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		path[0] = '\0';
		folder_file(parent, "cgroup", rows[i].cgroup, cgroup);
		folder_file(parent, "mounts", rows[i].mounts, mounts);
		assert_int_equal(cgroup_own(cgroup, mounts, path), rows[i].err);
		if (rows[i].err == 0)
			assert_string_equal(path, rows[i].path);
	}
	assert_int_equal(cgroup_own("/nonexistent", mounts, path), -ENODATA);
	assert_int_equal(cgroup_own(cgroup, "/nonexistent", path), -ENODATA);
}

/* Opens in a fresh folder: what cgroups_open() returned; nothing is left. */
static int
refused_open(const char *attribute, const char *value)
{
	char folder[FOLDER_PATH];
	struct cgroups c;
	unsigned long number = 1;
	int procs = 0, err;

	folder_make(folder);
	if (attribute != NULL)
		assert_int_equal(setxattr(folder, attribute, value, 1, 0), 0);
	err = cgroups_open(&c, &fake_kernel, folder);
	assert_int_equal(folders_in(folder), 0);
	assert_int_equal(cgroups_make(&c, &number, &procs), 0);
	assert_int_equal(number, 0);
	assert_int_equal(procs, -1);
	assert_int_equal(cgroups_end(&c, 0), 1);
	assert_int_equal(cgroups_turn(&c, 0), -1);
	cgroups_close(&c, 0);
	folder_remove(folder);
	return err;
}

static void
a_folder_that_is_not_delegated_is_not_used(void **state)
{
	struct cgroups c;

	(void)state;
	assert_int_equal(refused_open(NULL, ""), -ENODATA);
	assert_int_equal(refused_open("user.delegate", "0"), -ENODATA);
	assert_int_equal(
		cgroups_open(&c, &fake_kernel, "/nonexistent"), -ENODATA);
}

static void
a_kernel_that_lacks_a_part_says_which(void **state)
{
	(void)state;
	fake.without = "cgroup.kill";
	assert_int_equal(refused_open("user.delegate", "1"), -ENOSYS);
	fake.without = NULL;
	fake.make_error = EROFS;
	assert_int_equal(refused_open("user.delegate", "1"), -EROFS);
}

/* --- one group ------------------------------------------------------------ */

static unsigned long
group_new(void)
{
	unsigned long number = 0;
	int procs = -1;

	assert_int_equal(cgroups_make(&cgroups, &number, &procs), 0);
	assert_true(number > 0);
	assert_true(procs > 2);
	close(procs);
	assert_true(is_there(number));
	return number;
}

static void
an_empty_group_goes_at_once(void **state)
{
	unsigned long number = group_new();

	(void)state;
	assert_int_equal(cgroups_end(&cgroups, number), 1);
	assert_false(is_there(number));
	assert_int_equal(cgroups_turn(&cgroups, 0), -1);
}

static void
what_lives_in_a_group_is_killed(void **state)
{
	unsigned long number = group_new(), other = group_new();

	(void)state;
	populate(number, 1);
	populate(other, 1);
	assert_int_equal(cgroups_end(&cgroups, number), 0);
	assert_true(was_killed(path_of(number, "cgroup.kill")));
	assert_false(was_killed(path_of(other, "cgroup.kill")));
	assert_int_equal(cgroups_end(&cgroups, number), 0);
	populate(number, 0);
	assert_int_equal(cgroups_end(&cgroups, number), 1);
	assert_false(is_there(number));
	assert_true(is_there(other));
	populate(other, 0);
}

static void
groups_within(unsigned long number, int n)
{
	int fd = open(path_of(number, ""), O_RDONLY | O_DIRECTORY);
	char name[FAKE_TEXT];

	for (int i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "inner-%d", i);
		assert_int_equal(fake_make(fd, name), 0);
		(void)snprintf(name, sizeof(name), "inner-%d/deeper", i);
		assert_int_equal(fake_make(fd, name), 0);
	}
	close(fd);
}

/* More of them than one look removes: the rest is work for later turns. */
static void
groups_that_a_job_made_go_too(void **state)
{
	unsigned long few = group_new(), many = group_new();
	int64_t now_ms = 1000;

	(void)state;
	groups_within(few, 2);
	assert_int_equal(cgroups_end(&cgroups, few), 1);
	assert_false(is_there(few));
	groups_within(many, 2 * CGROUP_REMOVES);
	assert_int_equal(cgroups_end(&cgroups, many), 1);
	assert_true(is_there(many));
	for (int i = 0; i < 5; i++) {
		(void)cgroups_turn(&cgroups, now_ms);
		now_ms += CGROUP_AGAIN_MS;
	}
	assert_false(is_there(many));
	assert_int_equal(cgroups_turn(&cgroups, now_ms), -1);
}

static void
a_group_that_stays_is_tried_again_in_time(void **state)
{
	unsigned long number = group_new();
	const int64_t now_ms = 1000;

	(void)state;
	populate(number, 1);
	cgroups_later(&cgroups, number);
	assert_int_equal(cgroups_turn(&cgroups, now_ms), CGROUP_AGAIN_MS);
	assert_true(was_killed(path_of(number, "cgroup.kill")));
	populate(number, 0);
	assert_int_equal(
		cgroups_turn(&cgroups, now_ms + 1), CGROUP_AGAIN_MS - 1);
	assert_true(is_there(number));
	assert_int_equal(cgroups_turn(&cgroups, now_ms + CGROUP_AGAIN_MS), -1);
	assert_false(is_there(number));
}

static void
too_many_that_stay_go_with_the_root(void **state)
{
	(void)state;
	for (int i = 0; i < CGROUP_LATER + 2; i++)
		cgroups_later(&cgroups, group_new());
	for (int i = 1; i <= CGROUP_LATER / CGROUP_LOOKS; i++)
		(void)cgroups_turn(&cgroups, i * CGROUP_AGAIN_MS);
	assert_false(is_there(CGROUP_LATER));
	assert_true(is_there(CGROUP_LATER + 1));
	cgroups_close(&cgroups, 0);
	assert_int_equal(folders_in(parent), 0);
}

static void
a_root_that_is_gone_is_made_anew(void **state)
{
	char root[PATH];
	unsigned long number;

	(void)state;
	(void)snprintf(root, sizeof(root), "%s/%s", parent, cgroups.name);
	assert_int_equal(fake_remove(AT_FDCWD, root), 0);
	number = group_new();
	assert_string_not_equal(root + strlen(parent) + 1, cgroups.name);
	assert_int_equal(cgroups_end(&cgroups, number), 1);
	assert_int_equal(folders_in(parent), 1);
}

/* --- roots of others ------------------------------------------------------ */

static void
roots_of_the_dead_are_killed_and_removed(void **state)
{
	struct cgroups dead, living;
	char path[PATH];
	unsigned long number;
	int procs;

	(void)state;
	assert_int_equal(cgroups_open(&dead, &fake_kernel, parent), 0);
	assert_int_equal(cgroups_open(&living, &fake_kernel, parent), 0);
	assert_int_equal(cgroups_make(&dead, &number, &procs), 0);
	close(procs);
	close(dead.root); /* and so its lock */
	(void)snprintf(path, sizeof(path), "%s/cgroup.events", dead.name);
	fake_put(dead.parent, path, "populated 1\n");
	cgroups.stale = 1;
	assert_int_equal(cgroups_turn(&cgroups, 1000), CGROUP_AGAIN_MS);
	(void)snprintf(
		path, sizeof(path), "%s/%s/cgroup.kill", parent, dead.name);
	assert_true(was_killed(path));
	(void)snprintf(path, sizeof(path), "%s/cgroup.events", dead.name);
	fake_put(dead.parent, path, "populated 0\n");
	assert_int_equal(cgroups_turn(&cgroups, 1000 + CGROUP_AGAIN_MS), -1);
	assert_int_equal(folders_in(parent), 2);
	(void)snprintf(
		path, sizeof(path), "%s/%s/cgroup.kill", parent, living.name);
	assert_int_equal(access(path, F_OK), 0);
	assert_false(was_killed(path));
	close(dead.parent);
	cgroups_close(&living, 0);
}

/* --- with processes ------------------------------------------------------- */

static int reported;
static uint32_t child; /* a new number for each test: one may fail */

static void
end_take(void *arg, const struct spawn_event *e)
{
	(void)arg;
	reported += e->kind == SPAWN_ENDED;
}

static void
child_groups_open(void)
{
	int blind;

	reported = 0;
	child++;
	assert_int_equal(
		groups_open(&folders, &cgroups, end_take, NULL, &blind), 0);
}

/* Starts a shell with its output in the file "out": as of launch_run(). */
static pid_t
shell_start(const char *script, struct launch *l, unsigned long *cgroup)
{
	static char *none[] = {NULL};
	static const struct spawn_limits unlimited;
	struct launch_command command;
	char texts[FAKE_TEXT + PATH], out[FOLDER_FILE];
	int len = snprintf(
		texts, sizeof(texts), "/bin/sh%csh%c-c%c%s", 0, 0, 0, script);
	pid_t pid;

	folder_file(parent, "out", "", out);
	assert_int_equal(
		launch_command_read(&command, texts, (size_t)len + 1), 0);
	*l = (struct launch){
		.command = &command, .env = none, .limits = &unlimited};
	for (int i = 0; i < SPAWN_FILES; i++) {
		int fd = open(out, O_RDWR | O_APPEND);

		l->files[i] = fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_SOCKET + 1);
		close(fd);
	}
	pid = launch_run(l, &cgroups, cgroup);
	for (int i = 0; i < SPAWN_FILES; i++)
		close(l->files[i]);
	free(command.path);
	return pid;
}

static void
end_await(pid_t pid)
{
	siginfo_t si;

	assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
}

static void
out_is(const char *wanted)
{
	char path[PATH], text[FAKE_TEXT];

	(void)snprintf(path, sizeof(path), "%s/out", parent);
	fake_get(AT_FDCWD, path, text);
	assert_string_equal(text, wanted);
}

/* The first thing that the command sees is that it has entered. */
static void
a_child_is_in_its_group_before_it_runs(void **state)
{
	struct launch l;
	char script[PATH];
	struct group_parts parts = {0};
	pid_t pid;

	(void)state;
	child_groups_open();
	(void)snprintf(script, sizeof(script),
		"cat %s/%s/spillway-job-*/cgroup.procs; echo", parent,
		cgroups.name);
	pid = shell_start(script, &l, &parts.cgroup);
	assert_true(pid > 0);
	group_add(child, pid, &parts);
	end_await(pid);
	assert_int_equal(groups_turn(1000), -1);
	assert_int_equal(reported, 1);
	assert_false(is_there(parts.cgroup));
	out_is("0\n");
}

static void
without_its_group_nothing_runs(void **state)
{
	unsigned long cgroup;
	struct launch l;

	(void)state;
	fake.procs_full = 1;
	assert_int_equal(shell_start("echo ran", &l, &cgroup), -ENOSPC);
	assert_int_equal(l.step, SPAWN_ENTER);
	fake.procs_full = 0;
	fake.without = "cgroup.procs";
	assert_int_equal(shell_start("echo ran", &l, &cgroup), -ENOENT);
	assert_int_equal(l.step, SPAWN_CGROUP);
	fake.make_error = EAGAIN; /* cgroup.max.descendants */
	assert_int_equal(shell_start("echo ran", &l, &cgroup), -EAGAIN);
	assert_int_equal(l.step, SPAWN_CGROUP);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(folders_in(parent), 1);
	out_is("");
	for (unsigned long i = 1; i <= cgroups.made; i++)
		assert_false(is_there(i));
}

/* A child that has ended, with more living in its group. */
static unsigned long
survived_start(void)
{
	struct launch l;
	struct group_parts parts = {0};
	pid_t pid = shell_start("exit 0", &l, &parts.cgroup);

	assert_true(pid > 0);
	populate(parts.cgroup, 1);
	group_add(child, pid, &parts);
	end_await(pid);
	return parts.cgroup;
}

static void
an_end_is_reported_when_nothing_lives_in_the_group(void **state)
{
	static const int waits[] = {
		GROUP_SOON_MS, 2, 4, 8, 16, GROUP_AGAIN_MS, GROUP_AGAIN_MS};
	unsigned long number;

	(void)state;
	child_groups_open();
	number = survived_start();
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		assert_int_equal(groups_turn(1000), waits[i]);
	assert_int_equal(reported, 0);
	assert_true(was_killed(path_of(number, "cgroup.kill")));
	populate(number, 0);
	assert_int_equal(groups_turn(1000), -1);
	assert_int_equal(reported, 1);
	assert_false(is_there(number));
}

static void
what_does_not_die_delays_an_end_for_a_time_alone(void **state)
{
	unsigned long number;

	(void)state;
	child_groups_open();
	number = survived_start();
	(void)groups_turn(1000);
	(void)groups_turn(1000 + GROUP_LAST_MS - 1);
	assert_int_equal(reported, 0);
	assert_int_equal(groups_turn(1000 + GROUP_LAST_MS), CGROUP_AGAIN_MS);
	assert_int_equal(reported, 1);
	assert_true(group_is_free(child));
	assert_true(is_there(number));
	populate(number, 0);
	(void)groups_turn(1000 + GROUP_LAST_MS + CGROUP_AGAIN_MS);
	assert_false(is_there(number));
}

static void
the_spawner_s_end_kills_all(void **state)
{
	struct launch l;
	struct group_parts parts = {0};
	pid_t pid;
	char path[PATH];

	(void)state;
	child_groups_open();
	pid = shell_start("exec sleep 1000", &l, &parts.cgroup);
	assert_true(pid > 0);
	group_add(child, pid, &parts);
	groups_kill(INT32_MAX);
	assert_int_equal(waitpid(pid, NULL, 0), -1);
	(void)snprintf(
		path, sizeof(path), "%s/%s/cgroup.kill", parent, cgroups.name);
	assert_true(was_killed(path));
	cgroups_close(&cgroups, 0);
	assert_int_equal(folders_in(parent), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		T(a_process_finds_its_own_group),
		T(a_folder_that_is_not_delegated_is_not_used),
		T(a_kernel_that_lacks_a_part_says_which),
		T(an_empty_group_goes_at_once),
		T(what_lives_in_a_group_is_killed),
		T(groups_that_a_job_made_go_too),
		T(a_group_that_stays_is_tried_again_in_time),
		T(too_many_that_stay_go_with_the_root),
		T(a_root_that_is_gone_is_made_anew),
		T(roots_of_the_dead_are_killed_and_removed),
		T(a_child_is_in_its_group_before_it_runs),
		T(without_its_group_nothing_runs),
		T(an_end_is_reported_when_nothing_lives_in_the_group),
		T(what_does_not_die_delays_an_end_for_a_time_alone),
		T(the_spawner_s_end_kills_all),
	};

	return cmocka_run_group_tests_name("cgroup", tests, begin, NULL);
}
