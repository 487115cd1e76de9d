/* SPDX-License-Identifier: MIT */
/*
 * s3.c - a store in a bucket: S3, R2, MinIO and their like
 *
 * A blob is the object PREFIX/HEX64.  Its bytes are read in ranges, so a
 * transfer that breaks goes on where it was.
 */
#include "blob/s3.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/units.h"

enum {
	TRIES = 5,
	BACKOFF_MS = 200,
	/* A blob put within this time is not put again: no gc deletes it. */
	FRESH_S = 600,
};

#define SIZE_MAX_S3 (5LL * 1024 * 1024 * 1024)

/* --- opening ------------------------------------------------------------- */

static int
text_set(struct blobs *s, char *to, size_t cap, const char *name,
	const char *value)
{
	if (value == NULL || strlen(value) >= cap)
		return value == NULL
			       ? 0
			       : blob_fail(s, SW_EINVAL, "%s: too long", name);
	strcpy(to, value);
	return 0;
}

static int
param_set(struct blobs *s, const char *name, const char *value)
{
	struct s3_bucket *x = s->priv;
	char *end;

	if (strcmp(name, "endpoint") == 0)
		return text_set(
			s, x->endpoint, sizeof(x->endpoint), name, value);
	if (strcmp(name, "region") == 0)
		return text_set(s, x->region, sizeof(x->region), name, value);
	if (strcmp(name, "backoff") == 0 &&
		unit_parse(UNIT_MS, value, &x->backoff_ms) == 0 &&
		x->backoff_ms <= 60000)
		return 0;
	if (strcmp(name, "tries") == 0) {
		long n = strtol(value, &end, 10);

		x->tries = (int)n;
		if (*value != '\0' && *end == '\0' && n >= 1 && n <= 20)
			return 0;
	}
	return blob_fail(s, SW_EINVAL,
		"'%.60s=%.60s': endpoint=URL, region=NAME, tries=1…20 or "
		"backoff=TIME is wanted",
		name, value);
}

/* "bucket[/prefix]", of characters that a URL need not escape. */
static int
place_set(struct blobs *s, char *rest)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789.-_/";
	struct s3_bucket *x = s->priv;
	char *slash = strchr(rest, '/');
	size_t len;

	if (rest[strspn(rest, plain)] != '\0' || strstr(rest, "..") != NULL)
		return blob_fail(s, SW_EINVAL,
			"'%.200s': bucket and prefix must be of [A-Za-z0-9._-]",
			rest);
	if (slash != NULL)
		*slash++ = '\0';
	len = slash != NULL ? strlen(slash) : 0;
	while (len > 0 && slash[len - 1] == '/')
		len--;
	if (rest[0] == '\0' || strlen(rest) >= sizeof(x->bucket) ||
		len + 2 > sizeof(x->prefix))
		return blob_fail(s, SW_EINVAL,
			"must be s3://bucket or s3://bucket/prefix");
	strcpy(x->bucket, rest);
	if (len > 0)
		(void)snprintf(
			x->prefix, sizeof(x->prefix), "%.*s/", (int)len, slash);
	return 0;
}

/* Credentials come from the environment alone: a URI is visible to others. */
static int
environment_read(struct blobs *s)
{
	struct s3_bucket *x = s->priv;
	const char *id = getenv("AWS_ACCESS_KEY_ID");
	const char *secret = getenv("AWS_SECRET_ACCESS_KEY");
	const char *region = getenv("AWS_REGION");
	int n, err;

	if (id == NULL || secret == NULL)
		return blob_fail(s, SW_EINVAL,
			"s3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must "
			"be set in the environment");
	n = snprintf(x->user, sizeof(x->user), "%s:%s", id, secret);
	if (n < 0 || (size_t)n >= sizeof(x->user))
		return blob_fail(s, SW_EINVAL, "s3: the key is too long");
	err = text_set(s, x->token, sizeof(x->token), "AWS_SESSION_TOKEN",
		getenv("AWS_SESSION_TOKEN"));
	if (err == 0)
		err = text_set(s, x->endpoint, sizeof(x->endpoint),
			"AWS_ENDPOINT_URL", getenv("AWS_ENDPOINT_URL"));
	if (err == 0)
		err = text_set(s, x->region, sizeof(x->region), "AWS_REGION",
			region != NULL ? region : "us-east-1");
	return err;
}

