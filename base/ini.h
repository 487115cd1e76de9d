/* SPDX-License-Identifier: MIT */
/*
 * ini.h - reads a configuration file: sections, keys and values
 *
 *	# A comment is a line of its own, or begins with blank and semicolon.
 *	[queue email]
 *	timeout_ms = 30s	; like this one
 *
 * A value is the text between '=' and the end of the line or its comment,
 * without blanks around it.  There are no quotes and no escapes, and no line
 * continues another.  A line may end with CR LF, and a byte order mark may
 * precede the first.  Refused: an indented line, a line over INI_LINE_MAX, a
 * NUL byte, a line without '=', "key: value", a key before the first section,
 * text behind ']', a key that is not of [A-Za-z0-9_.-].
 */
#ifndef BASE_INI_H
#define BASE_INI_H

#include <stddef.h>

enum { INI_LINE_MAX = 4095, INI_WHY = 512 };

/* A section's header, where key is NULL, or a key with its value. */
struct ini_item {
	int line;	  /* from 1 on */
	const char *key;  /* borrowed for the call, as is the rest */
	const char *text; /* the value; of a header what [] enclose */
};

/* Returns 0, or a negative error and writes what is wrong to `why`. */
typedef int ini_fn(void *arg, const struct ini_item *, char why[INI_WHY]);

/*
 * Calls `fn` for each header and each key of `file`, in their order.  Returns
 * 0, or the first error, and `why` is then "FILE:LINE: what", or "FILE: what"
 * where the file cannot be read: -EINVAL for a line that is refused, what `fn`
 * returned or what is not a regular file, or the -errno of the file.  A pipe
 * without a name, such as the shell's, may stand for a file.
 */
int ini_read(const char *file, ini_fn *fn, void *arg, char why[INI_WHY])
	__attribute__((warn_unused_result));

enum { INI_SHOWN = 128 };

/*
 * The text as an error line may show it: printable ASCII, anything else as
 * \xNN, cut after 100 characters.  Returns `to`.
 */
char *ini_show(const char *text, char to[INI_SHOWN]);

#endif
