/* SPDX-License-Identifier: MIT */
/*
 * gate.c - a handler that answers when its gate, a FIFO, is opened
 *
 * So a test decides how long a request runs.  The route has no sandbox; its
 * set.GATE is the FIFO.  A path that ends in /wait waits, others do not.
 */
#include <fcntl.h>
#include <spillway-handler.h>
#include <string.h>
#include <unistd.h>

static int
handle(const struct sw_request *req, struct sw_response *res,
	struct sw_env *env)
{
	const char *what = strrchr(req->path, '/') + 1;
	int fd = -1;

	if (strcmp(what, "wait") == 0)
		fd = open(env->value(env, "GATE"), O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return res->print(res, "through\n");
}

SW_HANDLER(handle);
