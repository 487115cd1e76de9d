/* SPDX-License-Identifier: MIT */
/*
 * config.h - a program's keys: one table for file, options, help and manual
 *
 * A program lists its sections in a table of groups, each with a table of
 * keys.  From these come the defaults, the reading of the file (ini.h), the
 * command line (options.h), --help, --example and the manual (manual.h).
 *
 * A section stands once in a file and a key once in a section, unless its type
 * has CONFIG_MANY.  A text may be empty, a file's or folder's name may not.  In
 * a key's name '-' is the same as '_'.
 * Errors are one line: "FILE:7: rate is 'x': must be ...", "--rate is 'x':
 * ...".
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/ini.h"
#include "base/units.h"

enum {
	CONFIG_SECTIONS_MAX = 4200,
	CONFIG_VALUES_MAX = 256, /* in a section */
};

/* Values of the first types are numbers, of the others texts. */
enum config_type {
	CONFIG_COUNT = UNIT_COUNT,
	CONFIG_US = UNIT_US,
	CONFIG_MS = UNIT_MS,
	CONFIG_S = UNIT_S,
	CONFIG_BYTES = UNIT_BYTES,
	CONFIG_RATE = UNIT_RATE,
	CONFIG_FLAG = UNIT_FLAG,
	CONFIG_TEXT = UNITS,
	CONFIG_FILE,
	CONFIG_FOLDER,
	CONFIG_ADDRESS,
	CONFIG_ENDPOINT,
	CONFIG_URI,
	CONFIG_PAIR, /* NAME=VALUE */
	CONFIG_TABLE,
	CONFIG_TYPES,

	CONFIG_MANY = 64, /* added to a type: may stand more than once */
};

/* A table of keys ends with one without a name. */
struct config_key {
	const char *name; /* "set." stands for all names that begin with it */
	int type;	  /* enum config_type, with CONFIG_MANY */
	int64_t min, max; /* of numbers but flags */
	const char *def;  /* as in the file; NULL: none, and 0 */
	const char *text; /* a phrase: "the largest size of the store" */
};

/* A kind of section.  A table of groups ends with one without a name. */
struct config_group {
	const char *name;  /* of [name] */
	const char *label; /* "NAME": sections are [name NAME]; or NULL */
	const char *text;  /* a phrase: "the settings of one queue" */
	const struct config_key *keys;

	/*
	 * Checks of the program's own: 0, or a negative error and what the
	 * label or the value must be in `why`.  Either may be NULL.
	 */
	int (*label_check)(const char *label, char why[INI_WHY]);
	int (*text_check)(const struct config_key *, const char *value,
		char why[INI_WHY]);
};

struct config; /* the values of a program's keys */

/*
 * Nothing but the defaults.  `groups` is borrowed.  0 or -ENOMEM.
 */
int config_new(struct config **, const struct config_group *groups)
	__attribute__((warn_unused_result));
void config_free(struct config *);

/*
 * Adds what a file says.  0; or a negative error, the first that was met, and
 * `why` says in one line what is wrong and where: -EINVAL for what the file
 * says, a -errno if it cannot be read.
 */
int config_file_read(struct config *, const char *file, char why[INI_WHY])
	__attribute__((warn_unused_result));

/*
 * Called with the first word of a section that is no group's: another
 * program's.  0 to skip it, or a negative error and what is wrong in `why`.
 */
typedef int config_others_fn(const char *name, char why[INI_WHY]);

/* Skips the sections of all other programs. */
int config_others_skip(const char *name, char why[INI_WHY]);

/*
 * The same of a file that is shared with other programs, and `others` decides
 * about their sections.  Lines of a section that is skipped have to be of the
 * grammar (ini.h), and nothing else.
 */
int
config_shared_read(struct config *, const char *file, config_others_fn *others,
	char why[INI_WHY]) __attribute__((warn_unused_result));

/*
 * Sets a key of a section without a label in place of what the file says; to
 * one that may stand more than once it adds.  `name` is what the error line
 * calls it: "--map-size", "$SPILLWAY_BLOBS".
 */
int config_set(struct config *, const struct config_group *,
	const struct config_key *, const char *name, const char *value,
	char why[INI_WHY]) __attribute__((warn_unused_result));

/*
 * The value in a section ("broker", "queue email"), or the key's default.
 * NULL and 0 where there is none.  A section without a label is always there;
 * another only if the file has it, see config_has().  To ask for a key that
 * the table does not have is a mistake of ours.  Borrowed from the config.
 */
const char *
config_text(const struct config *, const char *section, const char *key);
int64_t
config_number(const struct config *, const char *section, const char *key);
int config_has(const struct config *, const char *section);

/* Whether file or option set it, so that this is not the default. */
int config_given(const struct config *, const char *section, const char *key);

/* The name of the n-th section, or NULL: to walk them. */
const char *config_section(const struct config *, size_t n);

struct config_value {
	const struct config_key *key;
	char *name; /* of a key such as "set.": the whole name */
	char *text;
	int line; /* 0: not from the file */
};

/* The n-th value given in a section, or NULL: to walk them in their order. */
const struct config_value *
config_value(const struct config *, const char *section, size_t n);

/* The line of a section's header; 0: the file does not have the section. */
int config_line(const struct config *, const char *section);

/* "number", "duration", "file", "endpoint": what a value of that type is. */
const char *config_type_name(int type);

/* The key of that name in a table, or NULL. */
const struct config_key *
config_key_find(const struct config_key *, const char *name);

/* Whether the key is one such as "set.". */
int config_key_is_prefix(const struct config_key *);

#endif
