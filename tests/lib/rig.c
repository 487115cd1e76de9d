/* SPDX-License-Identifier: MIT */
#include "tests/lib/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"

/* --- start and end ------------------------------------------------------- */

struct core_start
rig_now(const struct rig *r)
{
	return (struct core_start){.wall_ms = r->now_ms,
		.boot_ms = r->mono_ms,
		.boot_id = r->boot_id};
}

int
rig_start(struct rig *r, const char *uri, const struct store_options *o,
	rig_init_fn *init)
{
	struct core_start at = rig_now(r);
	int err = store_open(&r->store, uri, o);

	if (err == 0)
		err = r->store->driver->claim(r->store, 0, 0, &r->claim);
	if (err == 0)
		err = init(r->core, r->store, &r->claim, &at);
	return err;
}

int
rig_start_again(struct rig *r)
{
	struct core_start at = rig_now(r);

	core_fini(r->core);
	return core_init(r->core, r->store, &r->claim, &at);
}

struct rig *
rig_open(const char *uri)
{
	static const struct store_options options = {.map_size = 64 << 20};
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->now_ms = 1700000000000;
	r->mono_ms = 5000;
	r->boot_id = 1;
	r->core = calloc(1, sizeof(*r->core));
	assert_non_null(r->core);
	assert_int_equal(rig_start(r, uri, &options, core_init), 0);
	return r;
}

static void
outs_free(struct rig *r)
{
	while (r->outs_n > 0) {
		union {
			const void *c;
			void *p;
		} frame = {r->outs[--r->outs_n].frame.p};

		free(frame.p);
	}
}

void
rig_close(struct rig *r)
{
	rig_check_counters(r);
	rig_drop(r);
}

void
rig_drop(struct rig *r)
{
	outs_free(r);
	core_fini(r->core);
	r->store->driver->close(r->store);
	free(r->core);
	free(r);
}

int
rig_setup(void **state)
{
	*state = rig_open("mem:");
	return 0;
}

int
rig_teardown(void **state)
{
	rig_close(*state);
	return 0;
}

int
rig_teardown_rows(void **state)
{
	rig_check_rows(*state);
	return rig_teardown(state);
}

void
rig_restart(struct rig *r)
{
	struct core_start at = rig_now(r);

	core_fini(r->core);
	assert_int_equal(r->store->driver->claim(r->store, 0, 0, &r->claim), 0);
	assert_int_equal(core_init(r->core, r->store, &r->claim, &at), 0);
}

/* --- turns --------------------------------------------------------------- */

static void
committed(void *arg, int err)
{
	*(int *)arg = err;
}

int
rig_rows_commit(struct rig *r, const struct store_op *ops, size_t n)
{
	int said = 0;
	int err = r->store->driver->commit(
		r->store, &r->claim, ops, n, committed, &said);

	return err < 0 ? err : said;
}

static void
out_keep(struct rig *r, const struct out *o)
{
	void *copy = malloc(o->frame.len);

	assert_true(copy != NULL && r->outs_n < RIG_OUTS);
	memcpy(copy, o->frame.p, o->frame.len);
	r->outs[r->outs_n++] = (struct out){
		o->peer, bytes_of(copy, o->frame.len)};
}

int
rig_turn(struct rig *r, const struct peer *from, struct bytes frame)
{
	struct core *c = r->core;
	int err = 0;

	outs_free(r);
	core_begin(c, r->now_ms, r->mono_ms);
	if (from != NULL)
		core_take(c, from, frame);
	core_tick(c);
	core_hand_out(c);
	core_close(c);
	if (c->err < 0)
		return c->err;
	if (c->batch.n > 0)
		err = rig_rows_commit(r, c->batch.ops, c->batch.n);
	if (err < 0)
		return err;
	core_committed(c);
	for (size_t i = 0; i < c->outs_n; i++)
		if (r->on_out == NULL || !r->on_out(r->arg, &c->outs[i]))
			out_keep(r, &c->outs[i]);
	core_end(c);
	return 0;
}

void
rig_pass(struct rig *r, int64_t ms)
{
	r->now_ms += ms;
	r->mono_ms += ms;
	assert_int_equal(rig_turn(r, NULL, bytes_of(NULL, 0)), 0);
}

void
rig_send(struct rig *r, int who)
{
	struct peer p = rig_peer(who);

	assert_int_equal(rig_turn(r, &p, sw_buf_bytes(&r->b)), 0);
}

int
rig_item(struct rig *r, int who, int op, int i, struct sw_item *it)
{
	struct peer p = rig_peer(who);

	for (size_t o = 0; o < r->outs_n; o++) {
		struct sw_msg m;
		int at = 0;

		assert_int_equal(sw_msg_open(r->outs[o].frame, &m), 0);
		if (memcmp(&r->outs[o].peer, &p, sizeof(p)) != 0 || m.op != op)
			continue;
		while (sw_msg_next(&m, it))
			if (at++ == i)
				return 1;
	}
	return 0;
}

/* --- rows that no broker wrote ------------------------------------------- */

void
rig_row_change(struct rig *r, enum store_op_kind kind, const struct key *k,
	struct bytes val)
{
	const struct store_op op = {kind, key_bytes(k), val};

	assert_int_equal(rig_rows_commit(r, &op, 1), 0);
}

int
rig_row_is_there(struct rig *r, const struct key *k)
{
	struct bytes val;

	return r->store->driver->get(r->store, 0, key_bytes(k), &val) == 0;
}

struct key
rig_key(char letter, int n)
{
	struct sw_id id = rig_id(n);

	return key_id(letter, &id);
}

void
rig_record_damage(struct rig *r, int n, size_t keep)
{
	struct key k = rig_key('j', n);
	uint8_t copy[1024];
	struct bytes val;

	assert_int_equal(
		r->store->driver->get(r->store, 0, key_bytes(&k), &val), 0);
	assert_true(val.len < sizeof(copy));
	memcpy(copy, val.p, val.len);
	copy[0] ^= 1;
	rig_row_change(r, STORE_PUT, &k,
		bytes_of(copy, val.len < keep ? val.len : keep));
}
