/* SPDX-License-Identifier: MIT */
#include "tests/lib/folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
make_in(const char *where, char path[FOLDER_PATH])
{
	(void)snprintf(path, FOLDER_PATH, "%s/spillway-test.XXXXXX", where);
	if (mkdtemp(path) == NULL) {
		perror(path);
		abort();
	}
}

void
folder_make(char path[FOLDER_PATH])
{
	make_in("/tmp", path);
}

void
folder_make_fast(char path[FOLDER_PATH])
{
	make_in(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", path);
}

void
folder_file(const char *folder, const char *name, const char *text,
	char path[FOLDER_FILE])
{
	FILE *f;

	(void)snprintf(path, FOLDER_FILE, "%s/%s", folder, name);
	f = fopen(path, "we");
	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) {
		perror(path);
		abort();
	}
}

static int
path_remove(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	(void)f;
	return remove(path);
}

void
folder_remove(const char *path)
{
	if (*path != '\0')
		(void)nftw(path, path_remove, 16, FTW_DEPTH | FTW_PHYS);
}

char test_folder[FOLDER_PATH];

int
test_folder_make(void **state)
{
	(void)state;
	folder_make(test_folder);
	return 0;
}

int
test_folder_remove(void **state)
{
	(void)state;
	folder_remove(test_folder);
	return 0;
}
