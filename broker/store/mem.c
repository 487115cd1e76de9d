/* SPDX-License-Identifier: MIT */
/*
 * mem.c - the store in memory, for tests: shards as sorted arrays
 *
 * The conformance suite compares the other drivers with this one.  A claim
 * that is not the newest is fenced, as with a store on another machine.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/must.h"
#include "broker/store/store.h"

enum { SHARDS = 16 };

struct mem_row {
	struct bytes key, val; /* in `piece` */
	uint8_t *piece;	       /* on the heap */
};

struct mem_shard {
	struct mem_row *rows;
	size_t n, cap;
	uint64_t epoch;
};

struct mem {
	struct store s;
	struct mem_shard shards[SHARDS];
};

static int
mem_open(struct store **out, const char *uri, const struct store_options *o)
{
	struct mem *m = calloc(1, sizeof(*m));

	(void)uri;
	(void)o;
	if (m == NULL)
		return -ENOMEM;
	m->s.driver = &store_mem;
	*out = &m->s;
	return 0;
}

static void
mem_close(struct store *s)
{
	struct mem *m = (struct mem *)s;

	if (m == NULL)
		return;
	for (int i = 0; i < SHARDS; i++) {
		for (size_t r = 0; r < m->shards[i].n; r++)
			free(m->shards[i].rows[r].piece);
		free(m->shards[i].rows);
	}
	free(m);
}

/* NULL: no such shard. */
static struct mem_shard *
shard_of(struct store *s, uint32_t shard)
{
	return shard < SHARDS ? &((struct mem *)s)->shards[shard] : NULL;
}

static int
mem_claim(struct store *s, uint32_t shard, int64_t ttl_ms, struct claim *c)
{
	struct mem_shard *sh = shard_of(s, shard);

	(void)ttl_ms;
	if (sh == NULL)
		return -EINVAL;
	*c = (struct claim){shard, ++sh->epoch};
	return 0;
}

static int
mem_renew(struct store *s, struct claim *c)
{
	const struct mem_shard *sh = shard_of(s, c->shard);

	if (sh == NULL)
		return -EINVAL;
	return sh->epoch == c->epoch ? 0 : SW_EFENCED;
}

/* The index of the first row whose key is at least `key`. */
static size_t
row_at(const struct mem_shard *sh, struct bytes key)
{
	size_t lo = 0, hi = sh->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (bytes_cmp(sh->rows[mid].key, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
row_set(struct mem_row *r, const struct store_op *op)
{
	uint8_t *p = malloc(op->key.len + op->val.len + 1);

	must_have(p);
	memcpy(p, op->key.p, op->key.len);
	if (op->val.len > 0)
		memcpy(p + op->key.len, op->val.p, op->val.len);
	*r = (struct mem_row){bytes_of(p, op->key.len),
		bytes_of(p + op->key.len, op->val.len), p};
}

static void
op_apply(struct mem_shard *sh, const struct store_op *op)
{
	size_t i = row_at(sh, op->key);
	int hit = i < sh->n && bytes_cmp(sh->rows[i].key, op->key) == 0;

	if (hit)
		free(sh->rows[i].piece);
	if (op->kind == STORE_DELETE) {
		if (hit)
			memmove(&sh->rows[i], &sh->rows[i + 1],
				(--sh->n - i) * sizeof(sh->rows[0]));
		return;
	}
	if (!hit) {
		if (sh->n == sh->cap) {
			sh->cap = sh->cap > 0 ? sh->cap * 2 : 64;
			sh->rows = realloc(
				sh->rows, sh->cap * sizeof(sh->rows[0]));
			must_have(sh->rows);
		}
		memmove(&sh->rows[i + 1], &sh->rows[i],
			(sh->n++ - i) * sizeof(sh->rows[0]));
	}
	row_set(&sh->rows[i], op);
}

static int
mem_commit(struct store *s, const struct claim *c, const struct store_op *ops,
	size_t n, store_done_fn *done, void *arg)
{
	struct mem_shard *sh = shard_of(s, c->shard);
	int err = sh == NULL || sh->epoch == c->epoch ? 0 : SW_EFENCED;

	if (sh == NULL)
		return -EINVAL;
	for (size_t i = 0; err == 0 && i < n; i++)
		op_apply(sh, &ops[i]);
	done(arg, err);
	return 0;
}

static int
mem_scan(struct store *s, uint32_t shard, struct bytes from, struct bytes to,
	size_t limit, store_each_fn *each, void *arg)
{
	const struct mem_shard *sh = shard_of(s, shard);

	if (sh == NULL)
		return -EINVAL;
	for (size_t i = row_at(sh, from); i < sh->n && limit > 0; i++, limit--)
		if ((to.len > 0 && bytes_cmp(sh->rows[i].key, to) >= 0) ||
			each(arg, sh->rows[i].key, sh->rows[i].val) != 0)
			break;
	return 0;
}

static int
mem_scan_back(struct store *s, uint32_t shard, struct bytes from,
	struct bytes to, size_t limit, store_each_fn *each, void *arg)
{
	const struct mem_shard *sh = shard_of(s, shard);
	size_t i;

	if (sh == NULL)
		return -EINVAL;
	for (i = to.len > 0 ? row_at(sh, to) : sh->n; i > 0 && limit > 0;
		i--, limit--)
		if (bytes_cmp(sh->rows[i - 1].key, from) < 0 ||
			each(arg, sh->rows[i - 1].key, sh->rows[i - 1].val) !=
				0)
			break;
	return 0;
}

static int
mem_get(struct store *s, uint32_t shard, struct bytes key, struct bytes *val)
{
	const struct mem_shard *sh = shard_of(s, shard);
	size_t i;

	if (sh == NULL)
		return -EINVAL;
	i = row_at(sh, key);
	if (i == sh->n || bytes_cmp(sh->rows[i].key, key) != 0)
		return SW_ENOJOB;
	*val = sh->rows[i].val;
	return 0;
}

static int
mem_usage(struct store *s, struct store_usage *u)
{
	(void)s;
	*u = (struct store_usage){.max_pages = 1, .page_size = 4096};
	return 0;
}

static int
mem_check(struct store *s)
{
	(void)s;
	return 0;
}

static int
mem_share(struct store *s, int on)
{
	(void)s;
	(void)on;
	return 0;
}

static int
mem_room(struct store *s, uint64_t *bytes)
{
	(void)s;
	*bytes = UINT64_MAX;
	return 0;
}

static int
mem_fd(struct store *s)
{
	(void)s;
	return -1;
}

static int
mem_turn(struct store *s)
{
	(void)s;
	return 0;
}

const struct store_driver store_mem = {
	.scheme = "mem",
	.open = mem_open,
	.close = mem_close,
	.claim = mem_claim,
	.renew = mem_renew,
	.release = mem_renew,
	.commit = mem_commit,
	.scan = mem_scan,
	.scan_back = mem_scan_back,
	.get = mem_get,
	.usage = mem_usage,
	.check = mem_check,
	.share = mem_share,
	.room = mem_room,
	.fd = mem_fd,
	.turn = mem_turn,
};
