/* SPDX-License-Identifier: MIT */
/*
 * deadline.h - how long a test waits for what has to come
 *
 * Only a test that hangs reaches such a deadline: a slow machine is no reason
 * to fail.  DEADLINE_S in the environment sets another, for tests under
 * valgrind or on a machine with far too much to do; the scripts and their
 * Python halves read the same name (tests/lib/e2e_lib.sh).
 */
#ifndef TESTS_DEADLINE_H
#define TESTS_DEADLINE_H

#include "tests/lib/chance.h"

/* DEADLINE_S, or 120 s. */
static inline unsigned
deadline_s(void)
{
	uint64_t s = number_of_env("DEADLINE_S", 120), most = 24 * 3600;

	return (unsigned)(s < most ? s : most);
}

static inline int
deadline_ms(void)
{
	return (int)deadline_s() * 1000;
}

/* A wait that no test is to reach the end of, in milliseconds. */
#define PLENTY_MS deadline_ms()

#endif
