/* SPDX-License-Identifier: MIT */
#include "worker/process/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum { NONE = SPAWN_CHILDREN };

/* --- opening -------------------------------------------------------------- */

/* In a session of its own: a terminal's signals do not reach it. */
static int
attributes_set(posix_spawnattr_t *a)
{
	sigset_t none, all;
	int err;

	sigemptyset(&none);
	/* Not sigfillset(): glibc's own two would be ignored, for ever. */
	memset(&all, 0xff, sizeof(all));
	err = posix_spawnattr_setflags(a, POSIX_SPAWN_SETSID |
						  POSIX_SPAWN_SETSIGMASK |
						  POSIX_SPAWN_SETSIGDEF);
	if (err == 0)
		err = posix_spawnattr_setsigmask(a, &none);
	if (err == 0)
		err = posix_spawnattr_setsigdefault(a, &all);
	return err;
}

static int
files_set(posix_spawn_file_actions_t *f, int socket)
{
	int err = posix_spawn_file_actions_adddup2(f, socket, SPAWN_SOCKET);

	for (int fd = 0; err == 0 && fd < STDERR_FILENO; fd++)
		err = posix_spawn_file_actions_addopen(
			f, fd, "/dev/null", O_RDWR, 0);
	if (err == 0)
		err = posix_spawn_file_actions_addclosefrom_np(
			f, SPAWN_SOCKET + 1);
	return err;
}

static int
program_start(struct spawn *s, const char *program, int socket)
{
	static char name[] = "spillway-spawner";
	char *argv[] = {name, NULL};
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t files;
	int err = posix_spawnattr_init(&attributes);

	if (err != 0)
		return -err;
	err = posix_spawn_file_actions_init(&files);
	if (err == 0) {
		err = attributes_set(&attributes);
		if (err == 0)
			err = files_set(&files, socket);
		if (err == 0)
			err = posix_spawn(&s->pid, program, &files, &attributes,
				argv, environ);
		posix_spawn_file_actions_destroy(&files);
	}
	posix_spawnattr_destroy(&attributes);
	if (err != 0)
		s->pid = 0;
	return -err;
}

static int
text_add(struct spawn_command *m, size_t *len, const char *text)
{
	size_t n = strlen(text) + 1;

	if (n > sizeof(m->texts) - *len)
		return -E2BIG;
	memcpy(m->texts + *len, text, n);
	*len += n;
	return 0;
}

