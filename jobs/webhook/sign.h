/* SPDX-License-Identifier: MIT */
/*
 * sign.h - signatures of Standard Webhooks 1.0.0, scheme v1
 *
 * A signature is HMAC-SHA256 over ID.TIMESTAMP.BODY.  A secret is "whsec_" and
 * the base64 of 24 to 64 bytes.  While secrets are rotated there may be
 * several, separated by blanks or newlines; each of them signs.
 */
#ifndef JOBS_WEBHOOK_SIGN_H
#define JOBS_WEBHOOK_SIGN_H

#include "base/bytes.h"

enum {
	SIGN_SECRETS = 4,
	SIGN_MAX = SIGN_SECRETS * 48, /* "v1,", 44 of base64, a blank or NUL */
};

/* The number of secrets; SW_EINVAL: malformed; SW_ETOOBIG: too many. */
int sign_check(const char *secrets) __attribute__((warn_unused_result));

/*
 * Writes the value of the header webhook-signature.  0, an error of
 * sign_check(), or -ENOMEM.
 */
int
sign_write(const char *secrets, const char *id, int64_t at_s, struct bytes body,
	char to[SIGN_MAX]) __attribute__((warn_unused_result));

#endif
