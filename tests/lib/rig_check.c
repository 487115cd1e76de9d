/* SPDX-License-Identifier: MIT */
#include "tests/lib/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/rows.h"

struct rows {
	struct rig *r;
	size_t wanted[256], there[256]; /* by the key's letter */
	size_t in_windows;		/* entries */
};

/* Every row that a job asks for is there; a unique key names the job. */
static void
want_rows_of(struct rows *rows, const struct record *rec)
{
	struct store *s = rows->r->store;
	struct key keys[ROWS_MAX];
	int n = rows_of(rec, rec->state, keys);

	for (int i = 0; i < n; i++) {
		struct bytes val;

		rows->wanted[keys[i].b[0]]++;
		assert_int_equal(
			s->driver->get(s, 0, key_bytes(&keys[i]), &val), 0);
		if (keys[i].b[0] == 'u')
			assert_memory_equal(val.p, rec->id.b, SW_ID_LEN);
	}
}

static int
job_each(void *arg, struct bytes key, struct bytes val)
{
	struct rows *rows = arg;
	struct core *c = rows->r->core;
	struct record rec;
	struct sw_id id;

	memcpy(id.b, (const uint8_t *)key.p + 1, SW_ID_LEN);
	assert_int_equal(record_open(val, &id, &rec), 0);
	HASH_FIND(hh, c->queues_by_name, rec.it.f[SW_F_QUEUE].p,
		rec.it.f[SW_F_QUEUE].len, rec.q);
	assert_non_null(rec.q);
	if (lease_find(&c->leases, &id) != NULL)
		rec.state = SW_LEASED;
	want_rows_of(rows, &rec);
	return 0;
}

static int
row_each(void *arg, struct bytes key, struct bytes val)
{
	struct rows *rows = arg;
	uint8_t letter = *(const uint8_t *)key.p;
	int in;

	(void)val;
	rows->there[letter]++;
	if (timer_kind_of((char)letter) != TIMER_KINDS)
		assert_true(row_has_timer(rows->r->core, key));
	if (letter == 'r') {
		in = row_in_window(rows->r->core, key);
		assert_int_not_equal(in, 0);
		rows->in_windows += in > 0;
	}
	return 0;
}

void
rig_check_rows(struct rig *r)
{
	struct rows rows = {.r = r};
	const struct core *c = r->core;
	struct key from = key_start('j'), to = key_after(from);

	if (c->batch.n > 0)
		return; /* the index is the store and the batch together */
	assert_int_equal(r->store->driver->scan(r->store, 0, key_bytes(&from),
				 key_bytes(&to), SIZE_MAX, job_each, &rows),
		0);
	assert_int_equal(r->store->driver->scan(r->store, 0, bytes_of("", 0),
				 bytes_of("", 0), SIZE_MAX, row_each, &rows),
		0);
	for (const char *letter = ROWS_LETTERS; *letter != '\0'; letter++)
		assert_int_equal(rows.wanted[(uint8_t)*letter],
			rows.there[(uint8_t)*letter]);
	assert_int_equal(rows.in_windows, windows_entries(c));
}

struct tally_queue {
	int64_t count[SW_STATES], bytes;
};

struct tally {
	struct tally_queue *queues; /* by number */
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
	t->queues[q->no].count[rec.state]++;
	t->queues[q->no].bytes += rec.body_len;
	return 0;
}

void
rig_check_counters(struct rig *r)
{
	struct tally t = {
		.queues = calloc(r->core->queues_n + 1, sizeof(*t.queues)),
		.r = r};
	struct key from = key_start('j'), to = key_after(from);

	assert_non_null(t.queues);
	assert_int_equal(r->store->driver->scan(r->store, 0, key_bytes(&from),
				 key_bytes(&to), SIZE_MAX, tally_each, &t),
		0);
	for (unsigned i = 0; i < r->core->queues_n; i++) {
		struct queue *q = r->core->queues[i];

		if (q == NULL)
			continue;
		for (int s = SW_DELAYED; s < SW_STATES; s++)
			assert_int_equal(q->count[s], t.queues[i].count[s]);
		assert_int_equal(q->total[TOTAL_BYTES], t.queues[i].bytes);
	}
	free(t.queues);
}

/* --- as spillway-repair has it -------------------------------------------- */

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

	struct core_start at = rig_now(r);

	line[0] = '\0';
	core_fini(r->core);
	assert_int_equal(core_init_any(r->core, r->store, &r->claim, &at), 0);
	assert_int_equal(verify_run(&v), 0);
	core_fini(r->core);
	assert_int_equal(core_init_any(r->core, r->store, &r->claim, &at), 0);
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
