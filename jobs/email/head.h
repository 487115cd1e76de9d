/* SPDX-License-Identifier: MIT */
/*
 * email_head.h - writes the header fields of a message
 *
 * Lines are folded at 78 columns where a blank allows it.  What is not ASCII
 * becomes encoded words (RFC 2047, never cut within a character) or encoded
 * parameters (RFC 2231).  No text may have control characters in it: that is
 * the caller's promise, see email_line_ok(), and is asserted.
 */
#ifndef JOBS_EMAIL_HEAD_H
#define JOBS_EMAIL_HEAD_H

#include <stddef.h>
#include <stdio.h>

#include "jobs/email/address.h"

enum {
	EMAIL_FOLD = 78,
	EMAIL_WORD_MAX = 900, /* of what cannot be folded: a line has 998 */
};

struct email_head {
	FILE *f;
	size_t col;
};

/* A token of RFC 2045: ASCII without blanks and punctuation; not empty. */
int email_token_ok(const char *, size_t len);

/* "type/subtype; name=token …" of what is a file: no multipart, no message. */
int email_type_ok(const char *);

/* The name of a header field that a job may set. */
int email_field_ok(const char *name);

void email_head_begin(struct email_head *, FILE *, const char *name);
void email_head_end(struct email_head *);

/* A blank and then `word`, as it stands. */
void email_head_word(struct email_head *, const char *word);

/* Text for people: a subject. */
void email_head_text(struct email_head *, const char *text);

/* A mailbox, and what follows it at once: "," or "". */
void email_head_address(
	struct email_head *, const struct email_address *, const char *after);

/* "; name=value" */
void email_head_param(struct email_head *, const char *name, const char *value);

#endif
