/* SPDX-License-Identifier: MIT */
/*
 * preload_trace.c - see preload_trace.h
 *
 * Its own calls go to the kernel, past what it replaces.
 */
#undef _FORTIFY_SOURCE /* its inline functions are those replaced here */
#include "tests/power/preload_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/faults/preload_next.h"

enum { FDS = 1024, PARTS = 64 };

static struct {
	int on, out, spare;
	char root[256];
	uint32_t n, last;
	uint8_t ours[FDS]; /* descriptors below root */
} trace;

/* --- records ------------------------------------------------------------- */

static void
put(const struct iovec *v, int n)
{
	ssize_t want = 0;

	for (int i = 0; i < n; i++)
		want += (ssize_t)v[i].iov_len;
	if (syscall(SYS_writev, trace.out, v, n) != want)
		abort();
}

/* v[0] is for the record. */
static void
emit(struct trace_rec r, struct iovec *v, int n)
{
	static uint8_t zeros[TRACE_ALIGN];
	struct iovec pad = {zeros, TRACE_PADDED(r.len) - r.len};
	int err = errno;

	v[0] = (struct iovec){&r, sizeof(r)};
	put(v, n);
	put(&pad, 1);
	if (r.kind != TRACE_MARK && ++trace.n == trace.last)
		(void)syscall(SYS_exit_group, TRACE_KILLED);
	errno = err;
}

static void
emit_plain(enum trace_kind kind, int fd, uint64_t at, uint64_t arg)
{
	struct iovec v[1];

	emit((struct trace_rec){kind, fd, at, arg, 0}, v, 1);
}

static void
emit_path(enum trace_kind kind, int fd, uint64_t arg, const char *path)
{
	struct iovec v[2] = {[1] = {(void *)(uintptr_t)path, strlen(path) + 1}};

	emit((struct trace_rec){kind, fd, 0, arg, v[1].iov_len}, v, 2);
}

static int
is_below(const char *path)
{
	size_t n = strlen(trace.root);

	return trace.on && strncmp(path, trace.root, n) == 0 &&
	       (path[n] == '/' || path[n] == '\0');
}

static int
is_ours(int fd)
{
	return trace.on && fd >= 0 && fd < FDS && trace.ours[fd];
}

static void
wrote(int fd, off_t at, const struct iovec *from, int n, ssize_t len)
{
	struct trace_rec r = {TRACE_WRITE, fd, (uint64_t)at, 0, (uint64_t)len};
	struct iovec v[PARTS + 1];
	size_t left = (size_t)len;
	int parts = 1;

	if (!is_ours(fd) || len <= 0)
		return;
	for (int i = 0; i < n && left > 0; i++) {
		if (parts > PARTS)
			abort();
		v[parts] = from[i];
		if (v[parts].iov_len > left)
			v[parts].iov_len = left;
		left -= v[parts++].iov_len;
	}
	emit(r, v, parts);
	if (syscall(SYS_fcntl, fd, F_GETFL) & O_DSYNC)
		emit_plain(TRACE_SYNC_RANGE, fd, (uint64_t)at, (uint64_t)len);
}

static void
wrote_one(int fd, off_t at, const void *p, ssize_t len)
{
	struct iovec v = {(void *)(uintptr_t)p, len > 0 ? (size_t)len : 0};

	wrote(fd, at, &v, 1, len);
}

/* Where the `len` bytes went that are just written. */
static off_t
behind(int fd, ssize_t len)
{
	return is_ours(fd) ? syscall(SYS_lseek, fd, 0, SEEK_CUR) - len : 0;
}

static int
opened(int fd, const char *path, int flags)
{
	if (fd >= 0 && is_below(path)) {
		if (fd >= FDS)
			abort();
		trace.ours[fd] = 1;
		emit_path(TRACE_OPEN, fd, (uint64_t)flags, path);
	}
	return fd;
}

/* What is executed runs without. */
__attribute__((constructor)) static void
begin(void)
{
	unsetenv("LD_PRELOAD");
}

