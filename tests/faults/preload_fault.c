/* SPDX-License-Identifier: MIT */
/*
 * preload_fault.c - see preload_fault.h
 *
 * Nothing here may allocate or use what it replaces.
 */
#undef _FORTIFY_SOURCE /* its inline functions are those replaced here */
#include "tests/faults/preload_fault.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/faults/preload_next.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))

enum { RANGES = 64, FRAMES = 32 };

OPEN_TO_ALL struct fault_block *fault_block;

/* Where code of libraries lies that are not ours. */
struct ranges {
	struct {
		uintptr_t from, to;
	} all[RANGES];
	size_t n;
};

static struct fault_block own_block;
static struct ranges foreign, libc;

/* --- who calls ----------------------------------------------------------- */

static int
is_named(const char *path, const char *const *names)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;

	for (; *names != NULL; names++)
		if (strncmp(base, *names, strlen(*names)) == 0)
			return 1;
	return 0;
}

static void
range_add(struct ranges *r, const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum && r->n < RANGES; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		r->all[r->n].from = info->dlpi_addr + p->p_vaddr;
		r->all[r->n].to = r->all[r->n].from + p->p_memsz;
		r->n++;
	}
}

static int
library_see(struct dl_phdr_info *info, size_t size, void *arg)
{
	static const char *const foreign_names[] = {"libzmq", "libstdc++",
		"libgcc_s", "libsodium", "libpgm", "libnorm", "libgssapi",
		"libkrb5", "libk5crypto", "ld-linux", NULL};
	static const char *const libc_names[] = {"libc.", NULL};

	(void)size;
	(void)arg;
	if (is_named(info->dlpi_name, foreign_names))
		range_add(&foreign, info);
	else if (is_named(info->dlpi_name, libc_names))
		range_add(&libc, info);
	return 0;
}

static int
is_within(const struct ranges *r, uintptr_t at)
{
	for (size_t i = 0; i < r->n; i++)
		if (at >= r->all[i].from && at < r->all[i].to)
			return 1;
	return 0;
}

/* What libc calls, it calls for somebody. */
static uintptr_t
behind_libc(uintptr_t caller)
{
	void *frames[FRAMES];
	int n = backtrace(frames, FRAMES), seen = 0;

	for (int i = 0; i < n; i++) {
		uintptr_t at = (uintptr_t)frames[i];

		if (is_within(&libc, at))
			seen = 1;
		else if (seen)
			return at;
	}
	return caller;
}

/* --- when it fails ------------------------------------------------------- */

static void
where_note(char *text, size_t cap, uintptr_t caller)
{
	union {
		uintptr_t n;
		const void *p;
	} at = {caller};
	Dl_info info = {0};
	const char *name = "?", *slash;

	if (dladdr(at.p, &info) != 0 && info.dli_fname != NULL)
		name = info.dli_fname;
	slash = strrchr(name, '/');
	(void)snprintf(text, cap, "%s+0x%zx", slash != NULL ? slash + 1 : name,
		(size_t)(caller - (uintptr_t)info.dli_fbase));
}

/* How this call fails; 0: it does not. */
static int
fault(enum fault_group group, uintptr_t caller)
{
	struct fault_block *b = fault_block;
	uint32_t k;

	if (b == NULL || (b->thread != 0 && b->thread != (uint32_t)gettid()))
		return 0;
	if (is_within(&libc, caller))
		caller = behind_libc(caller);
	if (is_within(&foreign, caller) != (b->from == FAULT_ZMQ))
		return 0;
	k = __atomic_add_fetch(&b->calls[group], 1, __ATOMIC_RELAXED);
	if (b->at == 0 || b->group != group || k < b->at || k - b->at >= b->n)
		return 0;
	if (__atomic_fetch_add(&b->hits, 1, __ATOMIC_RELAXED) == 0)
		where_note(b->where, sizeof(b->where), caller);
	if (b->how == FAULT_CRASH)
		raise(SIGSEGV);
	if (b->how > 0)
		errno = b->how;
	return b->how;
}

