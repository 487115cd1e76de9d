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

/* What the kernel did. */
static enum request_outcome
own_outcome(
	const struct death *d, int64_t cpu_ns, int64_t budget_ns, size_t memory)
{
	int status = d->how.si_status;
	int killed = d->how.si_code == CLD_KILLED;

	/*
	 * Nobody else can send it a SIGKILL but the kernel: at the end of its
	 * budget, or short of memory.
	 */
	if (killed && (status == SIGKILL || status == SIGXCPU))
		return cpu_ns >= budget_ns / 2 ? OUTCOME_CPU : OUTCOME_MEMORY;
	if ((killed || d->how.si_code == CLD_DUMPED) &&
		(size_t)d->used.ru_maxrss * 1024 >= memory / 4 * 3)
		return OUTCOME_MEMORY;
	return OUTCOME_CRASH;
}

/*
 * To give back much memory takes long on a busy machine: who has used up his
 * CPU time may still be dying when his time on the wall is over, too.
 */
enum request_outcome
death_outcome(const struct death *d, enum request_outcome killed,
	int64_t cpu_ns, int64_t budget_ns, size_t memory)
{
	if (killed != OUTCOME_ANSWER &&
		(killed != OUTCOME_WALL || cpu_ns < budget_ns))
		return killed;
	return own_outcome(d, cpu_ns, budget_ns, memory);
}
