/* SPDX-License-Identifier: MIT */
#include "spawner/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "spawner/cgroup.h"
#include "spawner/folder.h"
#include "spawner/group.h"
#include "spawner/launch.h"

enum {
	REQUESTS = 16, /* in one turn */
	/* Of each child that is not free two events may wait. */
	EVENTS = 2 * SPAWN_CHILDREN,
	KILL_MS = 5000, /* at the end, for what does not die */
};

static struct {
	struct launch_command commands[SPAWN_COMMANDS];
	int open; /* OPEN has come */
	struct folders folders;
	struct cgroups cgroups;
	const struct serve_cgroups *own;
	struct spawn_event events[EVENTS]; /* a ring */
	size_t first, events_n;
	char **env; /* of a child: ours, then its own, then room */
	size_t env_own;
	char tmp[sizeof(SPAWN_TMP_ENV) + SPAWN_FOLDER];
	int signals, blind;
} spawner;

/* --- events --------------------------------------------------------------- */

static void
event_add(void *arg, const struct spawn_event *e)
{
	(void)arg;
	if (spawner.events_n == EVENTS)
		return; /* a worker that uses numbers before they are free */
	spawner.events[(spawner.first + spawner.events_n++) % EVENTS] = *e;
}

/* Sends as many as the socket takes. */
static void
events_send(void)
{
	while (spawner.events_n > 0) {
		size_t n = EVENTS - spawner.first;

		if (n > spawner.events_n)
			n = spawner.events_n;
		if (n > SPAWN_EVENTS)
			n = SPAWN_EVENTS;
		if (send(SPAWN_SOCKET, spawner.events + spawner.first,
			    n * sizeof(spawner.events[0]),
			    MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return;
		spawner.first = (spawner.first + n) % EVENTS;
		spawner.events_n -= n;
	}
}

/* --- requests ------------------------------------------------------------- */

struct request {
	union {
		struct spawn_head head;
		struct spawn_command command;
		struct spawn_start start;
		struct spawn_signal signal;
	} u;
	size_t len;
	int files[SPAWN_FILES], files_n;
};

static void
files_close(struct request *r)
{
	for (int i = 0; i < r->files_n; i++)
		close(r->files[i]);
	r->files_n = 0;
}

static void
command_take(const struct request *r)
{
	uint32_t n = r->u.head.number;

	if (n >= SPAWN_COMMANDS || spawner.commands[n].path != NULL ||
		launch_command_read(&spawner.commands[n], r->u.command.texts,
			r->len - sizeof(struct spawn_head)) < 0)
		exit(EXIT_SOFTWARE);
}

/* Starts a child that enters a group and ends: 0; or -errno of what failed. */
static int
cgroups_try(void)
{
	static const struct spawn_limits none;
	struct launch l = {.env = spawner.env, .limits = &none};
	unsigned long cgroup;
	pid_t pid;

	for (int i = 0; i < SPAWN_FILES; i++)
		l.files[i] = fcntl(
			STDIN_FILENO, F_DUPFD_CLOEXEC, SPAWN_SOCKET + 1);
	pid = launch_run(&l, &spawner.cgroups, &cgroup);
	for (int i = 0; i < SPAWN_FILES; i++)
		if (l.files[i] >= 0)
			close(l.files[i]);
	if (pid < 0)
		return pid;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (!cgroups_end(&spawner.cgroups, cgroup))
		cgroups_later(&spawner.cgroups, cgroup);
	return 0;
}

/* As of cgroups_open(), and a child has entered a group. */
static int
own_cgroups_open(void)
{
	char path[CGROUP_PATH];
	int err = cgroup_own(
		spawner.own->cgroup_file, spawner.own->mounts_file, path);

	if (err == 0)
		err = cgroups_open(&spawner.cgroups, spawner.own->kernel, path);
	if (err < 0)
		return err;
	err = cgroups_try();
	if (err < 0)
		cgroups_close(&spawner.cgroups, KILL_MS);
	return err;
}

static void
open_take(void)
{
	struct spawn_ready ready = {.blind = spawner.blind};
	char room[SPAWN_FOLDER];

	spawner.open = 1;
	ready.error = folders_open(&spawner.folders);
	ready.cgroup_error = own_cgroups_open();
	(void)snprintf(ready.folder, sizeof(ready.folder), "%s",
		folders_place(&spawner.folders, room));
	(void)send(SPAWN_SOCKET, &ready, sizeof(ready), MSG_NOSIGNAL);
}

/* Puts the child's own variables behind ours: 0, or -E2BIG. */
static int
env_set(struct spawn_start *s, size_t len)
{
	size_t n = spawner.env_own, most = n + SPAWN_VARIABLES;

	for (size_t at = 0; at < len; at += strlen(s->env + at) + 1) {
		if (n == most)
			return -E2BIG;
		spawner.env[n++] = s->env + at;
	}
	if (s->flags & SPAWN_WITH_TMP)
		spawner.env[n++] = spawner.tmp;
	spawner.env[n] = NULL;
	return 0;
}

/* Makes the folders of a child; the number, or 0. */
static int
child_folders_make(const struct spawn_start *s, char path[SPAWN_FOLDER],
	unsigned long *number)
{
	char large[SPAWN_FOLDER];
	int err = 0;

	if (s->flags & (SPAWN_WITH_FOLDER | SPAWN_WITH_TMP))
		err = folders_make(&spawner.folders, path, number);
	if (err < 0 || !(s->flags & SPAWN_WITH_TMP))
		return err;
	err = folders_large(&spawner.folders, *number, large);
	if (err < 0)
		folders_remove(&spawner.folders, *number, 0);
	else
		(void)snprintf(spawner.tmp, sizeof(spawner.tmp), "%s=%s",
			SPAWN_TMP_ENV, large);
	return err;
}

/* The pid; or -errno and the step that failed. */
static pid_t
child_start(struct request *r, size_t env_len, enum spawn_step *step,
	struct group_parts *parts)
{
	struct spawn_start *s = &r->u.start;
	char path[SPAWN_FOLDER];
	struct launch l = {.env = spawner.env, .limits = &s->limits};
	pid_t pid;
	int err;

	*step = SPAWN_MKDIR;
	err = child_folders_make(s, path, &parts->folder);
	if (err < 0)
		return err;
	*step = SPAWN_REQUEST;
	err = env_set(s, env_len);
	if (err == 0) {
		memcpy(l.files, r->files, sizeof(l.files));
		l.folder = s->flags & SPAWN_WITH_FOLDER ? path : NULL;
		if (!(s->flags & SPAWN_PROBE))
			l.command = &spawner.commands[s->command];
		pid = launch_run(&l, &spawner.cgroups, &parts->cgroup);
		*step = l.step;
	} else {
		pid = err;
	}
	if (*step == SPAWN_CHDIR)
		folders_doubt(&spawner.folders);
	if (pid < 0 && parts->folder != 0)
		folders_remove(&spawner.folders, parts->folder, 1);
	return pid;
}

static int
start_is_right(const struct request *r, size_t env_len)
{
	const struct spawn_start *s = &r->u.start;

	return r->files_n == SPAWN_FILES && env_len < sizeof(s->env) &&
	       (env_len == 0 || s->env[env_len - 1] == '\0') &&
	       s->command < SPAWN_COMMANDS &&
	       (s->flags & SPAWN_PROBE ||
		       spawner.commands[s->command].path != NULL) &&
	       group_is_free(s->head.number);
}

static void
start_take(struct request *r)
{
	size_t env_len = r->len - offsetof(struct spawn_start, env);
	struct spawn_event e = {.number = r->u.head.number};
	enum spawn_step step = SPAWN_REQUEST;
	struct group_parts parts = {
		.large = (r->u.start.flags & SPAWN_WITH_TMP) != 0};
	pid_t pid = -EINVAL;

	if (start_is_right(r, env_len))
		pid = child_start(r, env_len, &step, &parts);
	if (pid < 0) {
		e.kind = SPAWN_FAILED;
		e.step = step;
		e.error = pid;
	} else {
		e.kind = SPAWN_STARTED;
		e.pid = pid;
		group_add(e.number, pid, &parts);
	}
	event_add(NULL, &e);
}

static void
request_take(struct request *r)
{
	size_t least = r->u.head.op == SPAWN_START
			       ? offsetof(struct spawn_start, env)
		       : r->u.head.op == SPAWN_SIGNAL
			       ? sizeof(struct spawn_signal)
			       : sizeof(struct spawn_head);

	if (r->len >= least)
		switch (r->u.head.op) {
		case SPAWN_COMMAND:
			command_take(r);
			break;
		case SPAWN_OPEN:
			open_take();
			break;
		case SPAWN_START:
			start_take(r);
			break;
		case SPAWN_SIGNAL:
			group_signal(r->u.head.number, r->u.signal.signal);
			break;
		default:
			break;
		}
	files_close(r);
}

/* 1: a packet with its descriptors; 0: none; -1: the worker is gone. */
static int
request_receive(struct request *r)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * SPAWN_FILES)];
	} control;
	struct iovec part = {&r->u, sizeof(r->u)};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	const struct cmsghdr *c;
	ssize_t n = recvmsg(SPAWN_SOCKET, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR ||
					errno == ENOBUFS || errno == ENOMEM)
			       ? 0
			       : -1;
	r->len = (size_t)n;
	r->files_n = 0;
	c = CMSG_FIRSTHDR(&m);
	if (c != NULL && c->cmsg_type == SCM_RIGHTS) {
		r->files_n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(r->files, CMSG_DATA(c),
			sizeof(int) * (size_t)r->files_n);
	}
	return 1;
}