/* Who crashed, and then it does crash. */
static void
died(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *u = context;
	uintptr_t at = (uintptr_t)u->uc_mcontext.gregs[REG_RIP];

	(void)info;
	if (is_within(&libc, at))
		at = behind_libc(at);
	if (fault_block != NULL)
		where_note(fault_block->died, sizeof(fault_block->died), at);
	raise(sig);
}

/* libzmq's threads block all signals, which would keep a crash from us. */
NEXT(int, pthread_sigmask, int, const sigset_t *, sigset_t *)

OPEN_TO_ALL int
pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t less;

	if (set == NULL)
		return next_pthread_sigmask()(how, set, old);
	less = *set;
	sigdelset(&less, SIGSEGV);
	sigdelset(&less, SIGBUS);
	sigdelset(&less, SIGABRT);
	return next_pthread_sigmask()(how, &less, old);
}

static void
deaths_watch(void)
{
	struct sigaction act = {.sa_sigaction = died,
		.sa_flags = (int)(SA_SIGINFO | SA_RESETHAND)};

	(void)sigaction(SIGABRT, &act, NULL);
#ifndef __SANITIZE_ADDRESS__ /* it has its own way with these */
	(void)sigaction(SIGSEGV, &act, NULL);
	(void)sigaction(SIGBUS, &act, NULL);
#endif
}

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("FAULT_BLOCK");
	struct fault_block *b = &own_block;
	void *map = NULL;
	int fd;

	dl_iterate_phdr(library_see, NULL);
	(void)backtrace(&map, 1); /* loads what it needs */
	deaths_watch();
	if (path != NULL) {
		fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR);
		map = (void *)syscall(SYS_mmap, NULL, sizeof(*b),
			PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (fd < 0 || map == MAP_FAILED)
			abort();
		(void)syscall(SYS_close, fd);
		b = map;
	}
	unsetenv("LD_PRELOAD");
	unsetenv("FAULT_BLOCK");
	fault_block = b;
}

/* --- the calls ----------------------------------------------------------- */

/* A function that fails by returning `bad` and can do nothing by halves. */
#define PLAIN(group, ret, bad, name, params, args)                             \
	NEXT(ret, name, UNWRAP params)                                         \
	OPEN_TO_ALL ret name params                                            \
	{                                                                      \
		int how = fault(group, CALLER);                                \
                                                                               \
		if (how == FAULT_LIE)                                          \
			return (ret)0;                                         \
		return how > 0 ? (bad) : next_##name() args;                   \
	}
#define UNWRAP(...) __VA_ARGS__

/* One that moves `n` bytes and may move only some. */
#define MOVES(group, name, n, params, args, half)                              \
	NEXT(ssize_t, name, UNWRAP params)                                     \
	OPEN_TO_ALL ssize_t name params                                        \
	{                                                                      \
		int how = fault(group, CALLER);                                \
                                                                               \
		if (how == FAULT_LIE)                                          \
			return (ssize_t)(n);                                   \
		if (how == FAULT_SHORT)                                        \
			return next_##name() half;                             \
		return how > 0 ? -1 : next_##name() args;                      \
	}

/* Of one byte, one is the half. */
static size_t
half_of(size_t n)
{
	return n - n / 2;
}

MOVES(FAULT_WRITE, write, n, (int fd, const void *p, size_t n), (fd, p, n),
	(fd, p, half_of(n)))
MOVES(FAULT_WRITE, pwrite, n, (int fd, const void *p, size_t n, off_t at),
	(fd, p, n, at), (fd, p, half_of(n), at))
MOVES(FAULT_WRITE, pwrite64, n, (int fd, const void *p, size_t n, off64_t at),
	(fd, p, n, at), (fd, p, half_of(n), at))
MOVES(FAULT_WRITE, send, n, (int fd, const void *p, size_t n, int flags),
	(fd, p, n, flags), (fd, p, half_of(n), flags))

