/* SPDX-License-Identifier: MIT */
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { TRIES = 10 }; /* beside processes that remove the file */

/* A line of /proc/locks: "1: FLOCK  ADVISORY  WRITE 708 08:01:1311 0 EOF"; with
 * "->" in front of FLOCK the process waits for the lock. */
static pid_t
line_holder(const char *line, const struct stat *st)
{
	char file[64];
	const char *pid;

	(void)snprintf(file, sizeof(file), " %02x:%02x:%lu ", major(st->st_dev),
		minor(st->st_dev), st->st_ino);
	pid = strstr(line, file);
	if (pid == NULL || strstr(line, "FLOCK") == NULL ||
		strstr(line, "->") != NULL)
		return 0;
	while (pid > line && pid[-1] != ' ')
		pid--;
	return (pid_t)strtol(pid, NULL, 10);
}

/* What lock_file_open() wrote; 0 for a file of another kind. */
static pid_t
written_holder(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}

/* The kernel's list knows best; it may be hidden, or name another device. */
static pid_t
holder_find(int fd)
{
	FILE *locks = fopen("/proc/locks", "re");
	char line[256];
	struct stat st;
	pid_t pid = 0;

	while (locks != NULL && fstat(fd, &st) == 0 && pid <= 0 &&
		fgets(line, sizeof(line), locks) != NULL)
		pid = line_holder(line, &st);
	if (locks != NULL)
		(void)fclose(locks);
	return pid > 0 ? pid : written_holder(fd);
}

int
lock_take(int fd, pid_t *holder)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return -errno;
	*holder = holder_find(fd);
	return -EBUSY;
}

/*
 * The id is for people, so a full disk is no reason to fail; a file that keeps
 * its block needs no room.
 */
static int
pid_write(int fd)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (pwrite(fd, text, (size_t)n, 0) == n)
		return ftruncate(fd, n) == 0 ? 0 : -errno;
	return errno == ENOSPC || errno == EDQUOT ? 0 : -errno;
}

int
lock_is_named(int fd, const char *path)
{
	struct stat open, named;

	if (fstat(fd, &open) != 0)
		return 0;
	if (stat(path, &named) != 0)
		return errno == ENOENT || errno == ENOTDIR ? -ESTALE : 0;
	return open.st_dev == named.st_dev && open.st_ino == named.st_ino
		       ? 0
		       : -ESTALE;
}

/* The file that was opened may be gone before it is locked: once more. */
int
lock_file_open(const char *path, pid_t *holder)
{
	int err = -ESTALE, fd = -1;

	for (int i = 0; i < TRIES && err == -ESTALE; i++) {
		if (fd >= 0)
			close(fd);
		fd = open(
			path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		err = fd < 0 ? -errno : lock_take(fd, holder);
		if (err == 0)
			err = lock_is_named(fd, path);
	}
	if (err == 0)
		err = pid_write(fd);
	if (err == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}
