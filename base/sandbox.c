/* SPDX-License-Identifier: MIT */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Landlock ABI 3, which the headers of Debian 12 lack. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

enum { FILES_MAX = 256 };

#define ALL_V1	   ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define ALL_V2	   (ALL_V1 | LANDLOCK_ACCESS_FS_REFER)
#define ALL_V3	   (ALL_V2 | LANDLOCK_ACCESS_FS_TRUNCATE)
#define TO_READ	   LANDLOCK_ACCESS_FS_READ_FILE
#define TO_RUN	   (TO_READ | LANDLOCK_ACCESS_FS_EXECUTE)
#define IN_LIBRARY (TO_RUN | LANDLOCK_ACCESS_FS_READ_DIR)
#define IN_FOLDER                                                              \
	(TO_READ | LANDLOCK_ACCESS_FS_READ_DIR |                               \
		LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |  \
		LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

/* Libraries, and the files that they and the C library read. */
static const struct {
	const char *path;
	uint64_t access;
} places[] = {
	{"/lib", IN_LIBRARY},
	{"/lib64", IN_LIBRARY},
	{"/usr/lib", IN_LIBRARY},
	{"/usr/lib64", IN_LIBRARY},
	{"/usr/local/lib", IN_LIBRARY},
	{"/etc/ld.so.cache", TO_READ},
	{"/sys/devices/system/cpu", TO_READ | LANDLOCK_ACCESS_FS_READ_DIR},
	{"/sys/devices/system/node", TO_READ | LANDLOCK_ACCESS_FS_READ_DIR},
	{"/proc/cpuinfo", TO_READ},
	{"/dev/null", TO_READ | LANDLOCK_ACCESS_FS_WRITE_FILE},
	{"/dev/urandom", TO_READ},
};

/*
 * The calls of ffmpeg and its encoders as strace(1) shows them, and those that
 * another version of the C library may use instead.
 */
/* clang-format off */
static const int allowed[] = {
	/* memory */
	SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap),
	SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(mlock),
	SCMP_SYS(munlock), SCMP_SYS(get_mempolicy), SCMP_SYS(set_mempolicy),
	SCMP_SYS(mbind),
	/* files */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
	SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(lseek),
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(fcntl),
	SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(stat),
	SCMP_SYS(fstat), SCMP_SYS(lstat), SCMP_SYS(newfstatat),
	SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(getdents64), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(getcwd), SCMP_SYS(rename), SCMP_SYS(renameat),
	SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
	SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fadvise64),
	SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(umask),
	SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(select), SCMP_SYS(pselect6),
	/* threads and time */
	SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
	SCMP_SYS(set_tid_address), SCMP_SYS(arch_prctl),
	SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_setaffinity), SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler), SCMP_SYS(getpriority),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(time),
	SCMP_SYS(gettimeofday), SCMP_SYS(restart_syscall),
	/* the process itself */
	SCMP_SYS(execve), SCMP_SYS(exit), SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(getrandom),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid),
	SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(uname), SCMP_SYS(sysinfo),
	SCMP_SYS(getrusage), SCMP_SYS(getrlimit), SCMP_SYS(times),
	SCMP_SYS(getcpu),
};
/* clang-format on */

static int
limits_set(const struct sandbox *c)
{
	const struct {
		__rlimit_resource_t what;
		int64_t max;
	} limits[] = {{RLIMIT_AS, c->memory}, {RLIMIT_CPU, c->cpu_s},
		{RLIMIT_FSIZE, c->file_size}, {RLIMIT_NOFILE, FILES_MAX}};
	const struct rlimit none = {0, 0};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit r;

		if (limits[i].max == 0)
			continue;
		if (getrlimit(limits[i].what, &r) != 0)
			return -errno;
		if (r.rlim_max > (rlim_t)limits[i].max)
			r.rlim_max = (rlim_t)limits[i].max;
		r.rlim_cur = r.rlim_max;
		if (setrlimit(limits[i].what, &r) != 0)
			return -errno;
	}
	return setrlimit(RLIMIT_CORE, &none) != 0 ? -errno : 0;
}

/* --- files --------------------------------------------------------------- */

/* Allows `access` to a path.  A path that does not exist is no error if it
 * `may` be missing. */
static int
place_allow(int rules, const char *path, uint64_t access, int may)
{
	struct landlock_path_beneath_attr p = {.allowed_access = access};
	int err = 0;

	p.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (p.parent_fd < 0)
		return may && errno == ENOENT ? 0 : -errno;
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH,
		    &p, 0) != 0)
		err = -errno;
	close(p.parent_fd);
	return err;
}

static int
places_allow(int rules, const struct sandbox *c, uint64_t all)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < sizeof(places) / sizeof(places[0]);
		i++)
		err = place_allow(rules, places[i].path, places[i].access, 1);
	if (err == 0)
		err = place_allow(rules, c->program, TO_RUN, 0);
	if (err == 0 && c->input != NULL)
		err = place_allow(rules, c->input, TO_READ, 0);
	if (err == 0)
		err = place_allow(rules, c->folder, IN_FOLDER & all, 0);
	return err;
}

static int
files_confine(const struct sandbox *c)
{
	static const uint64_t known[] = {0, ALL_V1, ALL_V2, ALL_V3};
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
		LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr all;
	int fd, err;

	if (abi <= 0)
		return c->no_landlock ? 0 : -ENOSYS;
	all.handled_access_fs = known[abi < 3 ? abi : 3];
	fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (fd < 0)
		return -errno;
	err = places_allow(fd, c, all.handled_access_fs);
	if (err == 0 && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		err = -errno;
	close(fd);
	return err;
}

/* --- system calls -------------------------------------------------------- */

/* Allows calls with certain arguments only: clone() for threads, not for
 * processes; tgkill() of the process itself, for abort(). */
static int
some_allow(scmp_filter_ctx ctx)
{
	int err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));

	/* seccomp cannot see the flags of clone3; without it the C library
	 * calls clone. */
	if (err == 0)
		err = seccomp_rule_add(
			ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (err == 0)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	if (err == 0) /* to read a limit of the process itself */
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64),
			2, SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0));
	if (err == 0) /* the name of a thread */
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
			SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	return err;
}

static int
calls_confine(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = ctx == NULL ? -ENOMEM : 0;

	for (size_t i = 0; err == 0 && i < sizeof(allowed) / sizeof(int); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	if (err == 0)
		err = some_allow(ctx);
	if (err == 0)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
}

int
sandbox_enter(const struct sandbox *c)
{
	int err;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	err = files_confine(c);
	if (err == 0)
		err = limits_set(c);
	return err == 0 ? calls_confine() : err;
}
