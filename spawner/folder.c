/* SPDX-License-Identifier: MIT */
#include "spawner/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "spawner/delete.h"

#define NAME "spillway-worker."
#define GONE "gone"

enum { UNIQUE = 6, TMPFS = 0x01021994, NAME_ROOM = 32, TRIES = 16 };

/* --- where ---------------------------------------------------------------- */

/* A tmpfs that may be written to. */
static int
is_memory(const char *path)
{
	struct statfs s;

	return statfs(path, &s) == 0 && s.f_type == TMPFS &&
	       access(path, W_OK | X_OK) == 0;
}

/* The first folder of a list in a variable; NULL: there is none. */
static const char *
variable(const char *name, char room[SPAWN_FOLDER])
{
	const char *value = getenv(name);
	size_t n = value != NULL ? strcspn(value, ":") : 0;

	if (n == 0 || n >= SPAWN_FOLDER)
		return NULL;
	memcpy(room, value, n);
	room[n] = '\0';
	return room;
}

static const char *
parent_of_jobs(char room[SPAWN_FOLDER])
{
	static const char *const names[] = {
		"RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *path = variable(names[i], room);

		if (path != NULL && is_memory(path))
			return path;
	}
	return is_memory("/dev/shm") ? "/dev/shm" : "/tmp";
}

static const char *
parent_of(int large, char room[SPAWN_FOLDER])
{
	const char *tmp = getenv("TMPDIR");

	if (tmp != NULL && tmp[0] != '\0')
		return tmp;
	if (!large)
		return parent_of_jobs(room);
	return access("/var/tmp", W_OK | X_OK) == 0 ? "/var/tmp" : "/tmp";
}

/* --- roots ---------------------------------------------------------------- */

static void
root_forget(struct folder_root *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->path[0] = '\0';
}

/*
 * Another spawner may remove the folder between mkdtemp() and flock(), as a
 * stale one: then the path's inode differs, and another folder is made.
 */
static int
root_lock(struct folder_root *r)
{
	struct stat a, b;

	r->fd = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->fd >= 0 && flock(r->fd, LOCK_EX | LOCK_NB) == 0 &&
		fstat(r->fd, &a) == 0 && lstat(r->path, &b) == 0 &&
		a.st_ino == b.st_ino)
		return 0;
	return r->fd < 0 && errno != ENOENT ? -errno : -EBUSY;
}

static int
root_make(struct folder_root *r, const char *parent)
{
	int n, err = -EBUSY;

	for (int i = 0; i < TRIES && err == -EBUSY; i++) {
		root_forget(r);
		n = snprintf(
			r->path, sizeof(r->path), "%s/" NAME "XXXXXX", parent);
		if (n < 0 || (size_t)n >= sizeof(r->path)) {
			root_forget(r);
			return -ENAMETOOLONG;
		}
		err = mkdtemp(r->path) != NULL ? root_lock(r) : -errno;
	}
	if (err == 0 && mkdirat(r->fd, GONE, 0700) != 0)
		err = -errno;
	if (err < 0 && r->fd >= 0)
		(void)rmdir(r->path);
	if (err < 0)
		root_forget(r);
	return err;
}

/* Makes a root that is not there, or not there any more. */
static int
root_need(struct folders *f, struct folder_root *r)
{
	char room[SPAWN_FOLDER];

	if (r->fd >= 0 && access(r->path, W_OK) == 0)
		return 0;
	return root_make(r, parent_of(r == &f->large, room));
}

const char *
folders_place(const struct folders *f, char room[SPAWN_FOLDER])
{
	return f->jobs.fd >= 0 ? f->jobs.path : parent_of(0, room);
}

int
folders_open(struct folders *f)
{
	*f = (struct folders){.stale = 1};
	f->jobs.fd = f->large.fd = -1;
	return root_need(f, &f->jobs);
}

/* --- the folders of children ---------------------------------------------- */

static void
name_of(unsigned long number, char name[NAME_ROOM])
{
	(void)snprintf(name, NAME_ROOM, "job.%lu", number);
}

/* Undoes what a job may have done to its root: it is the same user. */
static void
root_restore(const struct folder_root *r)
{
	(void)fchmod(r->fd, 0700);
	if (mkdirat(r->fd, GONE, 0700) != 0)
		(void)!fchmodat(r->fd, GONE, 0700, AT_SYMLINK_NOFOLLOW);
}

