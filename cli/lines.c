/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cmd.h"
#include "cli/lines.h"
#include "cli/time.h"

static int64_t
newlines(const char *p, size_t len)
{
	const char *end = p + len;
	int64_t n = 0;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		n++;
		p++;
	}
	return n;
}

/* Reads until the buffer has `cap` bytes: 0; 1: end of file; LINES_READ. */
static int
buf_read(int fd, char *buf, size_t *len, size_t cap)
{
	while (*len < cap) {
		ssize_t n = read(fd, buf + *len, cap - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return LINES_READ;
		if (n == 0)
			return 1;
		*len += (size_t)n;
	}
	return 0;
}

/* The length of the next body, of whole lines; 0: the first line is longer. */
static size_t
body_len(const char *buf, size_t len, size_t chunk)
{
	const char *nl;

	if (len <= chunk) /* the end of the file */
		return len;
	nl = memrchr(buf, '\n', chunk);
	return nl == NULL ? 0 : (size_t)(nl - buf) + 1;
}

/* The length of the next line; its newline may be one byte beyond `chunk`. */
static size_t
line_len(const char *buf, size_t len, size_t chunk)
{
	const char *nl = memchr(buf, '\n', len <= chunk ? len : chunk + 1);

	if (nl != NULL)
		return (size_t)(nl - buf) + 1;
	return len <= chunk ? len : 0;
}

/* Passes on one line without its newline; skips an empty one. */
static int
line_give(lines_fn *fn, void *arg, struct bytes line, int64_t number)
{
	const char *p = line.p;

	line.len -= p[line.len - 1] == '\n';
	return line.len > 0 ? fn(arg, line, number, number) : 0;
}

int
lines_pack(
	int fd, size_t chunk, int each, lines_fn *fn, void *arg, int64_t *line)
{
	/* Room for two bodies: the rest moves to the front once for many lines.
	 */
	size_t cap = 2 * chunk + 1, at = 0, len = 0, n;
	char *buf = malloc(cap);
	int64_t done = 0, lines;
	int rc = 0, eof = 0;

	if (buf == NULL)
		return LINES_READ;
	while (rc == 0) {
		/* A body and one byte: a full body, or a line too long? */
		if (!eof && len - at <= chunk) {
			len -= at;
			memmove(buf, buf + at, len);
			at = 0;
			eof = buf_read(fd, buf, &len, cap);
		}
		if (eof < 0) {
			rc = LINES_READ;
			break;
		}
		if (at == len)
			break;
		n = (each ? line_len : body_len)(buf + at, len - at, chunk);
		if (n == 0) {
			*line = done + 1;
			rc = LINES_LONG;
			break;
		}
		lines = newlines(buf + at, n) + (buf[at + n - 1] != '\n');
		rc = each ? line_give(fn, arg, bytes_of(buf + at, n), done + 1)
			  : fn(arg, bytes_of(buf + at, n), done + 1,
				    done + lines);
		done += lines;
		at += n;
	}
	n = (size_t)errno; /* free() may change errno */
	free(buf);
	errno = (int)n;
	return rc;
}

/* Batches in flight; refusals that are printed, further ones only counted. */
enum { SLOTS = 8, SHOWN = 10, BROKER_TIMEOUT_MS = 60 * 1000 };

struct lines_slot {
	struct client_req req; /* first: `done` gets a pointer to it */
	struct lines_run *run;
	struct sw_buf buf;
	int busy;
	unsigned n;
	int64_t first[SW_ITEMS_MAX], last[SW_ITEMS_MAX];
	size_t len[SW_ITEMS_MAX];
	struct sw_id ids[SW_ITEMS_MAX];
};

struct lines_run {
	struct cmd *c;
	const char *name;
	struct bytes fields;
	struct lines_slot *slots, *pending;
	int64_t timeout_ms;
	int64_t size; /* of the file; 0: not known */
	int64_t jobs, bytes, refused, unknown;
	int64_t drawn_at_ms;
	int each;     /* a line is a job */
	int progress; /* stderr is a terminal */
	int rc;	      /* the highest exit code so far */
};

static void
progress_print(struct lines_run *r)
{
	char jobs[HUMAN_TEXT], size[HUMAN_TEXT];
	int64_t now = client_now_ms();

	if (!r->progress || now - r->drawn_at_ms < 100)
		return;
	r->drawn_at_ms = now;
	(void)fprintf(r->c->err, "\r%s jobs, %s", human_count(jobs, r->jobs),
		human_bytes(size, r->bytes));
	if (r->size > 0)
		(void)fprintf(r->c->err, ", %" PRId64 " %%",
			100 * r->bytes / r->size);
	(void)fputs("\033[K", r->c->err);
	(void)fflush(r->c->err);
}

static void
refusal_print(struct lines_run *r, int64_t first, int64_t last, int err,
	const char *detail)
{
	if (r->progress)
		(void)fputs("\r\033[K", r->c->err);
	if (r->refused + r->unknown > SHOWN)
		return;
	(void)cmd_refuse(r->c, "%s:%" PRId64 "-%" PRId64 ": not stored: %s%s%s",
		r->name, first, last, sw_strerror(err),
		detail[0] == '\0' ? "" : ": ", detail);
}

static void
job_stored(struct lines_run *r, const struct lines_slot *s, unsigned i)
{
	char id[SW_ID_TEXT];

	r->jobs++;
	r->bytes += (int64_t)s->len[i];
	if (r->c->value[CMD_O_IDS] == NULL)
		return;
	sw_id_format(&s->ids[i], id);
	(void)fprintf(r->c->out.f,
		r->c->value[CMD_O_JSON] == NULL ? "%s\n" : "{\"id\":\"%s\"}\n",
		id);
}

static void
rc_raise(struct lines_run *r, int rc)
{
	if (rc > r->rc)
		r->rc = rc;
}

static void
batch_done(struct client_req *req, int err, const struct sw_msg *reply)
{
	struct lines_slot *s = (struct lines_slot *)req;
	struct lines_run *r = s->run;
	char detail[SW_TEXT_MAX + 1];
	struct sw_item it;
	struct sw_msg m;

	s->busy = 0;
	if (err < 0) {
		if (r->progress)
			(void)fputs("\r\033[K", r->c->err);
		(void)cmd_refuse(r->c, "%s:%" PRId64 "-%" PRId64 ":", r->name,
			s->first[0], s->last[s->n - 1]);
		rc_raise(r, cmd_fail(r->c, err));
		r->unknown += s->n;
		return;
	}
	m = *reply;
	for (unsigned i = 0; i < s->n; i++) {
		int status = sw_msg_next(&m, &it)
				     ? (int)sw_int(
					       &it, SW_F_STATUS, SW_EUNKNOWN)
				     : SW_EUNKNOWN;

		if (status == 0) {
			job_stored(r, s, i);
			continue;
		}
		r->refused++;
		sw_get_text(&it, SW_F_DETAIL, detail, sizeof(detail));
		refusal_print(r, s->first[i], s->last[i], status, detail);
		rc_raise(r, CMD_REFUSED);
	}
	progress_print(r);
}

/* Waits until a request is done. */
static int
batch_wait(struct lines_run *r)
{
	int n;

	do
		n = client_turn(r->c->client, 1000);
	while (n == 0);
	return n < 0 ? cmd_fail(r->c, n) : CMD_OK;
}

static void
slot_send(struct lines_run *r)
{
	struct lines_slot *s = r->pending;

	r->pending = NULL;
	if (s == NULL || s->n == 0)
		return;
	s->req.frame = s->buf.p;
	s->req.frame_len = s->buf.len;
	s->req.timeout_ms = r->timeout_ms;
	s->req.items = s->n;
	s->req.done = batch_done;
	s->busy = 1;
	client_start(r->c->client, &s->req);
}

/* Makes an idle slot the pending one, waiting for one if all are in flight. */
static int
slot_take(struct lines_run *r)
{
	int rc = CMD_OK;

	while (rc == CMD_OK) {
		for (int i = 0; i < SLOTS; i++)
			if (!r->slots[i].busy) {
				r->pending = &r->slots[i];
				r->pending->n = 0;
				sw_msg_begin(&r->pending->buf, SW_OP_PUT, 0, 0);
				return CMD_OK;
			}
		rc = batch_wait(r);
	}
	return rc;
}

/* A lines_fn: adds one job to the pending batch; sends a full batch first. */
static int
job_add(void *arg, struct bytes body, int64_t first, int64_t last)
{
	struct lines_run *r = arg;
	size_t need = body.len + r->fields.len + SW_ID_LEN + 16, mark;
	struct lines_slot *s = r->pending;
	int rc;

	if (r->rc != CMD_OK)
		return r->rc;
	if (s != NULL &&
		(s->n == SW_ITEMS_MAX || need > s->buf.cap - s->buf.len))
		slot_send(r);
	if (r->pending == NULL && (rc = slot_take(r)) != CMD_OK)
		return rc;

	s = r->pending;
	s->ids[s->n] = sw_id_make(r->c->now_ms);
	s->first[s->n] = first;
	s->last[s->n] = last;
	s->len[s->n] = body.len;
	mark = sw_item_begin(&s->buf);
	sw_put_id(&s->buf, &s->ids[s->n]);
	sw_put_raw(&s->buf, r->fields);
	sw_put_bytes(&s->buf, SW_F_BODY, body);
	sw_item_end(&s->buf, mark);
	s->n++;
	return 0;
}

static int
job_ignore(void *arg, struct bytes body, int64_t first, int64_t last)
{
	(void)arg, (void)body, (void)first, (void)last;
	return 0;
}

static int
pack_fail(struct lines_run *r, int rc, int64_t line, int64_t chunk)
{
	char size[HUMAN_TEXT];

	if (rc == LINES_LONG)
		return cmd_refuse(r->c,
			"%s:%" PRId64 ": the line is longer than %s, the most "
			"that one job may carry here",
			r->name, line, human_bytes(size, chunk));
	return cmd_refuse(r->c, "%s: %s", r->name, strerror(errno));
}

/* Checks a regular file, which can be read twice, before anything is sent. */
static int
file_check(struct lines_run *r, int fd, int64_t chunk)
{
	int64_t line = 0;
	struct stat st;
	off_t at;
	int rc;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return CMD_OK;
	at = lseek(fd, 0, SEEK_CUR);
	if (at < 0)
		return CMD_OK;
	r->size = st.st_size;
	rc = lines_pack(fd, (size_t)chunk, r->each, job_ignore, r, &line);
	if (rc != 0)
		return pack_fail(r, rc, line, chunk);
	if (lseek(fd, at, SEEK_SET) < 0)
		return pack_fail(r, LINES_READ, 0, chunk);
	return CMD_OK;
}

static int
slots_busy(const struct lines_run *r)
{
	for (int i = 0; i < SLOTS; i++)
		if (r->slots[i].busy)
			return 1;
	return 0;
}

static void
summary_print(struct lines_run *r)
{
	struct cmd *c = r->c;
	char jobs[HUMAN_TEXT], size[HUMAN_TEXT], refused[HUMAN_TEXT];
	int ids = c->value[CMD_O_IDS] != NULL;

	if (r->progress)
		(void)fputs("\r\033[K", c->err);
	if (c->value[CMD_O_JSON] != NULL) {
		(void)fprintf(c->out.f,
			"{\"jobs\":%" PRId64 ",\"bytes\":%" PRId64
			",\"refused\":%" PRId64 ",\"unknown\":%" PRId64 "}\n",
			r->jobs, r->bytes, r->refused, r->unknown);
		return;
	}
	(void)fprintf(ids ? c->err : c->out.f, "%s job%s, %s\n",
		human_count(jobs, r->jobs), r->jobs == 1 ? "" : "s",
		human_bytes(size, r->bytes));
	if (r->refused > 0)
		(void)cmd_refuse(
			c, "not stored: %s", human_count(refused, r->refused));
	if (r->unknown > 0)
		(void)cmd_refuse(c, "outcome unknown: %s",
			human_count(refused, r->unknown));
}

static int
slots_init(struct lines_run *r)
{
	r->slots = calloc(SLOTS, sizeof(*r->slots));
	if (r->slots == NULL)
		return -ENOMEM;
	for (int i = 0; i < SLOTS; i++) {
		r->slots[i].run = r;
		r->slots[i].buf.cap = SW_BATCH_MAX;
		r->slots[i].buf.p = malloc(SW_BATCH_MAX);
		if (r->slots[i].buf.p == NULL)
			return -ENOMEM;
	}
	return 0;
}

static void
slots_fini(struct lines_run *r)
{
	if (r->slots == NULL)
		return;
	for (int i = 0; i < SLOTS; i++) {
		if (r->slots[i].busy)
			client_drop(r->c->client, &r->slots[i].req);
		free(r->slots[i].buf.p);
	}
	free(r->slots);
}

/* Puts all lines of the open file, and prints the summary. */
static void
send_all(struct lines_run *r, int fd, int64_t chunk)
{
	int64_t line = 0;
	int rc = lines_pack(fd, (size_t)chunk, r->each, job_add, r, &line);

	if (rc < 0)
		rc_raise(r, pack_fail(r, rc, line, chunk));
	else
		rc_raise(r, rc);
	slot_send(r);
	for (rc = CMD_OK; rc == CMD_OK && slots_busy(r);)
		rc = batch_wait(r);
	rc_raise(r, rc);
	summary_print(r);
}

int
put_lines(struct cmd *c, int64_t chunk, struct bytes fields)
{
	const char *path = c->value[CMD_O_LINES];
	int is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? fileno(c->in) : open(path, O_RDONLY | O_CLOEXEC);
	struct lines_run r = {.c = c, .name = is_stdin ? "stdin" : path};

	if (fd < 0)
		return cmd_refuse(c, "%s: %s", path, strerror(errno));
	r.fields = fields;
	r.each = c->value[CMD_O_EACH] != NULL;
	r.timeout_ms = c->value[CMD_O_BROKER_TIMEOUT] == NULL
			       ? BROKER_TIMEOUT_MS
			       : c->broker_timeout_ms;
	r.progress = isatty(fileno(c->err)) && c->value[CMD_O_JSON] == NULL;
	r.rc = file_check(&r, fd, chunk);
	if (r.rc == CMD_OK)
		r.rc = cmd_probe(c);
	if (r.rc == CMD_OK && slots_init(&r) < 0)
		r.rc = cmd_refuse(c, "out of memory");
	if (r.rc == CMD_OK)
		send_all(&r, fd, chunk);
	slots_fini(&r);
	if (!is_stdin)
		(void)close(fd);
	return r.rc;
}
