/* SPDX-License-Identifier: MIT */
#include "broker/model/record.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/must.h"
#include "base/plant.h"
#include "broker/model/key.h"

enum {
	SUM = RECORD_SUM,
	SEAL_ROOM = 512 + 2 * SW_QUEUE_MAX, /* of the members */
};

/* Fields that record_seal() writes from the members. */
#define MEMBERS                                                                \
	(SW_BIT(SW_F_STATE) | SW_BIT(SW_F_ATTEMPT) | SW_BIT(SW_F_CRASHES) |    \
		SW_BIT(SW_F_RUN_AT_MS) | SW_BIT(SW_F_AT_MS) |                  \
		SW_BIT(SW_F_CREATED_AT_MS) | SW_BIT(SW_F_ENDED_AT_MS) |        \
		SW_BIT(SW_F_KEEP_UNTIL_MS) | SW_BIT(SW_F_CAUSE) |              \
		SW_BIT(SW_F_RANK) | SW_BIT(SW_F_TOKEN) |                       \
		SW_BIT(SW_F_RELEASES) | SW_BIT(SW_F_LAPSES) |                  \
		SW_BIT(SW_F_OUTCOME) | SW_BIT(SW_F_RESULT) |                   \
		SW_BIT(SW_F_DELAY_MS) | SW_BIT(SW_F_EXPIRES_AT_MS) |           \
		SW_BIT(SW_F_COUNT) | SW_BIT(SW_F_EVENT) | SW_BIT(SW_F_QUEUE) | \
		SW_BIT(SW_F_ORIGIN) | SW_BIT(SW_F_DIGEST))

static void
members_read(struct record *r, const struct sw_item *it)
{
	struct bytes fair = sw_bytes(it, SW_F_FAIR);

	r->it = *it;
	r->state = (enum sw_state)sw_int(it, SW_F_STATE, SW_NONE);
	r->attempt = sw_int(it, SW_F_ATTEMPT, 0);
	r->crashes = sw_int(it, SW_F_CRASHES, 0);
	r->releases = sw_int(it, SW_F_RELEASES, 0);
	r->lapses = sw_int(it, SW_F_LAPSES, 0);
	r->run_at_ms = sw_int(it, SW_F_RUN_AT_MS, 0);
	r->due_ms = sw_int(it, SW_F_AT_MS, 0);
	r->expires_at_ms = sw_int(it, SW_F_EXPIRES_AT_MS, 0);
	r->created_at_ms = sw_int(it, SW_F_CREATED_AT_MS, 0);
	r->ended_at_ms = sw_int(it, SW_F_ENDED_AT_MS, 0);
	r->keep_until_ms = sw_int(it, SW_F_KEEP_UNTIL_MS, 0);
	r->cause = sw_int(it, SW_F_CAUSE, SW_C_NONE);
	r->outcome = sw_int(it, SW_F_OUTCOME, 0);
	r->digest = sw_int(it, SW_F_DIGEST, 0);
	r->unique_also = sw_int(it, SW_F_UNIQUE_ALSO, 0);
	r->max_attempts = sw_int(it, SW_F_MAX_ATTEMPTS, 0);
	r->priority = sw_int(it, SW_F_PRIORITY, SW_PRIORITY_DEFAULT);
	r->rank = (uint64_t)sw_int(it, SW_F_RANK, 0);
	r->token = (uint64_t)sw_int(it, SW_F_TOKEN, 0);
	r->queue = sw_bytes(it, SW_F_QUEUE);
	r->origin = sw_bytes(it, SW_F_ORIGIN);
	r->unique = sw_bytes(it, SW_F_UNIQUE);
	r->result = sw_bytes(it, SW_F_RESULT);
	r->body_len = (int64_t)sw_bytes(it, SW_F_BODY).len;
	r->lane = fair.len == 0 ? lane_main(r->priority)
				: lane_fair(r->priority,
					  XXH3_64bits(fair.p, fair.len));
}

