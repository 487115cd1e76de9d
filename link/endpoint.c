/* SPDX-License-Identifier: MIT */
#include "link/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "wire/limits.h"

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
	return (size_t)n < cap ? 0 : -ENAMETOOLONG;
}

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
