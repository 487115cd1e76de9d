/* SPDX-License-Identifier: MIT */
/*
 * dir.c - a store in a folder
 *
 *	lock		marks the folder as a store, orders puts and deletions
 *	tmp/put.XXXXXX	a blob that is being written
 *	ab/abcd…	a blob, named by its hash, read-only; its checksum is
 *			an extended attribute of the file
 *
 * A put takes the lock shared for its rename; a deletion takes it exclusively
 * for the check of the age and the unlink.  So a deletion never removes a blob
 * that was put again after the check.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/units.h"
#include "blob/driver.h"

struct blob_folder {
	char root[PATH_MAX];
	int64_t quota; /* bytes; 0: none */
	int lock;      /* -1: not open */
	/* Folders whose directory entries are known to be synced. */
	uint8_t root_sure, tmp_sure, fan_sure[256];
};

/* The extended attribute that has a blob's struct blob_xxh. */
static const char xxh_attribute[] = "user.spillway.xxh3";

enum { PREFIX = 2, TAIL = 96 /* longest path below the root */ };

static int
fail_at(struct blobs *s, const char *path)
{
	int err = blob_errno();

	return blob_fail(s, err, "%s: %s", path, sw_strerror(err));
}

/* --- opening ------------------------------------------------------------- */

static int
param_set(struct blobs *s, const char *name, const char *value)
{
	struct blob_folder *d = s->priv;

	if (strcmp(name, "quota") != 0)
		return blob_fail(s, SW_EINVAL, "'%.60s': must be quota", name);
	if (unit_parse(UNIT_BYTES, value, &d->quota) < 0 || d->quota < 1)
		return blob_fail(s, SW_EINVAL,
			"quota is '%.60s': must be a size, at least 1", value);
	return 0;
}

static int
dir_open(struct blobs *s, char *rest)
{
	struct blob_folder *d = calloc(1, sizeof(*d));
	int err = 0;

	if (d == NULL)
		return blob_fail(s, -ENOMEM, "out of memory");
	s->priv = d;
	d->lock = -1;
	s->sums = SUM_SHA | SUM_XXH;
	if (strncmp(s->uri, "dir:", 4) == 0)
		err = blob_params(s, rest, param_set);
	if (err < 0)
		return err;
	if (rest[0] == '\0')
		return blob_fail(s, SW_EINVAL, "dir: missing path");
	if (strlen(rest) + TAIL > sizeof(d->root))
		return blob_fail(s, SW_EINVAL, "the path is too long");
	strcpy(d->root, rest);
	(void)snprintf(s->tmp, sizeof(s->tmp), "%.*s/tmp",
		(int)(sizeof(s->tmp) - TAIL), d->root);
	return 0;
}

static void
dir_close(struct blobs *s)
{
	struct blob_folder *d = s->priv;

	if (d != NULL && d->lock >= 0)
		close(d->lock);
	free(d);
	s->priv = NULL;
}

/* --- paths --------------------------------------------------------------- */

static void
fan_path(const struct blob_folder *d, const char *hex, char path[PATH_MAX])
{
	(void)snprintf(
		path, PATH_MAX, "%.*s/%.2s", PATH_MAX - TAIL, d->root, hex);
}

static void
blob_path(const struct blob_folder *d, const struct blob_hash *h,
	char path[PATH_MAX])
{
	char hex[BLOB_HEX];

	blob_hex_write(h, hex);
	(void)snprintf(path, PATH_MAX, "%.*s/%.2s/%s", PATH_MAX - TAIL, d->root,
		hex, hex);
}

static void
lock_path(const struct blob_folder *d, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%.*s/lock", PATH_MAX - TAIL, d->root);
}

static int
path_sync(struct blobs *s, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (fd < 0 || fsync(fd) != 0)
		err = fail_at(s, path);
	if (fd >= 0)
		close(fd);
	return err;
}

/*
 * Creates the folder `path` and syncs its entry in `above`.  An existing folder
 * may come from a process that has not synced `above` yet, or was killed before
 * that: so `sure` is set only after a sync by this process.
 */
