/* SPDX-License-Identifier: MIT */
#include "broker/job/reply.h"

#include <stdio.h>

#include "base/error.h"
#include "base/must.h"
#include "broker/model/redact.h"

void
out_begin(struct core *c, struct sw_buf *b, size_t cap, int op, uint64_t seq)
{
	*b = (struct sw_buf){.p = arena_take(&c->out_arena, cap), .cap = cap};
	sw_msg_begin(b, op, 0, seq);
}

void
out_send(struct core *c, struct sw_buf *b, const struct peer *peer)
{
	must(!b->full && c->outs_n < OUTS_MAX);
	arena_trim(&c->out_arena, b->p, b->len);
	c->outs[c->outs_n++] = (struct out){*peer, sw_buf_bytes(b)};
}

void
reply_begin(struct request *rq, size_t cap)
{
	out_begin(
		rq->core, &rq->reply, cap, rq->msg.op | SW_REPLY, rq->msg.seq);
}

void
reply_send(struct request *rq)
{
	out_send(rq->core, &rq->reply, rq->peer);
}

void
reply_status_put(struct sw_buf *b, int status, const char *why)
{
	sw_put_int(b, SW_F_STATUS, status);
	if (status < 0)
		sw_put_text(b, SW_F_DETAIL,
			*why != '\0' ? why : sw_strerror(status));
}

void
reply_status(struct request *rq, int status)
{
	reply_status_why(rq, status, "");
}

void
reply_status_why(struct request *rq, int status, const char *why)
{
	size_t mark = sw_item_begin(&rq->reply);

	reply_status_put(&rq->reply, status, why);
	sw_item_end(&rq->reply, mark);
}

void
reply_append(struct request *rq, const struct sw_buf *m)
{
	struct sw_buf *b = &rq->reply;

	sw_put_raw(b, bytes_of(m->p + SW_HEADER_LEN, m->len - SW_HEADER_LEN));
	le_set(b->p + 6, 2, le_get(b->p + 6, 2) + le_get(m->p + 6, 2));
}

void
reply_refuse(struct core *c, const struct peer *peer, uint64_t seq, int status,
	const char *detail)
{
	struct sw_buf b;
	size_t mark;

	out_begin(c, &b, REPLY_SMALL, SW_OP_ERROR | SW_REPLY, seq);
	mark = sw_item_begin(&b);
	sw_put_int(&b, SW_F_STATUS, status);
	sw_put_text(&b, SW_F_DETAIL, detail);
	sw_item_end(&b, mark);
	out_send(c, &b, peer);
}

void
reply_no_queue(struct request *rq, struct bytes name)
{
	char why[SW_QUEUE_MAX + 64];
	int valid = sw_queue_check(name.p, name.len) == 0;

	/* An invalid name may have bytes that are no text: not sent back. */
	(void)snprintf(why, sizeof(why), "%s: %.*s", sw_strerror(SW_ENOQUEUE),
		valid ? (int)name.len : SW_TEXT_MAX,
		valid ? (const char *)name.p : sw_strerror(SW_EQUEUE));
	reply_refuse(rq->core, rq->peer, rq->msg.seq, SW_ENOQUEUE, why);
}

#define TIMES                                                                  \
	(SW_BIT(SW_F_RUN_AT_MS) | SW_BIT(SW_F_AT_MS) |                         \
		SW_BIT(SW_F_CREATED_AT_MS) | SW_BIT(SW_F_ENDED_AT_MS) |        \
		SW_BIT(SW_F_EXPIRES_AT_MS))

/* Fields of a record that no answer shows, or not as they are stored. */
#define INTERNAL                                                               \
	(SW_BIT(SW_F_RANK) | SW_BIT(SW_F_KEEP_UNTIL_MS) | SW_BIT(SW_F_STATE) | \
		SW_BIT(SW_F_TOKEN) | SW_BIT(SW_F_OUTCOME) |                    \
		SW_BIT(SW_F_MATCH) | SW_BIT(SW_F_DIGEST) | TIMES)

static void
time_show(struct core *c, struct sw_buf *b, enum sw_tag tag, int64_t at_ms)
{
	if (at_ms != 0)
		sw_put_int(b, tag, core_shown_ms(c, at_ms));
}

static void
times_show(struct core *c, struct sw_buf *b, const struct record *r)
{
	if (r->due_ms == 0 && r->run_at_ms != 0)
		sw_put_int(b, SW_F_RUN_AT_MS, r->run_at_ms);
	time_show(c, b, SW_F_RUN_AT_MS, r->due_ms);
	time_show(c, b, SW_F_CREATED_AT_MS, r->created_at_ms);
	time_show(c, b, SW_F_ENDED_AT_MS, r->ended_at_ms);
	time_show(c, b, SW_F_EXPIRES_AT_MS, r->expires_at_ms);
}

