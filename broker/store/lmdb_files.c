/* SPDX-License-Identifier: MIT */
/*
 * lmdb_files.c - the files of the LMDB store belong to one process
 *
 * broker.lock keeps a second process out, and says so in time.  Its lock would
 * not outlive the file, so data.mdb and the journal are locked too: what
 * survives of the store keeps the second process out of what it would damage.
 * LMDB itself locks neither (its locks are in lock.mdb, which is never opened
 * beside LMDB, for a close would drop them).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/must.h"
#include "broker/store/lmdb.h"

static const char *const names[LMDB_FILES] = {
	[LMDB_FOLDER_LOCK] = "broker.lock",
	[LMDB_INDEX] = "data.mdb",
	[LMDB_JOURNAL] = "journal",
	[LMDB_READERS] = "lock.mdb",
};

struct path {
	char text[PATH_MAX];
};

static struct path
path_of(const char *dir, const char *name)
{
	struct path p;

	(void)snprintf(p.text, sizeof(p.text), "%s/%s", dir, name);
	return p;
}

/* --- making and locking -------------------------------------------------- */

/* If nothing differs there is no fchown(2), which spillway-broker.service does
 * not allow to another user. */
int
lmdb_owner_set(int fd, const char *dir)
{
	struct stat index, st;

	if (stat(path_of(dir, "data.mdb").text, &index) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) != 0)
		return -errno;
	if (st.st_uid == index.st_uid && st.st_gid == index.st_gid)
		return 0;
	return fchown(fd, index.st_uid, index.st_gid) == 0 || errno == EPERM
		       ? 0
		       : -errno;
}

/* O_EXCL: the owner of a file that another process has made, maybe as a link to
 * a file elsewhere, does not change. */
int
lmdb_lock_ensure(struct lmdb *l, const char *dir, enum lmdb_file f)
{
	int err, fd = open(path_of(dir, names[f]).text,
			 O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EEXIST
			       ? 0
			       : lmdb_fail(l, -errno, dir, strerror(errno));
	err = lmdb_owner_set(fd, dir);
	close(fd);
	return err < 0 ? lmdb_fail(l, err, dir, strerror(-err)) : 0;
}

static int
lock_failed(struct lmdb *l, int err, const char *dir, const char *name,
	pid_t holder)
{
	char text[64];

	if (err != -EBUSY)
		return lmdb_fail(
			l, err, path_of(dir, name).text, strerror(-err));
	if (holder > 0)
		(void)snprintf(text, sizeof(text),
			"process %d has the store open", (int)holder);
	else
		(void)snprintf(text, sizeof(text),
			"another process has the store open");
	return lmdb_fail(l, err, dir, text);
}

int
lmdb_folder_lock(struct lmdb *l, const char *dir)
{
	pid_t holder = 0;
	int fd, err = lmdb_lock_ensure(l, dir, LMDB_FOLDER_LOCK);

	if (err < 0)
		return err;
	fd = lock_file_open(
		path_of(dir, names[LMDB_FOLDER_LOCK]).text, &holder);
	if (fd < 0)
		return lock_failed(l, fd, dir, names[LMDB_FOLDER_LOCK], holder);
	l->locks[LMDB_FOLDER_LOCK] = fd;
	return 0;
}

static int
file_lock(struct lmdb *l, const char *dir, enum lmdb_file f)
{
	pid_t holder = 0;
	int err, fd = open(path_of(dir, names[f]).text, O_RDWR | O_CLOEXEC);

	if (fd < 0) /* another open of the file says what is wrong */
		return 0;
	err = lock_take(fd, &holder);
	if (err == 0) {
		l->locks[f] = fd;
		return 0;
	}
	close(fd);
	return lock_failed(l, err, dir, names[f], holder);
}

int
lmdb_files_lock(struct lmdb *l, const char *dir)
{
	int err = 0;

	for (enum lmdb_file f = LMDB_INDEX; err == 0 && f <= LMDB_JOURNAL; f++)
		if (l->locks[f] < 0)
			err = file_lock(l, dir, f);
	return err;
}

void
lmdb_files_close(struct lmdb *l)
{
	for (int f = 0; f < LMDB_LOCKS; f++)
		if (l->locks[f] >= 0)
			close(l->locks[f]);
}

/* --- comparing ----------------------------------------------------------- */

static int
index_fd(const struct lmdb *l)
{
	int fd;

	must(mdb_env_get_fd(l->env, &fd) == 0); /* it is open */
	return fd;
}

int
lmdb_files_linked(struct lmdb *l)
{
	const int fds[] = {index_fd(l), l->journal.fd};
	struct stat st;

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fstat(fds[i], &st) == 0 && st.st_nlink == 0)
			return lmdb_fail(l, -ESTALE, names[LMDB_INDEX + i],
				"the file was removed");
	return 0;
}

void
lmdb_files_note(struct lmdb *l, const char *dir)
{
	struct stat st;

	if (stat(path_of(dir, names[LMDB_READERS]).text, &st) == 0)
		l->readers = (struct lmdb_identity){st.st_dev, st.st_ino};
}

/* LMDB has lock.mdb open, and does not say as which descriptor. */
static int
readers_check(const struct lmdb *l, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return errno == ENOENT || errno == ENOTDIR ? -ESTALE : 0;
	return st.st_dev == l->readers.dev && st.st_ino == l->readers.ino
		       ? 0
		       : -ESTALE;
}

static int
file_check(struct lmdb *l, enum lmdb_file f)
{
	const int fds[LMDB_LOCKS] = {
		l->locks[LMDB_FOLDER_LOCK], index_fd(l), l->journal.fd};
	struct path p = path_of(l->dir, names[f]);
	int err = f == LMDB_READERS ? readers_check(l, p.text)
				    : lock_is_named(fds[f], p.text);

	return err == 0 ? 0
			: lmdb_fail(l, err, p.text,
				  "the file was removed or replaced");
}

int
lmdb_files_check(struct store *s)
{
	int err = 0;

	for (enum lmdb_file f = 0; err == 0 && f < LMDB_FILES; f++)
		err = file_check((struct lmdb *)s, f);
	return err;
}
