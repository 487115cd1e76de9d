/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/api.h"

static int
room_make(void **state, int up)
{
	struct api_room *r = calloc(1, sizeof(*r));

	r->f = fake_start(up);
	assert_int_equal(sw_open(&r->c, fake_endpoint(r->f)), 0);
	*state = r;
	return 0;
}

int
api_with_broker(void **state)
{
	return room_make(state, 1);
}

int
api_without_broker(void **state)
{
	return room_make(state, 0);
}

int
api_clean_up(void **state)
{
	struct api_room *r = *state;

	sw_close(r->c);
	fake_stop(r->f);
	free(r);
	return 0;
}

struct sw_job
api_email(void)
{
	return (struct sw_job){.queue = "email", .body = "hi", .body_len = 2};
}

int
api_put_email(struct api_room *r, int64_t timeout_ms)
{
	struct sw_job job = api_email();

	return sw_put(r->c, &job, timeout_ms, NULL);
}

void
api_count(void *arg, const struct sw_put_result *res)
{
	struct api_tally *t = arg;

	t->calls++;
	t->last = res->status;
	if (res->status == 0)
		t->good++;
	else
		t->bad++;
}

void
api_submit_emails(struct sw_client *c, int n, struct api_tally *t)
{
	for (int i = 0; i < n; i++) {
		struct sw_job job = api_email();

		assert_int_equal(sw_submit(c, &job, api_count, t), 0);
	}
}
