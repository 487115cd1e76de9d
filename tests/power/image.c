/* SPDX-License-Identifier: MIT */
#include "tests/power/image.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/must.h"
#include "tests/faults/sweep.h"
#include "tests/lib/chance.h"

enum { SECTOR = 512, BLOCK = 1 << 16 /* zeros of this size are left out */ };

void
image_size(struct image *b, size_t size)
{
	if (size < b->used) {
		memset(b->p + size, 0, b->used - size);
		b->used = size;
	}
	b->size = size;
}

static void
image_room(struct image *b, size_t need)
{
	size_t cap = need * 2 + BLOCK;
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
image_write(struct image *b, size_t at, const uint8_t *from, size_t len)
{
	size_t end = at + len;

	image_room(b, end);
	memcpy(b->p + at, from, len);
	b->used = end > b->used ? end : b->used;
	b->size = end > b->size ? end : b->size;
}

void
image_free(struct image *b)
{
	if (b->p != NULL)
		munmap(b->p, b->cap);
}

void
image_tear(struct image *b, size_t begin, const uint8_t *from, size_t len,
	uint64_t *seed)
{
	uint64_t how = chance_draw(seed) % 3;
	size_t cut = begin + chance_draw(seed) % (len + 1);

	for (size_t at = begin, next; at < begin + len; at = next) {
		int kept = how == 0   ? (int)(chance_draw(seed) & 1)
			   : how == 1 ? at < cut
				      : at >= cut;

		next = (at / SECTOR + 1) * SECTOR;
		if (next > begin + len)
			next = begin + len;
		if (kept)
			image_write(b, at, from + (at - begin), next - at);
	}
}

static int
is_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

void
image_save(const struct image *b, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	must(fd >= 0 && ftruncate(fd, (off_t)b->size) == 0);
	for (size_t at = 0; at < b->used; at += BLOCK) {
		size_t n = b->used - at < BLOCK ? b->used - at : BLOCK;

		if (!is_zero(b->p + at, n))
			must(pwrite(fd, b->p + at, n, (off_t)at) == (ssize_t)n);
	}
	close(fd);
}

void
image_load(struct image *b, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	must(fd >= 0 && fstat(fd, &st) == 0);
	b->size = b->used = (size_t)st.st_size;
	image_room(b, b->size);
	must(read(fd, b->p, b->size) == st.st_size);
	close(fd);
}
