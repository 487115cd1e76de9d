/* SPDX-License-Identifier: MIT */
#include "util_disk_content.h"

#include <string.h>
#include <sys/mman.h>

#include "util_sweep.h"

enum { SPARE = 1 << 16 };

void
content_size(struct content *b, size_t size)
{
	if (size < b->used) {
		memset(b->p + size, 0, b->used - size);
		b->used = size;
	}
	b->size = size;
}

void
content_room(struct content *b, size_t need)
{
	size_t cap = need * 2 + SPARE;
	uint8_t *p;

	if (need <= b->cap)
		return;
	p = sweep_share(cap);
	if (b->p != NULL) {
		memcpy(p, b->p, b->used);
		munmap(b->p, b->cap);
	}
	b->p = p;
	b->cap = cap;
}

void
content_write(struct content *b, size_t at, const uint8_t *from, size_t len)
{
	size_t end = at + len;

	content_room(b, end);
	memcpy(b->p + at, from, len);
	b->used = end > b->used ? end : b->used;
	b->size = end > b->size ? end : b->size;
}

void
content_free(struct content *b)
{
	if (b->p != NULL)
		munmap(b->p, b->cap);
}
