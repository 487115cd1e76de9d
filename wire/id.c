/* SPDX-License-Identifier: MIT */
#include "wire/id.h"

#include <stdatomic.h>
#include <string.h>
#include <uuid/uuid.h>

#include "base/bytes.h"
#include "base/error.h"

/* Milliseconds in the high bits, the counter in the low 12; always grows. */
static uint64_t
id_tick(int64_t now_ms)
{
	static _Atomic uint64_t last;
	uint64_t was = atomic_load(&last), now = (uint64_t)now_ms << 12, next;

	do
		next = now > was ? now : was + 1;
	while (!atomic_compare_exchange_weak(&last, &was, next));
	return next;
}

struct sw_id
sw_id_make(int64_t now_ms)
{
	uint64_t t = id_tick(now_ms);
	struct sw_id id;

	uuid_generate_random(id.b); /* sets the variant in byte 8 */
	be_set(id.b, 6, t >> 12);
	be_set(id.b + 6, 2, 0x7000 | (t & 0xfff));
	return id;
}

int
sw_id_parse(const char *text, struct sw_id *id)
{
	uuid_t u;

	if (uuid_parse(text, u) != 0)
		return SW_EID;
	memcpy(id->b, u, sizeof(id->b));
	return 0;
}

void
sw_id_format(const struct sw_id *id, char text[SW_ID_TEXT])
{
	uuid_unparse_lower(id->b, text);
}
