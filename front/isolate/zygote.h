/* SPDX-License-Identifier: MIT */
/*
 * zygote.h - a small process that forks the isolates of one module
 *
 * The zygote is a program of its own, without the front's memory, threads and
 * descriptors, and with few libraries: mappings cost time when an isolate is
 * forked and again when it is killed.  Isolates are the front's children
 * (clone(2), CLONE_PARENT), which reaps them.  Each isolate loads the module
 * itself, in its sandbox, from the file that the zygote has open: no code of a
 * module runs in the zygote, which therefore can be trusted, and all isolates
 * of a zygote run the same file.
 *
 * Over a socket of packets the zygote first sends ZYGOTE_READY, or an error
 * text.  Then, for each packet with a mailbox and two eventfds, it forks an
 * isolate and answers with its pid and pidfd.
 */
#ifndef FRONT_ZYGOTE_H
#define FRONT_ZYGOTE_H

#include <sys/types.h>

#include "front/isolate/mailbox.h"

#define ZYGOTE_READY   "ready " SPILLWAY_VERSION
#define ZYGOTE_PROGRAM "spillway-isolate"

enum { ZYGOTE_ARGC = 6 }; /* of the program, when the front starts it */

struct zygote_plan {
	const char *module;	   /* path of the shared object */
	const char *const *values; /* "NAME=text" …, NULL at the end */
	struct mail_sizes sizes;
	size_t memory; /* bytes a handler may take */
	int sandbox;   /* 0: none, for tests */
};

/*
 * Opens the zygote's program, in the folder of this one, for all later starts:
 * an upgrade does not mix two versions.  0 or -errno.
 */
int zygote_find(void) __attribute__((warn_unused_result));

/* Starts a zygote; `sock` is the caller's, non-blocking.  0 or -errno. */
int zygote_start(const struct zygote_plan *, pid_t *pid, int *sock)
	__attribute__((warn_unused_result));

/* Requests an isolate: 0 or -errno.  The descriptors stay the caller's. */
int zygote_ask(int sock, int mail, int in, int out)
	__attribute__((warn_unused_result));

/*
 * Receives the next answer.  1: an isolate, whose `pidfd` is the caller's; 2:
 * the zygote is ready; 0: no answer yet; -ENOEXEC: the zygote failed, see
 * `why`; -EPIPE: the zygote has ended; or another -errno.
 */
int zygote_answer(int sock, pid_t *pid, int *pidfd, char *why, size_t why_cap)
	__attribute__((warn_unused_result));

/* The main() of the zygote's program, with the arguments of zygote_start(). */
int zygote_main(char **argv);

#endif
