/* SPDX-License-Identifier: MIT */
#include "broker/repair/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/exit.h"
#include "broker/repair/lmdb.h"
#include "broker/store/journal.h"
#include "broker/store/lmdb.h"

enum copy_file { MARK, PART, INDEX, JOURNAL, JOURNAL_PART, LOCK, READERS };
enum { FILES = READERS + 1, PATH = PATH_MAX + 32 };

static const char *const names[FILES] = {
	[MARK] = LMDB_UNFINISHED,
	[PART] = "data.mdb.part",
	[INDEX] = "data.mdb",
	[JOURNAL] = "journal",
	[JOURNAL_PART] = "journal.part",
	[LOCK] = "broker.lock",
	[READERS] = "lock.mdb",
};

/* For the handler of SIGTERM. */
static struct {
	char dir[PATH], paths[FILES][PATH];
	volatile sig_atomic_t has_dir;	 /* made by this process */
	volatile sig_atomic_t has_files; /* the mark was made */
	uint64_t bytes;
} copy;

/* --- the end of a copy that is not to be ------------------------------- */

/* Calls only functions that a handler of signals may call.  The mark goes
 * last. */
void
copy_drop(void)
{
	if (copy.has_files)
		for (int f = FILES - 1; f >= 0; f--)
			(void)unlink(copy.paths[f]);
	if (copy.has_dir)
		(void)rmdir(copy.dir);
	copy.has_files = copy.has_dir = 0;
}

static void
on_term(int sig)
{
	(void)sig;
	copy_drop();
	_exit(EXIT_AGAIN);
}

/* SIGTERM also when the process that started this one ends, or has ended: then
 * nobody reads the pipe that stdout is. */
static int
signals_set(void)
{
	const struct sigaction term = {.sa_handler = on_term};
	struct pollfd out = {.fd = STDOUT_FILENO};

	if (sigaction(SIGTERM, &term, NULL) != 0 ||
		sigaction(SIGINT, &term, NULL) != 0 ||
		prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
		return -errno;
	return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) ? -EPIPE : 0;
}

/* --- the folder -------------------------------------------------------- */

static int
fail(struct copy_result *r, int err, const char *what, const char *text)
{
	(void)snprintf(r->why, sizeof(r->why), "%.200s: %s", what, text);
	return err;
}

static int
fail_errno(struct copy_result *r, const char *what)
{
	int err = errno;

	return fail(r, -err, what, strerror(err));
}

static int
folder_is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	int empty = 1;

	if (d == NULL)
		return -errno;
	while (empty && (e = readdir(d)) != NULL)
		empty = strcmp(e->d_name, ".") == 0 ||
			strcmp(e->d_name, "..") == 0;
	closedir(d);
	return empty;
}

static int
folder_make(struct copy_result *r)
{
	int empty;

	if (mkdir(copy.dir, 0700) == 0) {
		copy.has_dir = 1;
		return 0;
	}
	if (errno != EEXIST)
		return fail_errno(r, copy.dir);
	empty = folder_is_empty(copy.dir);
	if (empty < 0)
		return fail(r, empty, copy.dir, strerror(-empty));
	if (empty)
		return 0;
	return access(copy.paths[MARK], F_OK) == 0
		       ? fail(r, -EEXIST, copy.dir,
				 "has a backup that was not completed; delete "
				 "the folder")
		       : fail(r, -EEXIST, copy.dir, "the folder is not empty");
}

/* A copy inside the store would be lost, and moved away, with the store. */
static int
place_check(const char *data, struct copy_result *r)
{
	char path[PATH];
	struct stat store, at, below = {.st_dev = 0};
	size_t len = strlen(copy.dir);

	if (stat(data, &store) != 0)
		return fail_errno(r, data);
	(void)strcpy(path, copy.dir);
	while (stat(path, &at) == 0 &&
		(at.st_dev != below.st_dev || at.st_ino != below.st_ino)) {
		if (at.st_dev == store.st_dev && at.st_ino == store.st_ino)
			return fail(r, -EINVAL, copy.dir,
				"the folder is inside the store");
		if (len + sizeof("/..") > sizeof(path))
			break;
		(void)strcpy(path + len, "/..");
		len += sizeof("/..") - 1;
		below = at;
	}
	return 0;
}

