/* SPDX-License-Identifier: MIT */
/*
 * fuzz_record: any fields under a sound checksum, as a record in the store.
 * What opens must open again as the same after it was sealed; the bytes as
 * they are, without a checksum of ours, must not open at all.
 */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "broker/model/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(int truth)
{
	if (!truth)
		abort();
}

static int
id_of(struct bytes fields, struct sw_id *id)
{
	struct sw_item it;

	return sw_item_open(fields, &it) == 0 && sw_get_id(&it, id);
}

static void
same(const struct record *a, const struct record *b)
{
	expect(a->state == b->state && a->attempt == b->attempt &&
		a->crashes == b->crashes && a->run_at_ms == b->run_at_ms &&
		a->expires_at_ms == b->expires_at_ms &&
		a->created_at_ms == b->created_at_ms &&
		a->ended_at_ms == b->ended_at_ms &&
		a->keep_until_ms == b->keep_until_ms && a->cause == b->cause &&
		a->rank == b->rank && a->lane == b->lane &&
		a->token == b->token && a->body_len == b->body_len &&
		a->priority == b->priority && bytes_eq(a->unique, b->unique) &&
		bytes_eq(a->result, b->result));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *stored = malloc(size + RECORD_SUM);
	struct sw_id id = {{0}};
	struct record r, again;
	struct arena a;
	struct bytes sealed;

	expect(stored != NULL);
	arena_init(&a);
	expect(record_open(bytes_of(data, size), &id, &r) == SW_ECORRUPT ||
		size > RECORD_SUM);
	memcpy(stored + RECORD_SUM, data, size);
	le_set(stored, RECORD_SUM, XXH3_64bits(data, size));
	if (size < RECORD_MAX && id_of(bytes_of(data, size), &id) &&
		record_open(bytes_of(stored, size + RECORD_SUM), &id, &r) ==
			0) {
		expect(r.state != SW_DONE || record_last_error(&r).len == 0);
		sealed = record_seal(&a, &r, 0, bytes_of(NULL, 0));
		expect(record_open(sealed, &id, &again) == 0);
		same(&r, &again);
	}
	arena_fini(&a);
	free(stored);
	return 0;
}
