/* SPDX-License-Identifier: MIT */
#include "worker/kept/keeper.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"

enum {
	ROOM_KEPT = 4096, /* of a buffer that is empty */
	MESSAGE_MAX = KEPT_LINE_MAX + 1 + KEPT_BYTES_MAX,
};

static const char content_type[] = KEPT_CONTENT_TYPE;

enum { CONTENT_TYPE = sizeof(content_type) - 1 };

/* --- buffers ------------------------------------------------------------- */

static int
room_make(struct sw_buf *b, size_t more)
{
	size_t cap = b->cap > 0 ? b->cap : ROOM_KEPT;
	uint8_t *p;

	if (b->cap - b->len >= more)
		return 0;
	while (cap - b->len < more)
		cap *= 2;
	p = realloc(b->p, cap);
	if (p == NULL)
		return -ENOMEM;
	b->p = p;
	b->cap = cap;
	return 0;
}

static void
bytes_add(struct sw_buf *b, const void *p, size_t len)
{
	memcpy(b->p + b->len, p, len);
	b->len += len;
}

/* An idle process holds no memory for its largest message. */
static void
room_drop(struct sw_buf *b, size_t *at)
{
	*at = b->len = 0;
	if (b->cap <= ROOM_KEPT)
		return;
	free(b->p);
	*b = (struct sw_buf){0};
}

/* --- life ---------------------------------------------------------------- */

void
keeper_init(struct keeper *k, int most, int64_t now_ms)
{
	*k = (struct keeper){.most = most, .start_ms = now_ms};
}

void
keeper_fini(struct keeper *k)
{
	for (int i = 0; i < k->jobs_n; i++)
		job_report_fini(&k->jobs[i].report);
	free(k->jobs);
	free(k->in.p);
	free(k->out.p);
	*k = (struct keeper){0};
}

static void
process_kill(struct keeper *k)
{
	if (k->killed)
		return;
	if (k->eof && k->end == KEEPER_ITSELF)
		(void)snprintf(k->reason, sizeof(k->reason),
			"the process closed its socket and went on");
	k->state = KEEPER_ENDING;
	k->signal = SIGKILL;
	k->killed = 1;
	k->term_ms = k->kill_ms = 0;
}

static void
process_term(struct keeper *k, int64_t now_ms)
{
	k->state = KEEPER_ENDING;
	if (k->end == KEEPER_ITSELF)
		k->end = KEEPER_ASKED;
	k->signal = SIGTERM;
	k->term_ms = 0;
	k->kill_ms = now_ms + KEEPER_TERM_MS;
}

void
keeper_break(struct keeper *k, enum keeper_end end, const char *fmt, ...)
{
	va_list ap;

	if (k->killed)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(k->reason, sizeof(k->reason), fmt, ap);
	va_end(ap);
	k->end = end;
	k->deaf = end == KEEPER_FAULT || end == KEEPER_STARVED;
	process_kill(k);
}

void
keeper_kill(struct keeper *k)
{
	if (k->end == KEEPER_ITSELF)
		k->end = KEEPER_ASKED;
	process_kill(k);
}

void
keeper_lose(struct keeper *k)
{
	if (k->end == KEEPER_ITSELF)
		k->end = KEEPER_LOST;
	process_kill(k);
}

void
keeper_close(struct keeper *k, int64_t now_ms)
{
	if (k->state != KEEPER_SERVING || k->jobs_n > 0)
		return;
	k->state = KEEPER_ENDING;
	k->end = KEEPER_ASKED;
	k->close = 1;
	k->term_ms = now_ms + KEEPER_CANCEL_MS;
}

/* --- to the process ------------------------------------------------------ */

static struct keeper_job *
job_find(struct keeper *k, const void *job)
{
	for (int i = 0; i < k->jobs_n; i++)
		if (k->jobs[i].job == job)
			return &k->jobs[i];
	return NULL;
}

struct keeper_job *
keeper_job_named(struct keeper *k, struct bytes id)
{
	for (int i = 0; i < k->jobs_n; i++)
		if (bytes_eq(id, bytes_str(k->jobs[i].id)))
			return &k->jobs[i];
	return NULL;
}

int
keeper_room(const struct keeper *k)
{
	if (k->state != KEEPER_SERVING || k->out.len > 0 || k->exited ||
		(k->alone && k->jobs_n > 0))
		return 0;
	return k->at_once - k->jobs_n;
}

int
keeper_is_alone(const struct sw_item *fields)
{
	return sw_int(fields, SW_F_CRASHES, 0) > 0;
}

/* The bytes of the header block. */
static size_t
headers_len(const struct sw_item *fields)
{
	struct bytes h;
	size_t at = 0, len = 0;

	if (sw_has(fields, SW_F_CONTENT_TYPE))
		len = CONTENT_TYPE + sw_bytes(fields, SW_F_CONTENT_TYPE).len +
		      1;
	while (sw_item_each(fields, SW_F_HEADER, &at, &h))
		len += h.len + 1;
	return len;
}