static int
endpoint_check(struct blobs *s)
{
	struct s3_bucket *x = s->priv;
	size_t len = strlen(x->endpoint);

	if (len == 0)
		(void)snprintf(x->endpoint, sizeof(x->endpoint),
			"https://s3.%s.amazonaws.com", x->region);
	else if (strncmp(x->endpoint, "http://", 7) != 0 &&
		 strncmp(x->endpoint, "https://", 8) != 0)
		return blob_fail(s, SW_EINVAL,
			"endpoint '%.200s': must be http://host or "
			"https://host",
			x->endpoint);
	else if (x->endpoint[len - 1] == '/')
		x->endpoint[len - 1] = '\0';
	return 0;
}

static int
s3_open(struct blobs *s, char *rest)
{
	const char *tmp = getenv("TMPDIR");
	struct s3_bucket *x = calloc(1, sizeof(*x));
	int err;

	if (x == NULL)
		return blob_fail(s, -ENOMEM, "out of memory");
	s->priv = x;
	s->tmp_anon = 1;
	s->sums = SUM_SHA;
	x->tries = TRIES;
	x->backoff_ms = BACKOFF_MS;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		x->curl = curl_easy_init();
	if (x->curl == NULL)
		return blob_fail(s, -ENOMEM, "libcurl does not start");
	err = text_set(s, s->tmp, sizeof(s->tmp), "TMPDIR",
		tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp");
	if (err == 0)
		err = environment_read(s);
	if (err == 0)
		err = blob_params(s, rest, param_set);
	if (err == 0)
		err = place_set(s, rest);
	return err == 0 ? endpoint_check(s) : err;
}

static void
s3_close(struct blobs *s)
{
	struct s3_bucket *x = s->priv;

	if (x == NULL)
		return;
	curl_easy_cleanup(x->curl);
	explicit_bzero(x, sizeof(*x));
	free(x);
	s->priv = NULL;
}

/* --- single blobs -------------------------------------------------------- */

static void
object_path(const struct s3_bucket *x, const struct blob_hash *h,
	char path[S3_PATH])
{
	char hex[BLOB_HEX];

	blob_hex_write(h, hex);
	(void)snprintf(path, S3_PATH, "/%s/%s%s", x->bucket, x->prefix, hex);
}

/* Tells a missing blob (-ENOENT, final) from a missing bucket (-ENODEV). */
static int
missing_judge(struct blobs *s, const struct blob_hash *h)
{
	const struct s3_bucket *x = s->priv;
	char path[S3_PATH], name[BLOB_NAME];
	struct s3_request r = {.method = "HEAD", .path = path, .from = -1};

	(void)snprintf(path, sizeof(path), "/%s", x->bucket);
	if (s3_do(s, &r) == -ENOENT)
		return blob_fail(s, -ENODEV, "there is no bucket %.200s at %s",
			x->bucket, x->endpoint);
	blob_name_write(h, name);
	return blob_fail(
		s, -ENOENT, "%s: no such blob in %.300s", name, s->uri);
}

/* *old_s: seconds since the put, by the server's clock. */
static int
object_head(struct blobs *s, const struct blob_hash *h, int64_t *size,
	int64_t *old_s)
{
	char path[S3_PATH];
	struct s3_request r = {.method = "HEAD", .path = path, .from = -1};
	int err;

	object_path(s->priv, h, path);
	err = s3_do(s, &r);
	if (err < 0)
		return err;
	if (r.size < 0 || r.modified_s < 0)
		return blob_fail(
			s, -EIO, "HEAD: no size or time in the answer");
	*size = r.size;
	*old_s = (r.clock_s >= 0 ? r.clock_s : blob_now_ms() / 1000) -
		 r.modified_s;
	return 0;
}

static int
s3_stat(struct blobs *s, const struct blob_hash *h, struct blob_info *info)
{
	int64_t size = 0, old_s = 0;
	int err = object_head(s, h, &size, &old_s);

	if (err < 0)
		return err == -ENOENT ? missing_judge(s, h) : err;
	*info = (struct blob_info){*h, size, old_s * 1000};
	return 0;
}

static int
s3_begin(struct blobs *s)
{
	(void)s;
	return 0;
}

static int
s3_store(struct blob_put *p, const struct blob_ref *ref)
{
	char path[S3_PATH], said[1024];
	struct s3_request r = {.method = "PUT",
		.path = path,
		.from = -1,
		.fd = p->fd,
		.ref = ref,
		.body = (uint8_t *)said,
		.cap = sizeof(said)};
	int64_t size = 0, old_s = 0;

	if (ref->size > SIZE_MAX_S3)
		return blob_fail(p->s, SW_ETOOBIG,
			"%lld bytes: S3 takes 5 GB at once",
			(long long)ref->size);
	if (object_head(p->s, &ref->hash, &size, &old_s) == 0 &&
		size == ref->size && old_s < FRESH_S)
		return 0;
	object_path(p->s->priv, &ref->hash, path);
	return s3_do(p->s, &r);
}

static int
s3_get_open(struct blob_get *g)
{
	struct blob_info info = {.size = 0};
	int err = s3_stat(g->s, &g->ref.hash, &info);

	if (err < 0)
		return err;
	g->ref.size = info.size;
	g->buf = malloc(S3_CHUNK);
	return g->buf != NULL ? 0 : blob_fail(g->s, -ENOMEM, "out of memory");
}

/* The chunk that begins at `at`. */
static int
chunk_get(struct blob_get *g, int64_t at)
{
	int64_t left = g->ref.size - at;
	size_t want = left < S3_CHUNK ? (size_t)left : S3_CHUNK;
	char path[S3_PATH];
	struct s3_request r = {.method = "GET",
		.path = path,
		.from = at,
		.body = g->buf,
		.cap = want};
	int err;

	object_path(g->s->priv, &g->ref.hash, path);
	g->buf_len = 0;
	err = s3_do(g->s, &r);
	if (err < 0)
		return err == -ENOENT ? missing_judge(g->s, &g->ref.hash) : err;
	if (r.len != want)
		return blob_fail(g->s, -EIO,
			"GET: %zu bytes with status %ld where %zu from %lld "
			"were asked for",
			r.len, r.status, want, (long long)at);
	g->buf_at = at;
	g->buf_len = want;
	return 0;
}

static ssize_t
s3_read(struct blob_get *g, void *to, size_t len, int64_t at)
{
	int64_t skip = at - g->buf_at;
	int err;

	if (skip < 0 || skip >= (int64_t)g->buf_len) {
		err = chunk_get(g, at);
		if (err < 0)
			return err;
		skip = 0;
	}
	if (len > g->buf_len - (size_t)skip)
		len = g->buf_len - (size_t)skip;
	memcpy(to, g->buf + skip, len);
	return (ssize_t)len;
}

static void
s3_get_close(struct blob_get *g)
{
	free(g->buf);
}

static int
s3_delete(struct blobs *s, const struct blob_hash *h, int64_t age_ms)
{
	char path[S3_PATH];
	struct s3_request r = {.method = "DELETE", .path = path, .from = -1};
	struct blob_info info = {.size = 0};
	int err = s3_stat(s, h, &info); /* DELETE never says ENOENT */

	if (err < 0)
		return err;
	if (age_ms > 0 && info.age_ms < age_ms)
		return blob_fail(s, -EBUSY, "the blob was put again");
	object_path(s->priv, h, path);
	return s3_do(s, &r);
}

/* --- all of them --------------------------------------------------------- */

/* The token is the server's: escapes all but letters, digits and -_.~ */
static void
query_make(const struct s3_bucket *x, const char *token, char *q, size_t cap)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
	size_t n = 0;

	/* The signature requires the parameters in the order of their names. */
	n += (size_t)snprintf(q, cap, "/%s?", x->bucket);
	if (token[0] != '\0')
		n += (size_t)snprintf(q + n, cap - n, "continuation-token=");
	for (; *token != '\0' && n + 4 < cap; token++) {
		if (strchr(plain, *token) != NULL)
			q[n++] = *token;
		else
			n += (size_t)snprintf(q + n, cap - n, "%%%02X",
				(unsigned)(unsigned char)*token);
		if (token[1] == '\0')
			q[n++] = '&';
	}
	n += (size_t)snprintf(q + n, cap - n, "list-type=2&prefix=");
	for (const char *p = x->prefix; *p != '\0' && n + 4 < cap; p++) {
		if (*p == '/')
			n += (size_t)snprintf(q + n, cap - n, "%%2F");
		else
			q[n++] = *p;
	}
	q[n] = '\0';
}

