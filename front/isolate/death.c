/* SPDX-License-Identifier: MIT */
#include "front/isolate/death.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct death
death_reap(int pidfd)
{
	struct death d = {0};

	(void)syscall(SYS_waitid, P_PIDFD, pidfd, &d.how, WEXITED, &d.used);
	return d;
}

int64_t
death_cpu_ns(const struct death *d)
{
	const struct timeval *u = &d->used.ru_utime, *s = &d->used.ru_stime;

	return ((int64_t)u->tv_sec + s->tv_sec) * 1000000000 +
	       ((int64_t)u->tv_usec + s->tv_usec) * 1000;
}

/* The cause of a death that was not a kill by the front. */
static enum request_outcome
kernel_outcome(
	const struct death *d, int64_t cpu_ns, int64_t budget_ns, size_t memory)
{
	int status = d->how.si_status;
	int killed = d->how.si_code == CLD_KILLED;

	/*
	 * The front sent no SIGKILL, so the kernel did: at the end of the
	 * budget, or for want of memory.
	 */
	if (killed && (status == SIGKILL || status == SIGXCPU))
		return cpu_ns >= budget_ns / 2 ? OUTCOME_CPU : OUTCOME_MEMORY;
	if ((killed || d->how.si_code == CLD_DUMPED) &&
		(size_t)d->used.ru_maxrss * 1024 >= memory / 4 * 3)
		return OUTCOME_MEMORY;
	return OUTCOME_CRASH;
}

/*
 * On a busy machine the end of a large process takes long: one killed for its
 * CPU time may still be dying when its time on the wall clock is up.  That
 * front's kill is not the cause then.
 */
enum request_outcome
death_outcome(const struct death *d, enum request_outcome killed,
	int64_t cpu_ns, int64_t budget_ns, size_t memory)
{
	if (killed != OUTCOME_ANSWER &&
		(killed != OUTCOME_WALL || cpu_ns < budget_ns))
		return killed;
	return kernel_outcome(d, cpu_ns, budget_ns, memory);
}