static void
headers_add(struct sw_buf *b, const struct sw_item *fields)
{
	struct bytes h;
	size_t at = 0;

	if (sw_has(fields, SW_F_CONTENT_TYPE)) {
		h = sw_bytes(fields, SW_F_CONTENT_TYPE);
		bytes_add(b, content_type, CONTENT_TYPE);
		bytes_add(b, h.p, h.len);
		bytes_add(b, "", 1);
	}
	while (sw_item_each(fields, SW_F_HEADER, &at, &h)) {
		bytes_add(b, h.p, h.len);
		bytes_add(b, "", 1);
	}
}

/* Appends the message "job". */
static int
job_write(struct sw_buf *b, const struct sw_item *fields,
	const struct keeper_job *j)
{
	char line[KEPT_LINE_MAX + 2], queue[SW_QUEUE_MAX + 1];
	struct bytes body = sw_bytes(fields, SW_F_BODY);
	size_t headers = headers_len(fields);
	int n, err;

	sw_get_text(fields, SW_F_QUEUE, queue, sizeof(queue));
	n = kept_line(line, headers + body.len,
		"job %s %s %" PRId64 " %" PRId64 " %" PRId64 " %zu", j->id,
		queue, sw_int(fields, SW_F_ATTEMPT, 1),
		sw_int(fields, SW_F_MAX_ATTEMPTS, 1), j->timeout_ms, headers);
	if (n < 0)
		return n;
	err = room_make(b, (size_t)n + headers + body.len);
	if (err < 0)
		return err;
	bytes_add(b, line, (size_t)n);
	headers_add(b, fields);
	bytes_add(b, body.p, body.len);
	return 0;
}

int
keeper_give(struct keeper *k, const struct sw_item *fields, void *job,
	int64_t now_ms)
{
	struct keeper_job j = {.job = job, .given_ms = now_ms};
	struct sw_id id = {{0}};
	int err;

	must(keeper_room(k) > 0);
	(void)sw_get_id(fields, &id);
	sw_id_format(&id, j.id);
	if (keeper_job_named(k, bytes_str(j.id)) != NULL)
		return -EEXIST;
	j.timeout_ms = sw_int(fields, SW_F_TIMEOUT_MS, 60000);
	err = job_write(&k->out, fields, &j);
	if (err < 0)
		return err;
	job_report_init(&j.report);
	k->alone = keeper_is_alone(fields);
	k->jobs[k->jobs_n++] = j;
	return 0;
}

/* Without memory for the message the signals follow all the same. */
static void
cancel_begin(struct keeper *k, struct keeper_job *j, int64_t now_ms)
{
	char line[KEPT_LINE_MAX + 2];
	int n = kept_line(line, 0, "cancel %s", j->id);

	if (j->stop_ms != 0)
		return;
	j->stop_ms = now_ms;
	if (n > 0 && room_make(&k->out, (size_t)n) == 0)
		bytes_add(&k->out, line, (size_t)n);
}

void
keeper_cancel(struct keeper *k, const void *job, int64_t now_ms)
{
	struct keeper_job *j = job_find(k, job);

	if (j != NULL)
		cancel_begin(k, j, now_ms);
}

struct bytes
keeper_output(const struct keeper *k)
{
	return k->out.len > 0
		       ? bytes_of(k->out.p + k->out_at, k->out.len - k->out_at)
		       : bytes_of("", 0);
}

void
keeper_written(struct keeper *k, size_t len)
{
	k->out_at += len;
	must(k->out_at <= k->out.len);
	if (k->out_at == k->out.len)
		room_drop(&k->out, &k->out_at);
}

/* --- from the process ---------------------------------------------------- */

void
keeper_input(struct keeper *k, struct bytes b)
{
	if (k->deaf || b.len == 0)
		return;
	must(k->in.len - k->in_at < MESSAGE_MAX);
	if (k->in_at > 0) {
		memmove(k->in.p, k->in.p + k->in_at, k->in.len - k->in_at);
		k->in.len -= k->in_at;
		k->in_at = 0;
	}
	if (room_make(&k->in, b.len) < 0) {
		keeper_break(k, KEEPER_STARVED, "the worker had no memory");
		return;
	}
	bytes_add(&k->in, b.p, b.len);
}

void
keeper_closed(struct keeper *k, int64_t now_ms)
{
	k->eof = 1;
	if (k->state == KEEPER_ENDING)
		return;
	k->state = KEEPER_ENDING;
	k->kill_ms = now_ms + KEEPER_CLOSED_MS;
}