OPEN_TO_ALL void
trace_begin(const char *root, const char *file, uint32_t last)
{
	trace.out = (int)syscall(SYS_openat, AT_FDCWD, file,
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (trace.out < 0 || strlen(root) >= sizeof(trace.root))
		abort();
	strcpy(trace.root, root);
	trace.on = 1;
	emit_plain(TRACE_LIFE, -1, 0, 0);
	trace.n = 0;
	trace.last = last;
}

OPEN_TO_ALL void
trace_spare(void)
{
	trace.spare = 1;
}

OPEN_TO_ALL void
trace_mark(uint64_t at, uint64_t arg)
{
	if (trace.on)
		emit_plain(TRACE_MARK, -1, at, arg);
}

/* --- bytes --------------------------------------------------------------- */

#define PWRITES(name)                                                          \
	NEXT(ssize_t, name, int, const void *, size_t, off_t)                  \
	OPEN_TO_ALL ssize_t name(int fd, const void *p, size_t n, off_t at)    \
	{                                                                      \
		ssize_t got = next_##name()(fd, p, n, at);                     \
                                                                               \
		wrote_one(fd, at, p, got);                                     \
		return got;                                                    \
	}

PWRITES(pwrite)
PWRITES(pwrite64)

NEXT(ssize_t, write, int, const void *, size_t)
NEXT(ssize_t, writev, int, const struct iovec *, int)
NEXT(ssize_t, pwritev, int, const struct iovec *, int, off_t)

OPEN_TO_ALL ssize_t
write(int fd, const void *p, size_t n)
{
	ssize_t got = next_write()(fd, p, n);

	wrote_one(fd, behind(fd, got), p, got);
	return got;
}

OPEN_TO_ALL ssize_t
writev(int fd, const struct iovec *v, int n)
{
	ssize_t got = next_writev()(fd, v, n);

	wrote(fd, behind(fd, got), v, n, got);
	return got;
}

OPEN_TO_ALL ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	ssize_t got = next_pwritev()(fd, v, n, at);

	wrote(fd, at, v, n, got);
	return got;
}

/* --- what is durable, and lengths ---------------------------------------- */

/* A call that returns 0, on a descriptor. */
#define ON_FD(kind, arg, name, params, args)                                   \
	NEXT(int, name, UNWRAP params)                                         \
	OPEN_TO_ALL int name params                                            \
	{                                                                      \
		int err = next_##name() args;                                  \
                                                                               \
		if (err == 0 && is_ours(fd))                                   \
			emit_plain(kind, fd, 0, (uint64_t)(arg));              \
		return err;                                                    \
	}
#define UNWRAP(...) __VA_ARGS__

ON_FD(TRACE_SYNC, 0, fsync, (int fd), (fd))
ON_FD(TRACE_SYNC, 0, fdatasync, (int fd), (fd))
ON_FD(TRACE_SIZE, n, ftruncate, (int fd, off_t n), (fd, n))
ON_FD(TRACE_SIZE, n, ftruncate64, (int fd, off_t n), (fd, n))

/* Of its modes only the plain one: who replays sees what is left out. */
#define ALLOCATES(name)                                                        \
	NEXT(int, name, int, int, off_t, off_t)                                \
	OPEN_TO_ALL int name(int fd, int mode, off_t at, off_t n)              \
	{                                                                      \
		int err = -1;                                                  \
                                                                               \
		if (trace.spare)                                               \
			errno = EOPNOTSUPP;                                    \
		else                                                           \
			err = next_##name()(fd, mode, at, n);                  \
		if (err == 0 && is_ours(fd) && mode == 0)                      \
			emit_plain(TRACE_GROW, fd, 0, (uint64_t)(at + n));     \
		return err;                                                    \
	}

ALLOCATES(fallocate)
ALLOCATES(fallocate64)

NEXT(int, close, int)

OPEN_TO_ALL int
close(int fd)
{
	if (is_ours(fd))
		trace.ours[fd] = 0;
	return next_close()(fd);
}

/* --- names --------------------------------------------------------------- */

#define OPENS(name)                                                            \
	NEXT_OPEN(name, opened(next_##name()(path, flags, mode), path, flags))

OPENS(open)
OPENS(open64)

#define TEMPORARIES(name)                                                      \
	NEXT(int, name, char *, int)                                           \
	OPEN_TO_ALL int name(char *path, int flags)                            \
	{                                                                      \
		int fd = next_##name()(path, flags);                           \
                                                                               \
		return opened(fd, path, flags | O_CREAT | O_EXCL);             \
	}

TEMPORARIES(mkostemp)
TEMPORARIES(mkostemp64)

/* A call that returns 0, on a path. */
#define ON_PATH(kind, arg, name, params, args)                                 \
	NEXT(int, name, UNWRAP params)                                         \
	OPEN_TO_ALL int name params                                            \
	{                                                                      \
		int err = next_##name() args;                                  \
                                                                               \
		if (err == 0 && is_below(path))                                \
			emit_path(kind, -1, (uint64_t)(arg), path);            \
		return err;                                                    \
	}

ON_PATH(TRACE_UNLINK, 0, unlink, (const char *path), (path))
ON_PATH(TRACE_MKDIR, 0, mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH(TRACE_CUT, n, truncate, (const char *path, off_t n), (path, n))

NEXT(int, rename, const char *, const char *)

OPEN_TO_ALL int
rename(const char *from, const char *to)
{
	struct iovec v[3] = {[1] = {(void *)(uintptr_t)from, strlen(from) + 1},
		[2] = {(void *)(uintptr_t)to, strlen(to) + 1}};
	int err = next_rename()(from, to);

	if (err == 0 && is_below(from) && is_below(to))
		emit((struct trace_rec){TRACE_RENAME, -1, 0, 0,
			     v[1].iov_len + v[2].iov_len},
			v, 3);
	return err;
}
