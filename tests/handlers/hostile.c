/* SPDX-License-Identifier: MIT */
/* hostile.c - a handler that does to its isolate whatever its path names */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spillway-handler.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int sink;

static sw_handle_fn handle;

static int
spin(void)
{
	for (;;)
		sink++;
}

static int
spin_blocked(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	return spin();
}

static int
syscalls(void)
{
	for (;;)
		(void)syscall(SYS_getpid);
}

static int
denied_syscalls(void)
{
	for (;;)
		(void)syscall(SYS_getppid);
}

static int
dev_zero(void)
{
	size_t n = 256 << 20;
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/dev/zero", O_RDONLY);

	if (fd < 0 || p == MAP_FAILED)
		return errno;
	while (read(fd, p, n) > 0)
		;
	return 0;
}

static int
randomness(void)
{
	static char room[1 << 20];

	for (;;)
		(void)getrandom(room, sizeof(room), 0);
}

static int
populate(void)
{
	for (;;) {
		void *p = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (p != MAP_FAILED)
			munmap(p, 64 << 20);
	}
}

static int
sleep_long(void)
{
	sleep(60);
	return 0;
}

static int
fork_bomb(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static int
end(void)
{
	exit(0);
}

static int
crash(void)
{
	*(volatile int *)(uintptr_t)8 = 1;
	return 0;
}

static int
memory_bomb(void)
{
	for (;;) {
		char *p = malloc(1 << 20);

		memset(p, 1, 1 << 20);
	}
}

/* Every other call uses its frame, so that none is taken away. */
static int
overflow(int depth)
{
	volatile char frame[4096];

	frame[0] = (char)depth;
	return overflow(depth + 1) + frame[0];
}

static int
stack(void)
{
	return overflow(0);
}

static int
tear(void)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	int torn = prctl(PR_SET_SECCOMP, 0, 0, 0, 0) == 0;

	torn += setrlimit(RLIMIT_AS, &all) == 0;
	torn += kill(getppid(), 0) == 0;
	torn += syscall(SYS_ptrace, 16 /* ATTACH */, getppid(), 0, 0) == 0;
	torn += syscall(SYS_io_uring_setup, 8, NULL) >= 0;
	torn += syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0) >= 0;
	torn += prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) == 0;
	torn += syscall(SYS_unshare, 0x10000000 /* NEWUSER */) == 0;
	torn += dup(0) >= 0;
	torn += open("/etc/passwd", O_RDONLY) >= 0;
	torn += socket(AF_INET, SOCK_STREAM, 0) >= 0;
	torn += mmap(NULL, 4096, PROT_EXEC | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
	return torn;
}

/* The counter that wakes us, filled up: who adds to it then must wait. */
static int
bell(void)
{
	uint64_t most = UINT64_MAX - 1;

	return write(0, &most, sizeof(most)) < 0 ? errno : 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} deeds[] = {{"spin", spin}, {"spin-blocked", spin_blocked},
	{"syscalls", syscalls}, {"denied", denied_syscalls}, {"zero", dev_zero},
	{"random", randomness}, {"populate", populate}, {"sleep", sleep_long},
	{"fork", fork_bomb}, {"exit", end}, {"crash", crash},
	{"memory", memory_bomb}, {"stack", stack}, {"tear", tear},
	{"bell", bell}};

/*
 * The mailbox is one mapping before and behind the request: bytes of `c`
 * over as much of it as there is, then an announcement that nobody waits for.
 */
static void
scribble(const struct sw_request *req, int c)
{
	uint64_t many = 1000;
	char *page = (char *)((uintptr_t)req->method & ~(uintptr_t)4095);

	memset(page - 4096, c, 4096 + 65536);
	(void)!write(1, &many, sizeof(many));
	for (;;)
		sink++;
}

/*
 * An answer of the right number that says of one of its parts, the one that
 * `which` names, that it is longer than there is room; and no end with it.
 */
static void
lie(const struct sw_request *req, int which)
{
	uint64_t one = 1;
	uint32_t *page =
		(uint32_t *)(((uintptr_t)req->method & ~(uintptr_t)4095) -
			     4096);
	uint32_t *answer = page + 16, number = page[0];

	answer[0] = number;
	answer[1] = 200;
	memset(answer + 2, 0, 24);
	if (which < 4)
		answer[2 + which] = UINT32_MAX;
	page[32] = number;
	(void)!write(1, &one, sizeof(one));
	for (;;)
		sink++;
}

/* Nothing to return to. */
static void
unmap(void)
{
	(void)munmap((void *)((uintptr_t)&sink & ~(uintptr_t)4095), 4096);
	for (uintptr_t at = (uintptr_t)handle & ~(uintptr_t)4095;; at += 4096)
		if (munmap((void *)at, 4096) != 0)
			return;
}

static int
handle(const struct sw_request *req, struct sw_response *res,
	struct sw_env *env)
{
	const char *what = strrchr(req->path, '/') + 1;

	(void)env;
	if (strcmp(what, "scribble") == 0)
		scribble(req, 0xff);
	if (strcmp(what, "nul") == 0)
		scribble(req, 0);
	if (strncmp(what, "lie", 3) == 0)
		lie(req, what[3] - '0');
	if (strcmp(what, "linger") == 0)
		lie(req, 4);
	if (strcmp(what, "unmap") == 0)
		unmap();
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (strcmp(deeds[i].name, what) == 0)
			return res->print(
				res, "%s: %d\n", what, deeds[i].run());
	return res->print(res, "nothing done\n");
}

SW_HANDLER(handle);