void
keeper_job_drop(struct keeper *k, struct keeper_job *j, int64_t now_ms)
{
	job_report_fini(&j->report);
	*j = k->jobs[--k->jobs_n];
	if (k->jobs_n == 0)
		k->idle_ms = now_ms;
}

/* Cuts the next message off the input: 1; 0: none is complete. */
static int
message_next(struct keeper *k, struct kept_message *m)
{
	size_t need;
	ssize_t n;

	if (k->deaf || k->in_at == k->in.len) {
		room_drop(&k->in, &k->in_at);
		return 0;
	}
	n = kept_parse(
		bytes_of(k->in.p + k->in_at, k->in.len - k->in_at), m, &need);
	if (n < 0)
		keeper_break(k, KEEPER_FAULT,
			"the process sent bytes that are no message");
	if (n <= 0)
		return 0;
	k->in_at += (size_t)n;
	return 1;
}

/* --- time and events ----------------------------------------------------- */

static void
job_tick(struct keeper *k, struct keeper_job *j, int64_t now_ms)
{
	if (!j->begun && k->state == KEEPER_SERVING &&
		now_ms - j->given_ms >= KEEPER_BEGUN_MS)
		keeper_break(k, KEEPER_STUCK,
			"the process did not begin a job within %d s",
			KEEPER_BEGUN_MS / 1000);
	if (j->begun && !j->timed_out && now_ms >= j->deadline_ms) {
		j->timed_out = 1;
		cancel_begin(k, j, now_ms);
	}
	if (j->stop_ms != 0 && k->state == KEEPER_SERVING &&
		now_ms - j->stop_ms >= KEEPER_CANCEL_MS)
		process_term(k, now_ms);
}

void
keeper_tick(struct keeper *k, int64_t now_ms)
{
	if (k->killed || k->exited)
		return;
	if (k->state == KEEPER_STARTING &&
		now_ms - k->start_ms >= KEEPER_READY_MS)
		keeper_break(k, KEEPER_STUCK,
			"the process was not ready within %d s",
			KEEPER_READY_MS / 1000);
	for (int i = 0; i < k->jobs_n; i++)
		job_tick(k, &k->jobs[i], now_ms);
	if (k->jobs_n == 0 && now_ms - k->idle_ms >= KEEPER_IDLE_MS)
		keeper_close(k, now_ms);
	if (k->term_ms != 0 && now_ms >= k->term_ms)
		process_term(k, now_ms);
	if (k->kill_ms != 0 && now_ms >= k->kill_ms)
		process_kill(k);
}

static int64_t
job_due_ms(const struct keeper *k, const struct keeper_job *j)
{
	int64_t due = INT64_MAX;

	if (!j->begun && k->state == KEEPER_SERVING)
		due = j->given_ms + KEEPER_BEGUN_MS;
	if (j->begun && !j->timed_out)
		due = j->deadline_ms;
	if (j->stop_ms != 0 && k->state == KEEPER_SERVING &&
		j->stop_ms + KEEPER_CANCEL_MS < due)
		due = j->stop_ms + KEEPER_CANCEL_MS;
	return due;
}

int64_t
keeper_due_ms(const struct keeper *k)
{
	int64_t due = INT64_MAX;

	if (k->killed || k->exited)
		return due;
	if (k->state == KEEPER_STARTING)
		due = k->start_ms + KEEPER_READY_MS;
	if (k->state == KEEPER_SERVING && k->jobs_n == 0)
		due = k->idle_ms + KEEPER_IDLE_MS;
	for (int i = 0; i < k->jobs_n; i++) {
		int64_t of = job_due_ms(k, &k->jobs[i]);

		due = of < due ? of : due;
	}
	if (k->term_ms != 0 && k->term_ms < due)
		due = k->term_ms;
	if (k->kill_ms != 0 && k->kill_ms < due)
		due = k->kill_ms;
	return due;
}

/* A signal or the close that is due; none for a process that has ended. */
static int
pending_take(struct keeper *k, struct keeper_event *ev)
{
	if (k->exited)
		return 0;
	if (k->signal != 0) {
		ev->kind = KEEPER_SIGNAL;
		ev->number = k->signal;
		k->signal = 0;
		return 1;
	}
	if (k->close) {
		ev->kind = KEEPER_CLOSE;
		k->close = 0;
		return 1;
	}
	return 0;
}

int
keeper_next(struct keeper *k, int64_t now_ms, struct keeper_event *ev)
{
	struct kept_message m;

	for (;;) {
		*ev = (struct keeper_event){.text = {"", 0}};
		if (pending_take(k, ev))
			return 1;
		if (!message_next(k, &m))
			break;
		if (keeper_message_take(k, &m, now_ms, ev))
			return 1;
	}
	return pending_take(k, ev) || keeper_exit_take(k, ev);
}
