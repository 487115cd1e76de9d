/* SPDX-License-Identifier: MIT */
#include "tests/lib/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"

struct rig *
rig_open(const char *uri)
{
	static const struct store_options options = {.map_size = 64 << 20};
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->now_ms = 1700000000000;
	r->mono_ms = 5000;
	r->core = calloc(1, sizeof(*r->core));
	assert_int_equal(store_open(&r->store, uri, &options), 0);
	assert_int_equal(r->store->driver->claim(r->store, 0, 0, &r->claim), 0);
	assert_int_equal(
		core_init(r->core, r->store, &r->claim, r->now_ms, r->mono_ms),
		0);
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

void
rig_restart(struct rig *r)
{
	core_fini(r->core);
	assert_int_equal(r->store->driver->claim(r->store, 0, 0, &r->claim), 0);
	assert_int_equal(
		core_init(r->core, r->store, &r->claim, r->now_ms, r->mono_ms),
		0);
}

static void
committed(void *arg, int err)
{
	*(int *)arg = err;
}

void
rig_row_change(struct rig *r, enum store_op_kind kind, const struct key *k,
	struct bytes val)
{
	const struct store_op op = {kind, key_bytes(k), val};
	int err = 1;

	assert_int_equal(r->store->driver->commit(
				 r->store, &r->claim, &op, 1, committed, &err),
		0);
	assert_int_equal(err, 0);
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

static void
turn(struct rig *r, const struct peer *from)
{
	struct core *c = r->core;
	int err = 0;

	outs_free(r);
	core_begin(c, r->now_ms, r->mono_ms);
	if (from != NULL)
		core_take(c, from, sw_buf_bytes(&r->b));
	core_tick(c);
	core_hand_out(c);
	core_close(c);
	assert_int_equal(c->err, 0);
	if (c->batch.n > 0)
		assert_int_equal(
			r->store->driver->commit(r->store, &r->claim,
				c->batch.ops, c->batch.n, committed, &err),
			0);
	assert_int_equal(err, 0);
	core_committed(c);
	for (size_t i = 0; i < c->outs_n; i++) {
		struct bytes f = c->outs[i].frame;
		void *copy = malloc(f.len);

		assert_true(r->outs_n < RIG_OUTS);
		memcpy(copy, f.p, f.len);
		r->outs[r->outs_n++] = (struct out){
			c->outs[i].peer, bytes_of(copy, f.len)};
	}
	core_end(c);
}

void
rig_pass(struct rig *r, int64_t ms)
{
	r->now_ms += ms;
	r->mono_ms += ms;
	turn(r, NULL);
}

static struct peer
peer_of(int who)
{
	return (struct peer){
		.b = {(uint8_t)(who >> 8), (uint8_t)who}, .len = 5};
}

void
rig_begin(struct rig *r, int op)
{
	r->b = (struct sw_buf){.p = r->request, .cap = sizeof(r->request)};
	sw_msg_begin(&r->b, op, 0, ++r->seq);
}

void
rig_send(struct rig *r, int who)
{
	struct peer p = peer_of(who);

	turn(r, &p);
}

int
rig_item(struct rig *r, int who, int op, int i, struct sw_item *it)
{
	struct peer p = peer_of(who);

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

struct sw_id
rig_id(int n)
{
	struct sw_id id = {{1}};

	be_set(id.b + 8, 8, (uint64_t)n);
	return id;
}

static int
status(struct rig *r, int who, int op)
{
	struct sw_item it;

	if (!rig_item(r, who, op | SW_REPLY, 0, &it) &&
		!rig_item(r, who, SW_OP_ERROR | SW_REPLY, 0, &it))
		return 1;
	return (int)sw_int(&it, SW_F_STATUS, 1);
}

int
rig_put(struct rig *r, int n, const char *queue, const char *body)
{
	struct sw_id id = rig_id(n);
	size_t mark;

	rig_begin(r, SW_OP_PUT);
	mark = sw_item_begin(&r->b);
	sw_put_id(&r->b, &id);
	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_put_text(&r->b, SW_F_BODY, body);
	sw_item_end(&r->b, mark);
	rig_send(r, 100);
	return status(r, 100, SW_OP_PUT);
}

void
rig_want(struct rig *r, int who, int64_t credit)
{
	size_t mark;

	rig_begin(r, SW_OP_WANT);
	mark = sw_item_begin(&r->b);
	sw_put_int(&r->b, SW_F_CREDIT, credit);
	sw_item_end(&r->b, mark);
	rig_send(r, who);
}

int
rig_cancel(struct rig *r, int n)
{
	struct sw_id id = rig_id(n);
	struct sw_item it;
	size_t mark;

	rig_begin(r, SW_OP_CANCEL);
	mark = sw_item_begin(&r->b);
	sw_put_id(&r->b, &id);
	sw_item_end(&r->b, mark);
	rig_send(r, 100);
	assert_true(rig_item(r, 100, SW_OP_CANCEL | SW_REPLY, 0, &it));
	return (int)sw_int(&it, SW_F_STATUS, 1);
}

int
rig_hello(struct rig *r, int who, const char *queue, int credit)
{
	size_t mark;
	int s;

	rig_begin(r, SW_OP_HELLO);
	mark = sw_item_begin(&r->b);
	sw_put_fmt(&r->b, SW_F_WORKER, "worker-%d", who);
	sw_put_int(&r->b, SW_F_SLOTS, 8);
	sw_item_end(&r->b, mark);
	mark = sw_item_begin(&r->b);
	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_item_end(&r->b, mark);
	rig_send(r, who);
	s = status(r, who, SW_OP_HELLO);
	if (credit > 0)
		rig_want(r, who, credit);
	return s;
}

int
rig_take(struct rig *r, int who, uint64_t *token)
{
	struct peer p = peer_of(who);
	struct session *s = session_find(r->core->sessions, &p);
	struct sw_item it;
	struct sw_id id;

	assert_non_null(s);
	rig_want(r, who, s->sent + 1);
	if (!rig_item(r, who, SW_OP_JOBS, 0, &it)) {
		rig_want(r, who, 0);
		return 0;
	}
	assert_true(sw_get_id(&it, &id));
	*token = (uint64_t)sw_int(&it, SW_F_TOKEN, 0);
	return (int)be_get(id.b + 8, 8);
}

int
rig_done(struct rig *r, int who, int n, uint64_t token, int outcome, int cause)
{
	struct sw_id id = rig_id(n);
	size_t mark;

	rig_begin(r, SW_OP_DONE);
	mark = sw_item_begin(&r->b);
	sw_put_id(&r->b, &id);
	sw_put_int(&r->b, SW_F_TOKEN, (int64_t)token);
	sw_put_int(&r->b, SW_F_OUTCOME, outcome);
	sw_put_int(&r->b, SW_F_CAUSE, cause);
	sw_item_end(&r->b, mark);
	rig_send(r, who);
	return status(r, who, SW_OP_DONE);
}

enum sw_state
rig_state(struct rig *r, int n)
{
	struct sw_id id = rig_id(n);
	struct sw_item it;
	size_t mark;

	rig_begin(r, SW_OP_GET);
	mark = sw_item_begin(&r->b);
	sw_put_id(&r->b, &id);
	sw_item_end(&r->b, mark);
	rig_send(r, 101);
	assert_true(rig_item(r, 101, SW_OP_GET | SW_REPLY, 0, &it));
	return (enum sw_state)sw_int(&it, SW_F_STATE, SW_NONE);
}

int
rig_set(struct rig *r, const char *queue, const char *setting)
{
	size_t mark;

	rig_begin(r, SW_OP_QUEUE_SET);
	mark = sw_item_begin(&r->b);
	sw_put_text(&r->b, SW_F_QUEUE, queue);
	sw_put_text(&r->b, SW_F_SETTING, setting);
	sw_item_end(&r->b, mark);
	rig_send(r, 102);
	return status(r, 102, SW_OP_QUEUE_SET);
}

struct tally {
	int64_t count[64][SW_STATES];
	int64_t bytes[64];
	struct rig *r;
};

static int
tally_each(void *arg, struct bytes key, struct bytes val)
{
	struct tally *t = arg;
	struct record rec;
	struct sw_id id;
	struct queue *q;

	memcpy(id.b, (const uint8_t *)key.p + 1, SW_ID_LEN);
	assert_int_equal(record_open(val, &id, &rec), 0);
	HASH_FIND(hh, t->r->core->queues_by_name, rec.it.f[SW_F_QUEUE].p,
		rec.it.f[SW_F_QUEUE].len, q);
	assert_non_null(q);
	if (lease_find(&t->r->core->leases, &id) != NULL)
		rec.state = SW_LEASED;
	t->count[q->no][rec.state]++;
	t->bytes[q->no] += rec.body_len;
	return 0;
}

void
rig_check_counters(struct rig *r)
{
	struct tally *t = calloc(1, sizeof(*t));
	struct key from = key_start('j'), to = key_after(from);

	assert_non_null(t);
	t->r = r;
	assert_int_equal(r->store->driver->scan(r->store, 0, key_bytes(&from),
				 key_bytes(&to), SIZE_MAX, tally_each, t),
		0);
	for (unsigned i = 0; i < r->core->queues_n && i < 64; i++) {
		struct queue *q = r->core->queues[i];

		if (q == NULL)
			continue;
		for (int s = SW_DELAYED; s < SW_STATES; s++)
			assert_int_equal(q->count[s], t->count[i][s]);
		assert_int_equal(q->total[TOTAL_BYTES], t->bytes[i]);
	}
	free(t);
}

const char *
rig_drain(struct rig *r, int who, const char *queue)
{
	static char text[4096];
	size_t len = 0;
	uint64_t token;
	int n;

	rig_hello(r, who, queue, 0);
	text[0] = '\0';
	while (len < sizeof(text) - 16 && (n = rig_take(r, who, &token)) != 0) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d",
			len > 0 ? " " : "", n);
		assert_int_equal(rig_done(r, who, n, token, SW_ACK, 0), 0);
	}
	return text;
}
