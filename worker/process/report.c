/* SPDX-License-Identifier: MIT */
#include "worker/process/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "wire/kept.h"
#include "wire/put.h"

enum {
	ROOM_FIRST = 1024,
	FIELD_SPARE = 16,
	FOLLOW_SPARE = 256,
	WARNED_MAX = 4096,
	ERROR_LOGGED = 201 /* bytes of an error in the log, with its NUL */
};

static const char no_memory[] =
	"the worker had no memory for what the job reported";

void
job_report_init(struct job_report *r)
{
	*r = (struct job_report){.delay_ms = -1};
}

void
job_report_fini(struct job_report *r)
{
	free(r->fields.p);
	free(r->warned.p);
	job_report_init(r);
}

/* Makes room for `more` bytes, as long as all are within `most`. */
static int
room_make(struct sw_buf *b, size_t more, size_t most)
{
	size_t cap = b->cap > 0 ? b->cap : ROOM_FIRST;
	uint8_t *p;

	if (more > most || b->len > most - more)
		return SW_ETOOBIG;
	while (cap < b->len + more)
		cap *= 2;
	if (cap == b->cap)
		return 0;
	p = realloc(b->p, cap);
	if (p == NULL)
		return -ENOMEM;
	b->p = p;
	b->cap = cap;
	return 0;
}

void
job_report_lose(struct job_report *r, struct bytes why)
{
	if (r->lost[0] == '\0')
		text_line(why, r->lost, sizeof(r->lost));
}

void
job_report_result(struct job_report *r, struct bytes result)
{
	size_t more = result.len <= SW_RESULT_MAX ? result.len : 0;
	int err = room_make(&r->fields, more + FIELD_SPARE, KEPT_FIELDS_MAX);

	if (err < 0)
		job_report_lose(r, bytes_str(no_memory));
	else
		r->result_long = result_put(&r->fields, result) < 0;
}

/* Checks sizes and makes room; errors with a line in `why`. */
static int
follow_room(struct job_report *r, struct bytes headers, struct bytes body,
	char *why)
{
	int err;

	if (body.len > SW_BODY_MAX)
		return sw_refuse(why, SW_ETOOBIG,
			"body must be at most %d bytes, not %zu", SW_BODY_MAX,
			body.len);
	err = room_make(
		&r->fields, follow_len_max(headers, body), KEPT_FIELDS_MAX);
	if (err == SW_ETOOBIG)
		return sw_refuse(why, err, "a job reports at most %d KB",
			KEPT_FIELDS_MAX / 1024);
	return err < 0 ? sw_refuse(why, err, "%s", no_memory) : 0;
}

void
job_report_follow(struct job_report *r, const char *queue, struct bytes headers,
	struct bytes body)
{
	char why[SW_WHY_ROOM], text[LINE_TEXT + 1];
	int err = follow_room(r, headers, body, why);

	if (err == 0)
		err = follow_put(&r->fields, queue, headers, body, why);
	if (err == 0)
		return;
	(void)snprintf(text, sizeof(text), "a follow-up for %s is lost: %.100s",
		queue, why);
	job_report_lose(r, bytes_str(text));
}

static void
warning_add(struct job_report *r, struct bytes text)
{
	char line[LINE_TEXT + 1];

	if (room_make(&r->warned, sizeof(line) + FIELD_SPARE, WARNED_MAX) < 0)
		return;
	text_line(text, line, sizeof(line));
	sw_put_text(&r->warned, SW_F_WARNING, line);
}

void
job_report_warn(struct job_report *r, struct bytes text)
{
	if (r->warnings++ < REPORT_WARNINGS)
		warning_add(r, text);
}

void
job_report_take(struct job_report *r, const struct report_line *l)
{
	switch (l->kind) {
	case LINE_PROGRESS:
		break;
	case LINE_RESULT:
		job_report_result(r, l->bytes);
		break;
	case LINE_RETRY_AFTER:
		r->delay_ms = l->number;
		break;
	case LINE_PUT:
		job_report_follow(r, l->queue, bytes_of("", 0), l->bytes);
		break;
	case LINE_WARNING:
		job_report_warn(r, l->bytes);
		break;
	case LINE_LOST:
		job_report_lose(r, l->bytes);
		break;
	case LINE_NOT_RUN:
		r->not_run = (int)l->number;
		break;
	}
}

/* --- the end -------------------------------------------------------------- */

/* An ack that must not be one: it fails for a reason, which is returned. */
static const char *
ack_refuse(const struct job_report *r, struct attempt_report *out)
{
	if (out->outcome != SW_ACK || (r->lost[0] == '\0' && !r->result_long))
		return NULL;
	/* A result that is too large would be so again. */
	out->outcome = r->lost[0] != '\0' ? SW_RETRY : SW_FAIL;
	out->cause = r->lost[0] != '\0' ? SW_C_ERROR : SW_C_PERMANENT;
	return r->lost[0] != '\0' ? r->lost : KEPT_RESULT_TOOBIG;
}

/* The end of the text, without the blanks behind it. */
static struct bytes
text_end(struct bytes text)
{
	const char *p = text.p;
	size_t n = text.len;

	while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == ' '))
		n--;
	if (n <= SW_ERROR_MAX)
		return bytes_of(p, n);
	return bytes_of(p + n - SW_ERROR_MAX, SW_ERROR_MAX);
}

