/* SPDX-License-Identifier: MIT */
/*
 * cgroup_fake.h - plain folders with the files of a control group, in place of
 * the kernel's
 *
 * A new group has the files of a group.  It cannot be removed while there is a
 * group in it, or while its cgroup.events says that something lives in it: a
 * test writes that.  What is written to cgroup.procs and cgroup.kill stays
 * there and does nothing.
 */
#ifndef TESTS_CGROUP_FAKE_H
#define TESTS_CGROUP_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawner/cgroup.h"

enum { FAKE_TEXT = 256 };

static struct {
	const char *without; /* a file that a new group lacks, or NULL */
	int procs_full;	     /* nobody can enter a new group */
	int make_error;	     /* of the next groups, or 0 */
} fake;

static const char *const fake_files[] = {
	"cgroup.procs", "cgroup.kill", "cgroup.events"};

enum { FAKE_FILES = sizeof(fake_files) / sizeof(fake_files[0]) };

static inline void
fake_put(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static inline void
fake_get(int dir, const char *name, char text[FAKE_TEXT])
{
	int fd = openat(dir, name, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, text, FAKE_TEXT - 1) : 0;

	assert_true(n >= 0);
	text[n] = '\0';
	if (fd >= 0)
		close(fd);
}

static inline int
fake_make(int dir, const char *name)
{
	int fd;

	errno = fake.make_error;
	if (fake.make_error != 0 || mkdirat(dir, name, 0755) != 0)
		return -1;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	fake_put(fd, "cgroup.kill", "");
	fake_put(fd, "cgroup.events", "populated 0\nfrozen 0\n");
	if (fake.procs_full)
		assert_int_equal(symlinkat("/dev/full", fd, "cgroup.procs"), 0);
	else
		fake_put(fd, "cgroup.procs", "");
	if (fake.without != NULL)
		assert_int_equal(unlinkat(fd, fake.without, 0), 0);
	close(fd);
	return 0;
}

static inline int
fake_folders(int dir, const char *name)
{
	const struct dirent *e;
	DIR *d = fdopendir(openat(dir, name, O_RDONLY | O_DIRECTORY));
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_type == DT_DIR && e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* As the kernel: not one that has groups or processes in it. */
static inline int
fake_remove(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY), busy;
	char text[FAKE_TEXT];

	if (fd < 0)
		return -1;
	fake_get(fd, "cgroup.events", text);
	busy = fake_folders(fd, ".") || strstr(text, "populated 1") != NULL;
	for (int i = 0; i < FAKE_FILES && !busy; i++)
		(void)unlinkat(fd, fake_files[i], 0);
	close(fd);
	errno = EBUSY;
	return busy ? -1 : unlinkat(dir, name, AT_REMOVEDIR);
}

static const struct cgroup_kernel fake_kernel = {fake_make, fake_remove};

#endif
