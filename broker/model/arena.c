/* SPDX-License-Identifier: MIT */
#include "broker/model/arena.h"

#include "base/must.h"

void
arena_init(struct arena *a)
{
	*a = (struct arena){0};
}

static void
chunks_free(struct arena_chunk *c)
{
	while (c != NULL) {
		struct arena_chunk *next = c->next;

		free(c);
		c = next;
	}
}

void
arena_fini(struct arena *a)
{
	chunks_free(a->first);
	arena_init(a);
}

static struct arena_chunk *
chunk_new(void)
{
	struct arena_chunk *c = malloc(sizeof(*c) + ARENA_CHUNK);

	must_have(c);
	c->next = NULL;
	c->len = 0;
	return c;
}

void *
arena_take(struct arena *a, size_t n)
{
	uint8_t *p;
	size_t pad;

	must(n <= ARENA_CHUNK);
	if (a->now == NULL)
		a->first = a->now = chunk_new();
	pad = -a->now->len % ARENA_ALIGN;
	if (n + pad > ARENA_CHUNK - a->now->len) {
		if (a->now->next == NULL)
			a->now->next = chunk_new();
		a->now = a->now->next;
		a->now->len = pad = 0;
	}
	p = a->now->b + a->now->len + pad;
	a->now->len += pad + n;
	a->used += pad + n;
	a->last = p;
	return p;
}

void
arena_trim(struct arena *a, const void *piece, size_t n)
{
	size_t end;

	if (piece != a->last)
		return;
	end = (size_t)((const uint8_t *)piece - a->now->b) + n;
	must(end <= a->now->len);
	a->used -= a->now->len - end;
	a->now->len = end;
}

void
arena_reset(struct arena *a)
{
	struct arena_chunk *c = a->first;

	for (int i = 1; c != NULL; i++, c = c->next)
		if (i == ARENA_KEEP) {
			chunks_free(c->next);
			c->next = NULL;
		}
	a->now = a->first;
	if (a->now != NULL)
		a->now->len = 0;
	a->used = 0;
}
