/* SPDX-License-Identifier: MIT */
#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, FLAGS = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC };

static int
bound(int fd, const void *addr, socklen_t len)
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

/* Left behind by one that was killed. */
static int
is_stale(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), stale;

	stale = fd >= 0 && connect(fd, (const void *)a, sizeof(*a)) != 0 &&
		errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return stale;
}

static int
unix_open(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	if (is_stale(&a))
		(void)unlink(path);
	return bound(socket(AF_UNIX, FLAGS, 0), &a, sizeof(a));
}

int
listen_open(const char *at)
{
	static const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM};
	struct addrinfo *ai;
	char host[256];
	const char *colon = strrchr(at, ':');
	size_t len;
	int fd;

	if (strncmp(at, "unix:", 5) == 0)
		return unix_open(at + 5);
	if (colon == NULL || (size_t)(colon - at) >= sizeof(host))
		return -EINVAL;
	len = (size_t)(colon - at);
	if (len >= 2 && at[0] == '[' && at[len - 1] == ']') {
		at++;
		len -= 2;
	}
	(void)snprintf(host, sizeof(host), "%.*s", (int)len, at);
	if (getaddrinfo(len > 0 ? host : NULL, colon + 1, &hints, &ai) != 0)
		return -EINVAL;
	fd = bound(
		socket(ai->ai_family, FLAGS, 0), ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(ai);
	return fd;
}
