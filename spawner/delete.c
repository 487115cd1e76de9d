/* SPDX-License-Identifier: MIT */
#include "spawner/delete.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_ROOM = 48 };

static int
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* 1: gone; 0: a folder that is not empty; or -errno. */
static int
entry_remove(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 1;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return 1;
	return errno == ENOTEMPTY || errno == EEXIST ? 0 : -errno;
}

/* 1: moved.  A folder that its owner may not write to cannot be moved either.
 */
static int
entry_lift(int dir, const char *name, int top)
{
	static unsigned long number;
	char to[NAME_ROOM];

	(void)!fchmodat(dir, name, 0700, 0);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(
			to, sizeof(to), "%lu.%ld", ++number, (long)getpid());
		if (renameat2(dir, name, top, to, RENAME_NOREPLACE) == 0)
			return 1;
		if (errno != EEXIST)
			break;
	}
	return 0;
}

static DIR *
folder_open(int dir, const char *name)
{
	int fd = openat(
		dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d == NULL && fd >= 0)
		close(fd);
	return d;
}

/* A folder in `top` that is not empty: 1: it is gone, or something in it is. */
static int
folder_empty(int top, const char *name)
{
	const struct dirent *e;
	int n = 0;
	DIR *d;

	(void)!fchmodat(top, name, 0700, 0);
	d = folder_open(top, name);
	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL) {
		int gone = is_dots(e->d_name)
				   ? -1
				   : entry_remove(dirfd(d), e->d_name);

		if (gone == 0)
			gone = entry_lift(dirfd(d), e->d_name, top);
		n += gone > 0;
	}
	closedir(d);
	return unlinkat(top, name, AT_REMOVEDIR) == 0 || n > 0;
}

/* One pass over `top`: how many entries it could remove. */
static unsigned long
pass(int top)
{
	unsigned long removed = 0;
	const struct dirent *e;
	DIR *d = folder_open(top, ".");

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL) {
		int gone;

		if (is_dots(e->d_name))
			continue;
		gone = entry_remove(top, e->d_name);
		if (gone == 0)
			gone = folder_empty(top, e->d_name);
		removed += gone > 0;
	}
	closedir(d);
	return removed;
}

void
delete_content(int top)
{
	while (pass(top) > 0)
		;
}
