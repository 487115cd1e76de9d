/* SPDX-License-Identifier: MIT */
/*
 * zygote.h - a small process that forks the isolates of one module
 *
 * It is a program of its own, so that it has nothing of the front's memory,
 * threads or descriptors, and few libraries: what is mapped has to be copied
 * when an isolate is made and taken down when it is killed.  Isolates are the
 * front's children and not the zygote's (clone(2), CLONE_PARENT): the front
 * reaps them.  Each
 * loads the module itself, in its sandbox, from the file that the zygote has
 * open: nothing of a module ever runs in the zygote, so that its word can be
 * believed, and until the next zygote all isolates are of the same file.
 *
 * Over a socket of packets it first says ZYGOTE_READY or why it cannot.
 * Then, for each packet with a mailbox and two eventfds, it forks and
 * answers with the process's number and pidfd.
 */
#ifndef FRONT_ZYGOTE_H
#define FRONT_ZYGOTE_H

#include <sys/types.h>

#include "front/isolate/mailbox.h"

#define ZYGOTE_READY   "ready " SPILLWAY_VERSION
#define ZYGOTE_PROGRAM "spillway-isolate"

struct zygote_plan {
	const char *module;	   /* path of the .so */
	const char *const *values; /* "NAME=text" …, NULL at the end */
	struct mail_sizes sizes;
	size_t memory; /* bytes a handler may take */
	int sandbox;   /* 0: none, for tests of the budget */
};

/*
 * Finds the program, which is beside our own, once and for all: an upgrade
 * does not mix two versions.  0 or -errno.
 */
int zygote_find(void) __attribute__((warn_unused_result));

/* Starts one; `sock` is ours and non-blocking.  0 or -errno. */
int zygote_start(const struct zygote_plan *, pid_t *pid, int *sock)
	__attribute__((warn_unused_result));

/* Asks for an isolate.  0 or -errno; the descriptors stay the caller's. */
int zygote_ask(int sock, int mail, int in, int out)
	__attribute__((warn_unused_result));

/*
 * The next answer.  1: an isolate, of which `pidfd` is the caller's; 2: the
 * zygote is ready; 0: nothing yet; -ENOEXEC: it cannot, `why` says what is
 * wrong; -EPIPE: it is gone; -errno.
 */
int zygote_answer(int sock, pid_t *pid, int *pidfd, char *why, size_t why_cap)
	__attribute__((warn_unused_result));

/* The main of that program. */
int zygote_main(int argc, char **argv);

#endif
