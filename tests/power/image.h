/* SPDX-License-Identifier: MIT */
/*
 * image.h - the bytes of a file on a disk that is modelled in memory
 *
 * A zeroed one is an empty file.
 */
#ifndef TESTS_IMAGE_H
#define TESTS_IMAGE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Zeros from `used` on.  The memory is shared, so that a process that is
 * forked to look at a state costs no copies of it.
 */
struct image {
	uint8_t *p;
	size_t size, used, cap;
};

void image_free(struct image *);

void image_size(struct image *, size_t);
void image_write(struct image *, size_t at, const uint8_t *from, size_t len);

/* Of the sectors any, or those up to one, or from one on. */
void image_tear(struct image *, size_t at, const uint8_t *from, size_t len,
	uint64_t *seed);

/* Reads the file; makes it, with holes where there are zeros. */
void image_load(struct image *, const char *path);
void image_save(const struct image *, const char *path);

#endif