/* Checks the checksum and decodes the item behind it, with its id. */
static int
sealed_open(struct bytes stored, struct sw_item *it, struct sw_id *own)
{
	const uint8_t *p = stored.p;

	if (stored.len < SUM ||
		(le_get(p, SUM) != XXH3_64bits(p + SUM, stored.len - SUM) &&
			!planted(NO_CHECKSUM)))
		return SW_ECORRUPT;
	if (sw_item_open(bytes_of(p + SUM, stored.len - SUM), it) < 0 ||
		!sw_get_id(it, own))
		return SW_ECORRUPT;
	return 0;
}

int
record_owner(struct bytes stored, struct sw_id *id)
{
	struct sw_item it;

	return sealed_open(stored, &it, id);
}

int
record_open(struct bytes stored, const struct sw_id *id, struct record *r)
{
	struct sw_item it;
	struct sw_id own;

	if (sealed_open(stored, &it, &own) < 0 ||
		memcmp(own.b, id->b, SW_ID_LEN) != 0)
		return SW_ECORRUPT;
	memset(r, 0, offsetof(struct record, it));
	r->id = own; /* not *id: it may be r->id, cleared just now */
	members_read(r, &it);
	return 0;
}

void
record_of_put(struct record *r, const struct sw_item *it)
{
	memset(r, 0, offsetof(struct record, it));
	members_read(r, it);
	r->state = SW_NONE;
	r->attempt = r->crashes = r->releases = r->lapses = 0;
	r->due_ms = r->ended_at_ms = r->keep_until_ms = 0;
	r->cause = SW_C_NONE;
	r->token = 0;
	r->outcome = r->digest = 0;
	r->result = bytes_of("", 0);
	(void)sw_get_id(it, &r->id);
}

static void
digest_put(struct sw_buf *b, struct bytes body)
{
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, XXH3_128bits(body.p, body.len));
	sw_put_bytes(b, SW_F_MATCH, bytes_of(c.digest, sizeof(c.digest)));
}

static int
body_is_same(const struct record *r, struct bytes body)
{
	uint8_t room[32];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_item put;

	if (sw_has(&r->it, SW_F_BODY) && r->cause != SW_C_CORRUPT)
		return bytes_eq(sw_bytes(&r->it, SW_F_BODY), body);
	if (!sw_has(&r->it, SW_F_MATCH))
		return 1;
	digest_put(&b, body);
	must(sw_item_open(sw_buf_bytes(&b), &put) == 0);
	return bytes_eq(sw_bytes(&r->it, SW_F_MATCH), put.f[SW_F_MATCH]);
}

/* Whether a person has moved the job out of this queue. */
static int
was_in(const struct record *r, struct bytes queue)
{
	struct bytes e;
	struct sw_item it;
	size_t at = 0;

	while (sw_item_each(&r->it, SW_F_EVENT, &at, &e))
		if (sw_item_open(e, &it) == 0 &&
			sw_int(&it, SW_F_KIND, 0) == SW_EV_MOVE &&
			bytes_eq(sw_bytes(&it, SW_F_QUEUE), queue))
			return 1;
	return 0;
}

int
record_put_check(const struct record *r, const struct sw_item *put, char *why)
{
	struct bytes into = r->origin.len > 0 ? r->origin
					      : bytes_str(r->q->name);
	struct bytes from = sw_bytes(
		put, sw_has(put, SW_F_ORIGIN) ? SW_F_ORIGIN : SW_F_QUEUE);

	if (planted(LOST_CONFLICT))
		return 0;
	if (!bytes_eq(from, into) && !was_in(r, from))
		return sw_refuse(why, SW_ECONFLICT,
			"the job with this id is in queue %.*s", (int)into.len,
			(const char *)into.p);
	if (!body_is_same(r, sw_bytes(put, SW_F_BODY)))
		return sw_refuse(why, SW_ECONFLICT,
			"the job with this id has another body");
	return 0;
}

int64_t
record_max_attempts(const struct record *r)
{
	return r->max_attempts > 0 && r->origin.len == 0
		       ? r->max_attempts
		       : r->q->set[SW_S_max_attempts];
}

static void
int_unless_zero(struct sw_buf *b, enum sw_tag tag, int64_t v)
{
	if (v != 0)
		sw_put_int(b, tag, v);
}

