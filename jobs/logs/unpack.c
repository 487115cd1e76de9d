/* SPDX-License-Identifier: MIT */
#define ZLIB_CONST
#include "jobs/logs/unpack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/error.h"

enum {
	WHY = 128,
	WINDOW_GZIP = 16 + 15, /* zlib: 16 for a gzip header, 15 window bits */
	WINDOW_ZSTD = 27,      /* 128 MB, the limit of zstd(1) too */
};

struct unpack_format;

struct log_unpack {
	const struct unpack_format *format;
	struct unpack_limits limits;
	unpack_more_fn *more;
	void *more_arg;
	int ended;	 /* no input follows `in` */
	int inside;	 /* within a gzip member or zstd frame */
	struct bytes in; /* input not yet decoded */
	uint64_t in_all, out_all;
	z_stream z;
	ZSTD_DCtx *zstd;
	char why[WHY];
	uint8_t chunk[UNPACK_CHUNK];
};

/*
 * turn() decodes bytes of u->in: the number of bytes written; 0: more input is
 * needed; or an error.
 */
struct unpack_format {
	const char *name;
	struct bytes magic;
	int (*begin)(struct log_unpack *);
	ssize_t (*turn)(struct log_unpack *, void *, size_t cap);
	void (*end)(struct log_unpack *);
};

static void
input_take(struct log_unpack *u, size_t n)
{
	u->in = bytes_of((const uint8_t *)u->in.p + n, u->in.len - n);
}

static int
corrupt(struct log_unpack *u, const char *what)
{
	(void)snprintf(u->why, sizeof(u->why), "the %s data %s",
		u->format->name, what);
	return SW_ECORRUPT;
}

/* --- the formats --------------------------------------------------------- */

static int
plain_begin(struct log_unpack *u)
{
	(void)u;
	return 0;
}

static ssize_t
plain_turn(struct log_unpack *u, void *out, size_t cap)
{
	size_t n = u->in.len < cap ? u->in.len : cap;

	if (n > 0)
		memcpy(out, u->in.p, n);
	input_take(u, n);
	return (ssize_t)n;
}

static void
plain_end(struct log_unpack *u)
{
	(void)u;
}

static int
gzip_begin(struct log_unpack *u)
{
	return inflateInit2(&u->z, WINDOW_GZIP) == Z_OK ? 0 : -ENOMEM;
}

static ssize_t
gzip_turn(struct log_unpack *u, void *out, size_t cap)
{
	int rc;

	if (!u->inside) {
		if (u->in.len == 0)
			return 0;
		(void)inflateReset(&u->z);
		u->inside = 1;
	}
	u->z.next_in = u->in.p;
	u->z.avail_in = (uInt)u->in.len;
	u->z.next_out = out;
	u->z.avail_out = (uInt)cap;
	rc = inflate(&u->z, Z_NO_FLUSH);
	input_take(u, u->in.len - u->z.avail_in);
	if (rc == Z_STREAM_END)
		u->inside = 0;
	else if (rc == Z_MEM_ERROR)
		return -ENOMEM;
	else if (rc != Z_OK && rc != Z_BUF_ERROR)
		return corrupt(u, "is damaged");
	return (ssize_t)(cap - u->z.avail_out);
}

static void
gzip_end(struct log_unpack *u)
{
	(void)inflateEnd(&u->z);
}

static int
zstd_begin(struct log_unpack *u)
{
	u->zstd = ZSTD_createDCtx();
	if (u->zstd == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd,
				       ZSTD_d_windowLogMax, WINDOW_ZSTD)))
		return -ENOMEM;
	return 0;
}

static ssize_t
zstd_turn(struct log_unpack *u, void *to, size_t cap)
{
	ZSTD_inBuffer in = {u->in.p, u->in.len, 0};
	ZSTD_outBuffer out = {to, cap, 0};
	size_t rc;

	if (!u->inside && u->in.len == 0)
		return 0;
	rc = ZSTD_decompressStream(u->zstd, &out, &in);
	input_take(u, in.pos);
	if (ZSTD_isError(rc))
		return ZSTD_getErrorCode(rc) == ZSTD_error_memory_allocation
			       ? -ENOMEM
			       : corrupt(u, "is damaged");
	u->inside = rc != 0;
	return (ssize_t)out.pos;
}

static void
zstd_end(struct log_unpack *u)
{
	(void)ZSTD_freeDCtx(u->zstd);
}

/* The first whose magic matches; "plain" matches all. */
static const struct unpack_format formats[] = {
	{"gzip", {"\x1f\x8b", 2}, gzip_begin, gzip_turn, gzip_end},
	{"zstd", {"\x28\xb5\x2f\xfd", 4}, zstd_begin, zstd_turn, zstd_end},
	{"plain", {"", 0}, plain_begin, plain_turn, plain_end},
};

enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

/* --- the stream ---------------------------------------------------------- */

/* Reads up to `cap` bytes of input. */
static ssize_t
more_read(struct log_unpack *u, void *to, size_t cap)
{
	ssize_t n = u->more(u->more_arg, to, cap);

	if (n < 0)
		return n;
	u->ended = n == 0;
	u->in_all += (uint64_t)n;
	return n;
}

