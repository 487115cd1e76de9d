/* SPDX-License-Identifier: MIT */
#include "broker/core/notice.h"

#include <inttypes.h>
#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/must.h"
#include "base/text.h"
#include "broker/core/put.h"
#include "broker/job/job.h"

static const char header[] = "spillway-notice=";

enum { BODY_ROOM = 8 * NOTICE_ERROR }; /* a byte of the error may take six */

struct notice {
	struct queue *of;
	const char *kind;
	const char *to;	 /* the queue that it is put into */
	struct sw_id id; /* of the job that it tells of */
	int64_t at_ms;
	FILE *f; /* writes into `body` */
	char body[BODY_ROOM];
};

static void
notice_begin(const struct core *c, struct notice *n)
{
	char id[SW_ID_TEXT];

	n->f = fmemopen(n->body, sizeof(n->body), "w");
	must_have(n->f);
	sw_id_format(&n->id, id);
	(void)fprintf(n->f,
		"{\"kind\":\"%s\",\"queue\":\"%s\",\"job\":\"%s\",\"at_ms\":"
		"%" PRId64,
		n->kind, n->of->name, id, core_shown_ms(c, n->at_ms));
}

static void
number_add(struct notice *n, const char *name, int64_t v)
{
	(void)fprintf(n->f, ",\"%s\":%" PRId64, name, v);
}

static void
text_add(struct notice *n, const char *name, struct bytes text)
{
	(void)fprintf(n->f, ",\"%s\":", name);
	text_json(n->f, text);
}

/* A UUID of version 8 that is the same for the same kind, job and time. */
static struct sw_id
notice_id(const struct notice *n)
{
	XXH128_hash_t h = XXH3_128bits_withSeed(n->id.b, SW_ID_LEN,
		(uint64_t)n->at_ms ^ (uint64_t)n->kind[0] << 56);
	struct sw_id id;

	be_set(id.b, 8, h.high64);
	be_set(id.b + 8, 8, h.low64);
	id.b[6] = (uint8_t)(0x80 | (id.b[6] & 0x0f));
	id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3f));
	return id;
}

static void
notice_fields(const struct notice *n, const struct sw_id *id, size_t len,
	struct sw_buf *b)
{
	const char *more = queue_text(n->of, SW_TS_notice_header);

	sw_put_id(b, id);
	sw_put_text(b, SW_F_QUEUE, n->to);
	sw_put_bytes(b, SW_F_BODY, bytes_of(n->body, len));
	sw_put_text(b, SW_F_CONTENT_TYPE, "application/json");
	sw_put_fmt(b, SW_F_HEADER, "%s%s", header, n->kind);
	if (*more != '\0')
		sw_put_text(b, SW_F_HEADER, more);
	must(!b->full);
}

/* Ends the body and puts the job, unless it is there. */
static void
notice_end(struct core *c, struct notice *n)
{
	struct put_ahead none = {0};
	uint8_t room[BODY_ROOM + SW_TEXT_MAX + 512];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_id id = notice_id(n);
	struct put_refusal refusal;
	struct record known;
	struct sw_item it;
	int err;

	(void)fputc('}', n->f);
	(void)fflush(n->f);
	notice_fields(n, &id, (size_t)ftell(n->f), &b);
	(void)fclose(n->f);
	n->of->notices.sent_ms = c->mono_ms;
	if (job_load(c, &id, &known) != SW_ENOJOB)
		return;
	must(sw_item_open(sw_buf_bytes(&b), &it) == 0);
	err = put_check(c, &it, &none, &refusal);
	if (err == 0)
		put_apply(c, &it);
	else
		note_refused(&c->notes, NOTE_UNTOLD, n->of, &n->id, err);
}

static int
may_tell(const struct core *c, const struct queue *q)
{
	return c->mono_ms - q->notices.sent_ms >= NOTICE_MS;
}

/* --- deaths -------------------------------------------------------------- */

static int
is_notice(const struct record *r)
{
	size_t len = sizeof(header) - 1, at = 0;
	struct bytes h;

	while (sw_item_each(&r->it, SW_F_HEADER, &at, &h))
		if (h.len >= len && memcmp(h.p, header, len) == 0)
			return 1;
	return 0;
}