/* An attempt without memory for its warnings counts all the same. */
static void
warnings_put(struct job_report *r)
{
	char text[LINE_TEXT + 1];

	if (r->warnings > REPORT_WARNINGS) {
		(void)snprintf(text, sizeof(text),
			"%" PRId64 " more lines were not understood",
			r->warnings - REPORT_WARNINGS);
		warning_add(r, bytes_str(text));
	}
	if (r->warned.len > 0 &&
		room_make(&r->fields, r->warned.len, SW_BATCH_MAX) == 0)
		sw_put_raw(&r->fields, sw_buf_bytes(&r->warned));
}

void
job_report_close(
	struct job_report *r, struct bytes error, struct attempt_report *out)
{
	const char *why = ack_refuse(r, out);

	if (why != NULL)
		error = bytes_str(why);
	if (out->outcome != SW_ACK) {
		r->fields.len = 0; /* only an ack has results and follow-ups */
		error = text_end(error);
		if (error.len > 0 &&
			room_make(&r->fields, error.len + FIELD_SPARE,
				SW_BATCH_MAX) == 0)
			sw_put_bytes(&r->fields, SW_F_ERROR, error);
	}
	warnings_put(r);
	out->delay_ms = r->delay_ms;
	out->fields = r->fields.p;
	out->fields_len = r->fields.len;
	r->fields = (struct sw_buf){0};
	job_report_fini(r);
}

void
attempt_report_output(struct attempt_report *r, struct bytes tail)
{
	struct sw_buf b = {.len = r->fields_len};

	if (tail.len == 0)
		return;
	b.cap = r->fields_len + tail.len + 8;
	b.p = realloc(r->fields, b.cap);
	if (b.p == NULL)
		return; /* the job is done all the same */
	sw_put_bytes(&b, SW_F_OUTPUT, tail);
	r->fields = b.p;
	r->fields_len = b.len;
}

/* --- fields --------------------------------------------------------------- */

int
result_put(struct sw_buf *b, struct bytes result)
{
	struct sw_item it;

	if (sw_item_open(sw_buf_bytes(b), &it) == 0 &&
		sw_has(&it, SW_F_RESULT)) {
		const uint8_t *start = (const uint8_t *)it.f[SW_F_RESULT].p - 4;
		size_t at = (size_t)(start - b->p);
		size_t len = it.f[SW_F_RESULT].len + 4;

		memmove(b->p + at, b->p + at + len, b->len - at - len);
		b->len -= len;
	}
	if (result.len > SW_RESULT_MAX)
		return SW_ETOOBIG;
	sw_put_bytes(b, SW_F_RESULT, result);
	return 0;
}

size_t
follow_len_max(struct bytes headers, struct bytes body)
{
	return FOLLOW_SPARE + headers.len * FIELD_SPARE + body.len;
}

/* The first may be the content type, which is a field of its own. */
static void
headers_put(struct sw_buf *b, struct bytes headers)
{
	static const char type[] = KEPT_CONTENT_TYPE;
	const size_t type_len = sizeof(type) - 1;
	const char *p = headers.p, *end = p + headers.len;

	if (headers.len > type_len && memcmp(p, type, type_len) == 0) {
		size_t n = strnlen(p, headers.len);

		sw_put_bytes(b, SW_F_CONTENT_TYPE,
			bytes_of(p + type_len, n - type_len));
		p += n + 1;
	}
	while (p < end) {
		size_t n = strnlen(p, (size_t)(end - p));

		sw_put_bytes(b, SW_F_HEADER, bytes_of(p, n));
		p += n + 1;
	}
}

int
follow_put(struct sw_buf *b, const char *queue, struct bytes headers,
	struct bytes body, char *why)
{
	size_t was = b->len, mark;
	struct sw_item it;
	struct sw_id id;
	int err;

	if (b->cap - b->len < follow_len_max(headers, body))
		return sw_refuse(why, SW_ETOOBIG, "there is no more room");
	id = sw_id_make(clock_now_ms(CLOCK_REALTIME));
	mark = sw_nest_begin(b, SW_F_FOLLOW);
	sw_put_id(b, &id);
	sw_put_text(b, SW_F_QUEUE, queue);
	headers_put(b, headers);
	sw_put_bytes(b, SW_F_BODY, body);
	err = sw_put_open(bytes_of(b->p + mark, b->len - mark), &it, why);
	if (err < 0)
		b->len = was;
	else
		sw_nest_end(b, mark);
	return err;
}

void
report_log(const struct worker_lease *j)
{
	char id[SW_ID_TEXT], error[ERROR_LOGGED] = "";
	struct sw_item fields;

	sw_id_format(&j->id, id);
	if (sw_item_open(bytes_of(j->report.fields, j->report.fields_len),
		    &fields) == 0)
		text_line(text_last_line(sw_bytes(&fields, SW_F_ERROR)), error,
			sizeof(error));
	sw_log(SW_LOG_INFO, "attempt", "job", id, "queue", j->route->queue,
		"outcome", sw_outcome_name(j->report.outcome), "cause",
		sw_cause_name(j->report.cause), "attempt",
		sw_num(sw_int(&j->item, SW_F_ATTEMPT, 1)), "of",
		sw_num(sw_int(&j->item, SW_F_MAX_ATTEMPTS, 1)), "error", error,
		NULL);
}
