/* SPDX-License-Identifier: MIT */
#include "jobs/logs/archive.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "jobs/logs/scan.h"

enum { LEVEL = 3, DAY = 16, NAME = SW_ID_TEXT + 16, CHUNK = 128 * 1024 };

struct log_archive {
	int dir, fd;
	char name[NAME]; /* the final name in the day's folder */
	char part[NAME]; /* the temporary name in `dir`; "": renamed */
	ZSTD_CCtx *zstd;
	int open; /* the last byte added was not a newline */
	char out[CHUNK];
};

/* --- temporary files ----------------------------------------------------- */

/* Whether a file's name is "JOB.PID". */
static int
is_part(const char *name)
{
	const size_t id = SW_ID_TEXT - 1;
	struct sw_id ignored;
	char text[SW_ID_TEXT];

	if (strnlen(name, NAME) <= id + 1 || name[id] != '.' ||
		name[id + 1 + strspn(name + id + 1, "0123456789")] != '\0')
		return 0;
	memcpy(text, name, id);
	text[id] = '\0';
	return sw_id_parse(text, &ignored) == 0;
}

/* Removes a temporary file unless its writer lives, which keeps it locked. */
static void
part_remove(int dir, const char *name)
{
	int fd = openat(
		dir, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
		st.st_nlink > 0)
		(void)unlinkat(dir, name, 0);
	close(fd);
}

/* Ignores errors: a leftover file does no harm. */
static void
parts_remove(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (is_part(e->d_name))
			part_remove(dir, e->d_name);
	(void)closedir(d);
}

/* Creates the file; again if another job removed it before it was locked. */
static int
part_make(struct log_archive *a)
{
	struct stat st = {.st_nlink = 0};

	while (st.st_nlink == 0) {
		if (a->fd >= 0)
			close(a->fd);
		a->fd = openat(a->dir, a->part,
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
		if (a->fd < 0 || flock(a->fd, LOCK_EX) != 0 ||
			fstat(a->fd, &st) != 0)
			return -errno;
	}
	return 0;
}

int
archive_open(
	struct log_archive **out, const char *folder, const struct sw_id *id)
{
	struct log_archive *a = calloc(1, sizeof(*a));
	char text[SW_ID_TEXT];
	int err;

	if (a == NULL)
		return -ENOMEM;
	a->fd = -1;
	a->zstd = ZSTD_createCCtx();
	a->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = a->zstd == NULL ? -ENOMEM : a->dir < 0 ? -errno : 0;
	if (err < 0)
		goto out;
	sw_id_format(id, text);
	(void)snprintf(a->name, sizeof(a->name), "%s.log.zst", text);
	/* With the pid, for the process of an earlier attempt may still run. */
	(void)snprintf(a->part, sizeof(a->part), "%s.%d", text, (int)getpid());
	parts_remove(a->dir);
	err = part_make(a);
	if (err == 0 && ZSTD_isError(ZSTD_CCtx_setParameter(
				a->zstd, ZSTD_c_compressionLevel, LEVEL)))
		err = -EIO;
	if (err == 0 && ZSTD_isError(ZSTD_CCtx_setParameter(
				a->zstd, ZSTD_c_checksumFlag, 1)))
		err = -EIO;
out:
	if (err < 0)
		archive_close(a);
	else
		*out = a;
	return err;
}

/* --- writing ------------------------------------------------------------- */

static int
all_write(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Compresses all of `from`; ZSTD_e_end also ends the frame. */
static int
compress(struct log_archive *a, struct bytes from, ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = {from.p, from.len, 0};
	size_t left = 1;
	int err = 0;

	while (err == 0 &&
		(in.pos < in.size || (how == ZSTD_e_end && left != 0))) {
		ZSTD_outBuffer out = {a->out, sizeof(a->out), 0};

		left = ZSTD_compressStream2(a->zstd, &out, &in, how);
		if (ZSTD_isError(left))
			return -EIO;
		err = all_write(a->fd, a->out, out.pos);
	}
	return err;
}

int
archive_add(struct log_archive *a, struct bytes b)
{
	if (b.len > 0)
		a->open = ((const char *)b.p)[b.len - 1] != '\n';
	return compress(a, b, ZSTD_e_continue);
}

static void
day_of(int64_t first_s, char day[DAY])
{
	time_t t = (time_t)first_s;
	struct tm tm;

	if (first_s == SCAN_NO_TIME || gmtime_r(&t, &tm) == NULL ||
		strftime(day, DAY, "%Y-%m-%d", &tm) == 0)
		(void)snprintf(day, DAY, "undated");
}

/* Syncs the file, moves it into the day's folder and syncs both folders. */
static int
archive_name(struct log_archive *a, const char *day)
{
	int to, err = 0;

	if (mkdirat(a->dir, day, 0750) != 0 && errno != EEXIST)
		return -errno;
	to = openat(a->dir, day, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0)
		return -errno;
	if (fsync(a->fd) != 0 || renameat(a->dir, a->part, to, a->name) != 0 ||
		fsync(to) != 0 || fsync(a->dir) != 0)
		err = -errno;
	else
		a->part[0] = '\0';
	close(to);
	return err;
}

int
archive_finish(struct log_archive *a, int64_t first_s)
{
	int err = compress(a, bytes_str(a->open ? "\n" : ""), ZSTD_e_end);
	char day[DAY];

	if (err < 0)
		return err;
	day_of(first_s, day);
	return archive_name(a, day);
}

void
archive_close(struct log_archive *a)
{
	if (a == NULL)
		return;
	if (a->fd >= 0) {
		if (a->part[0] != '\0')
			(void)unlinkat(a->dir, a->part, 0);
		close(a->fd);
	}
	if (a->dir >= 0)
		close(a->dir);
	(void)ZSTD_freeCCtx(a->zstd);
	free(a);
}
