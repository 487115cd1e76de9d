/* SPDX-License-Identifier: MIT */
/*
 * disposition.h - from the end of an exec job's process to ack, retry or dead
 *
 *	exit 0				ack
 *	exit 64-78 but 75 (sysexits.h)	fail, permanent: the job is dead
 *	any other exit			retry, error
 *	past its timeout or cpu_limit	retry, timeout; unless it exits with 0
 *	out of memory			retry, oom
 *	any other signal		retry, crash
 *
 * A kept process says what becomes of its jobs (wire/kept.h).
 */
#ifndef WORKER_PROCESS_DISPOSITION_H
#define WORKER_PROCESS_DISPOSITION_H

#include <stdint.h>

struct disposition {
	int outcome; /* enum sw_outcome */
	int cause;   /* enum sw_cause */
};

/*
 * `status` is of waitpid(2).  `timed_out`: the process was ended for its
 * timeout or its time on the processor; `killed`: a SIGKILL was the worker's
 * own.  `rss_kb` is the most memory of the process, `memory` its limit in bytes
 * or 0.
 */
struct disposition disposition_of_exit(
	int status, int timed_out, int killed, int64_t rss_kb, int64_t memory);

#endif
