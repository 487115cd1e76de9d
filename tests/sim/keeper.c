/* SPDX-License-Identifier: MIT */
#include "tests/sim/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 30000 };

static void note(struct keeper_rig *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void
note(struct keeper_rig *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->events + r->len, sizeof(r->events) - r->len, fmt, ap);
	va_end(ap);
	assert_true(n >= 0 && (size_t)n < sizeof(r->events) - r->len);
	r->len += (size_t)n;
}

static void
note_bytes(struct keeper_rig *r, const char *name, struct bytes b)
{
	note(r, " %s=%.*s", name, (int)b.len, (const char *)b.p);
}

static void
note_number(struct keeper_rig *r, const char *name, int64_t n, int64_t none)
{
	if (n != none)
		note(r, " %s=%lld", name, (long long)n);
}

static void
note_follow(struct keeper_rig *r, struct bytes raw)
{
	struct bytes h;
	struct sw_item it;
	size_t at = 0;

	assert_int_equal(sw_item_open(raw, &it), 0);
	note_bytes(r, "put", sw_bytes(&it, SW_F_QUEUE));
	note(r, ":");
	if (sw_has(&it, SW_F_CONTENT_TYPE)) {
		h = sw_bytes(&it, SW_F_CONTENT_TYPE);
		note(r, "(%.*s)", (int)h.len, (const char *)h.p);
	}
	while (sw_item_each(&it, SW_F_HEADER, &at, &h))
		note(r, "%.*s,", (int)h.len, (const char *)h.p);
	h = sw_bytes(&it, SW_F_BODY);
	note(r, ":%.*s", (int)h.len, (const char *)h.p);
}

static void
note_fields(struct keeper_rig *r, const struct attempt_report *a)
{
	struct bytes f;
	struct sw_item it;
	size_t at = 0;

	if (a->fields_len == 0)
		return;
	assert_int_equal(
		sw_item_open(bytes_of(a->fields, a->fields_len), &it), 0);
	if (sw_has(&it, SW_F_RESULT))
		note_bytes(r, "result", sw_bytes(&it, SW_F_RESULT));
	while (sw_item_each(&it, SW_F_FOLLOW, &at, &f))
		note_follow(r, f);
	if (sw_has(&it, SW_F_ERROR))
		note_bytes(r, "error", sw_bytes(&it, SW_F_ERROR));
}

static void
note_ended(struct keeper_rig *r, char name, const struct attempt_report *a)
{
	note(r, "ended %c %s %s", name, sw_outcome_name(a->outcome),
		sw_cause_name(a->cause));
	note_number(r, "ms", a->delay_ms, -1);
	note_number(r, "cpu", a->cpu_ms, 0);
	note_number(r, "rss", a->rss_kb, 0);
	note_number(r, "exit", a->exit_code, 0);
	note_number(r, "signal", a->signal, 0);
	note_fields(r, a);
	note(r, "\n");
	r->ended[(unsigned char)name]++;
	free(a->fields);
}

static void
note_event(struct keeper_rig *r, const struct keeper_event *ev)
{
	static const char *const words[] = {[KEEPER_READY] = "ready",
		[KEEPER_BEGUN] = "begun",
		[KEEPER_PROGRESS] = "progress",
		[KEEPER_ALARM] = "alarm",
		[KEEPER_SIGNAL] = "signal",
		[KEEPER_CLOSE] = "close",
		[KEEPER_GONE] = "gone"};
	int n = ev->kind == KEEPER_PROGRESS || ev->kind == KEEPER_SIGNAL;

	if (ev->kind == KEEPER_ENDED) {
		note_ended(r, *(const char *)ev->job, &ev->report);
		return;
	}
	note(r, "%s", words[ev->kind]);
	if (ev->job != NULL)
		note(r, " %c", *(const char *)ev->job);
	if (n)
		note(r, " %d", ev->number);
	if (ev->kind == KEEPER_GONE)
		note(r, ev->number ? " failed" : " well");
	if (ev->text.len > 0)
		note(r, " %.*s", (int)ev->text.len, (const char *)ev->text.p);
	note(r, "\n");
}

void
keeper_rig_events(struct keeper_rig *r)
{
	struct keeper_event ev;

	while (keeper_next(&r->k, r->now_ms, &ev))
		note_event(r, &ev);
}

void
keeper_rig_start(struct keeper_rig *r, int most)
{
	keeper_fini(&r->k);
	keeper_init(&r->k, most, r->now_ms);
	keeper_rig_events(r);
}

