/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "blob/driver.h"

enum { FLUSH = 8 * 1024 * 1024 };

int
blob_fail(struct blobs *s, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	return err;
}

int
blob_errno(void)
{
	if (errno == ENOSPC || errno == EDQUOT)
		return SW_EFULL;
	return errno != 0 ? -errno : -EIO;
}

int64_t
blob_now_ms(void)
{
	return clock_now_ms(CLOCK_REALTIME);
}

void
blob_flush(int fd, int64_t written, int64_t *flushed)
{
	if (written - *flushed < FLUSH)
		return;
	(void)sync_file_range(
		fd, *flushed, written - *flushed, SYNC_FILE_RANGE_WRITE);
	*flushed = written;
}

int
blob_is_final(int err)
{
	return err == -ENOENT || err == SW_EINVAL;
}

const char *
blobs_why(const struct blobs *s)
{
	return s->why;
}

/* --- opening ------------------------------------------------------------- */

int
blob_params(struct blobs *s, char *text, blob_param_fn *set)
{
	char *at = strchr(text, '?'), *word, *rest;
	int err = 0;

	if (at == NULL)
		return 0;
	*at = '\0';
	for (word = strtok_r(at + 1, "&", &rest); word != NULL && err == 0;
		word = strtok_r(NULL, "&", &rest)) {
		char *eq = strchr(word, '=');

		if (eq == NULL)
			return blob_fail(s, SW_EINVAL,
				"'%.60s': must be NAME=VALUE", word);
		*eq = '\0';
		err = set(s, word, eq + 1);
	}
	return err;
}

/* A plain path may contain any character, so parameters need "dir:". */
static int
driver_open(struct blobs *s, const char *uri, char *rest)
{
	static const struct {
		const char *scheme;
		const struct blob_driver *driver;
	} schemes[] = {{"dir:", &blob_dir}, {"s3://", &blob_s3}};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = strlen(schemes[i].scheme);

		if (strncmp(uri, schemes[i].scheme, len) != 0)
			continue;
		strcpy(rest, uri + len);
		s->driver = schemes[i].driver;
		return s->driver->open(s, rest);
	}
	if (strchr(uri, '/') == NULL || strstr(uri, "://") != NULL)
		return blob_fail(s, SW_EINVAL,
			"'%.200s': must be dir:/path, a path with a / in it, "
			"or s3://bucket/prefix",
			uri);
	strcpy(rest, uri);
	s->driver = &blob_dir;
	return s->driver->open(s, rest);
}

int
blobs_open(struct blobs **out, const char *uri, char why[BLOB_WHY])
{
	struct blobs *s = calloc(1, sizeof(*s));
	char rest[BLOB_URI];
	int err;

	if (s == NULL) {
		(void)snprintf(why, BLOB_WHY, "out of memory");
		return -ENOMEM;
	}
	if (strlen(uri) >= sizeof(rest)) {
		err = blob_fail(s, SW_EINVAL, "the URI is too long");
	} else {
		strcpy(s->uri, uri);
		err = driver_open(s, uri, rest);
	}
	if (err == 0) {
		*out = s;
		return 0;
	}
	(void)snprintf(why, BLOB_WHY, "%s", s->why);
	blobs_close(s);
	return err;
}

void
blobs_close(struct blobs *s)
{
	if (s == NULL)
		return;
	if (s->driver != NULL)
		s->driver->close(s);
	free(s);
}

/* --- puts ---------------------------------------------------------------- */

static int
put_open(struct blob_put *p)
{
	int n = snprintf(p->path, sizeof(p->path), "%s/put.XXXXXX", p->s->tmp);

	if (n < 0 || (size_t)n >= sizeof(p->path))
		return blob_fail(p->s, -ENAMETOOLONG, "the path is too long");
	p->fd = mkostemp(p->path, O_CLOEXEC);
	if (p->fd < 0) {
		int err = blob_errno();

		p->path[0] = '\0';
		return blob_fail(
			p->s, err, "%s: %s", p->s->tmp, sw_strerror(err));
	}
	if (p->s->tmp_anon) {
		(void)unlink(p->path);
		p->path[0] = '\0';
	}
	return 0;
}

int
blob_put_begin(struct blobs *s, struct blob_put **out)
{
	struct blob_put *p = calloc(1, sizeof(*p));
	int err;

	if (p == NULL)
		return blob_fail(s, -ENOMEM, "out of memory");
	*p = (struct blob_put){.s = s, .fd = -1, .sum = blob_sum_new(s->sums)};
	err = p->sum == NULL ? blob_fail(s, -ENOMEM, "out of memory")
			     : s->driver->begin(s);
	if (err == 0)
		err = put_open(p);
	if (err < 0) {
		blob_put_abort(p);
		return err;
	}
	*out = p;
	return 0;
}

