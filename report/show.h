/* SPDX-License-Identifier: MIT */
/*
 * show.h - a report for people, and for programs
 */
#ifndef REPORT_SHOW_H
#define REPORT_SHOW_H

#include <stdio.h>

#include "report/view.h"

/* How the place that is written to wants it. */
struct show_style {
	int colour;
	int bars;  /* 0: none, as in a file; 1: of ASCII; 2: of blocks */
	int width; /* columns; 0: no limit */
};

/* What fits `f`: plain unless it is a terminal, NO_COLOR is heeded. */
struct show_style show_style_of(FILE *f);

/* Tables; `name` is what the report is called in the headline. */
void show_text(FILE *, const struct report_view *, const char *name,
	struct show_style);

/* One JSON object on a line; a time that is not known is null. */
void show_json(FILE *, const struct report_view *);

/* What can be had as CSV; ends with an entry without a name. */
struct show_table {
	const char *name, *sql;
};

extern const struct show_table show_tables[];

/*
 * One of them, of the report in the file `path`, by RFC 4180 with a line of
 * names.  What a spreadsheet would take for a formula gets a ' in front, what
 * could not be printed safely becomes \xNN.  Errors as of view_init.
 */
int show_csv(FILE *, const char *path, const struct show_table *)
	__attribute__((warn_unused_result));

#endif
