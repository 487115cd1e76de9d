/* SPDX-License-Identifier: MIT */
/* Library and broker agree on random jobs.  SEED= repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/lib/chance.h"
#include "tests/lib/put.h"

enum { RANDOM = 4000 };

static uint64_t chance;

static uint64_t
any(uint64_t n)
{
	return chance_draw(&chance) % n;
}

/* A number: mostly unset, else near a bound of the field, else any. */
static int64_t
any_number(enum sw_tag tag)
{
	const struct sw_field_rule *r = &sw_field_rules[tag];

	switch (any(12)) {
	case 0:
		return r->least + (int64_t)any(3) - 1;
	case 1:
		return r->most + (int64_t)any(3) - 1;
	case 2:
		return (int64_t)chance_draw(&chance);
	default:
		return 0;
	}
}

static int
any_int(enum sw_tag tag)
{
	return (int)any_number(tag);
}

/* A text: mostly NULL; else letters, some invalid bytes, near the longest. */
static const char *
any_text(enum sw_tag tag, char *room)
{
	size_t longest = sw_field_rules[tag].longest;
	size_t len = any(2) == 0 ? any(longest) : longest - 1 + any(3);

	if (any(3) > 0)
		return NULL;
	for (size_t i = 0; i < len; i++)
		room[i] = (char)('a' + any(26));
	room[len] = '\0';
	if (len > 2 && any(4) == 0)
		memcpy(room + any(len - 1), any(2) == 0 ? "\xc3\xa4" : "\xe4z",
			2);
	return room;
}

static const char *const *
any_headers(void)
{
	static char room[4][SW_HEADERS_MAX + 4];
	static const char *headers[5];
	size_t n = any(3) == 0 ? 1 + any(4) : 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = any(6) == 0 ? any(SW_HEADERS_MAX + 2) : any(40);

		memset(room[i], 'h', len);
		room[i][len] = '\0';
		if (len > 0 && any(12) > 0)
			room[i][any(4) % len] = '=';
		if (len > 0 && any(12) == 0)
			room[i][any(len)] = '\xe4';
		headers[i] = room[i];
	}
	headers[n] = NULL;
	return any(2) == 0 || n > 0 ? headers : NULL;
}

static struct sw_job
any_job(const struct put_rig *w)
{
	static const char *const queues[] = {"q", "email", "a-b_9", "", "A",
		"a b", "\xff", "=",
		"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
		"kk"};
	static char unique[300], fair[80], type[140];
	struct sw_job j = {
		.queue = queues[any(4) > 0 ? any(3) : any(9)],
		.body = w->filler,
		.body_len = any(40) == 0 ? SW_BODY_MAX + any(2) : any(64),
		.priority = any_int(SW_F_PRIORITY),
		.delay_ms = any_number(SW_F_DELAY_MS),
		.run_at_ms = any_number(SW_F_RUN_AT_MS),
		.expires_at_ms = any_number(SW_F_EXPIRES_AT_MS),
		.unique = any_text(SW_F_UNIQUE, unique),
		.unique_also = any_int(SW_F_UNIQUE_ALSO),
		.fair = any_text(SW_F_FAIR, fair),
		.max_attempts = any_int(SW_F_MAX_ATTEMPTS),
		.timeout_ms = any_number(SW_F_TIMEOUT_MS),
		.content_type = any_text(SW_F_CONTENT_TYPE, type),
		.headers = any_headers(),
	};

	if (j.unique != NULL && strlen(j.unique) < 8)
		j.unique = NULL; /* another job may have the key by then */
	return j;
}

static void
library_and_broker_agree_on_random_jobs(void **state)
{
	struct put_rig *w = *state;
	unsigned good = 0, bad = 0;

	chance = chance_seed();
	for (int i = 0; i < RANDOM; i++) {
		struct sw_job job = any_job(w);
		struct put_verdict v = put_library_says(w, job);

		put_expect(
			put_core_says(w, put_item_of(w, &job)), v.err, v.why);
		/* An expired job may still have its unique key. */
		if (i % 4 == 0 && job.body_len < 64 &&
			(v.err < 0 || job.unique == NULL))
			put_expect(put_follow_says(w, put_item_of(w, &job)),
				v.err, v.why);
		*(v.err == 0 ? &good : &bad) += 1;
	}
	assert_true(good > RANDOM / 20 && bad > RANDOM / 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			library_and_broker_agree_on_random_jobs, put_rig_setup,
			put_rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
