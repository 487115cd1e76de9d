/* SPDX-License-Identifier: MIT */
#include "link/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "wire/limits.h"

#define IPC "ipc://"
#define TCP "tcp://"

enum { PORT_MAX = 65535 };

_Static_assert(
	SW_IPC_PATH_MAX + 1 == sizeof(((struct sockaddr_un *)0)->sun_path),
	"the limit is that of a socket's address");

int
sw_endpoint_default(char *buf, size_t cap)
{
	const char *dir = getenv("RUNTIME_DIRECTORY"), *sub = "";
	int n;

	if (dir == NULL && geteuid() == 0)
		dir = "/run/spillway";
	if (dir == NULL) {
		dir = getenv("XDG_RUNTIME_DIR");
		sub = "/spillway";
	}
	if (dir == NULL)
		return -ENOENT;
	n = snprintf(buf, cap, "ipc://%s%s/%s", dir, sub, SW_SOCKET_NAME);
	return (size_t)n < cap && !sw_endpoint_is_long(buf) ? 0 : -ENAMETOOLONG;
}

const char *
sw_endpoint_default_why(int err)
{
	return err == -ENAMETOOLONG
		       ? "the path of the default endpoint is too long for a "
			 "socket"
		       : "no default without XDG_RUNTIME_DIR";
}

/* --- checking ------------------------------------------------------------- */

static const char digits[] = "0123456789";

/* What libzmq takes in front of a port. */
static const char host_bytes[] = "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789.:%;[]_*-";

static int
is_ipc(const char *endpoint)
{
	size_t scheme = sizeof(IPC) - 1, len = strlen(endpoint);

	return strncmp(endpoint, IPC, scheme) == 0 && len > scheme &&
	       len - scheme <= SW_IPC_PATH_MAX;
}

static int
is_port(const char *text, int listens)
{
	size_t len = strlen(text);
	long port = strtol(text, NULL, 10);

	if (listens && strcmp(text, "*") == 0)
		return 1;
	return len > 0 && strspn(text, digits) == len && port <= PORT_MAX &&
	       (port > 0 || listens);
}

static int
is_tcp(const char *endpoint, int listens)
{
	const char *host = endpoint + sizeof(TCP) - 1, *colon;

	if (strncmp(endpoint, TCP, sizeof(TCP) - 1) != 0)
		return 0;
	colon = strrchr(host, ':');
	return colon != NULL && colon != host && *host != '-' &&
	       strspn(host, host_bytes) >= (size_t)(colon - host) &&
	       is_port(colon + 1, listens);
}

static int
is_loopback(const char *endpoint)
{
	static const char *const good[] = {
		TCP "127.", TCP "[::1]:", TCP "localhost:"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (strncmp(endpoint, good[i], strlen(good[i])) == 0)
			return 1;
	return 0;
}

int
sw_endpoint_is_long(const char *endpoint)
{
	return strncmp(endpoint, IPC, sizeof(IPC) - 1) == 0 &&
	       strlen(endpoint) > sizeof(IPC) - 1 + SW_IPC_PATH_MAX;
}

int
sw_endpoint_check(const char *endpoint, char *why, size_t why_cap)
{
	if (is_ipc(endpoint) || is_tcp(endpoint, 0))
		return 0;
	(void)snprintf(why, why_cap,
		"must be ipc://PATH, PATH of at most %d bytes, or "
		"tcp://HOST:PORT",
		SW_IPC_PATH_MAX);
	return -EINVAL;
}

int
sw_listen_check(const char *endpoint, char *why, size_t why_cap)
{
	if (is_ipc(endpoint) || (is_loopback(endpoint) && is_tcp(endpoint, 1)))
		return 0;
	(void)snprintf(why, why_cap,
		"must be ipc://PATH, PATH of at most %d bytes, or loopback: "
		"tcp://127.0.0.1:PORT",
		SW_IPC_PATH_MAX);
	return -EINVAL;
}

static pid_t
peer_pid(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0
		       ? peer.pid
		       : 0;
}

int
sw_endpoint_probe(const char *endpoint, pid_t *listener)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const char *path = endpoint + sizeof(IPC) - 1;
	size_t len = strlen(endpoint);
	int fd, err;

	if (listener != NULL)
		*listener = 0;
	if (!is_ipc(endpoint))
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	len -= sizeof(IPC) - 1;
	memcpy(at.sun_path, path, len);
	if (*path == '@')
		at.sun_path[0] = '\0';
	len += offsetof(struct sockaddr_un, sun_path) + (*path != '@');
	err = connect(fd, (const struct sockaddr *)(const void *)&at,
		      (socklen_t)len) != 0 &&
			      errno != EAGAIN
		      ? -errno
		      : 0;
	if (err == 0 && listener != NULL)
		*listener = peer_pid(fd);
	close(fd);
	return err;
}

const char *
sw_endpoint_away(const char *endpoint)
{
	int err = sw_endpoint_probe(endpoint, NULL);
	struct stat st;

	switch (err) {
	case 0:
		return "no answer";
	case -EACCES:
	case -EPERM:
		return "permission denied";
	case -ENOENT:
		return "there is no socket";
	case -ECONNREFUSED:
		return stat(endpoint + sizeof(IPC) - 1, &st) == 0 &&
				       !S_ISSOCK(st.st_mode)
			       ? "the file is no socket"
			       : "nobody listens";
	default:
		return strerror(-err);
	}
}

/* --- sockets -------------------------------------------------------------- */

int
sw_socket_set(void *socket)
{
	static const struct {
		int option, value;
	} options[] = {
		{ZMQ_LINGER, 0},
		{ZMQ_SNDHWM, 256},
		{ZMQ_RCVHWM, 64},
		{ZMQ_HANDSHAKE_IVL, 5000},
		{ZMQ_HEARTBEAT_IVL, 1000},
		{ZMQ_HEARTBEAT_TIMEOUT, 3000},
		{ZMQ_RECONNECT_IVL, 50},
		{ZMQ_RECONNECT_IVL_MAX, 1000},
	};
	int64_t max = SW_MSG_MAX;
	int rc = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max, sizeof(max));

	for (size_t i = 0; rc == 0 && i < sizeof(options) / sizeof(options[0]);
		i++)
		rc = zmq_setsockopt(socket, options[i].option,
			&options[i].value, sizeof(int));
	return rc == 0 ? 0 : -zmq_errno();
}
