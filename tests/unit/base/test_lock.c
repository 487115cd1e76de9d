/* SPDX-License-Identifier: MIT */
/* A lock has one holder, whose process id is known, and names its file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/lock.h"
#include "tests/lib/folder.h"

static char dir[64], path[80];

static int
setup(void **state)
{
	(void)state;
	folder_make(dir);
	(void)snprintf(path, sizeof(path), "%s/one.lock", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	folder_remove(dir);
	return 0;
}

/* A process with the lock, until it is killed. */
static pid_t
holder_start(void)
{
	int ready[2];
	pid_t pid, none;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		c = lock_file_open(path, &none) >= 0 ? 'y' : 'n';
		(void)!write(ready[1], &c, 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void
holder_kill(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void
a_lock_names_its_holder_and_ends_with_it(void **state)
{
	pid_t pid = holder_start(), holder = 0;
	char text[16] = "", want[16];
	int fd;

	(void)state;
	assert_int_equal(lock_file_open(path, &holder), -EBUSY);
	assert_int_equal(holder, pid);
	fd = open(path, O_RDONLY);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	(void)snprintf(want, sizeof(want), "%d\n", (int)pid);
	assert_string_equal(text, want);
	close(fd);
	holder_kill(pid);
	fd = lock_file_open(path, &holder);
	assert_true(fd >= 0);
	close(fd);
}

/* What the file says is old; what the kernel says is not. */
static void
the_holder_is_known_whatever_the_file_says(void **state)
{
	pid_t pid = holder_start(), holder = 0;
	int fd = open(path, O_WRONLY | O_TRUNC);

	(void)state;
	assert_int_equal(write(fd, "1\n", 2), 2);
	close(fd);
	assert_int_equal(lock_file_open(path, &holder), -EBUSY);
	assert_int_equal(holder, pid);
	holder_kill(pid);
}

static void
a_lock_that_is_removed_or_replaced_is_no_longer_named(void **state)
{
	pid_t holder;
	char aside[96];
	int fd = lock_file_open(path, &holder), other;

	(void)state;
	(void)snprintf(aside, sizeof(aside), "%s.aside", path);
	assert_true(fd >= 0);
	assert_int_equal(lock_is_named(fd, path), 0);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(lock_is_named(fd, path), -ESTALE);
	other = lock_file_open(path, &holder);
	assert_true(other >= 0);
	assert_int_equal(lock_is_named(fd, path), -ESTALE);
	assert_int_equal(lock_is_named(other, path), 0);
	assert_int_equal(rename(aside, path), 0);
	assert_int_equal(lock_is_named(fd, path), 0);
	close(fd);
	close(other);
}

static void
a_link_is_not_followed(void **state)
{
	pid_t holder;
	char target[96];

	(void)state;
	(void)snprintf(target, sizeof(target), "%s.target", path);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(lock_file_open(path, &holder), -ELOOP);
	assert_int_equal(access(target, F_OK), -1);
}

/* clang-format off */
#define T(f) {#f, f, setup, teardown, NULL}
/* clang-format on */

/* The id is for people: a broker must start, and drain, on a full disk. */
static void
a_full_disk_does_not_keep_a_lock_from_its_process(void **state)
{
	pid_t holder;
	int fd = lock_file_open("/dev/full", &holder);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
}

/* Without a moment in which the file has no block that a full disk may keep. */
static void
the_id_of_a_holder_replaces_a_longer_one(void **state)
{
	char text[64] = "123456789012\nof before\n", want[16];
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	pid_t holder;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	fd = lock_file_open(path, &holder);
	assert_true(fd >= 0);
	memset(text, 0, sizeof(text));
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	(void)snprintf(want, sizeof(want), "%d\n", (int)getpid());
	assert_string_equal(text, want);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_lock_names_its_holder_and_ends_with_it),
		T(the_holder_is_known_whatever_the_file_says),
		T(a_lock_that_is_removed_or_replaced_is_no_longer_named),
		T(a_link_is_not_followed),
		T(a_full_disk_does_not_keep_a_lock_from_its_process),
		T(the_id_of_a_holder_replaces_a_longer_one),
	};

	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
