/* SPDX-License-Identifier: MIT */
#include "front/isolate/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STACK = 1 << 20, FILES = 16 };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* System calls for memory, time, random bytes and the mailbox. */
static const int allowed[] = {SCMP_SYS(read), SCMP_SYS(brk), SCMP_SYS(munmap),
	SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday),
	SCMP_SYS(time), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid),
	SCMP_SYS(sched_yield), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction), SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group)};

/* Allowed without PROT_EXEC: no new memory becomes code. */
static const int without_exec[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};

/* Allowed while the module is loaded. */
static const int loading[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect),
	SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
	SCMP_SYS(pread64), SCMP_SYS(lseek), SCMP_SYS(landlock_create_ruleset),
	SCMP_SYS(landlock_restrict_self)};

/* Exports the filter as a BPF program, through a memfd. */
static int
filter_export(scmp_filter_ctx ctx, struct sock_fprog *f)
{
	int fd = (int)syscall(SYS_memfd_create, "filter", 0);
	int err = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);
	struct stat st;

	if (err == 0 && fstat(fd, &st) != 0)
		err = -errno;
	if (err == 0) {
		f->filter = malloc((size_t)st.st_size);
		f->len = (unsigned short)((size_t)st.st_size /
					  sizeof(*f->filter));
		if (f->filter == NULL ||
			pread(fd, f->filter, (size_t)st.st_size, 0) !=
				st.st_size)
			err = -EIO;
	}
	if (fd >= 0)
		close(fd);
	return err;
}

static int
rules_add(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < n; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	return err;
}

/*
 * Allows write() to `out` alone.  A handler that wrote to `in` could fill that
 * eventfd's counter, and the front's next wake-up would block.
 */
static int
rule_add_write(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
		SCMP_A0(SCMP_CMP_EQ, STDOUT_FILENO, 0));
}

/*
 * The further calls of the loader, until the second filter.  Files may only be
 * opened for reading: landlock's first version does not restrict O_TRUNC.
 */
static int
rules_add_loading(scmp_filter_ctx ctx)
{
	int err = rules_add(ctx, loading, COUNT(loading));

	if (err == 0)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ,
				O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
	if (err == 0)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
			SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0));
	return err;
}

static int
rules_add_running(scmp_filter_ctx ctx)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < COUNT(without_exec); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, without_exec[i], 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return err;
}

static int
filter_make(struct sock_fprog *f, int (*more)(scmp_filter_ctx))
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = ctx == NULL ? -ENOMEM : 0;

	if (err == 0)
		err = rules_add(ctx, allowed, COUNT(allowed));
	if (err == 0)
		err = rule_add_write(ctx);
	if (err == 0)
		err = more(ctx);
	if (err == 0)
		err = filter_export(ctx, f);
	seccomp_release(ctx);
	return err;
}

/* Bytes of address space that this process uses now. */
static size_t
memory_used(void)
{
	char text[128] = "";
	FILE *f = fopen("/proc/self/statm", "re");

	if (f != NULL) {
		(void)!fgets(text, sizeof(text), f);
		fclose(f);
	}
	return strtoul(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static int
limits_set(const struct handler_sandbox *s)
{
	const struct {
		int what;
		rlim_t max;
	} limits[] = {{RLIMIT_AS, s->memory}, {RLIMIT_NOFILE, FILES},
		{RLIMIT_NPROC, 0}, {RLIMIT_FSIZE, 0}, {RLIMIT_CORE, 0},
		{RLIMIT_STACK, STACK}, {RLIMIT_MEMLOCK, 0}};

	for (size_t i = 0; i < COUNT(limits); i++) {
		struct rlimit l = {limits[i].max, limits[i].max};

		if (setrlimit((__rlimit_resource_t)limits[i].what, &l) != 0)
			return -errno;
	}
	return 0;
}

/* A ruleset without rules: forbids every access of landlock's version 1. */
static int
ruleset_make(void)
{
	const struct landlock_ruleset_attr all = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};

	return (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
}

/* Allows reading below `path`; a path that does not exist is skipped. */
static int
ruleset_allow(int ruleset, const char *path)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
		.parent_fd = open(path, O_PATH | O_CLOEXEC)};
	int err = 0;

	if (rule.parent_fd < 0)
		return 0;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		    &rule, 0) != 0)
		err = -errno;
	close(rule.parent_fd);
	return err;
}

static int
ruleset_enter(int ruleset)
{
	return syscall(SYS_landlock_restrict_self, ruleset, 0) != 0 ? -errno
								    : 0;
}

int
handler_sandbox_init(
	struct handler_sandbox *s, const char *module, size_t memory)
{
	static const char *const paths[] = {"/lib", "/lib64", "/usr/lib",
		"/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"};
	int err;

	*s = (struct handler_sandbox){
		.libraries = ruleset_make(), .memory = memory_used() + memory};
	err = s->libraries < 0 ? 0 : ruleset_allow(s->libraries, module);
	for (size_t i = 0; err == 0 && s->libraries >= 0 && i < COUNT(paths);
		i++)
		err = ruleset_allow(s->libraries, paths[i]);
	if (err == 0)
		err = filter_make(&s->load, rules_add_loading);
	if (err == 0)
		err = filter_make(&s->run, rules_add_running);
	return err;
}

static int
filter_enter(const struct sock_fprog *f)
{
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, f) != 0 ? -errno : 0;
}

int
handler_sandbox_enter(const struct handler_sandbox *s)
{
	int err = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	if (s->libraries >= 0) {
		err = ruleset_enter(s->libraries);
		close(s->libraries);
	}
	if (err == 0)
		err = limits_set(s);
	return err == 0 ? filter_enter(&s->load) : err;
}

int
handler_sandbox_close(const struct handler_sandbox *s)
{
	int ruleset = s->libraries >= 0 ? ruleset_make() : -1;
	int err = ruleset >= 0 ? ruleset_enter(ruleset) : 0;

	if (ruleset >= 0)
		close(ruleset);
	return err == 0 ? filter_enter(&s->run) : err;
}
