/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"

enum { READY_MS = 10000, STEP_MS = 2, LOG_SHOWN = 2000 };

int
bench_fail(int err, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("bench: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return err;
}

const char *
bench_body(void)
{
	static char body[BENCH_BODY];

	if (body[0] == '\0')
		for (size_t i = 0; i < BENCH_BODY; i++)
			body[i] = (char)('a' + i * 7 % 26);
	return body;
}

static void
nap(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	(void)nanosleep(&t, NULL);
}

static void
log_path(const struct server *s, char *path, size_t cap)
{
	(void)snprintf(path, cap, "%s/log", s->dir);
}

/* The log's end with a NUL; "" when there is none. */
static void
log_tail(const struct server *s, char *buf, size_t cap)
{
	char path[sizeof(s->dir) + 8];
	ssize_t n = 0;
	off_t len;
	int fd;

	log_path(s, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		len = lseek(fd, 0, SEEK_END);
		n = pread(fd, buf, cap - 1,
			len > (off_t)cap - 1 ? len - (off_t)cap + 1 : 0);
		close(fd);
	}
	buf[n > 0 ? n : 0] = '\0';
}

int
server_said(const struct server *s, const char *text)
{
	char buf[8192];

	log_tail(s, buf, sizeof(buf));
	return strstr(buf, text) != NULL;
}

int
server_dial(const struct server *s)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd, err;

	if (strlen(s->socket) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	memcpy(at.sun_path, s->socket, strlen(s->socket) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* Never returns: the server, in the child. */
static void
become(const struct server *s, char *const argv[])
{
	char path[sizeof(s->dir) + 8];
	int fd;

	log_path(s, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() == 1 || fd < 0 ||
		dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(126);
	(void)execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

int
server_start(struct server *s, char *const argv[],
	int (*ready)(const struct server *))
{
	char tail[LOG_SHOWN];
	int err = -ETIMEDOUT;

	s->pid = fork();
	if (s->pid < 0)
		return bench_fail(-errno, "fork: %s", strerror(errno));
	if (s->pid == 0)
		become(s, argv);
	for (int ms = 0; ms < READY_MS; ms += STEP_MS) {
		if (ready(s))
			return 0;
		if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
			s->pid = 0;
			err = -ECHILD;
			break;
		}
		nap(STEP_MS);
	}
	log_tail(s, tail, sizeof(tail));
	return bench_fail(
		err, "%s did not start; its log ends with:\n%s", argv[0], tail);
}

int
server_open(struct server *s, const struct bench_driver *d, const char *parent)
{
	(void)snprintf(s->dir, sizeof(s->dir), "%s/%s.XXXXXX", parent, d->name);
	if (mkdtemp(s->dir) == NULL)
		return bench_fail(-errno, "%s: %s", s->dir, strerror(errno));
	(void)snprintf(s->socket, sizeof(s->socket), "%s/s", s->dir);
	return d->start(s);
}

static int
drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void
server_close(struct server *s)
{
	if (s->pid > 0) {
		(void)kill(s->pid, SIGKILL);
		(void)waitpid(s->pid, NULL, 0);
	}
	s->pid = 0;
	if (s->dir[0] != '\0')
		(void)nftw(s->dir, drop, 16, FTW_DEPTH | FTW_PHYS);
	s->dir[0] = '\0';
}