/* -ENOENT tells that the root itself is gone. */
static int
job_folder_make(struct folders *f, const char *name)
{
	if (f->jobs.fd < 0 || f->doubt)
		return -ENOENT;
	if (mkdirat(f->jobs.fd, name, 0700) == 0)
		return 0;
	if (errno != EACCES)
		return -errno;
	root_restore(&f->jobs);
	return mkdirat(f->jobs.fd, name, 0700) == 0 ? 0 : -errno;
}

int
folders_make(struct folders *f, char path[SPAWN_FOLDER], unsigned long *number)
{
	char name[NAME_ROOM];
	int err;

	name_of(++f->made, name);
	err = job_folder_make(f, name);
	if (err == -ENOENT) {
		err = root_need(f, &f->jobs);
		f->doubt = err < 0;
		if (err == 0)
			err = job_folder_make(f, name);
	}
	if (err < 0)
		return err;
	(void)snprintf(path, SPAWN_FOLDER, "%s/%s", f->jobs.path, name);
	*number = f->made;
	return 0;
}

int
folders_large(struct folders *f, unsigned long number, char path[SPAWN_FOLDER])
{
	int err = root_need(f, &f->large);

	if (err < 0)
		return err;
	(void)snprintf(path, SPAWN_FOLDER, "%s/job.%lu", f->large.path, number);
	return 0;
}

void
folders_doubt(struct folders *f)
{
	f->doubt = 1;
}

/* 1: gone, at once or into the folder of those that are to be deleted. */
static int
name_remove(struct folders *f, const struct folder_root *r, const char *name)
{
	char to[NAME_ROOM + sizeof(GONE)];

	if (unlinkat(r->fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 1;
	(void)snprintf(to, sizeof(to), GONE "/%s", name);
	if (renameat(r->fd, name, r->fd, to) != 0)
		return 0;
	f->gone = 1;
	return 1;
}

/* A folder that its owner may not write to cannot be moved either. */
static void
remove_from(struct folders *f, const struct folder_root *r, const char *name)
{
	if (r->fd < 0 || name_remove(f, r, name))
		return;
	root_restore(r);
	(void)!fchmodat(r->fd, name, 0700, AT_SYMLINK_NOFOLLOW);
	(void)name_remove(f, r, name);
}

void
folders_remove(struct folders *f, unsigned long number, int large)
{
	char name[NAME_ROOM];

	name_of(number, name);
	remove_from(f, &f->jobs, name);
	if (large)
		remove_from(f, &f->large, name);
}

/* --- deleting ------------------------------------------------------------- */

/* Removes a folder of this user whose lock is free: its spawner is dead. */
static void
stale_remove(int parent, const char *name)
{
	struct stat st;
	int fd = openat(
		parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
		flock(fd, LOCK_EX | LOCK_NB) == 0) {
		delete_content(fd);
		(void)unlinkat(parent, name, AT_REMOVEDIR);
	}
	close(fd);
}

/* Not by glob(3): glibc 2.36 frees twice when its memory runs out. */
static void
stale_roots_remove(const char *parent)
{
	const struct dirent *e;
	DIR *d = opendir(parent);

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (strlen(e->d_name) == strlen(NAME) + UNIQUE &&
			strncmp(e->d_name, NAME, strlen(NAME)) == 0)
			stale_remove(dirfd(d), e->d_name);
	closedir(d);
}

static void
gone_delete(const struct folder_root *r)
{
	int fd = r->fd < 0 ? -1
			   : openat(r->fd, GONE,
				     O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					     O_CLOEXEC);

	if (fd < 0)
		return;
	delete_content(fd);
	close(fd);
}

static void
deleter_run(const struct folders *f)
{
	char room[SPAWN_FOLDER];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setpriority(PRIO_PROCESS, 0, 19);
	gone_delete(&f->jobs);
	gone_delete(&f->large);
	for (int large = 0; f->stale && large < 2; large++)
		stale_roots_remove(parent_of(large, room));
}

void
folders_turn(struct folders *f)
{
	pid_t pid;

	if (f->deleter != 0 || (!f->gone && !f->stale))
		return;
	pid = fork();
	if (pid == 0) {
		deleter_run(f);
		_exit(EXIT_SUCCESS);
	}
	if (pid < 0)
		return; /* with the next folder that is moved there */
	f->deleter = pid;
	f->gone = f->stale = 0;
}

int
folders_reaped(struct folders *f, pid_t pid)
{
	if (pid != f->deleter || pid == 0)
		return 0;
	f->deleter = 0;
	return 1;
}

static void
root_remove(struct folder_root *r)
{
	if (r->fd < 0)
		return;
	delete_content(r->fd);
	(void)rmdir(r->path);
	root_forget(r);
}

void
folders_close(struct folders *f)
{
	root_remove(&f->jobs);
	root_remove(&f->large);
}