void
keeper_rig_init(struct keeper_rig *r, int at_once)
{
	char text[64];

	*r = (struct keeper_rig){.now_ms = 1000};
	for (int i = 0; i < 256; i++)
		r->names[i] = (char)i;
	keeper_rig_start(r, 16);
	(void)snprintf(text, sizeof(text), "0 ready 1 %d\n", at_once);
	keeper_rig_say(r, text);
	keeper_rig_expect(r, "ready\n");
}

void
keeper_rig_fini(struct keeper_rig *r)
{
	keeper_fini(&r->k);
}

struct keeper_rig *
keeper_rig_new(int at_once)
{
	struct keeper_rig *r = malloc(sizeof(*r));

	assert_non_null(r);
	keeper_rig_init(r, at_once);
	return r;
}

int
keeper_rig_free(void **state)
{
	keeper_rig_fini(*state);
	free(*state);
	return 0;
}

const char *
keeper_rig_id(struct keeper_rig *r, char name)
{
	struct sw_id id = {{(uint8_t)name}};

	sw_id_format(&id, r->id);
	return r->id;
}

int
keeper_rig_give(struct keeper_rig *r, char name)
{
	struct sw_id id = {{(uint8_t)name}};
	uint8_t room[512];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	struct sw_item it;
	int err;

	sw_put_id(&b, &id);
	sw_put_text(&b, SW_F_QUEUE, "mail");
	sw_put_bytes(&b, SW_F_BODY, bytes_of(&name, 1));
	sw_put_int(&b, SW_F_TIMEOUT_MS, TIMEOUT_MS);
	sw_put_text(&b, SW_F_HEADER, "a=1");
	sw_put_text(&b, SW_F_HEADER, "b=");
	sw_put_text(&b, SW_F_CONTENT_TYPE, "text/plain");
	sw_put_int(&b, SW_F_ATTEMPT, 2);
	sw_put_int(&b, SW_F_MAX_ATTEMPTS, 5);
	assert_int_equal(sw_item_open(sw_buf_bytes(&b), &it), 0);
	err = keeper_give(
		&r->k, &it, &r->names[(unsigned char)name], r->now_ms);
	keeper_rig_events(r);
	return err;
}

void
keeper_rig_read(struct keeper_rig *r, char *text, size_t cap)
{
	struct bytes b = keeper_output(&r->k);

	assert_true(b.len < cap);
	memcpy(text, b.p, b.len);
	text[b.len] = '\0';
	keeper_written(&r->k, b.len);
	keeper_rig_events(r);
}

void
keeper_rig_say_bytes(struct keeper_rig *r, struct bytes b)
{
	keeper_input(&r->k, b);
	keeper_rig_events(r);
}

void
keeper_rig_say(struct keeper_rig *r, const char *text)
{
	char all[2048];
	size_t n = 0;

	for (; *text != '\0'; text++) {
		const char *id = *text == '%' ? keeper_rig_id(r, *++text)
					      : NULL;

		assert_true(n + SW_ID_TEXT < sizeof(all));
		if (id != NULL) {
			memcpy(all + n, id, SW_ID_TEXT - 1);
			n += SW_ID_TEXT - 1;
		} else {
			all[n++] = *text;
		}
	}
	keeper_rig_say_bytes(r, bytes_of(all, n));
}

void
keeper_rig_eof(struct keeper_rig *r)
{
	keeper_closed(&r->k, r->now_ms);
	keeper_rig_events(r);
}

void
keeper_rig_pass(struct keeper_rig *r, int64_t ms)
{
	int64_t end = r->now_ms + ms;

	while (r->now_ms < end) {
		int64_t due = keeper_due_ms(&r->k);

		assert_true(due > r->now_ms); /* or the loop never sleeps */
		r->now_ms = due < end ? due : end;
		keeper_tick(&r->k, r->now_ms);
		keeper_rig_events(r);
	}
}

void
keeper_rig_exit(struct keeper_rig *r, int status, const char *tail)
{
	struct keeper_exit e = {.status = status,
		.rss_kb = 900,
		.memory = 2 << 20,
		.tail = bytes_str(tail)};

	keeper_exited(&r->k, &e);
	keeper_rig_events(r);
}

void
keeper_rig_expect(struct keeper_rig *r, const char *events)
{
	r->events[r->len] = '\0';
	r->len = 0;
	assert_string_equal(r->events, events);
}
