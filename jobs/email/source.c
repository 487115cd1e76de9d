/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "jobs/email/mime.h"

enum { SIGN, HEAD, EMPTY, BODY };

void
email_source_init(struct email_source *s, const struct email_mail *m,
	int body_only, struct email_why *why)
{
	s->m = m;
	s->part = body_only ? BODY : SIGN;
	s->at = s->piece = 0;
	s->get = NULL;
	s->fd = -1;
	s->left = 0;
	s->line_n = s->line_at = 0;
	s->why = why;
}

static void
file_close(struct email_source *s)
{
	blob_get_close(s->get);
	s->get = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void
email_source_fini(struct email_source *s)
{
	file_close(s);
}

static int
blob_fail(struct email_source *s, int err)
{
	const char *text = blobs_why(s->m->store.blobs);

	return blob_is_final(err) ? email_refuse(s->why, "attachment: %s", text)
				  : email_later(s->why, "attachment: %s", text);
}

static int
file_open(struct email_source *s, const struct email_piece *p)
{
	int err;

	s->left = p->size;
	if (!p->file->has_ref) {
		s->fd = open(s->m->store.own, O_RDONLY | O_CLOEXEC);
		return s->fd < 0 ? email_later(s->why, "%s: %s",
					   s->m->store.own, strerror(errno))
				 : 0;
	}
	err = blob_get_open(s->m->store.blobs, &p->file->ref.hash, &s->get);
	if (err < 0)
		return blob_fail(s, err);
	if (blob_get_size(s->get) != p->size)
		return email_later(
			s->why, "an attachment has changed its size");
	return 0;
}

static ssize_t
file_read(struct email_source *s, char *to, size_t cap)
{
	ssize_t n;

	if (s->fd >= 0) {
		n = read(s->fd, to, cap);
		return n < 0 ? email_later(s->why, "%s: %s", s->m->store.own,
				       strerror(errno))
			     : n;
	}
	n = blob_get_read(s->get, to, cap);
	return n < 0 ? blob_fail(s, (int)n) : n;
}

/*
 * Encodes the next lines of the file.  The read at the end of a blob checks its
 * hash, so that read comes before the last lines are returned.
 */
static int
lines_make(struct email_source *s)
{
	size_t have = 0;
	ssize_t n = 1;

	while (n > 0 && have < sizeof(s->raw)) {
		n = file_read(s, s->raw + have, sizeof(s->raw) - have);
		if (n < 0)
			return (int)n;
		have += (size_t)n;
	}
	s->left -= (int64_t)have;
	if (s->left < 0 || (have < sizeof(s->raw) && s->left > 0))
		return email_later(
			s->why, "an attachment has changed its size");
	if (s->left == 0 && n > 0) {
		n = file_read(s, s->lines, 1);
		if (n != 0)
			return n < 0 ? (int)n
				     : email_later(s->why,
					       "an attachment has grown");
	}
	s->line_n = email_base64_lines(s->raw, have, s->lines);
	s->line_at = 0;
	return 0;
}

static ssize_t
lines_read(struct email_source *s, char *to, size_t cap)
{
	const struct email_piece *p = &s->m->pieces[s->piece];
	size_t n;
	int err = 0;

	if (s->get == NULL && s->fd < 0)
		err = file_open(s, p);
	if (err == 0 && s->line_at == s->line_n && s->left > 0)
		err = lines_make(s);
	if (err < 0)
		return err;
	n = s->line_n - s->line_at;
	n = n < cap ? n : cap;
	memcpy(to, s->lines + s->line_at, n);
	s->line_at += n;
	if (s->line_at == s->line_n && s->left == 0) {
		file_close(s);
		s->piece++;
	}
	return (ssize_t)n;
}

static size_t
memory_read(size_t *at, const char *from, size_t len, char *to, size_t cap)
{
	size_t n = len - *at < cap ? len - *at : cap;

	memcpy(to, from + *at, n);
	*at += n;
	return n;
}

static ssize_t
body_read(struct email_source *s, char *to, size_t cap)
{
	const struct email_piece *p = &s->m->pieces[s->piece];
	size_t n;

	if (p->file != NULL)
		return lines_read(s, to, cap);
	n = memory_read(&s->at, s->m->body + p->from, p->to - p->from, to, cap);
	if (s->at == p->to - p->from) {
		s->at = 0;
		s->piece++;
	}
	return (ssize_t)n;
}

static size_t
head_read(struct email_source *s, char *to, size_t cap)
{
	const struct {
		const char *p;
		size_t len;
	} parts[] = {
		[SIGN] = {s->m->sign, strlen(s->m->sign)},
		[HEAD] = {s->m->head, s->m->head_len},
		[EMPTY] = {"\r\n", 2},
	};
	size_t n = memory_read(
		&s->at, parts[s->part].p, parts[s->part].len, to, cap);

	if (s->at == parts[s->part].len) {
		s->at = 0;
		s->part++;
	}
	return n;
}

ssize_t
email_source_read(struct email_source *s, void *to, size_t cap)
{
	char *p = to;
	size_t got = 0;
	ssize_t n;

	while (got < cap) {
		if (s->part == BODY && s->piece == s->m->pieces_n)
			break;
		n = s->part == BODY ? body_read(s, p + got, cap - got)
				    : (ssize_t)head_read(s, p + got, cap - got);
		if (n < 0)
			return n;
		got += (size_t)n;
	}
	return (ssize_t)got;
}
