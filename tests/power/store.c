/* SPDX-License-Identifier: MIT */
/*
 * The store under load.  An operation is a batch, and what it holds follows
 * from its number and the seed; so after each of them the rows are known, by
 * a hash, from the model in memory.  Batch number i puts i under the key "n":
 * a life finds out from it what became of the last batch of the one before.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/must.h"
#include "broker/store/store.h"
#include "tests/lib/chance.h"
#include "tests/power/image.h"
#include "tests/power/power.h"

enum {
	OPS = 16,
	VAL = 130000,
	KEYS = 120,	 /* of the usual load */
	BIG = 70,	 /* this batch is larger than the journal ... */
	BIG_N = 10,	 /* ... by so many values; the next one deletes them */
	FULL_KEYS = 40,	 /* of the load that fills the map */
	FULL_ROUND = 10, /* batches: so many put and then ... */
	FULL_PUTS = 7,	 /* ... the others delete */
};

struct batch {
	struct store_op ops[OPS];
	char keys[OPS][16];
	size_t n;
};

static uint8_t vals[OPS][VAL];

/* --- batches ------------------------------------------------------------- */

static void
op_put(struct batch *b, uint64_t *seed, const char *key, size_t len)
{
	uint8_t *val = vals[b->n];

	must(b->n < OPS && len <= VAL);
	for (size_t i = 0; i + 8 <= len; i += 8)
		le_set(val + i, 8, chance_draw(seed));
	memset(val + len / 8 * 8, 'v', len % 8);
	strcpy(b->keys[b->n], key);
	b->ops[b->n] = (struct store_op){
		STORE_PUT, bytes_str(b->keys[b->n]), bytes_of(val, len)};
	b->n++;
}

static void
op_delete(struct batch *b, const char *key)
{
	must(b->n < OPS);
	strcpy(b->keys[b->n], key);
	b->ops[b->n] = (struct store_op){
		.kind = STORE_DELETE, .key = bytes_str(b->keys[b->n])};
	b->n++;
}

/* Mostly small, as jobs are; some of many pages. */
static size_t
len_draw(uint64_t *seed)
{
	static const size_t most[] = {200, 200, 300, 1500, 6000, 90000};

	return 1 + chance_draw(seed) % most[chance_draw(seed) % 6];
}

static void
batch_usual(struct batch *b, uint64_t *seed, int i)
{
	char key[16];

	for (uint64_t n = chance_draw(seed) % 6; n > 0; n--) {
		(void)snprintf(key, sizeof(key), "k%03u",
			(unsigned)(chance_draw(seed) % KEYS));
		if (chance_draw(seed) % 4 == 0)
			op_delete(b, key);
		else
			op_put(b, seed, key, len_draw(seed));
	}
	for (int n = 0; n < BIG_N && (i == BIG || i == BIG + 1); n++) {
		(void)snprintf(key, sizeof(key), "big%d", n);
		if (i == BIG)
			op_put(b, seed, key, VAL);
		else
			op_delete(b, key);
	}
}

static int
is_put(int i)
{
	return i % FULL_ROUND < FULL_PUTS;
}

static void
batch_filling(struct batch *b, uint64_t *seed, int i)
{
	int round = i % FULL_ROUND, n = is_put(i) ? 4 : FULL_KEYS / 3 + 1;
	int from = is_put(i) ? i * 4 : (round - FULL_PUTS) * n;
	char key[16];

	for (int k = from; k < from + n; k++) {
		(void)snprintf(key, sizeof(key), "f%02d", k % FULL_KEYS);
		if (is_put(i))
			op_put(b, seed, key, VAL - chance_draw(seed) % 40000);
		else
			op_delete(b, key);
	}
}

static void
batch_make(struct batch *b, const struct power_scene *sc, int i)
{
	uint64_t seed = sc->seed * 31 + (uint64_t)i;

	b->n = 0;
	if (sc->kind == &power_full)
		batch_filling(b, &seed, i);
	else
		batch_usual(b, &seed, i);
	op_put(b, &seed, "n", 8);
	be_set(vals[b->n - 1], 8, (uint64_t)i);
}

static void
told(void *arg, int err)
{
	*(int *)arg = err;
}

static int
commit(struct store *s, const struct claim *c, const struct store_op *ops,
	size_t n)
{
	int said = 1, err = s->driver->commit(s, c, ops, n, told, &said);

	return err < 0 ? err : said;
}

/* --- what is there ------------------------------------------------------- */

static int
row_hash(void *arg, struct bytes key, struct bytes val)
{
	uint64_t *h = arg;

	if (!bytes_eq(key, bytes_str("probe"))) {
		*h = XXH3_64bits_withSeed(key.p, key.len, *h);
		*h = XXH3_64bits_withSeed(val.p, val.len, *h);
	}
	return 0;
}

static int
rows_hash(struct store *s, uint64_t *h)
{
	*h = 0;
	return s->driver->scan(s, 0, bytes_of(NULL, 0), bytes_of(NULL, 0),
		SIZE_MAX, row_hash, h);
}

