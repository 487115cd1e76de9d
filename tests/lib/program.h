/* SPDX-License-Identifier: MIT */
/*
 * program.h - the programs of the build under test
 */
#ifndef SW_TEST_PROGRAM_H
#define SW_TEST_PROGRAM_H

/*
 * The path of the program `name` in the build folder SPILLWAY_BIN, in memory
 * that the next call uses again.  Without that variable, or without the
 * program, says so on stderr and ends the process with status 1: a test never
 * passes, and never skips, for want of what it tests.
 */
const char *program_path(const char *name);

#endif
