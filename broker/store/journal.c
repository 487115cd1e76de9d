/* SPDX-License-Identifier: MIT */
#include "broker/store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"

enum { MAGIC = 0x314a5753, OP_HEAD = 1 + 2 + 4, ZEROS = 1 << 20 };

static size_t
aligned(size_t n)
{
	return (n + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
}

/* --- opening ------------------------------------------------------------ */

static int
zeros_write(int fd, size_t size)
{
	uint8_t *zeros = calloc(1, ZEROS);
	int err = zeros == NULL ? -ENOMEM : 0;

	for (size_t at = 0; err == 0 && at < size; at += ZEROS) {
		ssize_t wrote = pwrite(fd, zeros, ZEROS, (off_t)at);

		if (wrote != ZEROS)
			err = wrote < 0 ? -errno : -ENOSPC;
	}
	free(zeros);
	if (err == 0 && fsync(fd) != 0)
		err = -errno;
	return err;
}

/* Writes the file under another name and renames it when it is complete. */
static int
file_make(const char *path, size_t size)
{
	char part[PATH_MAX];
	int fd, err;

	if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
		return -ENAMETOOLONG;
	fd = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = zeros_write(fd, size);
	close(fd);
	if (err == 0 && rename(part, path) != 0)
		err = -errno;
	return err;
}

int
journal_open(struct journal *j, const char *dir, size_t size, int fresh)
{
	char path[PATH_MAX];
	struct stat st;
	int err;

	*j = (struct journal){.fd = -1};
	if (snprintf(path, sizeof(path), "%s/journal", dir) >=
		(int)sizeof(path))
		return -ENAMETOOLONG;
	j->fd = open(path, O_RDWR | O_CLOEXEC);
	if (j->fd < 0 && errno == ENOENT && !fresh)
		return SW_ECORRUPT;
	if (j->fd < 0 && errno == ENOENT) {
		err = file_make(path, size);
		if (err < 0)
			return err;
		j->fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (j->fd < 0 || fstat(j->fd, &st) != 0)
		return -errno;
	j->size = (size_t)st.st_size;
	return 0;
}

void
journal_close(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	free(j->buf);
	*j = (struct journal){.fd = -1};
}

int
journal_renew(struct journal *j, const char *dir, size_t size)
{
	struct journal old = *j;
	char path[PATH_MAX];
	int err;

	journal_close(j);
	if (snprintf(path, sizeof(path), "%s/journal", dir) >=
		(int)sizeof(path))
		return -ENAMETOOLONG;
	err = file_make(path, size);
	if (err == 0)
		err = journal_open(j, dir, size, 0);
	j->salt = old.salt;
	journal_restart(j, old.generation);
	return err;
}

/* --- writing ------------------------------------------------------------ */

static size_t
record_len(const struct store_op *ops, size_t n)
{
	size_t len = JOURNAL_HEAD;

	for (size_t i = 0; i < n; i++)
		len += OP_HEAD + ops[i].key.len + ops[i].val.len;
	return len;
}

/* Bytes of the mark that has to come first. */
static size_t
mark_len(const struct journal *j)
{
	return j->next == 0 ? aligned(record_len(NULL, 0)) : 0;
}

int
journal_fits(const struct journal *j, const struct store_op *ops, size_t n)
{
	return mark_len(j) + aligned(record_len(ops, n)) <= j->size - j->at;
}

static uint64_t
sum_of(const struct journal *j, const uint8_t *head, const uint8_t *ops,
	size_t len)
{
	return XXH3_64bits_withSeed(
		ops, len, XXH3_64bits_withSeed(head, 24, j->salt));
}

static void
ops_encode(uint8_t *p, const struct store_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		p[0] = (uint8_t)ops[i].kind;
		le_set(p + 1, 2, ops[i].key.len);
		le_set(p + 3, 4, ops[i].val.len);
		memcpy(p + OP_HEAD, ops[i].key.p, ops[i].key.len);
		p += OP_HEAD + ops[i].key.len;
		if (ops[i].val.len > 0)
			memcpy(p, ops[i].val.p, ops[i].val.len);
		p += ops[i].val.len;
	}
}

static int
room_make(struct journal *j, size_t len)
{
	if (len <= j->buf_cap)
		return 0;
	free(j->buf);
	j->buf_cap = 0;
	j->buf = malloc(len);
	if (j->buf == NULL)
		return -ENOMEM;
	j->buf_cap = len;
	return 0;
}

static int
record_append(struct journal *j, const struct store_op *ops, size_t n)
{
	size_t len = record_len(ops, n), all = aligned(len);
	ssize_t wrote;
	int err = room_make(j, all);

	if (err < 0)
		return err;
	le_set(j->buf, 4, MAGIC);
	le_set(j->buf + 4, 4, len - JOURNAL_HEAD);
	le_set(j->buf + 8, 8, j->generation);
	le_set(j->buf + 16, 8, j->next);
	ops_encode(j->buf + JOURNAL_HEAD, ops, n);
	le_set(j->buf + 24, 8,
		sum_of(j, j->buf, j->buf + JOURNAL_HEAD, len - JOURNAL_HEAD));
	memset(j->buf + len, 0, all - len);
	wrote = pwrite(j->fd, j->buf, all, (off_t)j->at);
	if (wrote != (ssize_t)all)
		return wrote < 0 ? -errno : -EIO;
	if (fdatasync(j->fd) != 0)
		return -errno;
	j->at += all;
	j->next++;
	return 0;
}

int
journal_mark(struct journal *j)
{
	int err;

	if (j->next > 0)
		return 0;
	err = record_append(j, NULL, 0);
	j->marked = err == 0;
	return err;
}

int
journal_append(struct journal *j, const struct store_op *ops, size_t n)
{
	int err = journal_mark(j);

	return err < 0 ? err : record_append(j, ops, n);
}

int
journal_sync(const struct journal *j)
{
	return fdatasync(j->fd) == 0 ? 0 : -errno;
}

void
journal_restart(struct journal *j, uint64_t generation)
{
	j->generation = generation;
	j->next = 0;
	j->marked = 0;
	j->at = 0;
}

/* --- replay ------------------------------------------------------------- */

struct journal_record {
	uint64_t generation, number;
	size_t len; /* 0: no sound record here */
};

static struct journal_record
record_at(const struct journal *j, const uint8_t *file, size_t at)
{
	const uint8_t *p = file + at;
	struct journal_record r = {le_get(p + 8, 8), le_get(p + 16, 8), 0};
	size_t len = le_get(p + 4, 4);

	if (le_get(p, 4) == MAGIC && len <= j->size - at - JOURNAL_HEAD &&
		le_get(p + 24, 8) == sum_of(j, p, p + JOURNAL_HEAD, len))
		r.len = JOURNAL_HEAD + len;
	return r;
}

static int
is_next(const struct journal *j, const struct journal_record *r)
{
	return r->len > 0 && r->generation == j->generation &&
	       r->number == j->next;
}

/* Whether the record is confirmed but cannot be replayed: the records before
 * it, or the index of its generation, are missing. */
static int
is_unreachable(const struct journal *j, const struct journal_record *r)
{
	return r->len > 0 && (r->generation > j->generation ||
				     (r->generation == j->generation &&
					     r->number >= j->next));
}

static int
ops_apply(const uint8_t *p, size_t len, journal_apply_fn *apply, void *arg)
{
	struct store_op *ops = calloc(len / OP_HEAD + 1, sizeof(*ops));
	size_t n = 0;
	int err = ops == NULL ? -ENOMEM : 0;

	while (err == 0 && len > 0) {
		size_t key = len >= OP_HEAD ? le_get(p + 1, 2) : 0;
		size_t val = len >= OP_HEAD ? le_get(p + 3, 4) : 0;

		if (len < OP_HEAD || key > len - OP_HEAD ||
			val > len - OP_HEAD - key || p[0] > STORE_DELETE) {
			err = SW_ECORRUPT;
			break;
		}
		ops[n++] = (struct store_op){
			.kind = (enum store_op_kind)p[0],
			.key = bytes_of(p + OP_HEAD, key),
			.val = bytes_of(p + OP_HEAD + key, val),
		};
		p += OP_HEAD + key + val;
		len -= OP_HEAD + key + val;
	}
	if (err == 0)
		err = apply(arg, ops, n);
	free(ops);
	return err;
}

/* The file begins with a record, and its magic ends in the journal's format. */
static int
is_newer(const uint8_t *file)
{
	uint8_t magic[4];

	le_set(magic, sizeof(magic), MAGIC);
	return memcmp(file, magic, 3) == 0 && file[3] > magic[3];
}

static int
file_read(const struct journal *j, uint8_t *file)
{
	for (size_t at = 0; at < j->size;) {
		ssize_t n = pread(j->fd, file + at, j->size - at, (off_t)at);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += (size_t)n;
	}
	return 0;
}

static int
records_apply(struct journal *j, const uint8_t *file, journal_apply_fn *apply,
	void *arg)
{
	int err = 0;

	while (err == 0 && j->at < j->size) {
		struct journal_record r = record_at(j, file, j->at);

		if (!is_next(j, &r))
			break;
		err = ops_apply(file + j->at + JOURNAL_HEAD,
			r.len - JOURNAL_HEAD, apply, arg);
		j->marked |= j->next == 0 && r.len == record_len(NULL, 0);
		j->at += aligned(r.len);
		j->next++;
	}
	return err;
}

/* Looks for records that cannot be replayed, behind those that were. */
static int
rest_check(struct journal *j, const uint8_t *file)
{
	for (size_t at = j->at; at < j->size; at += JOURNAL_ALIGN) {
		struct journal_record r = record_at(j, file, at);

		if (!is_unreachable(j, &r))
			continue;
		if (!j->lenient)
			return SW_ECORRUPT;
		j->broken = 1;
		if (r.generation > j->highest)
			j->highest = r.generation;
	}
	return 0;
}

/* Of a file that was cut short a lenient replay takes what is left. */
static int
length_check(struct journal *j)
{
	if (j->size > 0 && j->size % JOURNAL_ALIGN == 0 && j->size >= j->least)
		return 0;
	if (!j->lenient)
		return SW_ECORRUPT;
	j->broken = 1;
	j->size -= j->size % JOURNAL_ALIGN;
	return 0;
}

/* The mark of the present generation, or of the last one that had any; zeros
 * before the first generation. */
static int
front_is_known(const struct journal *j, const uint8_t *file)
{
	struct journal_record r = record_at(j, file, 0);

	if (j->generation == 0)
		return le_get(file, 4) == 0;
	return j->front == 0 || (r.len > 0 && r.generation >= j->front);
}

static int
front_check(struct journal *j, const uint8_t *file)
{
	if (front_is_known(j, file))
		return 0;
	if (!j->lenient)
		return SW_ECORRUPT;
	j->broken = 1;
	return 0;
}

int
journal_replay(struct journal *j, uint64_t generation, journal_apply_fn *apply,
	void *arg)
{
	uint8_t *file;
	int err = length_check(j);

	journal_restart(j, generation);
	j->highest = generation;
	if (err < 0 || j->size == 0)
		return err;
	file = malloc(j->size);
	err = file == NULL ? -ENOMEM : file_read(j, file);
	if (err == 0 && is_newer(file))
		err = SW_EFORMAT;
	if (err == 0)
		err = front_check(j, file);
	if (err == 0)
		err = records_apply(j, file, apply, arg);
	if (err == 0)
		err = rest_check(j, file);
	free(file);
	return err;
}