/* --- the loop ------------------------------------------------------------- */

/* 0: the worker is gone. */
static int
requests_take(void)
{
	static struct request r;
	int got = 1;

	for (int i = 0; i < REQUESTS && got > 0; i++) {
		got = request_receive(&r);
		if (got > 0)
			request_take(&r);
	}
	return got >= 0;
}

static void
wait_for_work(int wait_ms)
{
	struct pollfd p[] = {
		{.fd = SPAWN_SOCKET, .events = POLLIN},
		{.fd = spawner.signals, .events = POLLIN},
	};
	struct signalfd_siginfo si;

	if (spawner.events_n > 0)
		p[0].events |= POLLOUT;
	(void)poll(p, 2, wait_ms);
	if (p[1].revents != 0)
		(void)!read(spawner.signals, &si, sizeof(si));
}

static void
serve(void)
{
	int wait_ms = -1;

	for (;;) {
		wait_for_work(wait_ms);
		if (!requests_take())
			return;
		wait_ms = groups_turn(clock_now_ms(CLOCK_MONOTONIC));
		if (spawner.open)
			folders_turn(&spawner.folders);
		events_send();
	}
}

/* --- the start ------------------------------------------------------------ */

/*
 * The variables that a child must not have from the worker: those of its
 * service manager, and those of a job, which a worker has if a job started it.
 */