static size_t
iov_len(const struct iovec *v, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += v[i].iov_len;
	return len;
}

MOVES(FAULT_WRITE, writev, iov_len(v, n),
	(int fd, const struct iovec *v, int n), (fd, v, n), (fd, v, n - n / 2))
MOVES(FAULT_WRITE, pwritev, iov_len(v, n),
	(int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at),
	(fd, v, n - n / 2, at))

MOVES(FAULT_READ, read, 0, (int fd, void *p, size_t n), (fd, p, n),
	(fd, p, half_of(n)))
MOVES(FAULT_READ, pread, 0, (int fd, void *p, size_t n, off_t at),
	(fd, p, n, at), (fd, p, half_of(n), at))
MOVES(FAULT_READ, pread64, 0, (int fd, void *p, size_t n, off64_t at),
	(fd, p, n, at), (fd, p, half_of(n), at))
MOVES(FAULT_READ, recv, 0, (int fd, void *p, size_t n, int flags),
	(fd, p, n, flags), (fd, p, half_of(n), flags))
MOVES(FAULT_READ, __read_chk, 0, (int fd, void *p, size_t n, size_t room),
	(fd, p, n, room), (fd, p, half_of(n), room))
MOVES(FAULT_READ, __pread_chk, 0,
	(int fd, void *p, size_t n, off_t at, size_t room),
	(fd, p, n, at, room), (fd, p, half_of(n), at, room))

PLAIN(FAULT_SYNC, int, -1, fsync, (int fd), (fd))
PLAIN(FAULT_SYNC, int, -1, fdatasync, (int fd), (fd))
PLAIN(FAULT_SYNC, int, -1, msync, (void *p, size_t n, int flags), (p, n, flags))

PLAIN(FAULT_SPACE, int, -1, ftruncate, (int fd, off_t n), (fd, n))
PLAIN(FAULT_SPACE, int, -1, ftruncate64, (int fd, off64_t n), (fd, n))
PLAIN(FAULT_SPACE, int, -1, fallocate, (int fd, int mode, off_t at, off_t n),
	(fd, mode, at, n))
PLAIN(FAULT_SPACE, int, -1, fallocate64,
	(int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n))

PLAIN(FAULT_MAP, void *, MAP_FAILED, mmap,
	(void *p, size_t n, int prot, int flags, int fd, off_t at),
	(p, n, prot, flags, fd, at))
PLAIN(FAULT_MAP, void *, MAP_FAILED, mmap64,
	(void *p, size_t n, int prot, int flags, int fd, off64_t at),
	(p, n, prot, flags, fd, at))

PLAIN(FAULT_OPEN, int, -1, socket, (int a, int b, int c), (a, b, c))
PLAIN(FAULT_OPEN, int, -1, socketpair, (int a, int b, int c, int *p),
	(a, b, c, p))
PLAIN(FAULT_OPEN, int, -1, accept, (int fd, void *a, void *n), (fd, a, n))
PLAIN(FAULT_OPEN, int, -1, accept4, (int fd, void *a, void *n, int flags),
	(fd, a, n, flags))
PLAIN(FAULT_OPEN, int, -1, eventfd, (unsigned n, int flags), (n, flags))
PLAIN(FAULT_OPEN, int, -1, pipe, (int p[2]), (p))
PLAIN(FAULT_OPEN, int, -1, pipe2, (int p[2], int flags), (p, flags))
PLAIN(FAULT_OPEN, int, -1, signalfd, (int fd, const void *set, int flags),
	(fd, set, flags))
PLAIN(FAULT_OPEN, int, -1, timerfd_create, (int clock, int flags),
	(clock, flags))
PLAIN(FAULT_OPEN, int, -1, epoll_create1, (int flags), (flags))
PLAIN(FAULT_OPEN, int, -1, memfd_create, (const char *name, unsigned flags),
	(name, flags))
