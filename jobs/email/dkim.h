/* SPDX-License-Identifier: MIT */
/*
 * email_dkim.h - signs a mail in the name of a domain (RFC 6376, RFC 8463)
 *
 * relaxed/relaxed over SHA-256, by an RSA key of 1024 bits or more or an
 * Ed25519 key. Signed are the fields that readers see or that matter to them;
 * From is named once more than it is there, so that nobody can add another.
 */
#ifndef JOBS_EMAIL_DKIM_H
#define JOBS_EMAIL_DKIM_H

#include "jobs/email/mime.h"

#include <openssl/evp.h>

struct email_dkim {
	char domain[EMAIL_ADDRESS_MAX + 1];
	char selector[EMAIL_ADDRESS_MAX + 1];
	EVP_PKEY *key; /* NULL: not open */
};

/* `path` is a private key in PEM; an error of the set-up is an alarm. */
int email_dkim_open(struct email_dkim *, const char *domain,
	const char *selector, const char *path, struct email_why *)
	__attribute__((warn_unused_result));
void email_dkim_close(struct email_dkim *);

/* Fills m->sign; reads the body once through `s`, which is scratch. */
int email_dkim_sign(const struct email_dkim *, struct email_mail *,
	int64_t at_s, struct email_source *s, struct email_why *)
	__attribute__((warn_unused_result));

/*
 * For the parts of this module: the relaxed form, in pieces.  `put` gets
 * bytes to hash.
 */
typedef void email_put_fn(void *arg, const void *, size_t);

struct email_relaxed {
	size_t ends; /* line ends not given yet */
	int blank;   /* a blank not given yet */
	int some;    /* a line has been given, its end may not */
	email_put_fn *put;
	void *arg;
};

void email_relaxed_body(struct email_relaxed *, const char *, size_t);
/* One field, folded or not, without its last CR LF; `last`: none is given. */
void email_relaxed_field(
	email_put_fn *put, void *arg, const char *p, size_t len, int last);

#endif
