/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

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

enum { STACK = 1 << 20 };

/* What memory, time, chance and the mailbox take. */
static const int allowed[] = {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(brk),
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday),
	SCMP_SYS(time), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid),
	SCMP_SYS(sched_yield), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction), SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group)};

/* These as long as nothing new becomes code. */
static const int without_exec[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};

/* The filter as a program, through a file that never has a name. */
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
filter_make(struct sock_fprog *f)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = ctx == NULL ? -ENOMEM : 0;

	for (size_t i = 0; err == 0 && i < sizeof(allowed) / sizeof(int); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; err == 0 && i < 2; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, without_exec[i], 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (err == 0)
		err = filter_export(ctx, f);
	seccomp_release(ctx);
	return err;
}

/* Bytes of address space that this process has before a handler's first. */
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

int
sandbox_init(struct sandbox *s, size_t memory)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
		LANDLOCK_CREATE_RULESET_VERSION);

	*s = (struct sandbox){.landlock = abi > 0 ? (int)abi : 0};
	s->memory = memory_used() + memory;
	return filter_make(&s->filter);
}

static int
limits_set(const struct sandbox *s)
{
	const struct {
		int what;
		rlim_t max;
	} limits[] = {{RLIMIT_AS, s->memory}, {RLIMIT_NOFILE, 0},
		{RLIMIT_NPROC, 0}, {RLIMIT_FSIZE, 0}, {RLIMIT_CORE, 0},
		{RLIMIT_STACK, STACK}, {RLIMIT_MEMLOCK, 0}};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit l = {limits[i].max, limits[i].max};

		if (setrlimit((__rlimit_resource_t)limits[i].what, &l) != 0)
			return -errno;
	}
	return 0;
}

/* A ruleset without a rule: all that version 1 knows of is forbidden. */
static int
files_forbid(void)
{
	const struct landlock_ruleset_attr all = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
	int fd = (int)syscall(
		SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		err = -errno;
	close(fd);
	return err;
}

int
sandbox_enter(const struct sandbox *s)
{
	int err = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	if (s->landlock > 0)
		err = files_forbid();
	if (err == 0)
		err = limits_set(s);
	if (err == 0 &&
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &s->filter) != 0)
		err = -errno;
	return err;
}
