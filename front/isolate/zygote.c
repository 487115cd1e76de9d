/* SPDX-License-Identifier: MIT */
#include "front/isolate/zygote.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "front/isolate/isolate.h"
#include "front/isolate/sandbox.h"

enum {
	SOCK = 3,
	FDS = 3,
	FILE_FD = 2,
	START_CPU_S = 1,
	WHY = 480,
	PROGRAM_FD = 10,
	PATH_LEN = 4096
};

/* The module's open file: its path may name another file by now. */
#define FILE_PATH "/proc/self/fd/2"

/* --- the front's side --------------------------------------------------- */

static int program = -1;

int
zygote_find(void)
{
	char path[PATH_LEN];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int fd, err = 0;

	if (len < 0)
		return -errno;
	path[len] = '\0';
	len = strrchr(path, '/') + 1 - path;
	if ((size_t)len + sizeof(ZYGOTE_PROGRAM) > sizeof(path))
		return -ENAMETOOLONG;
	strcpy(path + len, ZYGOTE_PROGRAM);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	program = fcntl(fd, F_DUPFD_CLOEXEC, PROGRAM_FD);
	if (program < 0)
		err = -errno;
	close(fd);
	return err;
}

static char **
values_copy(const char *const *values)
{
	size_t n = 0;
	char **env;

	while (values[n] != NULL)
		n++;
	env = calloc(n + 1, sizeof(*env));
	for (size_t i = 0; env != NULL && i < n; i++)
		if (asprintf(&env[i], ISOLATE_VALUE "%s", values[i]) < 0)
			env[i] = NULL;
	return env;
}

static void
values_free(char **env)
{
	for (size_t i = 0; env != NULL && env[i] != NULL; i++)
		free(env[i]);
	free(env);
}

/*
 * A SIGTERM, SIGINT or SIGHUP for the front may go to its whole process group
 * or service.  It must not end the isolates: the front drains them.
 */
static void
signals_keep(posix_spawnattr_t *attr)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	posix_spawnattr_setsigmask(attr, &ours);
	posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK);
}

/* `sock` becomes descriptor SOCK of the zygote, its only inherited one. */
static int
zygote_spawn(pid_t *pid, char **argv, char **env, int sock)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	char path[32];
	int err = posix_spawn_file_actions_init(&fa);

	if (err != 0)
		return -err;
	posix_spawnattr_init(&attr);
	signals_keep(&attr);
	posix_spawn_file_actions_adddup2(&fa, sock, SOCK);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", program);
	err = posix_spawn(pid, path, &fa, &attr, argv, env);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
	return -err;
}

int
zygote_start(const struct zygote_plan *plan, pid_t *pid, int *sock)
{
	char name[] = ZYGOTE_PROGRAM;
	char numbers[4][24], *module = strdup(plan->module);
	char *argv[] = {name, module, numbers[0], numbers[1], numbers[2],
		numbers[3], NULL};
	char **env = values_copy(plan->values);
	int pair[2], err = -ENOMEM;

	(void)snprintf(numbers[0], 24, "%zu", plan->sizes.request);
	(void)snprintf(numbers[1], 24, "%zu", plan->sizes.answer);
	(void)snprintf(numbers[2], 24, "%zu", plan->memory);
	(void)snprintf(numbers[3], 24, "%d", plan->sandbox);
	if (module != NULL && env != NULL)
		err = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
			      pair) != 0
			      ? -errno
			      : 0;
	if (err == 0) {
		err = zygote_spawn(pid, argv, env, pair[1]);
		close(pair[1]);
		if (err == 0) {
			(void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
			*sock = pair[0];
		} else {
			close(pair[0]);
		}
	}
	values_free(env);
	free(module);
	return err;
}

/* Ancillary data for the descriptors of a packet. */
union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(FDS * sizeof(int))];
};

static int
packet_send(int sock, const void *p, size_t len, const int *fds, size_t n)
{
	union control c = {0};
	union {
		const void *c;
		void *p;
	} data = {p};
	struct iovec iov = {data.p, len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n > 0) {
		struct cmsghdr *h = &c.head;

		m.msg_control = c.room;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(h), fds, n * sizeof(int));
	}
	return sendmsg(sock, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The packet's length; *n descriptors in `fds`, which has room for FDS. */
static ssize_t
packet_recv(int sock, void *p, size_t cap, int *fds, size_t *n)
{
	union control c;
	struct iovec iov = {p, cap};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = c.room,
		.msg_controllen = sizeof(c)};
	ssize_t got = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *h;

	*n = 0;
	if (got < 0)
		return -errno;
	h = CMSG_FIRSTHDR(&m);
	if (h != NULL && h->cmsg_type == SCM_RIGHTS) {
		*n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(h), *n * sizeof(int));
	}
	return got;
}

int
zygote_ask(int sock, int mail, int in, int out)
{
	const int fds[FDS] = {mail, in, out};

	return packet_send(sock, "", 1, fds, FDS);
}

int
zygote_answer(int sock, pid_t *pid, int *pidfd, char *why, size_t why_cap)
{
	char text[WHY + 1];
	int fds[FDS];
	size_t n;
	ssize_t got = packet_recv(sock, text, WHY, fds, &n);

	if (got == -EAGAIN)
		return 0;
	if (got <= 0)
		return got == 0 ? -EPIPE : (int)got;
	if (n == 1 && got == sizeof(*pid)) {
		memcpy(pid, text, sizeof(*pid));
		*pidfd = fds[0];
		return 1;
	}
	text[got] = '\0';
	if (strcmp(text, ZYGOTE_READY) == 0)
		return 2;
	(void)snprintf(why, why_cap, "%s", text);
	return -ENOEXEC;
}

