/* SPDX-License-Identifier: MIT */
/*
 * show.h - prints a report as tables, as JSON and as CSV
 */
#ifndef REPORT_SHOW_H
#define REPORT_SHOW_H

#include <stdio.h>

#include "report/view.h"

/* The abilities of the terminal or file that is written to. */
struct show_style {
	int colour;
	int bars;  /* 0: none, as in a file; 1: of ASCII; 2: of blocks */
	int width; /* columns; 0: no limit */
};

/* The style of `f`: all zero unless it is a terminal; honours NO_COLOR. */
struct show_style show_style_of(FILE *f);

/* Prints tables; `name` is the report's name in the headline. */
void show_text(FILE *, const struct report_view *, const char *name,
	struct show_style);

/* Prints one JSON object on a line; an unknown time is null. */
void show_json(FILE *, const struct report_view *);

/* The tables of show_csv(); the last has no name. */
struct show_table {
	const char *name, *sql;
};

extern const struct show_table show_tables[];

/*
 * Prints a table of the report in the file `path` as CSV (RFC 4180) with a line
 * of names.  A text that a spreadsheet would run as a formula gets a ' in
 * front; a byte that is not safe to print becomes \xNN.  Errors as of
 * view_init().
 */
int show_csv(FILE *, const char *path, const struct show_table *)
	__attribute__((warn_unused_result));

#endif
