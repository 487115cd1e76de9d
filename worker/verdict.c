/* SPDX-License-Identifier: MIT */
/* What the end of a process says about its job. */
#include <signal.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "worker/child.h"

static int
is_permanent(int code)
{
	return code >= EX__BASE && code <= EX__MAX && code != EX_TEMPFAIL;
}

/*
 * Out of memory can be told in two ways only: the kernel's SIGKILL, when it
 * was not ours; and an abort or fault close under the limit we had set.
 */
static int
is_oom(int sig, int killed, int64_t rss_kb, int64_t memory)
{
	if (sig == SIGKILL)
		return !killed;
	return memory > 0 &&
	       (sig == SIGABRT || sig == SIGSEGV || sig == SIGBUS) &&
	       rss_kb * 1024 >= memory / 10 * 8;
}

struct verdict
child_verdict(
	int status, int timed_out, int killed, int64_t rss_kb, int64_t memory)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (code == 0)
		return (struct verdict){SW_ACK, SW_C_NONE};
	if (timed_out)
		return (struct verdict){SW_RETRY, SW_C_TIMEOUT};
	if (is_permanent(code))
		return (struct verdict){SW_FAIL, SW_C_PERMANENT};
	if (code >= 0)
		return (struct verdict){SW_RETRY, SW_C_ERROR};
	if (is_oom(WTERMSIG(status), killed, rss_kb, memory))
		return (struct verdict){SW_RETRY, SW_C_OOM};
	return (struct verdict){SW_RETRY, SW_C_CRASH};
}
