/* SPDX-License-Identifier: MIT */
#include "front/isolate/budget.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define NS_PER_S 1000000000LL

enum {
	LIFE_S = 5,  /* an isolate's CPU time before it is replaced */
	SLACK = 100, /* layer 1 may be late by this part of a budget */
	REST_NS = 100 * 1000000, /* layer 2's timer without a request */
};

/* Counts the kernel's time, too: a handler could spend it without limit. */
static int
perf_open(pid_t pid, int64_t ns)
{
	struct perf_event_attr a = {.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(a),
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.sample_period = (uint64_t)ns,
		.wakeup_events = 1};

	return (int)syscall(
		SYS_perf_event_open, &a, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

int
budget_probe(void)
{
	int fd = perf_open(0, NS_PER_S);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int
perf_kills(int fd, pid_t pid)
{
	struct f_owner_ex owner = {F_OWNER_PID, pid};

	return fcntl(fd, F_SETOWN_EX, &owner) == 0 &&
	       fcntl(fd, F_SETSIG, SIGKILL) == 0 &&
	       fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK) == 0;
}

/*
 * Set once, for a hard limit cannot be raised without privileges.  Twice the
 * sum of a life and a budget: the kernel counts this limit by ticks, and a
 * process that spun on a busy virtual machine was charged 11 s for 8.4.
 */
static int
backstop_set(pid_t pid, int64_t ns)
{
	rlim_t s = 2 * (rlim_t)(ns / NS_PER_S + LIFE_S) + 1;
	struct rlimit l = {s, s};

	return prlimit(pid, RLIMIT_CPU, &l, NULL) == 0 ? 0 : -errno;
}

int
budget_life_over(int64_t used_ns)
{
	return used_ns >= LIFE_S * NS_PER_S;
}

int
budget_open(struct budget *b, pid_t pid, int64_t ns, int perf)
{
	int err;

	*b = (struct budget){
		.pid = pid, .perf = -1, .timer = -1, .renewed_ns = -ns};
	err = clock_getcpuclockid(pid, &b->clock);
	if (err != 0)
		return -err;
	if (perf) {
		b->perf = perf_open(pid, ns);
		if (b->perf < 0 || !perf_kills(b->perf, pid))
			return -errno;
	} else {
		b->timer = timerfd_create(
			CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		if (b->timer < 0)
			return -errno;
	}
	return backstop_set(pid, ns);
}

void
budget_close(struct budget *b)
{
	if (b->pid > 0 && b->perf >= 0)
		close(b->perf);
	if (b->pid > 0 && b->timer >= 0)
		close(b->timer);
	*b = (struct budget){.perf = -1, .timer = -1};
}

/*
 * The kernel renews an event on the processor where the isolate ran last: an
 * interrupt there, and the wait for it, cost more than a small request.  So
 * the event gets a slack, and is renewed only when that much is used.  An
 * isolate's first request has no slack: a handler that always exceeds its
 * budget never gets beyond it.
 */
static void
perf_renew(struct budget *b, int64_t ns, int64_t used_ns)
{
	int64_t slack_ns = b->renewed_ns < 0 ? 0 : ns / SLACK;
	uint64_t period = (uint64_t)(ns + slack_ns);

	if (used_ns - b->renewed_ns <= b->slack_ns ||
		ioctl(b->perf, PERF_EVENT_IOC_PERIOD, &period) != 0)
		return;
	b->renewed_ns = used_ns;
	b->slack_ns = slack_ns;
}

void
budget_renew(struct budget *b, int64_t ns, int64_t used_ns)
{
	if (b->perf >= 0)
		perf_renew(b, ns, used_ns);
	else if (!b->timer_armed)
		budget_timer_set(b, ns);
}

void
budget_timer_set(struct budget *b, int64_t ns)
{
	struct itimerspec t = {.it_value = {ns / NS_PER_S, ns % NS_PER_S}};

	b->timer_armed = timerfd_settime(b->timer, 0, &t, NULL) == 0;
}

void
budget_timer_idle(struct budget *b)
{
	budget_timer_set(b, REST_NS);
	b->timer_armed = 0; /* so that budget_renew() sets it anew */
}

void
budget_timer_clear(struct budget *b)
{
	uint64_t n;

	(void)!read(b->timer, &n, sizeof(n));
	b->timer_armed = 0;
}

int64_t
budget_used(const struct budget *b)
{
	struct timespec t;

	if (clock_gettime(b->clock, &t) != 0)
		return -1;
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}