static int
folder_need(struct blobs *s, const char *path, const char *above, uint8_t *sure)
{
	int err;

	if (mkdir(path, 0777) == 0)
		*sure = 0;
	else if (errno != EEXIST)
		return fail_at(s, path);
	err = *sure ? 0 : path_sync(s, above);
	*sure = err == 0;
	return err;
}

/*
 * A parent folder without read or write access cannot be synced, but then this
 * process has not created the root in it either.
 */
static int
root_need(struct blobs *s)
{
	struct blob_folder *d = s->priv;
	char above[PATH_MAX];
	int err;

	(void)snprintf(
		above, sizeof(above), "%.*s/..", PATH_MAX - TAIL, d->root);
	err = folder_need(s, d->root, above, &d->root_sure);
	if (err == -EACCES || err == -EROFS || err == -EINVAL)
		d->root_sure = access(d->root, W_OK) == 0;
	return d->root_sure ? 0 : err;
}

/* --- the lock ------------------------------------------------------------ */

/* `flags`: O_CREAT to create the lock file, or 0. */
static int
lock_open(struct blobs *s, int flags)
{
	struct blob_folder *d = s->priv;
	char path[PATH_MAX];

	if (d->lock >= 0)
		return 0;
	lock_path(d, path);
	d->lock = open(path, O_RDONLY | O_CLOEXEC | flags, 0666);
	if (d->lock >= 0)
		return 0;
	if (errno == ENOENT)
		return blob_fail(s, -ENODEV,
			"%s: not a blob store, or not mounted", d->root);
	return fail_at(s, path);
}

static int
lock_take(struct blobs *s, int how)
{
	struct blob_folder *d = s->priv;
	int err = lock_open(s, 0);

	while (err == 0 && flock(d->lock, how) != 0)
		if (errno != EINTR)
			err = fail_at(s, d->root);
	return err;
}

static void
lock_drop(struct blobs *s)
{
	struct blob_folder *d = s->priv;

	(void)flock(d->lock, LOCK_UN);
}

/* --- a walk over all blobs ----------------------------------------------- */

static int64_t
age_of(const struct stat *st)
{
	int64_t at = (int64_t)st->st_mtim.tv_sec * 1000 +
		     st->st_mtim.tv_nsec / 1000000;

	return blob_now_ms() - at;
}

/* Walks one folder of the fan-out, whose name is `prefix`. */
static int
fan_each(struct blobs *s, DIR *dir, const char *prefix, blob_each_fn *fn,
	void *arg)
{
	struct dirent *e;
	int rc = 0;

	(void)s;
	while (rc == 0 && (e = readdir(dir)) != NULL) {
		struct blob_info info;
		struct stat st;

		if (memcmp(e->d_name, prefix, PREFIX) != 0 ||
			blob_hex_parse(
				e->d_name, strlen(e->d_name), &info.hash) < 0 ||
			fstatat(dirfd(dir), e->d_name, &st,
				AT_SYMLINK_NOFOLLOW) != 0 ||
			!S_ISREG(st.st_mode))
			continue; /* deleted meanwhile, or not a blob */
		info.size = st.st_size;
		info.age_ms = age_of(&st);
		rc = fn(arg, &info);
	}
	return rc;
}

static int
dir_each(struct blobs *s, blob_each_fn *fn, void *arg)
{
	struct blob_folder *d = s->priv;
	int rc = lock_open(s, 0);

	for (unsigned i = 0; i < 256 && rc == 0; i++) {
		char path[PATH_MAX], prefix[PREFIX + 1];
		DIR *dir;

		(void)snprintf(prefix, sizeof(prefix), "%02x", i);
		fan_path(d, prefix, path);
		dir = opendir(path);
		if (dir == NULL && errno != ENOENT)
			return fail_at(s, path);
		if (dir == NULL)
			continue;
		rc = fan_each(s, dir, prefix, fn, arg);
		closedir(dir);
	}
	return rc;
}

