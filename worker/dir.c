/* SPDX-License-Identifier: MIT */
#include "worker/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "spillway-worker."

enum { UNIQUE = 6, ROOM = 16 }; /* what mkdtemp fills in; "/job.XXXXXX" */

static struct {
	char path[DIR_PATH - ROOM];
	int lock; /* an open descriptor of the folder itself */
} own = {.lock = -1};

static int
path_remove(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	(void)f;
	return remove(path);
}

static int
inner_remove(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	return f->level == 0 ? 0 : path_remove(path, st, kind, f);
}

void
dir_empty(const char *path)
{
	(void)nftw(path, inner_remove, 16, FTW_DEPTH | FTW_PHYS);
}

void
dir_remove(const char *path)
{
	(void)nftw(path, path_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* Removes a folder of this user whose lock is free: its worker is dead. */
static void
stale_remove(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
		flock(fd, LOCK_EX | LOCK_NB) == 0)
		dir_remove(path);
	close(fd);
}

static int
own_template(void)
{
	const char *tmp = getenv("TMPDIR");
	int n = snprintf(own.path, sizeof(own.path), "%s/" NAME "XXXXXX",
		tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp");

	return (size_t)n < sizeof(own.path) ? 0 : -ENAMETOOLONG;
}

/* Not by glob(3): glibc 2.36 frees twice when its memory runs out. */
static void
stale_folders_remove(void)
{
	char folder[DIR_PATH], path[DIR_PATH];
	size_t len = strlen(own.path), name_len = strlen(NAME) + UNIQUE;
	const struct dirent *e;
	DIR *d;

	memcpy(path, own.path, len + 1);
	memcpy(folder, own.path, len - name_len);
	folder[len - name_len] = '\0';
	d = opendir(folder);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (strlen(e->d_name) != name_len ||
			strncmp(e->d_name, NAME, strlen(NAME)) != 0)
			continue;
		memcpy(path + len - name_len, e->d_name, name_len + 1);
		stale_remove(path);
	}
	closedir(d);
}

/*
 * Another worker may remove the folder between mkdtemp() and flock(), as a
 * stale one: then the path's inode differs, and another folder is made.
 */
int
dirs_open(void)
{
	int err = own_template();

	if (err == 0)
		stale_folders_remove();
	for (int i = 0; err == 0 && i < 16; i++) {
		struct stat a, b;

		(void)own_template();
		if (mkdtemp(own.path) == NULL)
			return -errno;
		own.lock = open(own.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (own.lock >= 0 && flock(own.lock, LOCK_EX | LOCK_NB) == 0 &&
			fstat(own.lock, &a) == 0 && lstat(own.path, &b) == 0 &&
			a.st_ino == b.st_ino)
			return 0;
		if (own.lock >= 0)
			close(own.lock);
		own.lock = -1;
	}
	return err < 0 ? err : -EBUSY;
}

void
dirs_close(void)
{
	if (own.lock < 0)
		return;
	dir_remove(own.path);
	close(own.lock);
	own.lock = -1;
}

void
dir_make(char path[DIR_PATH])
{
	(void)snprintf(path, DIR_PATH, "%s/job.XXXXXX", own.path);
	if (own.lock < 0 || mkdtemp(path) == NULL)
		path[0] = '\0';
}
