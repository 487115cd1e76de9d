/* SPDX-License-Identifier: MIT */
/*
 * exit.h - the exit statuses of all programs, for code, help and manuals
 *
 * The command `spillway` has 0 to 4, on which scripts rely: append, never
 * renumber.  All other programs have the numbers of sysexits.h, and two of the
 * broker's own, 79 and 80.  A fault of the configuration has the same status in
 * each of them: EXIT_CONFIG where the fault is in a file, EXIT_USE where it is
 * on the command line.  The service manager restarts neither.
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
	X(EXIT_AGAIN, 75, "a fault that may pass: store in use, no space")     \
	X(EXIT_CONFIG, 78, "the configuration file is wrong")                  \
	X(EXIT_DEAF, 79, "the socket was removed or replaced")                 \
	X(EXIT_REPLACED, 80, "a file of the store was removed or replaced")

enum exit_status {
#define X(symbol, number, text) symbol = number,
	EXIT_MAP(X)
#undef X
};

/* clang-format off */
/* X(symbol, code, text): of the command */
#define CMD_EXIT_MAP(X)                                                                            \
	X(CMD_OK, 0, "done")                                                                       \
	X(CMD_REFUSED, 1, "refused or not found; or the job that was waited for ended dead or cancelled") \
	X(CMD_USAGE, 2, "wrong usage; nothing was done")                                           \
	X(CMD_NO_BROKER, 3, "no broker was reached; nothing was changed")                          \
	X(CMD_UNKNOWN, 4, "no answer in time: the outcome is unknown, or the job has not ended yet")
/* clang-format on */

enum cmd_exit {
#define X(sym, code, text) sym = (code),
	CMD_EXIT_MAP(X)
#undef X
};

#endif