/* --- puts ---------------------------------------------------------------- */

static int
dir_begin(struct blobs *s)
{
	struct blob_folder *d = s->priv;
	int err = root_need(s);

	if (err == 0)
		err = lock_open(s, O_CREAT);
	if (err == 0)
		err = folder_need(s, s->tmp, d->root, &d->tmp_sure);
	return err;
}

struct blob_usage {
	const struct blob_ref *ref; /* not counted: the put replaces it */
	int64_t bytes;
};

static int
usage_add(void *arg, const struct blob_info *info)
{
	struct blob_usage *u = arg;

	if (memcmp(&info->hash, &u->ref->hash, BLOB_HASH) != 0)
		u->bytes += info->size;
	return 0;
}

/* Needs the exclusive lock, so that two puts cannot both use the last space. */
static int
quota_check(struct blobs *s, const struct blob_ref *ref)
{
	const struct blob_folder *d = s->priv;
	struct blob_usage u = {ref, 0};
	int err;

	if (d->quota == 0)
		return 0;
	err = dir_each(s, usage_add, &u);
	if (err < 0 || u.bytes <= d->quota - ref->size)
		return err;
	return blob_fail(s, SW_EFULL,
		"the quota of %lld bytes: %lld are used, %lld more do not fit",
		(long long)d->quota, (long long)u.bytes, (long long)ref->size);
}

static int
put_rename(struct blob_put *p, const char *path, const struct blob_hash *h)
{
	struct blob_folder *d = p->s->priv;
	char fan[PATH_MAX], hex[BLOB_HEX];
	int err;

	blob_hex_write(h, hex);
	fan_path(d, hex, fan);
	err = folder_need(p->s, fan, d->root, &d->fan_sure[h->b[0]]);

	/* A blob's age starts with the rename, not with the last write. */
	if (err == 0 && futimens(p->fd, NULL) != 0)
		err = fail_at(p->s, p->path);
	if (err == 0 && rename(p->path, path) != 0)
		err = fail_at(p->s, path);
	if (err == 0)
		p->path[0] = '\0';
	return err == 0 ? path_sync(p->s, fan) : err;
}

/* Without extended attributes a read is checked by SHA-256 instead. */
static void
xxh_keep(const struct blob_put *p, const struct blob_hash *h)
{
	struct blob_xxh x;

	blob_sum_xxh(p->sum, h, &x);
	(void)fsetxattr(p->fd, xxh_attribute, x.b, sizeof(x.b), 0);
}

static int
dir_store(struct blob_put *p, const struct blob_ref *ref)
{
	const struct blob_folder *d = p->s->priv;
	char path[PATH_MAX];
	mode_t mask = umask(0);
	int err = 0;

	(void)umask(mask);
	blob_path(d, &ref->hash, path);
	xxh_keep(p, &ref->hash);
	if (fchmod(p->fd, 0444 & ~mask) != 0 || fsync(p->fd) != 0)
		err = fail_at(p->s, p->path);
	if (err == 0)
		err = lock_take(p->s, d->quota > 0 ? LOCK_EX : LOCK_SH);
	if (err < 0)
		return err;
	err = quota_check(p->s, ref);
	if (err == 0)
		err = put_rename(p, path, &ref->hash);
	lock_drop(p->s);
	return err;
}

/* --- reads --------------------------------------------------------------- */

/* Tells a missing blob (-ENOENT, final) from a missing store (-ENODEV). */
static int
missing_judge(struct blobs *s, const struct blob_hash *h)
{
	char name[BLOB_NAME];
	int err = lock_open(s, 0);

	blob_name_write(h, name);
	return err < 0 ? err
		       : blob_fail(s, -ENOENT, "%s: no such blob in %.300s",
				 name, s->uri);
}

/* An attribute of another size does not count. */
static int
xxh_kept(int fd, struct blob_xxh *x)
{
	return fgetxattr(fd, xxh_attribute, x->b, sizeof(x->b)) ==
	       (ssize_t)sizeof(x->b);
}