/* --- the zygote's side -------------------------------------------------- */

struct zygote {
	const char *module;
	int file; /* the module's */
	struct handler_sandbox box;
	struct mail_sizes sizes;
	int sandboxed;
	pid_t front;
};

static int
text_send(const char *text)
{
	return packet_send(SOCK, text, strlen(text), NULL, 0);
}

/* Makes the process die with the front; 0: the front is dead already. */
static int
die_with_front(pid_t front)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 &&
	       getppid() == front;
}

/* The loader's error without its FILE_PATH, which the caller names better. */
static const char *
module_text(void)
{
	const char *text = dlerror();

	if (text == NULL)
		return "";
	if (strncmp(text, FILE_PATH, sizeof(FILE_PATH) - 1) == 0)
		text = strchr(text, ' ') != NULL ? strchr(text, ' ') + 1 : text;
	return text;
}

/* Loads the module and runs its constructors; NULL: unusable, see `why`. */
static const struct sw_handler *
module_load(const char *name, char *why, size_t why_cap)
{
	void *so = dlopen(FILE_PATH, RTLD_NOW | RTLD_LOCAL);
	const struct sw_handler *h = so != NULL ? dlsym(so, "sw_handler")
						: NULL;

	if (h != NULL && h->abi == SW_HANDLER_ABI && h->handle != NULL)
		return h;
	if (h != NULL)
		(void)snprintf(why, why_cap,
			"%s: built for version %d of spillway-handler.h, not "
			"%d",
			name, h->abi, SW_HANDLER_ABI);
	else
		(void)snprintf(why, why_cap, "%s: %s", name, module_text());
	return NULL;
}

/*
 * The start of an isolate: closes all but the two eventfds and the module's
 * file, enters the sandbox, loads the module.  On an error the mailbox's log
 * has the cause.  SCHED_BATCH: an isolate that wakes up does not preempt the
 * front, which may have more requests to post.
 */
static void
isolate_start(const struct zygote *z, const int *fds)
{
	static const struct sched_param none;
	static const struct rlimit start = {START_CPU_S, RLIM_INFINITY};
	struct handler_sandbox box = z->box;
	const struct sw_handler *handler;
	struct mailbox mail;

	(void)sched_setscheduler(0, SCHED_BATCH, &none);
	(void)setrlimit(RLIMIT_CPU, &start); /* until the front sets its own */
	if (!die_with_front(z->front) ||
		mailbox_map(&mail, fds[0], &z->sizes) < 0 ||
		dup2(fds[1], 0) != 0 || dup2(fds[2], 1) != 1 ||
		dup2(z->file, FILE_FD) != FILE_FD)
		_exit(1);
	if (box.libraries >= 0)
		box.libraries = dup2(box.libraries, FILE_FD + 1);
	closefrom(box.libraries >= 0 ? FILE_FD + 2 : FILE_FD + 1);
	if (z->sandboxed && handler_sandbox_enter(&box) < 0)
		_exit(1);
	handler = module_load(z->module, (char *)mail.log, MAIL_LOG_MAX);
	close(FILE_FD);
	if (handler == NULL ||
		(z->sandboxed && handler_sandbox_close(&box) < 0))
		_exit(1);
	isolate_run(&mail, 0, 1, handler);
}

static int
isolate_fork(const struct zygote *z, const int *fds)
{
	int pidfd = -1, err;
	struct clone_args how = {.flags = CLONE_PARENT | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd};
	pid_t pid = (pid_t)syscall(SYS_clone3, &how, sizeof(how));

	if (pid == 0)
		isolate_start(z, fds);
	if (pid < 0)
		return text_send(strerror(errno));
	err = packet_send(SOCK, &pid, sizeof(pid), &pidfd, 1);
	close(pidfd);
	return err;
}

static void
zygote_serve(const struct zygote *z)
{
	for (;;) {
		char byte = 0;
		int fds[FDS];
		size_t n;
		ssize_t got = packet_recv(SOCK, &byte, 1, fds, &n);

		if (got <= 0 && got != -EINTR)
			return;
		if (got > 0 && n == FDS && isolate_fork(z, fds) < 0)
			return;
		for (size_t i = 0; i < n; i++)
			close(fds[i]);
	}
}

/* Opens the module and builds the sandbox; sends the front the error. */
static int
zygote_prepare(struct zygote *z, size_t memory)
{
	char why[WHY];
	int err;

	z->file = open(z->module, O_RDONLY | O_CLOEXEC);
	if (z->file < 0) {
		(void)snprintf(why, sizeof(why),
			"%s: cannot open shared object file: %s", z->module,
			strerror(errno));
		(void)text_send(why);
		return -1;
	}
	err = handler_sandbox_init(&z->box, z->module, memory);
	if (err < 0)
		(void)text_send("the sandbox cannot be built");
	return err;
}

int
zygote_main(char **argv)
{
	struct zygote z = {.front = getppid()};

	if (!die_with_front(z.front))
		return 1;
	(void)prctl(PR_SET_NAME, argv[0], 0, 0, 0);
	closefrom(SOCK + 1);
	z.module = argv[1];
	z.sizes.request = strtoull(argv[2], NULL, 10);
	z.sizes.answer = strtoull(argv[3], NULL, 10);
	z.sandboxed = (int)strtol(argv[5], NULL, 10);
	if (zygote_prepare(&z,
		    strtoull(argv[4], NULL, 10) + mailbox_len(&z.sizes)) < 0)
		return 1;
	if (text_send(ZYGOTE_READY) == 0)
		zygote_serve(&z);
	return 0;
}