PLAIN(FAULT_OPEN, int, -1, dup2, (int from, int to), (from, to))
PLAIN(FAULT_OPEN, FILE *, NULL, fopen, (const char *path, const char *mode),
	(path, mode))
PLAIN(FAULT_OPEN, FILE *, NULL, fopen64, (const char *path, const char *mode),
	(path, mode))

PLAIN(FAULT_FORK, pid_t, -1, fork, (void), ())
PLAIN(FAULT_FORK, int, -1, execvp, (const char *path, char *const *argv),
	(path, argv))
PLAIN(FAULT_FORK, int, how, pthread_create,
	(void *t, const void *attr, void *(*fn)(void *), void *arg),
	(t, attr, fn, arg))

PLAIN(FAULT_PATH, int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
PLAIN(FAULT_PATH, int, -1, rename, (const char *from, const char *to),
	(from, to))
PLAIN(FAULT_PATH, int, -1, stat, (const char *path, void *st), (path, st))
PLAIN(FAULT_PATH, int, -1, fstat, (int fd, void *st), (fd, st))
PLAIN(FAULT_PATH, int, -1, statfs, (const char *path, void *st), (path, st))
PLAIN(FAULT_PATH, int, -1, flock, (int fd, int how_), (fd, how_))
PLAIN(FAULT_PATH, int, -1, chdir, (const char *path), (path))
PLAIN(FAULT_PATH, char *, NULL, mkdtemp, (char *path), (path))
PLAIN(FAULT_PATH, off_t, -1, lseek, (int fd, off_t at, int whence),
	(fd, at, whence))

/* --- calls of no fixed shape --------------------------------------------- */

#define OPENS(name)                                                            \
	NEXT_OPEN(name, fault(FAULT_OPEN, CALLER) > 0                          \
				? -1                                           \
				: next_##name()(path, flags, mode))

OPENS(open)
OPENS(open64)

NEXT(int, fcntl, int, int, ...)

OPEN_TO_ALL int
fcntl(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) &&
		fault(FAULT_OPEN, CALLER) > 0)
		return -1;
	return next_fcntl()(fd, command, arg);
}

/* What ferror() looks at: libc has no call that sets it. */
static void
stream_break(FILE *f)
{
	f->_flags |= 0x20; /* _IO_ERR_SEEN */
}

NEXT(char *, fgets, char *, int, FILE *)
NEXT(size_t, fread, void *, size_t, size_t, FILE *)

OPEN_TO_ALL char *
fgets(char *p, int n, FILE *f)
{
	if (fault(FAULT_READ, CALLER) <= 0)
		return next_fgets()(p, n, f);
	stream_break(f);
	return NULL;
}

OPEN_TO_ALL size_t
fread(void *p, size_t size, size_t n, FILE *f)
{
	if (fault(FAULT_READ, CALLER) <= 0)
		return next_fread()(p, size, n, f);
	stream_break(f);
	return next_fread()(p, size, n / 2, f);
}

/* --- memory -------------------------------------------------------------- */

/* A sanitizer has its own malloc, and that may not be stood before. */
#ifndef __SANITIZE_ADDRESS__

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

OPEN_TO_ALL void *
malloc(size_t n)
{
	return fault(FAULT_ALLOC, CALLER) > 0 ? NULL : __libc_malloc(n);
}

OPEN_TO_ALL void *
calloc(size_t n, size_t size)
{
	return fault(FAULT_ALLOC, CALLER) > 0 ? NULL : __libc_calloc(n, size);
}

OPEN_TO_ALL void *
realloc(void *p, size_t n)
{
	return fault(FAULT_ALLOC, CALLER) > 0 ? NULL : __libc_realloc(p, n);
}

OPEN_TO_ALL int
posix_memalign(void **out, size_t align, size_t n)
{
	void *p = fault(FAULT_ALLOC, CALLER) > 0 ? NULL
						 : __libc_memalign(align, n);

	if (p == NULL)
		return ENOMEM;
	*out = p;
	return 0;
}

#endif
