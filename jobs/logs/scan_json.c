/* SPDX-License-Identifier: MIT */
#include <yajl/yajl_parse.h>

#include "jobs/logs/scan.h"

enum json_field {
	F_NONE,
	F_CLIENT,
	F_STATUS,
	F_BYTES,
	F_METHOD,
	F_PATH,
	F_REQUEST,
	F_TIME,
	F_REFERER,
	F_AGENT,
	F_TOOK_S,
	F_TOOK_MS,
	FIELDS
};

/*
 * The names that servers give a field, in the line's object or in its object
 * "request" (Caddy).  Of several in a line the first that is not empty counts.
 */
static const struct {
	const char *name;
	enum json_field field;
} keys[] = {
	{"remote_addr", F_CLIENT},
	{"ip", F_CLIENT},
	{"client", F_CLIENT},
	{"client_ip", F_CLIENT},
	{"remote_ip", F_CLIENT},
	{"clientip", F_CLIENT},
	{"remote_host", F_CLIENT},
	{"status", F_STATUS},
	{"status_code", F_STATUS},
	{"bytes", F_BYTES},
	{"body_bytes_sent", F_BYTES},
	{"bytes_sent", F_BYTES},
	{"size", F_BYTES},
	{"response_size", F_BYTES},
	{"method", F_METHOD},
	{"request_method", F_METHOD},
	{"verb", F_METHOD},
	{"path", F_PATH},
	{"uri", F_PATH},
	{"request_uri", F_PATH},
	{"url", F_PATH},
	{"request", F_REQUEST},
	{"time", F_TIME},
	{"time_local", F_TIME},
	{"time_iso8601", F_TIME},
	{"timestamp", F_TIME},
	{"@timestamp", F_TIME},
	{"ts", F_TIME},
	{"msec", F_TIME},
	{"referer", F_REFERER},
	{"http_referer", F_REFERER},
	{"agent", F_AGENT},
	{"user_agent", F_AGENT},
	{"http_user_agent", F_AGENT},
	{"request_time", F_TOOK_S},
	{"duration", F_TOOK_S},
	{"duration_ms", F_TOOK_MS},
};

struct json_line {
	struct log_scan *s;
	struct bytes raw;
	struct bytes got[FIELDS];
	enum json_field field; /* of the next value */
	unsigned depth;
	int in_request;
	int no_room;
};

static enum json_field
field_of(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i].name) == len &&
			memcmp(keys[i].name, name, len) == 0)
			return keys[i].field;
	return F_NONE;
}

/*
 * Stores a value.  yajl passes a piece of the line or, if there were escapes to
 * resolve, of its own buffer: that is copied to the scratch.
 */
static int
value_keep(struct json_line *o, const unsigned char *p, size_t len)
{
	uintptr_t at = (uintptr_t)p, from = (uintptr_t)o->raw.p;
	struct bytes *got = &o->got[o->field];

	if (o->field == F_NONE || got->len > 0 || len == 0)
		return 1;
	if (at >= from && at - from < o->raw.len) {
		*got = bytes_of(p, len);
		return 1;
	}
	if (o->s->scratch == NULL ||
		(size_t)(o->s->scratch_end - o->s->scratch) < len) {
		o->no_room = 1;
		return 0;
	}
	memcpy(o->s->scratch, p, len);
	*got = bytes_of(o->s->scratch, len);
	o->s->scratch += len;
	return 1;
}

static int
on_string(void *ctx, const unsigned char *p, size_t len)
{
	return value_keep(ctx, p, len);
}

static int
on_number(void *ctx, const char *p, size_t len)
{
	return value_keep(ctx, (const unsigned char *)p, len);
}

static int
on_key(void *ctx, const unsigned char *p, size_t len)
{
	struct json_line *o = ctx;
	int known = o->depth == 1 || (o->depth == 2 && o->in_request);

	o->field = known ? field_of((const char *)p, len) : F_NONE;
	return 1;
}

static int
on_map(void *ctx)
{
	struct json_line *o = ctx;

	if (o->depth == 1)
		o->in_request = o->field == F_REQUEST;
	o->depth++;
	o->field = F_NONE;
	return 1;
}

static int
on_array(void *ctx)
{
	struct json_line *o = ctx;

	if (o->depth == 1)
		o->in_request = 0;
	o->depth++;
	o->field = F_NONE;
	return 1;
}

static int
on_end(void *ctx)
{
	struct json_line *o = ctx;

	o->depth--;
	o->field = F_NONE;
	return 1;
}

/* NULL, or a static text that says what is wrong. */
static const char *
line_parse(struct json_line *o)
{
	static const yajl_callbacks callbacks = {
		.yajl_string = on_string,
		.yajl_number = on_number,
		.yajl_map_key = on_key,
		.yajl_start_map = on_map,
		.yajl_end_map = on_end,
		.yajl_start_array = on_array,
		.yajl_end_array = on_end,
	};
	yajl_handle y = yajl_alloc(&callbacks, NULL, o);
	int ok;

	if (y == NULL)
		return "out of memory";
	/* Servers log paths in the client's encoding, UTF-8 or not. */
	ok = yajl_config(y, yajl_dont_validate_strings, 1) &&
	     yajl_parse(y, o->raw.p, o->raw.len) == yajl_status_ok &&
	     yajl_complete_parse(y) == yajl_status_ok;
	yajl_free(y);
	if (o->no_room)
		return "no room to decode JSON strings";
	return ok ? NULL : "not a JSON object";
}

static int
is_dash(struct bytes b)
{
	return bytes_eq(b, bytes_of("-", 1));
}

const char *
scan_json(struct log_scan *s, struct log_line *l)
{
	struct json_line o = {.s = s, .raw = l->raw};
	const char *why = line_parse(&o);
	uint64_t status;

	if (why != NULL)
		return why;
	if (o.got[F_CLIENT].len == 0)
		return "no client address in the object";
	if (scan_number(o.got[F_STATUS], 999, &status) < 0)
		return "no status in the object";
	if (o.got[F_PATH].len == 0 && o.got[F_REQUEST].len == 0)
		return "no path or request in the object";
	if (o.got[F_BYTES].len > 0 && !is_dash(o.got[F_BYTES]) &&
		scan_number(o.got[F_BYTES], SCAN_BYTES_MAX, &l->bytes) < 0)
		return "no size, or one beyond 1 TiB";
	l->client = o.got[F_CLIENT];
	l->status = (int)status;
	l->at_s = scan_time(&s->clock, o.got[F_TIME]);
	l->took_us = scan_took(o.got[F_TOOK_S], 1000000);
	if (l->took_us == SCAN_NO_TOOK)
		l->took_us = scan_took(o.got[F_TOOK_MS], 1000);
	l->referer = o.got[F_REFERER];
	l->agent = o.got[F_AGENT];
	scan_request(o.got[F_REQUEST], &l->method, &l->path);
	if (o.got[F_METHOD].len > 0)
		l->method = o.got[F_METHOD];
	if (o.got[F_PATH].len > 0)
		l->path = scan_path(o.got[F_PATH]);
	return NULL;
}
