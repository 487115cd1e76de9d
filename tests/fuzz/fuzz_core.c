/* SPDX-License-Identifier: MIT */
/*
 * fuzz_core: messages into a core that has some jobs.  The input is pieces
 * of a head of three bytes (who sends it and how much later, its length) and
 * a message; two bytes of magic and version are put right, so that more of
 * them are understood.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "broker/core/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { JOBS = 12, PIECES_MAX = 32 };

static struct core core;
static struct store *store;
static struct claim claim;
static int64_t now_ms, mono_ms;

static void
expect(int truth)
{
	if (!truth)
		abort();
}

static void
committed(void *arg, int err)
{
	*(int *)arg = err;
}

static void
turn(const struct peer *from, struct bytes frame)
{
	struct core *c = &core;
	struct sw_msg m;
	int err = 0;

	core_begin(c, now_ms, mono_ms);
	core_take(c, from, frame);
	core_tick(c);
	core_hand_out(c);
	core_close(c);
	expect(c->err == 0);
	if (c->batch.n > 0)
		expect(store->driver->commit(store, &claim, c->batch.ops,
			       c->batch.n, committed, &err) == 0);
	expect(err == 0);
	core_committed(c);
	for (size_t i = 0; i < c->outs_n; i++)
		expect(sw_msg_open(c->outs[i].frame, &m) == 0);
	core_end(c);
}

static struct sw_id
id_of(unsigned n)
{
	return (struct sw_id){{1, (uint8_t)n}};
}

/* Delayed, ready and held by a worker, some under a unique key. */
static void
jobs_make(void)
{
	static const struct peer me = {.b = {9}, .len = 5};
	uint8_t room[8192];
	struct sw_buf b = {.p = room, .cap = sizeof(room)};
	size_t at;

	sw_msg_begin(&b, SW_OP_PUT, 0, 1);
	for (unsigned n = 0; n < JOBS; n++) {
		struct sw_id id = id_of(n);

		at = sw_item_begin(&b);
		sw_put_id(&b, &id);
		sw_put_text(&b, SW_F_QUEUE, n % 2 ? "q" : "p");
		sw_put_text(&b, SW_F_BODY, "body");
		if (n % 3 == 0)
			sw_put_int(&b, SW_F_DELAY_MS, 5000 * (n + 1));
		if (n % 4 == 0)
			sw_put_fmt(&b, SW_F_UNIQUE, "k%u", n);
		sw_item_end(&b, at);
	}
	turn(&me, sw_buf_bytes(&b));
	b.len = 0;
	sw_msg_begin(&b, SW_OP_HELLO, 0, 2);
	at = sw_item_begin(&b);
	sw_put_text(&b, SW_F_WORKER, "w");
	sw_put_int(&b, SW_F_SLOTS, 3);
	sw_item_end(&b, at);
	at = sw_item_begin(&b);
	sw_put_text(&b, SW_F_QUEUE, "q");
	sw_item_end(&b, at);
	turn(&me, sw_buf_bytes(&b));
	b.len = 0;
	sw_msg_begin(&b, SW_OP_WANT, 0, 3);
	at = sw_item_begin(&b);
	sw_put_int(&b, SW_F_CREDIT, 3);
	sw_item_end(&b, at);
	turn(&me, sw_buf_bytes(&b));
}

static void
pieces(const uint8_t *p, size_t left)
{
	for (int i = 0; i < PIECES_MAX && left >= 3; i++) {
		struct peer from = {.b = {0, p[0] & 3}, .len = 5};
		size_t len = (size_t)(p[1] | p[2] << 8);
		uint8_t *frame;

		if (p[0] & 3)
			from.b[0] = 9; /* the worker of fill(), and others */
		if ((p[0] & 3) == 1)
			from.b[1] = 0;
		now_ms += (p[0] >> 2) * 100;
		mono_ms += (p[0] >> 2) * 100;
		p += 3;
		left -= 3;
		len = len < left ? len : left;
		frame = malloc(len + 1); /* of its very length */
		expect(frame != NULL);
		memcpy(frame, p, len);
		if (len >= 3) {
			le_set(frame, 2, SW_MAGIC);
			frame[2] = SW_VERSION;
		}
		turn(&from, bytes_of(frame, len));
		free(frame);
		p += len;
		left -= len;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct core_start at = {
		.wall_ms = 1700000000000, .boot_ms = 5000, .boot_id = 1};

	now_ms = at.wall_ms;
	mono_ms = at.boot_ms;
	expect(store_mem.open(&store, "", NULL) == 0 &&
		store->driver->claim(store, 0, 0, &claim) == 0 &&
		core_init(&core, store, &claim, &at) == 0);
	jobs_make();
	pieces(data, size);
	core_fini(&core);
	store->driver->close(store);
	return 0;
}
