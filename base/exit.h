/* SPDX-License-Identifier: MIT */
/*
 * exit.h - the exit statuses of all programs but the command, one table
 *
 * The command `spillway` has 0 to 4 instead: cli/exit.h.
 *
 * Numbers are those of sysexits.h.  A fault of the configuration has the same
 * status in every program: EXIT_CONFIG where the fault is in a file, EXIT_USE
 * where it is on the command line.  The service manager restarts neither.
 */
#ifndef BASE_EXIT_H
#define BASE_EXIT_H

/* X(symbol, number, text) */
#define EXIT_MAP(X)                                                            \
	X(EXIT_OK, 0, "the work is done")                                      \
	X(EXIT_USE, 64, "the command line is wrong")                           \
	X(EXIT_DATA, 65, "the data is corrupt, or of another format")          \
	X(EXIT_INPUT, 66, "a file is missing or cannot be opened")             \
	X(EXIT_UNAVAILABLE, 69, "the program cannot listen at an address")     \
	X(EXIT_SOFTWARE, 70, "the program failed; its last line says why")     \
	X(EXIT_OS, 71, "the system refused memory or a process")               \
	X(EXIT_OSFILE, 72, "a part of the installation is missing")            \
	X(EXIT_CREATE, 73, "an output file cannot be created")                 \
	X(EXIT_IO, 74, "an error while reading or writing")                    \
	X(EXIT_AGAIN, 75, "another process has the store; try again")          \
	X(EXIT_CONFIG, 78, "the configuration file is wrong")

enum exit_status {
#define X(symbol, number, text) symbol = number,
	EXIT_MAP(X)
#undef X
};

#endif
