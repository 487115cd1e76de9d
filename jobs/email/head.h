/* SPDX-License-Identifier: MIT */
/*
 * head.h - header fields: checks what a job may set, and writes them
 *
 * Lines are folded at 78 columns where a blank allows it.  Text beyond ASCII
 * becomes encoded words (RFC 2047, never cut within a character) or encoded
 * parameters (RFC 2231).  The caller promises that no text has control
 * characters (email_line_ok()); an assertion checks that.
 */
#ifndef JOBS_EMAIL_HEAD_H
#define JOBS_EMAIL_HEAD_H

#include <stddef.h>
#include <stdio.h>

#include "jobs/email/address.h"

enum {
	EMAIL_FOLD = 78,
	EMAIL_WORD_MAX = 900, /* bytes without a fold: a line may have 998 */
};

struct email_head {
	FILE *f;
	size_t col;
};

/* Whether it is a token of RFC 2045: ASCII without blanks and punctuation. */
int email_token_ok(const char *, size_t len);

/*
 * Whether it is "type/subtype; name=token …" of a file: multipart and message
 * are refused.
 */
int email_type_ok(const char *);

/* Whether a job may set the header field `name`. */
int email_field_ok(const char *name);

void email_head_begin(struct email_head *, FILE *, const char *name);
void email_head_end(struct email_head *);

/* Writes a blank and then `word` unchanged. */
void email_head_word(struct email_head *, const char *word);

/* Writes text such as a subject, encoded where needed. */
void email_head_text(struct email_head *, const char *text);

/* Writes a mailbox, followed by `after`: "," or "". */
void email_head_address(
	struct email_head *, const struct email_address *, const char *after);

/* Writes "; name=value", encoded where needed. */
void email_head_param(struct email_head *, const char *name, const char *value);

#endif
