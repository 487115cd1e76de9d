/* SPDX-License-Identifier: MIT */
/*
 * preload_loose: a broker that lost the limit on the size of a message, to
 * see that tests/proof/hostile.sh notices.
 */
#include <dlfcn.h>
#include <zmq.h>

__attribute__((visibility("default"))) int
zmq_setsockopt(void *socket, int option, const void *val, size_t len)
{
	int (*real)(void *, int, const void *, size_t);

	if (option == ZMQ_MAXMSGSIZE)
		return 0;
	*(void **)&real = dlsym(RTLD_NEXT, "zmq_setsockopt");
	return real(socket, option, val, len);
}
