/* SPDX-License-Identifier: MIT */
/*
 * util_disk_content.h - the bytes of a file on the disk of util_disk.h
 *
 * Zeros from `used` on.  The memory is shared, so that a process that is
 * forked to look at a state costs no copies of it.
 */
#ifndef TESTS_UTIL_DISK_CONTENT_H
#define TESTS_UTIL_DISK_CONTENT_H

#include <stddef.h>
#include <stdint.h>

struct content {
	uint8_t *p;
	size_t size, used, cap;
};

/* Cuts or lengthens it. */
void content_size(struct content *, size_t size);

/* Room for `need` bytes; what is there stays. */
void content_room(struct content *, size_t need);
void
content_write(struct content *, size_t at, const uint8_t *from, size_t len);
void content_free(struct content *);

#endif
