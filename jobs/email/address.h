/* SPDX-License-Identifier: MIT */
/*
 * email_address.h - one mailbox: "Ann Bö <ann@example.org>"
 *
 * Taken: a dot-atom of RFC 5322, with UTF-8 as of RFC 6531, at a host name,
 * which may be international and becomes its ASCII form (IDNA 2008).  Not
 * taken: quoted local parts, address literals, comments, groups, lists, and
 * an address that begins with '-'.  No control character gets through, in the
 * name or in the address.
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
	size_t host;			  /* where it begins; ASCII */
	int utf8;			  /* the local part is not ASCII */
};

/*
 * Reads a mailbox, or a bare address where `name` is given beside it (may be
 * NULL).  NULL, or what is wrong; static.
 */
const char *email_address_parse(
	const char *text, const char *name, struct email_address *a);

/* Whether it is UTF-8 without control characters: fit for a header. */
int email_line_ok(const char *);

/* A host name in ASCII, at most EMAIL_ADDRESS_MAX bytes; NULL or what is wrong.
 */
const char *email_host_parse(const char *text, char *host, size_t cap);

#endif
