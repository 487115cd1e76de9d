/* SPDX-License-Identifier: MIT */
/*
 * api.h - a client of the library and a broker, for its tests
 */
#ifndef TESTS_API_H
#define TESTS_API_H

#include "producer/spillway.h"
#include "tests/lib/deadline.h"
#include "tests/lib/local.h"

enum { OP_PUT = 1 };

struct api_room {
	struct local *broker;
	struct sw_client *c;
};

/* Set-ups and the tear-down; *state is the room. */
int api_with_broker(void **state);
int api_without_broker(void **state);
int api_clean_up(void **state);

/* A small job; one put, and what became of it. */
struct sw_job api_email(void);
int api_put_email(struct api_room *, int64_t timeout_ms);

/* A field of the last job put, by its name; NULL or INT64_MIN: not there. */
const char *api_text(struct api_room *, const char *name);
int64_t api_int(struct api_room *, const char *name);

/* Every put from now on is refused, "the store is full", or no more is. */
void api_full_set(struct api_room *, int full);

void api_queue_set(struct api_room *, const char *queue, const char *setting);

/* A worker fails at it with "it rained"; ends it with "42". */
void api_email_fail(struct api_room *);
void api_email_end(struct api_room *);

/* The next wait is ended as if the job took longer than SW_WAIT_MS; how many
 * waits were asked for since. */
void api_wait_cut(struct api_room *);
int api_waits(void);

/* What the callbacks saw. */
struct api_tally {
	struct sw_client *c;
	int calls, good, bad, last, nested;
	int more; /* jobs to submit from the callback */
};

/* A sw_done_fn that counts in a struct api_tally; `n` jobs that use it. */
void api_count(void *arg, const struct sw_put_result *);
void api_submit_emails(struct sw_client *, int n, struct api_tally *);

#define WITH(test)                                                             \
	cmocka_unit_test_setup_teardown(test, api_with_broker, api_clean_up)
#define WITHOUT(test)                                                          \
	cmocka_unit_test_setup_teardown(test, api_without_broker, api_clean_up)

#endif
