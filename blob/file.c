/* SPDX-License-Identifier: MIT */
/* Whole files out of a store. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "blob/driver.h"

static int
write_all(struct blobs *s, int fd, const char *b, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, b, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = blob_errno();

			return blob_fail(
				s, err, "writing: %s", sw_strerror(err));
		}
		b += n;
		len -= (size_t)n;
	}
	return 0;
}

/* `fd` -1: only reads and checks.  `flush`: starts write-back early. */
static int
get_all(struct blob_get *g, int fd, int flush)
{
	char *buf = malloc(BLOB_CHUNK);
	int64_t flushed = 0;
	ssize_t n;
	int err = 0;

	if (buf == NULL)
		return blob_fail(g->s, -ENOMEM, "out of memory");
	while (err == 0 && (n = blob_get_read(g, buf, BLOB_CHUNK)) != 0) {
		if (n < 0)
			err = (int)n;
		else if (fd >= 0)
			err = write_all(g->s, fd, buf, (size_t)n);
		if (flush)
			blob_flush(fd, g->at, &flushed);
	}
	free(buf);
	return err;
}

int
blob_get_copy(struct blob_get *g, int fd)
{
	int err = get_all(g, fd, 1);

	if (err == 0 && fsync(fd) != 0) {
		err = blob_errno();
		(void)blob_fail(g->s, err, "fsync: %s", sw_strerror(err));
	}
	return err;
}

int
blob_get_check(struct blob_get *g)
{
	return get_all(g, -1, 0);
}

static int
copy_open(struct blobs *s, const char *dir, char *path, size_t cap)
{
	int n = snprintf(path, cap, "%s/blob", dir), fd;

	if (dir[0] == '\0')
		return blob_fail(s, -EIO, "there is no folder for a copy");
	if (n < 0 || (size_t)n >= cap)
		return blob_fail(s, -ENAMETOOLONG, "the path is too long");
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0) {
		int err = blob_errno();

		return blob_fail(s, err, "%s: %s", path, sw_strerror(err));
	}
	return fd;
}

static int
blob_fetch(struct blob_get *g, const char *dir, char *path, size_t cap)
{
	int own = g->s->driver->path(g->s, &g->ref.hash, path, cap), fd, err;

	if (own < 0)
		return own;
	fd = own ? -1 : copy_open(g->s, dir, path, cap);
	if (!own && fd < 0)
		return fd;
	err = get_all(g, fd, 0);
	if (fd >= 0)
		close(fd);
	return err;
}

/* The sizes differ: `ref` is wrong if the content matches its hash. */
static int
size_judge(struct blob_get *g, const struct blob_ref *ref)
{
	int err = get_all(g, -1, 0);

	if (err < 0)
		return err;
	(void)blob_fail(g->s, SW_EINVAL,
		"the blob has %lld bytes, its reference says %lld",
		(long long)g->ref.size, (long long)ref->size);
	return SW_EINVAL;
}

int
blob_get_open_ref(
	struct blobs *s, const struct blob_ref *ref, struct blob_get **out)
{
	struct blob_get *g;
	int err = blob_get_open(s, &ref->hash, &g);

	if (err < 0)
		return err;
	if (g->ref.size != ref->size) {
		err = size_judge(g, ref);
		blob_get_close(g);
		return err;
	}
	*out = g;
	return 0;
}

int
blobs_fetch(struct blobs *s, const struct blob_ref *ref, const char *dir,
	char *path, size_t cap)
{
	struct blob_get *g = NULL;
	int err = blob_get_open_ref(s, ref, &g);

	if (err == 0)
		err = blob_fetch(g, dir, path, cap);
	blob_get_close(g);
	return err;
}
