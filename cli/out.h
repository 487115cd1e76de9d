/* SPDX-License-Identifier: MIT */
/*
 * out.h - text for people: what no terminal obeys, colours, tables
 */
#ifndef CMD_OUT_H
#define CMD_OUT_H

#include <stddef.h>
#include <stdio.h>

#include "base/bytes.h"

/* Where a verb prints, and how. */
struct cmd_out {
	FILE *f;
	int tty; /* a person looks at it */
	int colour;
	int width; /* columns; 0: no limit */
};

enum out_style {
	OUT_LINE, /* newline, tab, controls: \n \t \x1b */
	OUT_JSON, /* text that is JSON already: what is left as \u009b */
};

/*
 * Writes foreign bytes so that no terminal obeys them: control characters
 * (C0, DEL, C1), those that turn the direction of text, and what is not
 * UTF-8 come out escaped.  All that comes from the broker goes through here.
 */
void out_text(FILE *, struct bytes, enum out_style);

/* The same line by line, each after `indent`; at most `max` lines, 0 all. */
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
	const char *const *heads; /* borrowed; "-NAME" sets to the right */
	int n_cols;
	int state_col; /* coloured as a state's name; -1 none */
	char **cells;  /* n_rows * n_cols, owned */
	size_t n_rows, cap;
};

void table_init(struct out_table *, const char *const *heads, int n_cols);
void table_fini(struct out_table *);

/* The next cell of the row; foreign bytes are escaped. */
void table_bytes(struct out_table *, struct bytes);
void table_text(struct out_table *, const char *);
void table_print(const struct out_table *, const struct cmd_out *);

#endif
