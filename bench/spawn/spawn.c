/* SPDX-License-Identifier: MIT */
/*
 * spawn: how fast this machine starts and reaps a command, without a worker
 *
 *	spawn PARALLEL SECONDS PATH [ARGUMENT...]
 *
 * Prints processes a second and the loop's own CPU in microseconds for each.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
cpu_us(void)
{
	struct rusage r;

	(void)getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

/* glibc starts the process by vfork: CLONE_VM and CLONE_VFORK. */
static void
start(char **argv)
{
	pid_t pid;

	if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) != 0) {
		(void)fprintf(stderr, "spawn: cannot start %s\n", argv[0]);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	int parallel = argc > 3 ? atoi(argv[1]) : 0, n = 0, status;
	double from = now_s(), end;

	if (parallel < 1) {
		(void)fprintf(stderr,
			"usage: spawn PARALLEL SECONDS PATH [ARGUMENT...]\n");
		return 2;
	}
	end = from + atof(argv[2]);
	for (int i = 0; i < parallel; i++)
		start(argv + 3);
	for (; wait(&status) > 0; n++)
		if (now_s() < end)
			start(argv + 3);
	(void)printf("%.0f %.0f\n", n / (now_s() - from), cpu_us() / n);
	return 0;
}
