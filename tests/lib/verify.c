/* SPDX-License-Identifier: MIT */
#include "tests/lib/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void
line_keep(void *arg, const char *line)
{
	(void)snprintf(arg, VERIFY_LINE, "%s", line);
}

struct verify
verified(struct rig *r, int repair, char line[VERIFY_LINE])
{
	struct verify v = {.core = r->core,
		.repair = repair,
		.report = line_keep,
		.arg = line};

	line[0] = '\0';
	core_fini(r->core);
	assert_int_equal(core_init_any(r->core, r->store, &r->claim, r->now_ms,
				 r->mono_ms),
		0);
	assert_int_equal(verify_run(&v), 0);
	core_fini(r->core);
	assert_int_equal(core_init_any(r->core, r->store, &r->claim, r->now_ms,
				 r->mono_ms),
		0);
	return v;
}

uint64_t
verified_found(const struct verify *v)
{
	uint64_t n = 0;

	for (int i = 0; i < VERIFY_KINDS; i++)
		n += v->found[i];
	return n;
}

void
verify_finds(struct rig *r, int repair, enum verify_kind kind, uint64_t n)
{
	char line[VERIFY_LINE];
	struct verify v = verified(r, repair, line);

	assert_int_equal(v.found[kind], n);
	assert_int_equal(verified_found(&v), n);
}

void
verify_sound(struct rig *r)
{
	char line[VERIFY_LINE];
	struct verify v = verified(r, 0, line);

	assert_string_equal(line, "");
	assert_int_equal(verified_found(&v), 0);
}

void
rig_put_with(struct rig *r, int n, int field, int64_t value, const char *unique)
{
	size_t mark = rig_say(r, SW_OP_PUT, n);

	sw_put_text(&r->b, SW_F_QUEUE, "q");
	sw_put_text(&r->b, SW_F_BODY, "body");
	if (field != 0)
		sw_put_int(&r->b, field, value);
	if (unique != NULL)
		sw_put_text(&r->b, SW_F_UNIQUE, unique);
	sw_item_end(&r->b, mark);
	rig_send(r, 0);
}