/* after[i]: the hash after the batches below i that were stored. */
static void *
prepare(const struct power_scene *sc, const struct power_story *end)
{
	static const struct store_options options;
	uint64_t *after = calloc(POWER_OPS + 1, sizeof(*after));
	struct store *s = NULL;
	struct claim c;
	struct batch b;

	must(after != NULL && store_open(&s, "mem:model", &options) == 0 &&
		s->driver->claim(s, 0, 0, &c) == 0);
	for (int i = 0; i < end->next; i++) {
		batch_make(&b, sc, i);
		if (end->outcome[i] == POWER_STORED)
			must(commit(s, &c, b.ops, b.n) == 0);
		must(rows_hash(s, &after[i + 1]) == 0);
	}
	s->driver->close(s);
	return after;
}

/* --- a life -------------------------------------------------------------- */

static struct store *
opened(const struct power_scene *sc, const char *root,
	const struct power_story *st, struct claim *c)
{
	struct store_options o = {.map_size = (uint64_t)sc->kind->arg << 20};
	struct store *s = NULL;
	char dir[256];
	int err;

	(void)snprintf(dir, sizeof(dir), "%s/data", root);
	err = store_open(&s, dir, &o);
	if (err == 0)
		err = s->driver->claim(s, 0, 0, c);
	if (err < 0)
		power_wrong("does not open: %s: %s", sw_strerror(err),
			s != NULL ? s->why : "");
	if (c->epoch <= st->epoch)
		power_wrong("epoch %" PRIu64 " came again after %" PRIu64,
			c->epoch, st->epoch);
	return s;
}

/* The last batch of an earlier life is there, or will never be. */
static void
last_resolve(struct store *s, struct power_story *st)
{
	struct bytes n = {0};
	int i = st->next - 1, there;

	if (i < 0 || st->outcome[i] != POWER_BEGUN)
		return;
	there = s->driver->get(s, 0, bytes_str("n"), &n) == 0 &&
		be_get(n.p, 8) == (uint64_t)i;
	power_say(st, i, there ? POWER_STORED : POWER_REFUSED);
}

/* As the core does, so that there is always room to delete. */
static int
is_refused(struct store *s, const struct power_scene *sc, int i)
{
	struct store_usage u;
	int err = s->driver->usage(s, &u);

	if (err < 0)
		power_wrong("usage: %s", s->why);
	return sc->kind == &power_full && is_put(i) &&
	       (u.used_pages - u.free_pages) * 10 >= u.max_pages * 9;
}

static void
live(const struct power_scene *sc, const char *root, struct power_story *st,
	int more, int orderly)
{
	struct claim c;
	struct store *s = opened(sc, root, st, &c);
	struct batch b;

	power_epoch(st, c.epoch);
	last_resolve(s, st);
	for (int i = st->next, end = i + more; i < end; i++) {
		int err = SW_EFULL;

		power_say(st, i, POWER_BEGUN);
		batch_make(&b, sc, i);
		if (!is_refused(s, sc, i))
			err = commit(s, &c, b.ops, b.n);
		if (err < 0 && err != SW_EFULL)
			power_wrong("batch %d: %s", i, s->why);
		power_say(st, i, err == 0 ? POWER_STORED : POWER_REFUSED);
	}
	if (orderly)
		s->driver->close(s);
}

/* --- after the power is back --------------------------------------------- */

static void
rows_look(struct store *s, const struct power_story *st, const uint64_t *after)
{
	int last = st->next - 1, in_flight;
	uint64_t h;

	if (rows_hash(s, &h) < 0)
		power_wrong("scan: %s", s->why);
	in_flight = last >= 0 && st->outcome[last] == POWER_BEGUN;
	if (h == after[st->next] || (in_flight && h == after[last]))
		return;
	for (int i = 0; i < st->next; i++)
		if (after[i] == h)
			power_wrong("as it was after batch %d, but %d was "
				    "confirmed",
				i - 1, in_flight ? last - 1 : last);
	power_wrong("as it never was, at batch %d", last);
}

/* It takes more, also where puts are refused: an ack must go in. */
static void
probe_put(struct store *s, const struct claim *c)
{
	const struct store_op put = {
		STORE_PUT, bytes_str("probe"), bytes_str("taken")};
	int err = commit(s, c, &put, 1);

	if (err < 0)
		power_wrong("takes no more: %s: %s", sw_strerror(err), s->why);
}

static void
probe_look(struct store *s)
{
	struct bytes val;

	if (s->driver->get(s, 0, bytes_str("probe"), &val) < 0 ||
		!bytes_eq(val, bytes_str("taken")))
		power_wrong("what it took is not there");
}

static void
look(const struct power_scene *sc, const char *root,
	const struct power_story *st, const void *known)
{
	struct power_story again = *st;
	struct claim c;
	struct store *s = opened(sc, root, st, &c);

	rows_look(s, st, known);
	probe_put(s, &c);
	s->driver->close(s);
	if (st->next % 2 == 0)
		return;
	again.epoch = c.epoch;
	s = opened(sc, root, &again, &c);
	rows_look(s, st, known);
	probe_look(s);
	s->driver->close(s);
}

/* The argument is the size of the map in MB; its journal has 1 MB. */
const struct power_kind power_store = {8, live, look, prepare};
const struct power_kind power_full = {4, live, look, prepare};
