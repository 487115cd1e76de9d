/* SPDX-License-Identifier: MIT */
/*
 * address.h - one mailbox: "Ann Bö <ann@example.org>"
 *
 * Accepted: a dot-atom of RFC 5322, with UTF-8 as of RFC 6531, at a host name;
 * an international host name becomes its ASCII form (IDNA 2008).  Refused:
 * quoted local parts, address literals, comments, groups, lists, an address
 * that begins with '-', and control characters in name or address.
 */
#ifndef JOBS_EMAIL_ADDRESS_H
#define JOBS_EMAIL_ADDRESS_H

#include <stddef.h>

enum {
	EMAIL_NAME_MAX = 255,
	EMAIL_LOCAL_MAX = 64,
	EMAIL_ADDRESS_MAX = 254,
};

struct email_address {
	char name[EMAIL_NAME_MAX + 1];	  /* "": none; UTF-8, not quoted */
	char text[EMAIL_ADDRESS_MAX + 1]; /* local@host */
	size_t host;			  /* its offset in `text`; ASCII */
	int utf8;			  /* the local part is not ASCII */
};

/*
 * Reads a mailbox; with `name` (else NULL) `text` is a bare address.  NULL, or
 * a static text that says what is wrong.
 */
const char *email_address_parse(
	const char *text, const char *name, struct email_address *a);

/* Whether a text is UTF-8 without control characters, so fit for a header. */
int email_line_ok(const char *);

/* Writes a host name in ASCII.  NULL, or a static text as above. */
const char *email_host_parse(const char *text, char *host, size_t cap);

#endif
