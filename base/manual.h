/* SPDX-License-Identifier: MIT */
/*
 * manual.h - what a program's table says to people
 */
#ifndef BASE_MANUAL_H
#define BASE_MANUAL_H

#include <stdio.h>

#include "base/options.h"

/* An option that every program has. */
struct option_common {
	const char *name, *text; /* no text: not in the help */
	int of_file;		 /* only with a configuration file */
};

/* Up to one without a name. */
extern const struct option_common option_commons[];

void manual_help(FILE *, const struct program *);

/* A file with all keys, each as a comment with its default. */
void manual_example(FILE *, const struct program *);

/* The page of section 5, mdoc. */
void manual_page(FILE *, const struct program *);

#endif
