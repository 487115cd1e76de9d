/* SPDX-License-Identifier: MIT */
/*
 * fuzz_journal: a file of any bytes is replayed.  The input is pieces, each
 * behind a head of three bytes: how it goes into the file, and its length.
 * Sealed as the operations of a record it gets past the checksum.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "broker/store/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_MAX = 64 * 1024, MAGIC = 0x314a5753, GENERATION = 7 };

static uint8_t file[FILE_MAX + 1];

static void
expect(int truth)
{
	if (!truth)
		abort();
}

/* The operations lie where the sanitizer sees how far they are read. */
static int
touch(void *arg, const struct store_op *ops, size_t n)
{
	unsigned *sum = arg;

	for (size_t i = 0; i < n; i++) {
		const uint8_t *k = ops[i].key.p, *v = ops[i].val.p;

		for (size_t at = 0; at < ops[i].key.len; at++)
			*sum += k[at];
		for (size_t at = 0; at < ops[i].val.len; at++)
			*sum += v[at];
	}
	return 0;
}

static size_t
sealed(uint8_t *p, struct bytes ops, uint64_t generation, uint64_t number)
{
	le_set(p, 4, MAGIC);
	le_set(p + 4, 4, ops.len);
	le_set(p + 8, 8, generation);
	le_set(p + 16, 8, number);
	memcpy(p + JOURNAL_HEAD, ops.p, ops.len);
	le_set(p + 24, 8,
		XXH3_64bits_withSeed(
			p + JOURNAL_HEAD, ops.len, XXH3_64bits(p, 24)));
	return JOURNAL_HEAD + ops.len;
}

/* Bytes of the file that the pieces take, whole blocks. */
static size_t
file_make(const uint8_t *p, size_t left)
{
	uint64_t number = 0;
	size_t at = 0;

	memset(file, 0, sizeof(file));
	while (left >= 3) {
		size_t len = (size_t)(p[1] | p[2] << 8);
		uint8_t how = p[0];

		p += 3;
		left -= 3;
		if (len > left)
			len = left;
		if (at + JOURNAL_HEAD + len > FILE_MAX)
			break;
		if (how & 1) {
			memcpy(file + at, p, len);
			at += len;
		} else {
			at += sealed(file + at, bytes_of(p, len),
				GENERATION + (how >> 1 & 3) - 1,
				how & 128 ? (uint64_t)(how >> 3) : number++);
		}
		at = (at + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
		p += len;
		left -= len;
	}
	return at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static volatile unsigned sink;
	struct journal j = {.fd = -1};
	unsigned sum = 0;
	int err;

	if (fd < 0)
		fd = memfd_create("journal", MFD_CLOEXEC);
	expect(fd >= 0);
	j.size = file_make(data, size) + (size % 5 == 4 ? 1 : 0);
	expect(ftruncate(fd, 0) == 0 && ftruncate(fd, (off_t)j.size) == 0 &&
		pwrite(fd, file, j.size, 0) == (ssize_t)j.size);
	j.fd = fd;
	err = journal_replay(&j, GENERATION, touch, &sum);
	expect(err == 0 || err == SW_ECORRUPT || err == SW_EFORMAT);
	expect(j.at <= j.size || err < 0);
	sink += sum;
	free(j.buf);
	return 0;
}
