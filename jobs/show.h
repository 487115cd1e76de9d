/* SPDX-License-Identifier: MIT */
/*
 * show.h - a report for people, and for programs
 */
#ifndef JOBS_SHOW_H
#define JOBS_SHOW_H

#include <stdio.h>

#include "view.h"

/* How the place that is written to wants it. */
struct show_style {
	int colour;
	int bars;  /* 0: none, as in a file; 1: of ASCII; 2: of blocks */
	int width; /* columns; 0: no limit */
};

/* What fits `f`: plain unless it is a terminal, NO_COLOR is heeded. */
struct show_style show_style_of(FILE *f);

/* Tables; `name` is what the report is called in the headline. */
void
show_text(FILE *, const struct view *, const char *name, struct show_style);

/* One JSON object on a line; a time that is not known is null. */
void show_json(FILE *, const struct view *);

#endif