static int
dir_get_open(struct blob_get *g)
{
	const struct blob_folder *d = g->s->priv;
	char path[PATH_MAX];
	struct stat st;

	blob_path(d, &g->ref.hash, path);
	g->fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (g->fd < 0)
		return errno == ENOENT ? missing_judge(g->s, &g->ref.hash)
				       : fail_at(g->s, path);
	if (fstat(g->fd, &st) != 0)
		return fail_at(g->s, path);
	(void)posix_fadvise(g->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	g->ref.size = st.st_size;
	g->kept = xxh_kept(g->fd, &g->xxh);
	return 0;
}

static ssize_t
dir_read(struct blob_get *g, void *to, size_t len, int64_t at)
{
	ssize_t n;

	do
		n = pread(g->fd, to, len, at);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n < 0)
		return fail_at(g->s, g->s->uri);
	return blob_fail(
		g->s, SW_ECORRUPT, "the file was truncated while it was read");
}

static void
dir_get_close(struct blob_get *g)
{
	if (g->fd >= 0)
		close(g->fd);
}

static int
dir_stat(struct blobs *s, const struct blob_hash *h, struct blob_info *info)
{
	char path[PATH_MAX];
	struct stat st;

	blob_path(s->priv, h, path);
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? missing_judge(s, h) : fail_at(s, path);
	*info = (struct blob_info){*h, st.st_size, age_of(&st)};
	return 0;
}

static int
dir_path(struct blobs *s, const struct blob_hash *h, char *path, size_t cap)
{
	char p[PATH_MAX], *real;
	size_t len;

	blob_path(s->priv, h, p);
	real = realpath(p, NULL); /* a user may have another working folder */
	if (real == NULL)
		return fail_at(s, p);
	len = strlen(real);
	if (len < cap)
		memcpy(path, real, len + 1);
	free(real);
	return len < cap ? 1 : blob_fail(s, -ENAMETOOLONG, "%s: too long", p);
}

/* --- deletions ----------------------------------------------------------- */

static int
dir_delete(struct blobs *s, const struct blob_hash *h, int64_t age_ms)
{
	struct blob_info info = {.size = 0};
	char path[PATH_MAX];
	int err = lock_take(s, LOCK_EX);

	if (err < 0)
		return err;
	blob_path(s->priv, h, path);
	err = dir_stat(s, h, &info);
	if (err == 0 && age_ms > 0 && info.age_ms < age_ms)
		err = blob_fail(s, -EBUSY, "the blob was put again");
	if (err == 0 && unlink(path) != 0)
		err = fail_at(s, path);
	lock_drop(s);
	return err;
}

/* The file of a live writer is young, for each write renews its time. */
static int
tmp_clean(DIR *dir, int64_t age_ms, int dry)
{
	struct dirent *e;
	int n = 0;

	while ((e = readdir(dir)) != NULL) {
		struct stat st;

		if (strncmp(e->d_name, "put.", 4) != 0 ||
			fstatat(dirfd(dir), e->d_name, &st,
				AT_SYMLINK_NOFOLLOW) != 0 ||
			age_of(&st) < age_ms)
			continue;
		if (dry || unlinkat(dirfd(dir), e->d_name, 0) == 0)
			n++;
	}
	return n;
}

static int
dir_clean(struct blobs *s, int64_t age_ms, int dry)
{
	DIR *dir = opendir(s->tmp);
	int n;

	if (dir == NULL)
		return errno == ENOENT ? 0 : fail_at(s, s->tmp);
	n = tmp_clean(dir, age_ms, dry);
	closedir(dir);
	return n;
}

const struct blob_driver blob_dir = {
	.open = dir_open,
	.close = dir_close,
	.begin = dir_begin,
	.store = dir_store,
	.get_open = dir_get_open,
	.read = dir_read,
	.get_close = dir_get_close,
	.stat = dir_stat,
	.delete = dir_delete,
	.each = dir_each,
	.clean = dir_clean,
	.path = dir_path,
};