/* 0; 1: the socket takes no more now; or -errno. */
static int
packet_send(struct spawn *s, const void *p, size_t len)
{
	if (send(s->socket, p, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
		return 1;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

static int
command_send(
	struct spawn *s, uint32_t number, const struct spawn_command_line *line)
{
	static struct spawn_command m;
	size_t len = 0;
	int err;

	m.head = (struct spawn_head){SPAWN_COMMAND, number};
	err = text_add(&m, &len, line->path);
	for (int i = 0; err == 0 && line->argv[i] != NULL; i++)
		err = text_add(&m, &len, line->argv[i]);
	return err < 0 ? err : packet_send(s, &m, sizeof(m.head) + len);
}

/* As packet_send(). */
static int
ready_receive(struct spawn *s, struct spawn_ready *ready)
{
	ssize_t n = recv(s->socket, ready, sizeof(*ready), MSG_DONTWAIT);

	if (n == (ssize_t)sizeof(*ready))
		return 0;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 1 : -EPIPE;
}

static int
owners_new(struct spawn *s)
{
	s->owners = calloc(SPAWN_CHILDREN, sizeof(*s->owners));
	if (s->owners == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < SPAWN_CHILDREN; i++)
		s->owners[i].next_free = i + 1;
	return 0;
}

int
spawn_begin(struct spawn *s, const char *program,
	const struct spawn_command_line *lines, size_t lines_n, int64_t now_ms)
{
	int sock[2], err;

	*s = (struct spawn){.socket = -1,
		.lines = lines,
		.lines_n = lines_n,
		.begun_ms = now_ms};
	err = owners_new(s);
	if (err < 0)
		return err;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) != 0)
		return -errno;
	s->socket = sock[0];
	err = program_start(s, program, sock[1]);
	close(sock[1]);
	(void)fcntl(s->socket, F_SETFL, O_NONBLOCK);
	return err;
}

/* Sends the commands, and OPEN behind them, as packet_send(). */
static int
lines_send(struct spawn *s)
{
	static const struct spawn_head open_it = {SPAWN_OPEN, 0};
	int err;

	for (; s->lines_sent <= s->lines_n; s->lines_sent++) {
		size_t i = s->lines_sent;

		err = i < s->lines_n
			      ? command_send(s, (uint32_t)i, &s->lines[i])
			      : packet_send(s, &open_it, sizeof(open_it));
		if (err != 0)
			return err;
	}
	return 0;
}

int
spawn_opening(struct spawn *s, int64_t now_ms, int *folder_error)
{
	struct spawn_ready ready;
	int err = lines_send(s);

	if (err == 0)
		err = ready_receive(s, &ready);
	if (err == 1 && now_ms - s->begun_ms >= SPAWN_READY_MS)
		err = -ETIMEDOUT;
	if (err != 0)
		return err;
	memcpy(s->folder, ready.folder, sizeof(s->folder));
	s->blind = ready.blind;
	s->cgroup_error = ready.cgroup_error;
	s->open = 1;
	*folder_error = ready.error;
	return 0;
}

int
spawn_open(struct spawn *s, const char *program,
	const struct spawn_command_line *lines, size_t lines_n,
	int *folder_error)
{
	int64_t now_ms = clock_now_ms(CLOCK_MONOTONIC);
	int err = spawn_begin(s, program, lines, lines_n, now_ms);

	if (err == 0)
		err = spawn_opening(s, now_ms, folder_error);
	while (err == 1) {
		struct pollfd p = {.fd = s->socket, .events = POLLIN};

		if (s->lines_sent <= s->lines_n)
			p.events |= POLLOUT;
		(void)poll(&p, 1, SPAWN_READY_MS);
		err = spawn_opening(
			s, clock_now_ms(CLOCK_MONOTONIC), folder_error);
	}
	return err;
}

void
spawn_log(const struct spawn *s)
{
	int err = s->cgroup_error;

	if (err == 0 || err == -ENODATA)
		sw_log(SW_LOG_INFO, "spawner", "groups",
			err == 0 ? "cgroup" : "session", NULL);
	else
		sw_log(SW_LOG_WARN, "spawner", "groups", "session", "text",
			strerror(-err), NULL);
	if (s->blind && err != 0)
		sw_log(SW_LOG_WARN, "blind", "text",
			"the kernel does not list children: what leaves a "
			"job's process group outlives the job",
			NULL);
}

void
spawn_close(struct spawn *s)
{
	int64_t end_ms = clock_now_ms(CLOCK_MONOTONIC) + SPAWN_CLOSE_MS;

	if (s->socket >= 0 && s->owners != NULL)
		close(s->socket);
	while (s->pid > 0 && waitpid(s->pid, NULL, WNOHANG) == 0 &&
		clock_now_ms(CLOCK_MONOTONIC) < end_ms)
		(void)poll(NULL, 0, 1);
	free(s->owners);
	*s = (struct spawn){.socket = -1};
}

void
spawn_leave(struct spawn *s)
{
	if (s->socket >= 0 && s->owners != NULL)
		close(s->socket);
	if (s->pid > 0)
		(void)kill(s->pid, SIGKILL);
	free(s->owners);
	*s = (struct spawn){.socket = -1};
}

/* --- starts and signals --------------------------------------------------- */

static int
packet_failed(void)
{
	switch (errno) {
	case EAGAIN:
	case EINTR:
	case ENOBUFS:
	case ENOMEM:
	case ETOOMANYREFS: /* descriptors on their way, of all of this user */
		return -EAGAIN;
	case EMSGSIZE:
		return -E2BIG;
	default:
		return -EPIPE;
	}
}

static int
start_send(struct spawn *s, struct spawn_start *m, struct bytes env,
	const int files[SPAWN_FILES])
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * SPAWN_FILES)];
	} control;
	union { /* sendmsg(2) reads alone */
		const void *c;
		void *p;
	} env_p = {env.p};
	struct iovec parts[] = {
		{m, offsetof(struct spawn_start, env)},
		{env_p.p, env.len},
	};
	struct msghdr h = {.msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c;

	memset(&control, 0, sizeof(control));
	c = CMSG_FIRSTHDR(&h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * SPAWN_FILES);
	memcpy(CMSG_DATA(c), files, sizeof(int) * SPAWN_FILES);
	if (sendmsg(s->socket, &h, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return packet_failed();
}

int
spawn_start(struct spawn *s, const struct spawn_request *r,
	spawn_event_fn *event, void *owner)
{
	static struct spawn_start m;
	uint32_t number = s->free;
	int err;

	if (!s->open || number == NONE)
		return -EAGAIN;
	if (r->env.len > sizeof(m.env))
		return -E2BIG;
	m.head = (struct spawn_head){SPAWN_START, number};
	m.command = r->command;
	m.flags = r->flags;
	m.limits = r->limits;
	err = start_send(s, &m, r->env, r->files);
	if (err < 0)
		return err;
	s->free = s->owners[number].next_free;
	s->owners[number] = (struct spawn_owner){event, owner, NONE};
	s->starting++;
	s->children++;
	return (int)number;
}

int
spawn_signal(struct spawn *s, int child, int sig)
{
	struct spawn_signal m = {{SPAWN_SIGNAL, (uint32_t)child}, sig};

	if (send(s->socket, &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return packet_failed();
}

/* --- events --------------------------------------------------------------- */

static void
event_take(struct spawn *s, const struct spawn_event *e)
{
	struct spawn_owner o;

	if (e->number >= SPAWN_CHILDREN || s->owners[e->number].event == NULL)
		return;
	o = s->owners[e->number];
	if (e->kind != SPAWN_ENDED)
		s->starting--;
	if (e->kind != SPAWN_STARTED) {
		s->owners[e->number] = (struct spawn_owner){
			NULL, NULL, s->free};
		s->free = e->number;
		s->children--;
	}
	o.event(o.owner, e);
}

int
spawn_events(struct spawn *s, int most)
{
	struct spawn_event e[SPAWN_EVENTS];
	int n = 0;

	while (n < most) {
		ssize_t len = recv(s->socket, e, sizeof(e), MSG_DONTWAIT);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN)
			return n;
		if (len <= 0)
			return -EPIPE;
		n++;
		s->moved = 1;
		for (size_t i = 0; i < (size_t)len / sizeof(e[0]); i++)
			event_take(s, &e[i]);
	}
	return n;
}

int
spawn_is_stuck(struct spawn *s, int64_t now_ms)
{
	int unread = 0, moved;

	(void)ioctl(s->socket, SIOCOUTQ, &unread);
	moved = s->moved || unread == 0 || unread < s->unread;
	s->moved = 0;
	s->unread = unread;
	if (moved || s->moved_ms == 0)
		s->moved_ms = now_ms;
	if (now_ms - s->moved_ms < SPAWN_STUCK_MS)
		return 0;
	s->moved_ms = now_ms;
	return 1;
}

/* --- what a lost spawner has left ----------------------------------------- */

int
spawn_orphans_kill(const struct spawn *s, pid_t helper)
{
	char path[64], list[4096];
	FILE *f;
	long pid;
	int some = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children",
		(int)getpid());
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	setvbuf(f, list, _IOFBF, sizeof(list));
	while (fscanf(f, "%ld", &pid) == 1) {
		if ((pid_t)pid == s->pid || (pid_t)pid == helper)
			continue;
		some |= kill((pid_t)pid, SIGKILL) == 0;
		(void)waitpid((pid_t)pid, NULL, WNOHANG);
	}
	fclose(f);
	return some;
}
