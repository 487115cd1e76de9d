/* SPDX-License-Identifier: MIT */
#include "link/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int spare = -1; /* the reserved descriptor */
static atomic_ulong refused;

void
accept_open(void)
{
	if (spare < 0)
		spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void
accept_close(void)
{
	if (spare >= 0)
		close(spare);
	spare = -1;
}

unsigned long
accept_refused(void)
{
	return atomic_load(&refused);
}

/* Replaces the C library's function.  Only libzmq's thread calls it: no other
 * code of the broker listens. */
__attribute__((visibility("default"))) int
accept4(int s, __SOCKADDR_ARG from, socklen_t *restrict len, int flags)
{
	int fd = (int)syscall(SYS_accept4, s, from.__sockaddr__, len, flags);

	if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
		return fd;
	(void)atomic_fetch_add(&refused, 1);
	accept_close();
	fd = (int)syscall(SYS_accept4, s, from.__sockaddr__, len, flags);
	if (fd >= 0)
		close(fd);
	accept_open();
	errno = ECONNABORTED;
	return -1;
}
