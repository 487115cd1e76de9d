/* SPDX-License-Identifier: MIT */
/*
 * cover.c - `make cover`: a child that leaves by _exit has counted too
 *
 * The counts of gcov are written by exit(); children of the tests leave by
 * _exit, which runs nothing.
 */
#include "tests/faults/sweep.h"

#ifdef COVER
#include <gcov.h>
#include <sys/syscall.h>
#include <unistd.h>

void
_exit(int status)
{
	sweep_pause(); /* the counts are to be written */
	__gcov_dump();
	for (;;)
		syscall(SYS_exit_group, status);
}
#endif
