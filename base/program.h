/* SPDX-License-Identifier: MIT */
/*
 * program.h - what a program is called, and the tables of its options
 *
 * options.h reads a command line by it, manual.h prints it for people.
 */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include "base/config.h"

/* An option without an argument and without a key; no text: not in the help. */
struct option_action {
	const char *name, *text;
};

/* A variable of the environment that sets a key of the first group. */
struct option_variable {
	const char *key, *name;
};

struct program {
	const char *name;    /* "spillway-broker" */
	const char *usage;   /* "[options]" */
	const char *page;    /* "spillway-broker.conf"; NULL: it has no file */
	const char *page_of; /* whose the page is; NULL: the program's alone */
	const char *file_option; /* "config" */
	const char *file_text;	 /* what the file is, for --help */
	const char *file_env;	 /* the variable that names it; or NULL */
	const struct config_group *groups;
	config_others_fn *others; /* the file is shared; NULL: it is not */
	const struct option_variable *variables; /* to one without a key */
	const struct option_action *actions;	 /* up to one without a name */
	int arguments_max; /* beside the options; at most OPTIONS_ARGUMENTS */
	void (*help_more)(void); /* prints what else --help says */
};

/* An option that every program has. */
struct option_common {
	const char *name, *text; /* no text: not in the help */
	int of_file;		 /* only with a configuration file */
};

/* Up to one without a name. */
extern const struct option_common option_commons[];

#endif
