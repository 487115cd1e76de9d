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
 *
 * A daemon that reads its configuration anew logs a line for each key that has
 * another value than before:
 *	ev=reload section=broker key=verbose old=no new=yes effect=now
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

/*
 * The same for a value of a program's own group that cannot be used: the line
 * names the place, "FILE:LINE: data is '/x'" or "--data is '/x'", and `why`.
 * Returns EXIT_CONFIG or EXIT_USE.
 */
enum exit_status options_value_fail(const struct options *,
	const struct program *, const struct config_value *, const char *why);

/* --- places --------------------------------------------------------------- */

/*
 * For --check-config, whether this process may use a path.  Nothing is made or
 * opened, so that a check may run beside the program whose files they are.
 *
 * _folder: whether files can be made in the folder, or mkdir(2) can make it;
 * _file: whether the file can be written, or made: 0, or the -errno that stands
 * against it.
 */
int options_folder_check(const char *path) __attribute__((warn_unused_result));
int options_file_check(const char *path) __attribute__((warn_unused_result));

/* --- reading anew --------------------------------------------------------- */

struct options_change {
	const char *section;
	const struct config_key *key;
	const char *name;      /* the key's; of one such as "set." the whole */
	const char *old, *now; /* the default where none is given; or NULL */
	int removed;	       /* the new configuration does not give it */
};

typedef void options_change_fn(void *arg, const struct options_change *);

/*
 * Calls `fn` for each key of the same program whose value differs: first for
 * those that `from` gives, then for those that only `to` gives.  30s and
 * 30000ms are the same.  Of a key that may stand more than once each value that
 * is gone has `old` alone, and each that is new `now` alone.  Returns how many.
 */
int options_changes(const struct config *from, const struct config *to,
	options_change_fn *fn, void *arg);

/*
 * Logs a change; `effect` says what becomes of it, NULL: it holds from now on.
 * What may have a secret in it is not shown: of NAME=VALUE the value, and a
 * URI.
 */
void options_change_log(const struct options_change *, const char *effect);

/*
 * The effect of a key of the program itself: NULL if the key is in `live`, a
 * list up to NULL; of others it is that they count at the next start.
 */
const char *
options_change_effect(const struct options_change *, const char *const live[]);

/*
 * To be called first by a program that reloads at SIGHUP: one that comes before
 * the program can take it waits, and does not end the program.  With 0 it is
 * let through; a program that reads it from a descriptor never calls that.
 */
void options_reload_hold(int hold);

/* The configuration was refused, and the earlier one stays. */
void options_reload_refused(const char *why);

/* It was accepted. */
void options_reload_done(const char *file, int changes);

#endif
