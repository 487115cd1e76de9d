/* SPDX-License-Identifier: MIT */
#include "jobs/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Checks the open descriptor, so that the file read is the file checked. */
static int
fd_check(int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return -errno;
	return (st.st_mode & S_IRWXO) != 0 ? -EPERM : 0;
}

int
secret_open(const char *path, char *why, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = fd_check(fd);

	if (err == 0)
		return fd;
	if (err == -EPERM)
		(void)snprintf(why, cap, "%s is open to everybody", path);
	else
		(void)snprintf(why, cap, "%s: %s", path, strerror(-err));
	if (fd >= 0)
		close(fd);
	return err;
}
