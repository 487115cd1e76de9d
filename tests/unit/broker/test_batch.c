/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "broker/model/batch.h"

static int
setup(void **state)
{
	struct batch *b = malloc(sizeof(*b));

	assert_non_null(b);
	assert_int_equal(batch_init(b), 0);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	batch_fini(*state);
	free(*state);
	return 0;
}

static struct bytes
number(uint32_t *n)
{
	return bytes_of(n, sizeof(*n));
}

static void
a_later_decision_on_a_key_takes_the_place_of_an_earlier(void **state)
{
	struct batch *b = *state;
	struct bytes v;

	batch_put(b, bytes_str("k"), bytes_str("one"));
	batch_put(b, bytes_str("k"), bytes_str("two"));
	assert_int_equal(batch_get(b, bytes_str("k"), &v), BATCH_PUT);
	assert_true(bytes_eq(v, bytes_str("two")));
	batch_delete(b, bytes_str("k"));
	assert_int_equal(batch_get(b, bytes_str("k"), &v), BATCH_DELETED);
	assert_int_equal(batch_get(b, bytes_str("x"), &v), BATCH_UNKNOWN);
	batch_close(b);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->ops[0].kind, STORE_DELETE);
}

static void
what_comes_and_goes_in_a_turn_never_reaches_the_store(void **state)
{
	struct batch *b = *state;

	batch_insert(b, bytes_str("a"), bytes_str("1"));
	batch_insert(b, bytes_str("b"), bytes_str("2"));
	batch_delete(b, bytes_str("a"));
	batch_close(b);
	assert_int_equal(b->n, 1);
	assert_true(bytes_eq(b->ops[0].key, bytes_str("b")));
}

/* Slots that were left behind once filled the table after half a million puts.
 */
static void
a_closed_batch_leaves_no_slot_behind(void **state)
{
	struct batch *b = *state;
	uint32_t key = 0;
	struct bytes v;

	for (int turn = 0; turn < 200; turn++) {
		for (int i = 0; i < 8000; i++, key++)
			batch_insert(b, number(&key), bytes_str("x"));
		batch_close(b);
		assert_int_equal(b->n, 8000);
		batch_reset(b);
		for (size_t s = 0; s < (size_t)BATCH_OPS_MAX * 2; s++)
			assert_true(b->slots[s] == 0);
	}
	key = 1;
	assert_int_equal(batch_get(b, number(&key), &v), BATCH_UNKNOWN);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_later_decision_on_a_key_takes_the_place_of_an_earlier),
		T(what_comes_and_goes_in_a_turn_never_reaches_the_store),
		T(a_closed_batch_leaves_no_slot_behind),
	};

	return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
