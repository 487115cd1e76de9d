/* SPDX-License-Identifier: MIT */
/*
 * The corpus: messages as they travel, one file each in tests/corpus/msg.
 * They start the fuzzer and pin the format: a codec that writes them
 * otherwise no longer speaks version 1.  CORPUS=1 makes
 * them anew, in the folder one stands in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/msg.h"

#define FOLDER "tests/corpus/msg/"

static uint8_t space[SW_BATCH_MAX];
static const struct sw_id id = {{0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3,
	0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f}};

static void
job_fields(struct sw_buf *b)
{
	sw_put_id(b, &id);
	sw_put_text(b, SW_F_QUEUE, "email");
	sw_put_text(b, SW_F_BODY, "hello");
}

static void
put_message(struct sw_buf *b)
{
	size_t at;

	sw_msg_begin(b, SW_OP_PUT, 0, 1);
	at = sw_item_begin(b);
	job_fields(b);
	sw_item_end(b, at);
	at = sw_item_begin(b);
	job_fields(b);
	sw_put_int(b, SW_F_PRIORITY, 9);
	sw_put_int(b, SW_F_DELAY_MS, 60000);
	sw_put_text(b, SW_F_UNIQUE, "user-7");
	sw_put_int(b, SW_F_UNIQUE_ALSO, SW_UNIQUE_DEAD);
	sw_put_text(b, SW_F_FAIR, "tenant-3");
	sw_put_text(b, SW_F_CONTENT_TYPE, "text/plain");
	sw_put_text(b, SW_F_HEADER, "traceparent=00-1-1-00");
	sw_put_text(b, SW_F_HEADER, "lang=de");
	sw_item_end(b, at);
}

static void
hello_message(struct sw_buf *b)
{
	size_t at;

	sw_msg_begin(b, SW_OP_HELLO, 0, 2);
	at = sw_item_begin(b);
	sw_put_text(b, SW_F_WORKER, "host:42");
	sw_put_int(b, SW_F_SLOTS, 8);
	sw_item_end(b, at);
	at = sw_item_begin(b);
	sw_put_text(b, SW_F_QUEUE, "email");
	sw_put_int(b, SW_F_WEIGHT, 3);
	sw_item_end(b, at);
}

static void
jobs_message(struct sw_buf *b)
{
	size_t at;

	sw_msg_begin(b, SW_OP_JOBS, 0, 0);
	at = sw_item_begin(b);
	job_fields(b);
	sw_put_int(b, SW_F_TOKEN, 1LL << 40 | 1);
	sw_put_int(b, SW_F_ATTEMPT, 1);
	sw_put_int(b, SW_F_TIMEOUT_MS, 60000);
	sw_item_end(b, at);
}

static void
done_message(struct sw_buf *b)
{
	size_t at, nest;

	sw_msg_begin(b, SW_OP_DONE, 0, 3);
	at = sw_item_begin(b);
	sw_put_id(b, &id);
	sw_put_int(b, SW_F_TOKEN, 1LL << 40 | 1);
	sw_put_int(b, SW_F_OUTCOME, SW_ACK);
	sw_put_text(b, SW_F_RESULT, "42");
	nest = sw_nest_begin(b, SW_F_FOLLOW);
	job_fields(b);
	sw_nest_end(b, nest);
	sw_item_end(b, at);
	at = sw_item_begin(b);
	sw_put_id(b, &id);
	sw_put_int(b, SW_F_TOKEN, 1LL << 40 | 2);
	sw_put_int(b, SW_F_OUTCOME, SW_RETRY);
	sw_put_int(b, SW_F_CAUSE, SW_C_CRASH);
	sw_put_text(b, SW_F_ERROR, "Segmentation fault");
	sw_put_int(b, SW_F_SIGNAL, 11);
	sw_item_end(b, at);
}

static void
extend_message(struct sw_buf *b)
{
	sw_msg_begin(b, SW_OP_EXTEND, 0, 4);
}

static void
get_reply_message(struct sw_buf *b)
{
	size_t at, nest;

	sw_msg_begin(b, SW_OP_GET | SW_REPLY, 0, 5);
	at = sw_item_begin(b);
	sw_put_int(b, SW_F_STATUS, 0);
	job_fields(b);
	sw_put_int(b, SW_F_STATE, SW_DEAD);
	nest = sw_nest_begin(b, SW_F_EVENT);
	sw_put_int(b, SW_F_KIND, SW_EV_PUT);
	sw_put_int(b, SW_F_AT_MS, 1700000000000);
	sw_nest_end(b, nest);
	nest = sw_nest_begin(b, SW_F_EVENT);
	sw_put_int(b, SW_F_KIND, SW_EV_ATTEMPT);
	sw_put_int(b, SW_F_EXIT_CODE, 1);
	sw_put_text(b, SW_F_ERROR, "no such user");
	sw_nest_end(b, nest);
	sw_item_end(b, at);
}

static void
redrive_message(struct sw_buf *b)
{
	size_t at;

	sw_msg_begin(b, SW_OP_REDRIVE, SW_FLAG_DRY_RUN, 6);
	at = sw_item_begin(b);
	sw_put_text(b, SW_F_QUEUE, "email");
	sw_put_int(b, SW_F_SINCE_MS, 1700000000000);
	sw_put_text(b, SW_F_MATCH, "timeout");
	sw_put_text(b, SW_F_HEADER, "lang=de");
	sw_put_bytes(b, SW_F_CURSOR, bytes_of("x\0\1", 3));
	sw_put_int(b, SW_F_RATE, 50);
	sw_item_end(b, at);
}

static void
queue_set_message(struct sw_buf *b)
{
	size_t at;

	sw_msg_begin(b, SW_OP_QUEUE_SET, 0, 7);
	at = sw_item_begin(b);
	sw_put_text(b, SW_F_QUEUE, "email");
	sw_put_text(b, SW_F_SETTING, "rate=50");
	sw_put_text(b, SW_F_SETTING, "paused=no");
	sw_item_end(b, at);
}

static const struct {
	const char *name;
	void (*make)(struct sw_buf *);
} messages[] = {
	{"put", put_message},
	{"hello", hello_message},
	{"jobs", jobs_message},
	{"done", done_message},
	{"extend", extend_message},
	{"get-reply", get_reply_message},
	{"redrive", redrive_message},
	{"queue-set", queue_set_message},
};

enum { MESSAGES = sizeof(messages) / sizeof(messages[0]) };

static FILE *
file_open(const char *name, const char *mode)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), FOLDER "%s", name);
	f = fopen(path, mode);
	if (f == NULL)
		fail_msg("%s: cannot be opened; run from the project's root",
			path);
	return f;
}

static void
messages_are_written_as_the_corpus_has_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		struct sw_buf b = {.p = space, .cap = sizeof(space)};
		uint8_t was[4096];
		size_t len;
		FILE *f = file_open(messages[i].name, "rb");

		messages[i].make(&b);
		len = fread(was, 1, sizeof(was), f);
		fclose(f);
		assert_int_equal(len, b.len);
		assert_memory_equal(was, b.p, len);
	}
}

static void
messages_of_the_corpus_open(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		uint8_t frame[4096];
		FILE *f = file_open(messages[i].name, "rb");
		size_t len = fread(frame, 1, sizeof(frame), f);
		struct sw_msg m;

		fclose(f);
		assert_int_equal(sw_msg_open(bytes_of(frame, len), &m), 0);
	}
}

static void
corpus_write(void)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		struct sw_buf b = {.p = space, .cap = sizeof(space)};
		FILE *f = fopen(messages[i].name, "wb");

		messages[i].make(&b);
		if (f == NULL || fwrite(b.p, 1, b.len, f) != b.len ||
			fclose(f) != 0)
			perror(messages[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_written_as_the_corpus_has_them),
		cmocka_unit_test(messages_of_the_corpus_open),
	};

	if (getenv("CORPUS") != NULL) {
		corpus_write();
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
