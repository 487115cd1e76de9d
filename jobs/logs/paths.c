/* SPDX-License-Identifier: MIT */
#include "jobs/logs/paths.h"

#include <errno.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { CAP_MIN = 256, BLOCK = 64 * 1024 };

/* A block of keys.  Blocks never move, so a key stays where it is. */
struct path_block {
	struct path_block *next;
	size_t len, cap;
	char bytes[];
};

/* The slot of the key's entry, or the free slot for a new entry. */
static uint32_t *
slot_of(const struct log_paths *t, struct bytes key, uint64_t hash)
{
	size_t mask = 2 * t->cap - 1, i = (size_t)hash & mask;

	for (;; i = (i + 1) & mask) {
		const struct log_path *e;

		if (t->slots[i] == 0)
			return &t->slots[i];
		e = &t->entries[t->slots[i] - 1];
		if (e->hash == hash && bytes_eq(e->key, key))
			return &t->slots[i];
	}
}

static int
table_grow(struct log_paths *t)
{
	size_t cap = t->cap == 0 ? CAP_MIN : 2 * t->cap;
	struct log_path *entries;
	uint32_t *slots;

	if (cap > UINT32_MAX / 2)
		return -ENOMEM;
	entries = reallocarray(t->entries, cap, sizeof(*entries));
	if (entries == NULL)
		return -ENOMEM;
	t->entries = entries;
	slots = calloc(2 * cap, sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	free(t->slots);
	t->slots = slots;
	t->bytes += (cap - t->cap) * (sizeof(*entries) + 2 * sizeof(*slots));
	t->cap = cap;
	for (size_t i = 0; i < t->n; i++)
		*slot_of(t, entries[i].key, entries[i].hash) = (uint32_t)i + 1;
	return 0;
}

/* Copies a key into a block; NULL: out of memory. */
static const char *
key_copy(struct log_paths *t, struct bytes key)
{
	struct path_block *b = t->blocks;
	size_t cap = key.len > BLOCK ? key.len : BLOCK;
	char *copy;

	if (b == NULL || b->cap - b->len < key.len) {
		b = malloc(sizeof(*b) + cap);
		if (b == NULL)
			return NULL;
		b->next = t->blocks;
		b->len = 0;
		b->cap = cap;
		t->blocks = b;
		t->bytes += cap;
	}
	copy = b->bytes + b->len;
	if (key.len > 0)
		memcpy(copy, key.p, key.len);
	b->len += key.len;
	return copy;
}

static int
time_add(struct log_paths *t, struct log_path *p, uint64_t us)
{
	if (p->times == NULL) {
		p->times = calloc(PATH_TIMES, sizeof(*p->times));
		if (p->times == NULL)
			return -ENOMEM;
		t->bytes += PATH_TIMES * sizeof(*p->times);
	}
	p->times[hist_bucket(us) >> PATH_TIME_BITS]++;
	p->timed++;
	p->us += us;
	if (us > p->us_max)
		p->us_max = us;
	return 0;
}

int
paths_add(struct log_paths *t, struct bytes key, int status, int64_t us)
{
	uint64_t hash = XXH3_64bits(key.p, key.len);
	struct log_path *p;
	uint32_t *slot;
	const char *copy;
	int err;

	if (t->n == t->cap && (err = table_grow(t)) < 0)
		return err;
	slot = slot_of(t, key, hash);
	if (*slot == 0) {
		copy = key_copy(t, key);
		if (copy == NULL)
			return -ENOMEM;
		t->entries[t->n] = (struct log_path){
			.key = bytes_of(copy, key.len), .hash = hash};
		*slot = (uint32_t)++t->n;
	}
	p = &t->entries[*slot - 1];
	p->n++;
	if (status >= 400 && status < 600)
		p->errors[status >= 500]++;
	return us < 0 ? 0 : time_add(t, p, (uint64_t)us);
}

void
paths_fini(struct log_paths *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->entries[i].times);
	for (struct path_block *b = t->blocks, *next; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	free(t->entries);
	free(t->slots);
	*t = (struct log_paths){0};
}