static int
page_get(struct blobs *s, struct s3_page *page, uint8_t *body)
{
	const struct s3_bucket *x = s->priv;
	char path[S3_PATH + 3 * S3_TOKEN + 64];
	struct s3_request r = {.method = "GET",
		.path = path,
		.from = -1,
		.body = body,
		.cap = S3_CHUNK};
	int err;

	query_make(x, page->next, path, sizeof(path));
	err = s3_do(s, &r);
	if (err < 0)
		return err == -ENOENT ? blob_fail(s, -ENODEV,
						"there is no bucket %.200s at "
						"%s",
						x->bucket, x->endpoint)
				      : err;
	page->prefix = x->prefix;
	page->clock_ms = r.clock_s >= 0 ? r.clock_s * 1000 : blob_now_ms();
	if (s3_page_read(page, bytes_of(body, r.len)) < 0)
		return blob_fail(
			s, -EIO, "GET: the answer is not a bucket's list");
	return 0;
}

static int
s3_each(struct blobs *s, blob_each_fn *fn, void *arg)
{
	struct s3_page *page = calloc(1, sizeof(*page));
	uint8_t *body = malloc(S3_CHUNK);
	int rc = page == NULL || body == NULL
			 ? blob_fail(s, -ENOMEM, "out of memory")
			 : 0;

	while (rc == 0 && page != NULL) {
		rc = page_get(s, page, body);
		for (size_t i = 0; rc == 0 && i < page->n; i++)
			rc = fn(arg, &page->all[i]);
		if (rc == 0 && page->next[0] == '\0')
			break;
	}
	free(page);
	free(body);
	return rc;
}

/* Temporary files are unlinked once open, so a dead writer leaves none. */
static int
s3_clean(struct blobs *s, int64_t age_ms, int dry)
{
	(void)s;
	(void)age_ms;
	(void)dry;
	return 0;
}

static int
s3_path(struct blobs *s, const struct blob_hash *h, char *path, size_t cap)
{
	(void)s;
	(void)h;
	if (cap > 0)
		path[0] = '\0';
	return 0;
}

const struct blob_driver blob_s3 = {
	.open = s3_open,
	.close = s3_close,
	.begin = s3_begin,
	.store = s3_store,
	.get_open = s3_get_open,
	.read = s3_read,
	.get_close = s3_get_close,
	.stat = s3_stat,
	.delete = s3_delete,
	.each = s3_each,
	.clean = s3_clean,
	.path = s3_path,
};
