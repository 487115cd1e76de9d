/* SPDX-License-Identifier: MIT */
/*
 * email_code.h - bytes as the 7-bit lines that every mail server passes on
 */
#ifndef JOBS_EMAIL_CODE_H
#define JOBS_EMAIL_CODE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	EMAIL_B64_IN = 57,  /* bytes that make a line ... */
	EMAIL_B64_OUT = 78, /* ... of that many, with its CR LF */
};

/* The base64 of `len` bytes, without line ends or a NUL; its length. */
size_t email_base64(const void *, size_t len, char *to);

/* The same in lines of 76 columns, each with CR LF; their length. */
size_t email_base64_lines(const void *, size_t len, char *to);
int64_t email_base64_size(int64_t len);

/*
 * Quoted-printable (RFC 2045), in lines with CR LF.  CR LF, LF and CR are all
 * taken for the end of a line; the last line gets one.  No line begins with a
 * dot or "From ", which relays tend to change.
 */
void email_quoted(FILE *, const char *text);

#endif
