/* SPDX-License-Identifier: MIT */
/*
 * code.h - encodes bytes as 7-bit lines: base64, quoted-printable (RFC 2045)
 */
#ifndef JOBS_EMAIL_CODE_H
#define JOBS_EMAIL_CODE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	EMAIL_B64_IN = 57,  /* bytes that one line encodes */
	EMAIL_B64_OUT = 78, /* bytes of that line with its CR LF */
};

/* Writes the base64 of `len` bytes without line ends or a NUL: its length. */
size_t email_base64(const void *, size_t len, char *to);

/* The same in lines of 76 columns, each with CR LF: the length of all. */
size_t email_base64_lines(const void *, size_t len, char *to);
/* What email_base64_lines() would return for `len` bytes. */
int64_t email_base64_size(int64_t len);

/*
 * Writes quoted-printable in lines with CR LF.  CR LF, LF and CR in `text` all
 * end a line; the last line gets an end.  No line begins with a dot or "From ",
 * which some relays change.
 */
void email_quoted(FILE *, const char *text);

#endif
