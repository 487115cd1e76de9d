/* SPDX-License-Identifier: MIT */
#include "worker/process/disposition.h"

#include <signal.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "wire/proto.h"

static int
is_permanent(int code)
{
	return code >= EX__BASE && code <= EX__MAX && code != EX_TEMPFAIL;
}

/*
 * Out of memory shows in two ways only: a SIGKILL that the worker did not
 * send is the kernel's; and an abort or fault close to the job's limit.
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

struct disposition
disposition_of_exit(
	int status, int timed_out, int killed, int64_t rss_kb, int64_t memory)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (code == 0)
		return (struct disposition){SW_ACK, SW_C_NONE};
	if (timed_out)
		return (struct disposition){SW_RETRY, SW_C_TIMEOUT};
	if (is_permanent(code))
		return (struct disposition){SW_FAIL, SW_C_PERMANENT};
	if (code >= 0)
		return (struct disposition){SW_RETRY, SW_C_ERROR};
	if (is_oom(WTERMSIG(status), killed, rss_kb, memory))
		return (struct disposition){SW_RETRY, SW_C_OOM};
	return (struct disposition){SW_RETRY, SW_C_CRASH};
}
