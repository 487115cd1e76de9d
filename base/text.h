/* SPDX-License-Identifier: MIT */
/*
 * text.h - bytes from a log, made safe to print
 */
#ifndef JOBS_TEXT_H
#define JOBS_TEXT_H

#include <stdio.h>

#include "base/bytes.h"

/*
 * The length of the character of UTF-8 (RFC 3629: no overlong forms, no
 * surrogates) at the front of `len` bytes, at least one, or 0.
 */
size_t text_utf8(const uint8_t *, size_t len, uint32_t *c);

/* Whether all of it is UTF-8. */
int text_is_utf8(struct bytes);

/*
 * Copies `text` with a NUL, cut between two characters to fit `cap` bytes,
 * as one line of UTF-8: what text_print() would escape becomes '?'.
 */
void text_line(struct bytes text, char *to, size_t cap);

/*
 * `max` bytes of `text` at most, for a terminal: control characters (also
 * those of C1), bytes that are no UTF-8 and marks that turn the direction of
 * writing come out as \xNN.  Returns the number of columns, taking each
 * character for one.
 */
int text_print(FILE *, struct bytes text, size_t max);

/* As a string of JSON with its quotes; bytes that are no UTF-8 as U+FFFD. */
void text_json(FILE *, struct bytes text);

#endif