static int
fd_write(int fd, const char *b, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, b, len);

		if (n < 0 && errno != EINTR)
			return blob_errno();
		if (n > 0) {
			b += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int
blob_put_write(struct blob_put *p, const void *b, size_t len)
{
	if (p->err < 0)
		return p->err;
	p->err = fd_write(p->fd, b, len);
	if (p->err < 0)
		return blob_fail(
			p->s, p->err, "%s: %s", p->s->tmp, sw_strerror(p->err));
	blob_sum_add(p->sum, b, len);
	p->size += (int64_t)len;
	if (!p->s->tmp_anon)
		blob_flush(p->fd, p->size, &p->flushed);
	return 0;
}

int
blob_put_finish(struct blob_put *p, struct blob_ref *ref)
{
	struct blob_ref r = {.size = p->size};
	int err = p->err;

	if (err == 0 && blob_sum_sha(p->sum, &r.hash) < 0)
		err = blob_fail(p->s, -EIO, "SHA-256 failed");
	if (err == 0)
		err = p->s->driver->store(p, &r);
	if (err == 0)
		*ref = r;
	blob_put_abort(p);
	return err;
}

void
blob_put_abort(struct blob_put *p)
{
	if (p == NULL)
		return;
	if (p->fd >= 0)
		close(p->fd);
	if (p->path[0] != '\0')
		(void)unlink(p->path);
	blob_sum_free(p->sum);
	free(p);
}

/* --- reads --------------------------------------------------------------- */

int
blob_get_open(
	struct blobs *s, const struct blob_hash *hash, struct blob_get **out)
{
	struct blob_get *g = calloc(1, sizeof(*g));
	int err;

	if (g == NULL)
		return blob_fail(s, -ENOMEM, "out of memory");
	*g = (struct blob_get){.s = s, .ref.hash = *hash, .fd = -1};
	err = s->driver->get_open(g);
	if (err == 0) {
		g->sum = blob_sum_new(g->kept ? SUM_XXH : SUM_SHA);
		if (g->sum == NULL)
			err = blob_fail(s, -ENOMEM, "out of memory");
	}
	if (err < 0) {
		blob_get_close(g);
		return err;
	}
	*out = g;
	return 0;
}

int64_t
blob_get_size(const struct blob_get *g)
{
	return g->ref.size;
}

const char *
blob_get_why(const struct blob_get *g)
{
	return g->s->why;
}

void
blob_get_seek(struct blob_get *g, int64_t offset)
{
	g->at = offset;
	blob_sum_free(g->sum);
	g->sum = NULL;
}

/* 1, 0 or an error. */
static int
sha_matches(const struct blob_get *g, struct blob_sum *sum)
{
	struct blob_hash h;
	int err = blob_sum_sha(sum, &h);

	if (err < 0)
		return blob_fail(g->s, err, "SHA-256 failed");
	return memcmp(h.b, g->ref.hash.b, sizeof(h.b)) == 0;
}

static int
read_again(struct blob_get *g, struct blob_sum *sum)
{
	char *buf = malloc(BLOB_CHUNK);
	int64_t left = g->ref.size;
	ssize_t n = 0;

	if (buf == NULL)
		return blob_fail(g->s, -ENOMEM, "out of memory");
	for (; left > 0 && n >= 0; left -= n) {
		n = g->s->driver->read(g, buf,
			left < BLOB_CHUNK ? (size_t)left : BLOB_CHUNK,
			g->ref.size - left);
		if (n > 0)
			blob_sum_add(sum, buf, (size_t)n);
	}
	free(buf);
	return n < 0 ? (int)n : 0;
}

/*
 * Where the stored checksum differs, the checksum itself may be the damage: a
 * second read decides.  The content is sound if its SHA-256 is the name, and
 * if the caller got the same bytes, which their XXH3 tells.  1, 0 or an error.
 */
static int
xxh_matches(struct blob_get *g, struct blob_sum *sum)
{
	struct blob_xxh seen, again;
	struct blob_sum *both;
	int rc;

	blob_sum_xxh(sum, &g->ref.hash, &seen);
	if (memcmp(seen.b, g->xxh.b, sizeof(seen.b)) == 0)
		return 1;
	both = blob_sum_new(SUM_SHA | SUM_XXH);
	if (both == NULL)
		return blob_fail(g->s, -ENOMEM, "out of memory");
	rc = read_again(g, both);
	if (rc == 0)
		rc = sha_matches(g, both);
	if (rc == 1) {
		blob_sum_xxh(both, &g->ref.hash, &again);
		rc = memcmp(seen.b, again.b, sizeof(seen.b)) == 0;
	}
	blob_sum_free(both);
	return rc;
}

/* Checks the content after its last byte was read. */
static int
get_check(struct blob_get *g)
{
	struct blob_sum *sum = g->sum;
	char name[BLOB_NAME];
	int matches;

	if (sum == NULL)
		return 0;
	g->sum = NULL;
	matches = g->kept ? xxh_matches(g, sum) : sha_matches(g, sum);
	blob_sum_free(sum);
	if (matches != 0)
		return matches < 0 ? matches : 0;
	blob_name_write(&g->ref.hash, name);
	return blob_fail(g->s, SW_ECORRUPT,
		"%s is damaged: the content has another hash", name);
}

ssize_t
blob_get_read(struct blob_get *g, void *to, size_t len)
{
	int64_t left = g->ref.size - g->at;
	ssize_t n;

	if (left <= 0 || len == 0)
		return left <= 0 ? get_check(g) : 0;
	if ((int64_t)len > left)
		len = (size_t)left;
	n = g->s->driver->read(g, to, len, g->at);
	if (n < 0)
		return n;
	g->at += n;
	if (g->sum != NULL)
		blob_sum_add(g->sum, to, (size_t)n);
	return n;
}

void
blob_get_close(struct blob_get *g)
{
	if (g == NULL)
		return;
	g->s->driver->get_close(g);
	blob_sum_free(g->sum);
	free(g);
}

/* --- the rest ------------------------------------------------------------ */

int
blobs_stat(struct blobs *s, const struct blob_hash *h, struct blob_info *info)
{
	return s->driver->stat(s, h, info);
}

int
blobs_delete(struct blobs *s, const struct blob_hash *h, int64_t age_ms)
{
	return s->driver->delete (s, h, age_ms);
}

int
blobs_each(struct blobs *s, blob_each_fn *fn, void *arg)
{
	return s->driver->each(s, fn, arg);
}

int
blobs_clean(struct blobs *s, int64_t age_ms, int dry)
{
	return s->driver->clean(s, age_ms, dry);
}