static struct bytes
error_tail(const struct record *r)
{
	struct bytes e = record_last_error(r);

	return e.len <= NOTICE_ERROR
		       ? e
		       : bytes_of((const char *)e.p + e.len - NOTICE_ERROR,
				 NOTICE_ERROR);
}

/* `r`, the last that died, is NULL if there is no such job any more. */
static void
deaths_tell(struct core *c, struct queue *q, const struct record *r)
{
	struct queue_notices *told = &q->notices;
	struct notice n = {.of = q,
		.kind = "dead",
		.to = queue_text(q, SW_TS_on_dead),
		.id = told->id,
		.at_ms = told->at_ms};

	notice_begin(c, &n);
	text_add(&n, "cause", bytes_str(sw_cause_name((int)told->cause)));
	number_add(&n, "attempts", told->attempts);
	if (r != NULL)
		text_add(&n, "error", error_tail(r));
	number_add(&n, "count", told->deaths);
	told->deaths = 0;
	notice_end(c, &n);
}

void
notice_death(struct core *c, const struct record *r)
{
	struct queue *q = r->q;

	if (*queue_text(q, SW_TS_on_dead) == '\0' || is_notice(r))
		return;
	q->notices.deaths++;
	q->notices.id = r->id;
	q->notices.cause = r->cause;
	q->notices.attempts = r->attempt;
	q->notices.at_ms = c->now_ms;
	if (may_tell(c, q))
		deaths_tell(c, q, r);
	queue_watch(q);
}

static void
deaths_tick(struct core *c, struct queue *q)
{
	struct record r;

	if (q->notices.deaths == 0 || !may_tell(c, q))
		return;
	if (*queue_text(q, SW_TS_on_dead) == '\0')
		q->notices.deaths = 0;
	else
		deaths_tell(
			c, q, job_load(c, &q->notices.id, &r) == 0 ? &r : NULL);
}

/* --- age ----------------------------------------------------------------- */

static void
age_tell(struct core *c, struct queue *q, const struct sw_id *oldest,
	int64_t age_ms)
{
	struct notice n = {.of = q,
		.kind = "age",
		.to = queue_text(q, SW_TS_on_age),
		.id = *oldest,
		.at_ms = c->now_ms - age_ms}; /* since when it waits */

	notice_begin(c, &n);
	number_add(&n, "age_ms", age_ms);
	number_add(&n, "ready", q->count[SW_READY]);
	notice_end(c, &n);
}

/* Returns how many jobs were read at most, and at least 1. */
static int
age_tick(struct core *c, struct queue *q)
{
	int64_t most_ms = q->set[SW_S_on_age_ms], age_ms;
	struct sw_id oldest;

	if (most_ms == 0 || *queue_text(q, SW_TS_on_age) == '\0') {
		q->notices.aged = 0;
		return 1;
	}
	age_ms = oldest_ready_ms(c, q, &oldest);
	if (age_ms <= most_ms)
		q->notices.aged = 0;
	else if (!q->notices.aged && may_tell(c, q)) {
		q->notices.aged = 1;
		age_tell(c, q, &oldest, age_ms);
	}
	return q->count[SW_READY] > 0 ? OLDEST_LANES : 1;
}

/* Begins with the queue where the second before has ended, and looks at none
 * twice. */
void
notices_tick(struct core *c)
{
	const struct queue *again = NULL;
	struct queue *q;
	int looks = 0;

	if (c->mono_ms - c->noticed_ms < NOTICE_MS)
		return;
	c->noticed_ms = c->mono_ms;
	while (looks < AGE_LOOKS && core_has_room(c) &&
		(again == NULL || c->lists.first[QUEUE_TELLS] != again) &&
		(q = queue_list_take(&c->lists, QUEUE_TELLS)) != NULL) {
		deaths_tick(c, q);
		looks += age_tick(c, q);
		queue_watch(q);
		if (again == NULL && (q->listed >> QUEUE_TELLS & 1) != 0)
			again = q;
	}
}