static void
lease_show(struct core *c, struct sw_buf *b, const struct lease *l)
{
	sw_put_text(b, SW_F_WORKER, l->worker);
	time_show(c, b, SW_F_AT_MS, l->since_ms);
	if (l->begun)
		sw_put_int(b, SW_F_BEGUN, 1);
	if (l->progress >= 0)
		sw_put_int(b, SW_F_PROGRESS, l->progress);
	if (l->text[0] != '\0')
		sw_put_text(b, SW_F_TEXT, l->text);
}

static void
put_show(struct core *c, struct sw_buf *b, const struct record *r)
{
	size_t mark = sw_nest_begin(b, SW_F_EVENT);

	sw_put_int(b, SW_F_KIND, SW_EV_PUT);
	time_show(c, b, SW_F_AT_MS, r->created_at_ms);
	sw_nest_end(b, mark);
}

static void
event_show(struct core *c, struct sw_buf *b, struct bytes event)
{
	size_t mark = sw_nest_begin(b, SW_F_EVENT);
	struct sw_item it;

	if (sw_item_open(event, &it) == 0) {
		sw_copy_without(b, &it, SW_BIT(SW_F_AT_MS));
		time_show(c, b, SW_F_AT_MS, sw_int(&it, SW_F_AT_MS, 0));
	}
	sw_nest_end(b, mark);
}

/* Returns whether a value was left out, as texts_show() does. */
static int
headers_show(struct sw_buf *b, const struct record *r, const char *names)
{
	struct bytes header;
	size_t at = 0;
	int hidden = 0;

	while (sw_item_each(&r->it, SW_F_HEADER, &at, &header))
		hidden |= redact_put_header(b, names, header);
	return hidden;
}

/* A body that is no JSON text is not shown: what it is made of is unknown. */
static int
texts_show(struct sw_buf *b, const struct record *r, const char *names)
{
	struct bytes result = sw_bytes(&r->it, SW_F_RESULT);
	enum redact_shown body = REDACT_ALL, end = REDACT_ALL;

	if (sw_has(&r->it, SW_F_BODY))
		body = redact_put_json(
			b, SW_F_BODY, names, sw_bytes(&r->it, SW_F_BODY));
	if (result.len > 0)
		end = redact_put_json(b, SW_F_RESULT, names, result);
	if (end == REDACT_NOTHING)
		sw_put_bytes(b, SW_F_RESULT, result);
	return body != REDACT_ALL || end == REDACT_PART;
}

const char *
redacted_names(struct core *c, const struct record *r, enum sw_text_setting i,
	char names[REDACTED_ROOM])
{
	const struct queue *origin = core_queue_find(c, r->origin);
	const char *own = queue_text(r->q, i);
	const char *old = origin != NULL ? queue_text(origin, i) : "";

	(void)snprintf(names, REDACTED_ROOM, "%s%s%s", own,
		*own != '\0' && *old != '\0' ? "," : "", old);
	return names;
}

/* The fields of the record but those in `hide` and what is redacted. */
static void
fields_show(struct core *c, struct sw_buf *b, const struct record *r,
	uint64_t hide, int whole)
{
	char room[2][REDACTED_ROOM];
	const char *headers = redacted_names(
		c, r, SW_TS_redact_headers, room[0]);
	const char *members = redacted_names(
		c, r, SW_TS_redact_members, room[1]);
	int hidden = 0;

	if (*headers != '\0')
		hide |= SW_BIT(SW_F_HEADER);
	if (*members != '\0')
		hide |= SW_BIT(SW_F_BODY) | SW_BIT(SW_F_RESULT);
	sw_copy_without(b, &r->it, hide);
	if (*headers != '\0')
		hidden |= headers_show(b, r, headers);
	if (*members != '\0' && whole)
		hidden |= texts_show(b, r, members);
	if (hidden && whole)
		sw_put_int(b, SW_F_REDACTED, 1);
}

void
job_show(struct core *c, struct sw_buf *b, const struct record *r, int whole)
{
	uint64_t hide = INTERNAL | SW_BIT(SW_F_EVENT);
	struct bytes e, error;
	size_t at = 0;

	if (!whole)
		hide |= SW_BIT(SW_F_BODY) | SW_BIT(SW_F_RESULT) |
			SW_BIT(SW_F_COUNT);
	sw_put_int(b, SW_F_STATE, r->state);
	fields_show(c, b, r, hide, whole);
	times_show(c, b, r);
	if (r->lease != NULL)
		lease_show(c, b, r->lease);
	if (!whole) {
		error = record_last_error(r);
		if (error.len > 0)
			sw_put_bytes(b, SW_F_ERROR, error);
		return;
	}
	put_show(c, b, r);
	while (sw_item_each(&r->it, SW_F_EVENT, &at, &e))
		event_show(c, b, e);
}
