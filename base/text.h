/* SPDX-License-Identifier: MIT */
/*
 * text.h - untrusted text: UTF-8, and output that is safe to print
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdio.h>

#include "base/bytes.h"

/*
 * The length of the UTF-8 character at the start of `len` bytes, at least one,
 * and its code point in *c.  0: not UTF-8 by RFC 3629, which excludes overlong
 * forms and surrogates; *c is then undefined.
 */
size_t text_utf8(const uint8_t *, size_t len, uint32_t *c);

/*
 * The length of the character at the start of `len` bytes, at least one; 0: it
 * is one that text_print() escapes.
 */
size_t text_safe(const uint8_t *, size_t len);

/* Whether the whole text is UTF-8. */
int text_is_utf8(struct bytes);

/*
 * Copies `text` as one line of UTF-8 with a NUL, cut between two characters to
 * fit `cap` bytes; '?' replaces each character that text_print() escapes.
 */
void text_line(struct bytes text, char *to, size_t cap);

/* The last line that is not empty, without its newline: of a standard error it
 * mostly names the cause. */
struct bytes text_last_line(struct bytes text);

/*
 * Prints at most `max` bytes of `text`, safe for a terminal: control characters
 * (C0 and C1), bytes that are not UTF-8 and characters that change the
 * direction of writing are printed as \xNN.  Returns the number of columns, one
 * for each character.
 */
int text_print(FILE *, struct bytes text, size_t max);

/* Prints a JSON string (RFC 8259) with its quotes; bytes that are not UTF-8 as
 * U+FFFD. */
void text_json(FILE *, struct bytes text);

#endif
