/* SPDX-License-Identifier: MIT */
#include "front/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/options.h"

enum {
	BACKLOG = 1024,
	FLAGS = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	PORT_MAX = 65535,
};

static int
socket_listen(int fd, const void *addr, socklen_t len)
{
	static const int yes = 1;
	int err;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, addr, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* Whether the path is a socket that no process listens at any more. */
static int
is_stale(const struct sockaddr_un *a)
{
	struct stat st;
	int fd, stale;

	if (lstat(a->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	stale = fd >= 0 && connect(fd, (const void *)a, sizeof(*a)) != 0 &&
		errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return stale;
}

static int
unix_read(const char *path, struct sockaddr_un *a)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (path[0] == '\0' || strlen(path) >= sizeof(a->sun_path))
		return -EINVAL;
	strcpy(a->sun_path, path);
	return 0;
}

/* Digits alone: getaddrinfo() takes larger ones modulo 65536. */
static int
is_port(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= 5 && strspn(s, "0123456789") == len &&
	       strtol(s, NULL, 10) <= PORT_MAX;
}

/* The result is for freeaddrinfo(). */
static int
inet_read(const char *at, struct addrinfo **ai)
{
	static const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM};
	char host[256];
	const char *colon = strrchr(at, ':');
	size_t len;

	if (colon == NULL || (size_t)(colon - at) >= sizeof(host) ||
		!is_port(colon + 1))
		return -EINVAL;
	len = (size_t)(colon - at);
	if (len >= 2 && at[0] == '[' && at[len - 1] == ']') {
		at++;
		len -= 2;
	}
	(void)snprintf(host, sizeof(host), "%.*s", (int)len, at);
	return getaddrinfo(len > 0 ? host : NULL, colon + 1, &hints, ai) != 0
		       ? -EINVAL
		       : 0;
}

int
listen_is_address(const char *at)
{
	struct sockaddr_un a;
	struct addrinfo *ai;

	if (strncmp(at, "unix:", 5) == 0)
		return unix_read(at + 5, &a) == 0;
	if (inet_read(at, &ai) < 0)
		return 0;
	freeaddrinfo(ai);
	return 1;
}

int
listen_place_check(const char *at)
{
	struct sockaddr_un a;
	struct stat st;

	if (strncmp(at, "unix:", 5) != 0)
		return 0;
	if (unix_read(at + 5, &a) < 0)
		return -EINVAL;
	if (lstat(a.sun_path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	return options_file_check(a.sun_path);
}

static int
unix_open(const char *path)
{
	struct sockaddr_un a;
	int err = unix_read(path, &a);

	if (err < 0)
		return err;
	if (is_stale(&a))
		(void)unlink(path);
	return socket_listen(socket(AF_UNIX, FLAGS, 0), &a, sizeof(a));
}

int
listen_socket_open(const char *at)
{
	struct addrinfo *ai;
	int fd, err;

	if (strncmp(at, "unix:", 5) == 0)
		return unix_open(at + 5);
	err = inet_read(at, &ai);
	if (err < 0)
		return err;
	fd = socket_listen(
		socket(ai->ai_family, FLAGS, 0), ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(ai);
	return fd;
}
