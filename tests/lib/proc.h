/* SPDX-License-Identifier: MIT */
/*
 * proc.h - real programs, with what they say, watched together
 */
#ifndef TESTS_PROC_H
#define TESTS_PROC_H

#include <sys/types.h>

enum { PROC_SAID = 64 * 1024, PROC_ARGS = 24 };

struct proc {
	pid_t pid;		 /* 0: does not run */
	int watch;		 /* a pidfd; -1: none */
	int fd[2];		 /* its stdout and stderr; -1: closed */
	int status;		 /* as of waitpid, when it has ended */
	size_t n[2];		 /* bytes of `said` */
	char said[2][PROC_SAID]; /* the first of each, and a NUL */
};

/*
 * The path of the program `name` in the build folder SPILLWAY_BIN, in memory
 * that the next call uses again.  Without that variable, or without the
 * program, says so on stderr and ends the process with status 1: a test never
 * passes, and never skips, for want of what it tests.
 */
const char *program_path(const char *name);

/*
 * Starts the program argv[0] of the build under test with these variables
 * besides our own; ends the process on an error.
 */
void
proc_start(struct proc *, const char *const *argv, const char *const *more_env);

/* Takes in what the `n` say, and who ended; waits `ms` for news at most. */
void proc_watch(struct proc *const *, int n, int ms);

/* Sends a signal if it runs. */
void proc_signal(struct proc *, int sig);

/* Kills it, if it runs, and waits. */
void proc_end(struct proc *);

#endif