/* Keeps the first entry of the history and, of the rest, the newest.  COUNT is
 * the number of entries that were left out by now. */
static void
events_copy(struct sw_buf *b, const struct record *r, size_t extra)
{
	size_t n = 0, at = 0, i = 0;
	int64_t left_out = sw_int(&r->it, SW_F_COUNT, 0);
	struct bytes e;

	while (sw_item_each(&r->it, SW_F_EVENT, &at, &e))
		n++;
	at = 0;
	while (sw_item_each(&r->it, SW_F_EVENT, &at, &e)) {
		if (i == 0 || n - i + extra < RECORD_EVENTS)
			sw_put_bytes(b, SW_F_EVENT, e);
		else
			left_out++;
		i++;
	}
	int_unless_zero(b, SW_F_COUNT, left_out);
}

struct bytes
record_seal(struct arena *a, const struct record *r, uint64_t without,
	struct bytes event)
{
	size_t cap = SUM + r->it.raw.len + r->result.len + event.len +
		     SEAL_ROOM;
	struct sw_buf b = {.p = arena_take(a, cap), .len = SUM, .cap = cap};

	sw_copy_without(&b, &r->it, without | MEMBERS);
	sw_put_bytes(&b, SW_F_QUEUE, r->queue);
	if (r->origin.len > 0)
		sw_put_bytes(&b, SW_F_ORIGIN, r->origin);
	sw_put_int(&b, SW_F_STATE, r->state);
	int_unless_zero(&b, SW_F_ATTEMPT, r->attempt);
	int_unless_zero(&b, SW_F_CRASHES, r->crashes);
	int_unless_zero(&b, SW_F_RELEASES, r->releases);
	int_unless_zero(&b, SW_F_LAPSES, r->lapses);
	int_unless_zero(&b, SW_F_RUN_AT_MS, r->run_at_ms);
	int_unless_zero(&b, SW_F_AT_MS, r->due_ms);
	int_unless_zero(&b, SW_F_EXPIRES_AT_MS, r->expires_at_ms);
	int_unless_zero(&b, SW_F_CREATED_AT_MS, r->created_at_ms);
	int_unless_zero(&b, SW_F_ENDED_AT_MS, r->ended_at_ms);
	int_unless_zero(&b, SW_F_KEEP_UNTIL_MS, r->keep_until_ms);
	int_unless_zero(&b, SW_F_CAUSE, r->cause);
	int_unless_zero(&b, SW_F_RANK, (int64_t)r->rank);
	int_unless_zero(&b, SW_F_TOKEN, (int64_t)r->token);
	int_unless_zero(&b, SW_F_OUTCOME, r->outcome);
	int_unless_zero(&b, SW_F_DIGEST, r->digest);
	if (r->result.len > 0)
		sw_put_bytes(&b, SW_F_RESULT, r->result);
	if ((without & SW_BIT(SW_F_BODY)) != 0 && sw_has(&r->it, SW_F_BODY))
		digest_put(&b, sw_bytes(&r->it, SW_F_BODY));
	events_copy(&b, r, event.len > 0);
	if (event.len > 0)
		sw_put_bytes(&b, SW_F_EVENT, event);
	must(!b.full);
	le_set(b.p, SUM, XXH3_64bits(b.p + SUM, b.len - SUM));
	arena_trim(a, b.p, b.len);
	return sw_buf_bytes(&b);
}

struct bytes
record_last_error(const struct record *r)
{
	struct bytes e, error = {"", 0};
	struct sw_item it;
	size_t at = 0;

	if (r->state == SW_DONE)
		return error;
	while (sw_item_each(&r->it, SW_F_EVENT, &at, &e)) {
		int64_t kind = sw_item_open(e, &it) == 0
				       ? sw_int(&it, SW_F_KIND, 0)
				       : 0;

		if (kind == SW_EV_ATTEMPT ||
			(kind == SW_EV_BURY && sw_has(&it, SW_F_ERROR)))
			error = sw_bytes(&it, SW_F_ERROR);
	}
	return error;
}
