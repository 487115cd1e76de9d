/* SPDX-License-Identifier: MIT */
/*
 * api.h - a client of the library and a fake broker, for its tests
 */
#ifndef TESTS_API_H
#define TESTS_API_H

#include "producer/spillway.h"
#include "tests/lib/deadline.h"
#include "tests/lib/fake.h"

enum { OP_PUT = 1 };

struct api_room {
	struct fake *f;
	struct sw_client *c;
};

/* Set-ups and the tear-down; *state is the room. */
int api_with_broker(void **state);
int api_without_broker(void **state);
int api_clean_up(void **state);

/* A small job; one put, and what became of it. */
struct sw_job api_email(void);
int api_put_email(struct api_room *, int64_t timeout_ms);

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
