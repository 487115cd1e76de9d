/* SPDX-License-Identifier: MIT */
/*
 * out.h - text for people: escaped foreign bytes, colours, tables
 */
#ifndef CMD_OUT_H
#define CMD_OUT_H

#include <stddef.h>
#include <stdio.h>

#include "base/bytes.h"

/* Where a verb prints, and how. */
struct cmd_out {
	FILE *f;
	int tty; /* the stream is a terminal */
	int colour;
	int width; /* columns; 0: no limit */
};

enum out_style {
	OUT_LINE, /* newline, tab, controls: \n \t \x1b */
	OUT_JSON, /* text that is JSON already: the rest as \u009b */
};

/*
 * Writes foreign bytes without effect on a terminal: escapes control characters
 * (C0, DEL, C1), marks that turn the direction of text, and bytes that are not
 * UTF-8.  All texts from the broker are printed by this function.
 */
void out_text(FILE *, struct bytes, enum out_style);

/* out_text() line by line, each after `indent`; at most `max` lines, 0: all. */
void out_lines(FILE *, struct bytes, const char *indent, int max);

enum out_colour {
	OUT_PLAIN,
	OUT_BOLD,
	OUT_DIM,
	OUT_RED,
	OUT_GREEN,
	OUT_YELLOW
};

void out_colour(const struct cmd_out *, enum out_colour);
enum out_colour out_state_colour(int state);

/* Sets tty, colour and width from the stream and the environment. */
void out_init(struct cmd_out *, FILE *);

enum { TABLE_COLS = 12 };

struct out_table {
	const char *const *heads; /* borrowed; "-NAME": aligned right */
	int n_cols;
	int state_col; /* the column of states, coloured; -1: none */
	char **cells;  /* n_rows * n_cols, owned */
	size_t n_rows, cap;
};

void table_init(struct out_table *, const char *const *heads, int n_cols);
void table_fini(struct out_table *);

/* Add the next cell of the row; foreign bytes are escaped. */
void table_bytes(struct out_table *, struct bytes);
void table_text(struct out_table *, const char *);
void table_print(const struct out_table *, const struct cmd_out *);

#endif