static int
is_foreign(const char *variable)
{
	static const char *const names[] = {"NOTIFY_SOCKET=", "WATCHDOG_PID=",
		"WATCHDOG_USEC=", "LISTEN_PID=", "LISTEN_FDS=",
		"LISTEN_FDNAMES=", "LISTEN_PIDFDID=", "SPILLWAY_JOB_ID=",
		"SPILLWAY_QUEUE=", "SPILLWAY_ATTEMPT=", "SPILLWAY_DEADLINE_MS=",
		"SPILLWAY_HEADER_",
		"SPILLWAY_BLOB=", "SPILLWAY_BLOB_SIZE=", SPAWN_TMP_ENV "="};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return 1;
	return 0;
}

static int
environment_open(void)
{
	size_t n = 0;

	while (environ[n] != NULL)
		n++;
	spawner.env = calloc(n + SPAWN_VARIABLES + 2, sizeof(char *));
	if (spawner.env == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (!is_foreign(environ[i]))
			spawner.env[spawner.env_own++] = environ[i];
	return 0;
}

/*
 * Blocked, not ignored: to be ignored would pass on to children.  Nothing but
 * the end of the worker ends a spawner.
 */
static int
signals_open(void)
{
	struct sigaction normal = {.sa_handler = SIG_DFL};
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &normal, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	spawner.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return spawner.signals < 0 ? -errno : 0;
}

/* So that no descriptor of a child is below SPAWN_SOCKET. */
static int
standard_files_open(void)
{
	for (int fd = 0; fd < SPAWN_SOCKET; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -EBADF;
	return fcntl(SPAWN_SOCKET, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

const struct serve_cgroups serve_cgroups = {
	"/proc/self/cgroup", "/proc/self/mountinfo", &cgroup_kernel};

int
serve_is_asked(void)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(SPAWN_SOCKET, SOL_SOCKET, SO_TYPE, &type, &len) ==
		       0 &&
	       type == SOCK_SEQPACKET;
}

enum exit_status
serve_worker(const struct serve_cgroups *own)
{
	spawner.own = own;
	if (standard_files_open() < 0 || signals_open() < 0 ||
		environment_open() < 0 ||
		groups_open(&spawner.folders, &spawner.cgroups, event_add, NULL,
			&spawner.blind) < 0)
		return EXIT_OS;
	launch_init();
	serve();
	groups_kill(KILL_MS);
	cgroups_close(&spawner.cgroups, KILL_MS);
	if (spawner.open)
		folders_close(&spawner.folders);
	return EXIT_OK;
}
