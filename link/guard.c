/* SPDX-License-Identifier: MIT */
#include "link/guard.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

/* Resident bytes of this process without the pages of mapped files (proc(5),
 * statm); 0: unknown. */
static int64_t
memory_used(const struct guard *g)
{
	long resident, shared;
	char text[128], *at;
	ssize_t n = g->statm < 0 ? -1
				 : pread(g->statm, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	(void)strtol(text, &at, 10); /* size of the address space */
	resident = strtol(at, &at, 10);
	shared = strtol(at, &at, 10);
	return (int64_t)(resident - shared) * sysconf(_SC_PAGESIZE);
}

void
guard_open(struct guard *g, int64_t limit)
{
	*g = (struct guard){.limit = limit};
	g->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	g->baseline = memory_used(g);
}

void
guard_close(struct guard *g)
{
	if (g->statm >= 0)
		close(g->statm);
	g->statm = -1;
}

int
guard_check(struct guard *g, int64_t mono_ms)
{
	int64_t used;

	if (mono_ms - g->checked_at_ms < GUARD_MS)
		return 0;
	g->checked_at_ms = mono_ms;
	used = memory_used(g);
	if (used < g->baseline)
		g->baseline = used;
	return used - g->baseline > g->limit;
}

void
guard_reset(struct guard *g)
{
	malloc_trim(0);
	g->baseline = memory_used(g);
}
