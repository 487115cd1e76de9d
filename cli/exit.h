/* SPDX-License-Identifier: MIT */
/*
 * exit.h - the command's exit codes: one table for code, help and manual
 *
 * Of the command `spillway` alone: all other programs have the exit statuses
 * of base/exit.h.
 */
#ifndef CMD_EXIT_H
#define CMD_EXIT_H

/* clang-format off */
/* X(symbol, code, text); scripts rely on the codes: append, never renumber */
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
