/* SPDX-License-Identifier: MIT */
/*
 * options.h - a program's command line, from the same table as its file
 *
 * Each key of the program's first group is an option, `map_size` is
 * --map-size; the command line wins over the file, and both over a variable of
 * the environment, which counts if it is not empty.  An argument follows as
 * --name=value or --name value; of a flag it may be left out: --force,
 * --force=no.  Every program has --help and --version; one with a file also
 * --check-config and --example, and --man for its page of section 5.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/exit.h"
#include "base/program.h"

enum { OPTIONS_ARGUMENTS = 2 };

struct options {
	struct config *config;
	const char *file;   /* NULL: none; borrowed */
	const char *action; /* "check-config", or one of the program's actions;
			       NULL: none; borrowed */
	const char *arguments[OPTIONS_ARGUMENTS]; /* borrowed */
	int arguments_n;
	enum exit_status status; /* of what failed */
};

/*
 * Reads the command line and the file.  0; or a negative error, and `why` is
 * one line.  options_fini() in both cases.
 */
int options_read(struct options *, const struct program *, int argc,
	char **argv, char why[INI_WHY]) __attribute__((warn_unused_result));
void options_fini(struct options *);

/*
 * Opens /dev/null for descriptors 0 to 2 that are closed.  Else a file of the
 * program's own, such as its data, would have such a number, and get what is
 * written to stderr.
 */
void options_files_open(void);

/*
 * What main() does first: options_files_open(), options_read(), a line on
 * stderr for what is wrong, and whatever is only printed.  0: go on; 1: exit
 * with o->status.
 */
int options_start(struct options *o, const struct program *, int argc,
	char **argv) __attribute__((warn_unused_result));

/* Writes "spillway-broker: WHY" to stderr; returns `status`. */
enum exit_status
program_fail(const struct program *, enum exit_status status, const char *why);

#endif
