/* SPDX-License-Identifier: MIT */
#include "jobs/cost.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static int64_t
cpu_ms(const struct rusage *ru)
{
	return ((int64_t)ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) * 1000 +
	       (ru->ru_utime.tv_usec + ru->ru_stime.tv_usec) / 1000;
}

/* CPU time of this process and of its children. */
static int64_t
cpu_used(void)
{
	struct rusage self, ran;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &ran);
	return cpu_ms(&self) + cpu_ms(&ran);
}

void
cost_open(struct job_cost *c)
{
	*c = (struct job_cost){
		.peak = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)};
}

void
cost_close(struct job_cost *c)
{
	if (c->peak >= 0)
		(void)close(c->peak);
	c->peak = -1;
}

/*
 * Resets the peak of memory, so that it is this job's and not that of one
 * before (proc(5), clear_refs).  The kernel has no reset for children, so
 * jobs report theirs by cost_add().
 */
void
cost_begin(struct job_cost *c)
{
	c->ran_kb = 0;
	if (c->peak >= 0)
		(void)!pwrite(c->peak, "5", 1, 0);
	c->cpu_ms = cpu_used();
}

void
cost_add(struct job_cost *c, int64_t rss_kb)
{
	if (rss_kb > c->ran_kb)
		c->ran_kb = rss_kb;
}

void
cost_end(const struct job_cost *c, int64_t *cpu, int64_t *rss_kb)
{
	struct rusage self;

	getrusage(RUSAGE_SELF, &self);
	*cpu = cpu_used() - c->cpu_ms;
	*rss_kb = self.ru_maxrss > c->ran_kb ? self.ru_maxrss : c->ran_kb;
}
