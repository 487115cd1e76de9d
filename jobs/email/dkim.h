/* SPDX-License-Identifier: MIT */
/*
 * dkim.h - signs a mail in the name of a domain (RFC 6376, RFC 8463)
 *
 * The canonical form is relaxed/relaxed, the hash SHA-256, the key RSA of 1024
 * to 4096 bits or Ed25519.  The signature covers the fields that readers see or
 * that change what they see.  It lists From once more than the mail has it, so
 * that a second From added later breaks the signature.
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

/*
 * Reads the private key (PEM) in the file `path`.  0, or an error with an alarm
 * in email_why, for domain, selector and key come from the configuration.
 */
int email_dkim_open(struct email_dkim *, const char *domain,
	const char *selector, const char *path, struct email_why *)
	__attribute__((warn_unused_result));
void email_dkim_close(struct email_dkim *);

/* Writes m->sign.  Reads the body once through `s`, which is scratch space. */
int email_dkim_sign(const struct email_dkim *, struct email_mail *,
	int64_t at_s, struct email_source *s, struct email_why *)
	__attribute__((warn_unused_result));

/*
 * The relaxed form, for dkim.c and its tests: `put` gets the bytes to hash, in
 * pieces.
 */
typedef void email_put_fn(void *arg, const void *, size_t);

struct email_relaxed {
	size_t ends; /* line ends that wait for text */
	int blank;   /* a blank waits for text */
	int some;    /* put() got some text */
	email_put_fn *put;
	void *arg;
};

void email_relaxed_body(struct email_relaxed *, const char *, size_t);
/*
 * Relaxes one field, folded or not, which `p` has without its last CR LF;
 * put() gets that CR LF unless the field is the `last`.
 */
void email_relaxed_field(
	email_put_fn *put, void *arg, const char *p, size_t len, int last);

#endif
