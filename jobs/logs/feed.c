/* SPDX-License-Identifier: MIT */
#include "jobs/logs/feed.h"

void
feed_init(struct feed *f, struct unpack *from, feed_tap_fn *tap, void *arg)
{
	f->from = from;
	f->tap = tap;
	f->tap_arg = arg;
	f->at = f->len = 0;
	f->ended = f->skipping = 0;
}

/* Fills the buffer, behind what is left in it. */
static int
refill(struct feed *f)
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

/* Drops the rest of a long line; 1 when its end was found. */
static int
skip(struct feed *f)
{
	const char *p = f->buf + f->at, *nl = memchr(p, '\n', f->len);
	size_t n = nl == NULL ? f->len : (size_t)(nl - p) + 1;

	f->at += n;
	f->len -= n;
	return nl != NULL || f->ended;
}

int
feed_next(struct feed *f, struct bytes *piece)
{
	const char *nl;
	size_t n;
	int err = refill(f);

	while (err == 0 && f->skipping) {
		f->skipping = !skip(f);
		err = refill(f);
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
