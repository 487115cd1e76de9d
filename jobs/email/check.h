/* SPDX-License-Identifier: MIT */
/*
 * email_check.h - what a job may put into a header
 */
#ifndef JOBS_EMAIL_CHECK_H
#define JOBS_EMAIL_CHECK_H

#include <stddef.h>

/* A token of RFC 2045: ASCII without blanks and punctuation; not empty. */
int email_token_ok(const char *, size_t len);

/* "type/subtype; name=token …" of what is a file: no multipart, no message. */
int email_type_ok(const char *);

/* The name of a header field that a job may set. */
int email_field_ok(const char *name);

#endif