static int
file_sync(struct copy_result *r, const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC), err = 0;

	if (fd < 0 || fsync(fd) != 0)
		err = fail_errno(r, path);
	if (fd >= 0)
		close(fd);
	return err;
}

/* O_EXCL: of two copies to one folder only one goes on. */
static int
mark_make(struct copy_result *r)
{
	int fd = open(copy.paths[MARK], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		0600);

	if (fd < 0)
		return fail_errno(r, copy.paths[MARK]);
	copy.has_files = 1;
	close(fd);
	return file_sync(r, copy.dir, O_RDONLY | O_DIRECTORY);
}

static int
paths_set(const char *dir, struct copy_result *r)
{
	if (strlen(dir) >= PATH_MAX)
		return fail(r, -ENAMETOOLONG, dir, strerror(ENAMETOOLONG));
	(void)strcpy(copy.dir, dir);
	for (int f = 0; f < FILES; f++)
		(void)snprintf(copy.paths[f], PATH, "%s/%s", dir, names[f]);
	return 0;
}

/* --- the files --------------------------------------------------------- */

static int
journal_make(const char *data, struct copy_result *r)
{
	char path[PATH];
	struct journal j;
	struct stat st;
	int err;

	(void)snprintf(path, sizeof(path), "%.4096s/journal", data);
	if (stat(path, &st) != 0)
		return fail_errno(r, path);
	err = journal_open(&j, copy.dir, (size_t)st.st_size, 1);
	journal_close(&j);
	return err < 0 ? fail(r, err, copy.paths[JOURNAL], strerror(-err)) : 0;
}

static int
index_copy(const char *data, uint64_t map_size, struct copy_result *r)
{
	struct lmdb_copied copied;
	int err = lmdb_copy(data, copy.paths[PART], map_size, &copied);

	if (err < 0) {
		(void)snprintf(r->why, sizeof(r->why), "%s", copied.why);
		return err;
	}
	copy.bytes = copied.bytes;
	return rename(copy.paths[PART], copy.paths[INDEX]) == 0
		       ? 0
		       : fail_errno(r, copy.paths[INDEX]);
}

int
copy_begin(const char *data, const char *dir, uint64_t map_size,
	struct copy_result *r)
{
	int err = signals_set();

	if (err < 0)
		return fail(r, err, "start", strerror(-err));
	err = paths_set(dir, r);
	if (err == 0)
		err = folder_make(r);
	if (err == 0)
		err = place_check(data, r);
	if (err == 0)
		err = mark_make(r);
	if (err == 0)
		err = index_copy(data, map_size, r);
	if (err == 0)
		err = journal_make(data, r);
	return err;
}

/* The check has made lock files, and room for writing behind the last page. */
int
copy_end(struct copy_result *r)
{
	char above[PATH + 4];
	int err = 0;

	(void)unlink(copy.paths[LOCK]);
	(void)unlink(copy.paths[READERS]);
	if (truncate(copy.paths[INDEX], (off_t)copy.bytes) != 0)
		return fail_errno(r, copy.paths[INDEX]);
	err = file_sync(r, copy.paths[INDEX], O_RDWR);
	if (err == 0 && unlink(copy.paths[MARK]) != 0)
		err = fail_errno(r, copy.paths[MARK]);
	if (err == 0)
		err = file_sync(r, copy.dir, O_RDONLY | O_DIRECTORY);
	(void)snprintf(above, sizeof(above), "%s/..", copy.dir);
	if (err == 0 && copy.has_dir)
		err = file_sync(r, above, O_RDONLY | O_DIRECTORY);
	if (err == -EACCES) /* a folder that is not read cannot be synced */
		err = 0;
	if (err == 0) {
		copy.has_files = copy.has_dir = 0;
		r->bytes = copy.bytes;
	}
	return err;
}