static int
refill(struct log_unpack *u)
{
	size_t len = 0;

	if (u->in.len > 0)
		return 0;
	/* Fills the chunk, so that the first has the whole magic. */
	while (!u->ended && len < sizeof(u->chunk)) {
		ssize_t n = more_read(
			u, u->chunk + len, sizeof(u->chunk) - len);

		if (n < 0)
			return (int)n;
		len += (size_t)n;
	}
	u->in = bytes_of(u->chunk, len);
	return 0;
}

static const struct unpack_format *
format_of(struct bytes in)
{
	size_t i = 0;

	while (i < FORMATS - 1 && (in.len < formats[i].magic.len ||
					  memcmp(in.p, formats[i].magic.p,
						  formats[i].magic.len) != 0))
		i++;
	return &formats[i];
}

int
unpack_open(struct log_unpack **out, struct bytes input, unpack_more_fn *more,
	void *arg, const struct unpack_limits *limits)
{
	struct log_unpack *u = calloc(1, sizeof(*u));
	int err;

	if (u == NULL)
		return -ENOMEM;
	u->limits = *limits;
	u->more = more;
	u->more_arg = arg;
	u->ended = more == NULL;
	u->in = more == NULL ? input : bytes_of(u->chunk, 0);
	u->in_all = u->in.len;
	err = refill(u);
	if (err == 0) {
		u->format = format_of(u->in);
		err = u->format->begin(u);
	}
	if (err < 0) {
		unpack_close(u);
		return err;
	}
	*out = u;
	return 0;
}

void
unpack_close(struct log_unpack *u)
{
	if (u != NULL && u->format != NULL)
		u->format->end(u);
	free(u);
}

static int
limits_check(struct log_unpack *u)
{
	uint64_t most = u->in_all * u->limits.ratio;

	if (u->format->turn == plain_turn)
		return 0;
	if (u->out_all > u->limits.bytes) {
		(void)snprintf(u->why, sizeof(u->why),
			"the %s data expands to more than %" PRIu64
			" bytes (max_expanded)",
			u->format->name, u->limits.bytes);
		return SW_ETOOBIG;
	}
	if (u->out_all > UNPACK_FREE && u->out_all > most) {
		(void)snprintf(u->why, sizeof(u->why),
			"the %s data expands more than %" PRIu64
			" times (max_ratio)",
			u->format->name, u->limits.ratio);
		return SW_ETOOBIG;
	}
	return 0;
}

ssize_t
unpack_read(struct log_unpack *u, void *out, size_t cap)
{
	ssize_t n;
	int err;

	/* Plain input is read straight into the caller's buffer. */
	if (u->format->turn == plain_turn && u->in.len == 0)
		return u->ended ? 0 : more_read(u, out, cap);
	for (;;) {
		err = refill(u);
		if (err < 0)
			return err;
		n = u->format->turn(u, out, cap);
		if (n < 0)
			return n;
		if (n > 0) {
			u->out_all += (uint64_t)n;
			err = limits_check(u);
			return err < 0 ? err : n;
		}
		if (u->in.len == 0 && u->ended)
			return u->inside ? corrupt(u, "ends in the middle") : 0;
	}
}

const char *
unpack_why(const struct log_unpack *u)
{
	return u->why;
}

/* --- pieces of whole lines ------------------------------------------------ */

void
feed_init(struct log_feed *f, struct log_unpack *from, feed_tap_fn *tap,
	void *arg)
{
	f->from = from;
	f->tap = tap;
	f->tap_arg = arg;
	f->at = f->len = 0;
	f->ended = f->skipping = 0;
}

/* Fills the buffer behind its unread bytes. */
static int
feed_refill(struct log_feed *f)
{
	memmove(f->buf, f->buf + f->at, f->len);
	f->at = 0;
	while (!f->ended && f->len < FEED_MAX) {
		char *to = f->buf + f->len;
		ssize_t n = unpack_read(f->from, to, FEED_MAX - f->len);
		int err = 0;

		if (n < 0)
			return (int)n;
		if (n > 0 && f->tap != NULL)
			err = f->tap(f->tap_arg, bytes_of(to, (size_t)n));
		if (err < 0)
			return err;
		f->ended = n == 0;
		f->len += (size_t)n;
	}
	return 0;
}

/* Drops bytes of an over-long line; 1 when its end was found. */
static int
feed_skip(struct log_feed *f)
{
	const char *p = f->buf + f->at, *nl = memchr(p, '\n', f->len);
	size_t n = nl == NULL ? f->len : (size_t)(nl - p) + 1;

	f->at += n;
	f->len -= n;
	return nl != NULL || f->ended;
}

int
feed_next(struct log_feed *f, struct bytes *piece)
{
	const char *nl;
	size_t n;
	int err = feed_refill(f);

	while (err == 0 && f->skipping) {
		f->skipping = !feed_skip(f);
		err = feed_refill(f);
	}
	if (err < 0)
		return err;
	if (f->len == 0)
		return FEED_END;
	nl = f->ended ? NULL : memrchr(f->buf, '\n', f->len);
	f->skipping = nl == NULL && !f->ended;
	n = nl == NULL ? f->len : (size_t)(nl - f->buf) + 1;
	*piece = bytes_of(f->buf, n);
	f->at = n;
	f->len -= n;
	return f->skipping ? FEED_LONG : FEED_LINES;
}
