/* SPDX-License-Identifier: MIT */
/*
 * preload_wall: a wall clock that a test sets.  The file WALL_FILE has the
 * milliseconds that the program's wall clock is ahead of the machine's.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/faults/preload_next.h"

NEXT(int, clock_gettime, clockid_t, struct timespec *)

static long long
ahead_ms(void)
{
	const char *path = getenv("WALL_FILE");
	char text[32] = "";
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	return n <= 0 ? 0 : atoll(text);
}

OPEN_TO_ALL int
clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = next_clock_gettime()(id, t);

	if (rc == 0 && id == CLOCK_REALTIME)
		t->tv_sec += ahead_ms() / 1000;
	return rc;
}
