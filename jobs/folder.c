/* SPDX-License-Identifier: MIT */
#include "jobs/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DESCRIPTORS = 16 };

const char *
folder_get(void)
{
	const char *path = getenv(FOLDER_ENV);
	struct stat st;

	if (path == NULL || path[0] == '\0') {
		errno = ENOENT;
		return NULL;
	}
	if (mkdir(path, S_IRWXU) == 0)
		return path;
	if (errno != EEXIST || lstat(path, &st) != 0)
		return NULL;
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid())
		return path;
	errno = EPERM;
	return NULL;
}

static int
inner_remove(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	if (f->level > 0)
		(void)remove(path);
	return 0;
}

void
folder_empty(void)
{
	const char *path = getenv(FOLDER_ENV);

	if (path != NULL)
		(void)nftw(
			path, inner_remove, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}
