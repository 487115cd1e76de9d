/* SPDX-License-Identifier: MIT */
#include "jobs/webhook/sign.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>

#include "base/error.h"

static const char prefix[] = "whsec_";
static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char blanks[] = " \t\r\n";

enum {
	PREFIX = sizeof(prefix) - 1,
	KEY_MIN = 24,
	KEY_MAX = 64,
	KEY_TEXT_MAX = (KEY_MAX + 2) / 3 * 4,
	HASH = 32,
};

struct sign_key {
	uint8_t b[KEY_TEXT_MAX / 4 * 3];
	size_t len;
};

/*
 * Reads the next secret and moves `*p` behind it: 1; 0: there are no more; or
 * SW_EINVAL.  EVP_DecodeBlock() accepts '=' anywhere, so this function checks
 * its place.
 */
static int
key_next(const char **p, struct sign_key *k)
{
	const char *s = *p + strspn(*p, blanks);
	size_t len = strcspn(s, blanks), letters;

	*p = s + len;
	if (len == 0)
		return 0;
	if (len <= PREFIX || strncmp(s, prefix, PREFIX) != 0)
		return SW_EINVAL;
	s += PREFIX;
	len -= PREFIX;
	letters = strspn(s, alphabet);
	if (len % 4 != 0 || len > KEY_TEXT_MAX ||
		letters + strspn(s + letters, "=") != len || len - letters > 2)
		return SW_EINVAL;
	if (EVP_DecodeBlock(k->b, (const uint8_t *)s, (int)len) < 0)
		return SW_EINVAL;
	k->len = len / 4 * 3 - (len - letters);
	return k->len >= KEY_MIN && k->len <= KEY_MAX ? 1 : SW_EINVAL;
}

int
sign_check(const char *secrets)
{
	struct sign_key k;
	int n = 0, got;

	while ((got = key_next(&secrets, &k)) > 0)
		n++;
	OPENSSL_cleanse(&k, sizeof(k));
	if (got < 0)
		return got;
	return n <= SIGN_SECRETS ? n : SW_ETOOBIG;
}

static int
hmac_sign(EVP_MAC *mac, const struct sign_key *k, const char *head,
	struct bytes body, uint8_t to[HASH])
{
	char name[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", name, 0),
		OSSL_PARAM_construct_end()};
	EVP_MAC_CTX *c = EVP_MAC_CTX_new(mac);
	size_t len;
	int ok = c != NULL && EVP_MAC_init(c, k->b, k->len, params) == 1 &&
		 EVP_MAC_update(c, (const uint8_t *)head, strlen(head)) == 1 &&
		 EVP_MAC_update(c, body.p, body.len) == 1 &&
		 EVP_MAC_final(c, to, &len, HASH) == 1;

	EVP_MAC_CTX_free(c);
	return ok ? 0 : -ENOMEM;
}

int
sign_write(const char *secrets, const char *id, int64_t at_s, struct bytes body,
	char to[SIGN_MAX])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	char head[128], text[SIGN_MAX] = "", *at = text;
	uint8_t sum[HASH];
	struct sign_key k;
	int err = sign_check(secrets);

	(void)snprintf(head, sizeof(head), "%s.%" PRId64 ".", id, at_s);
	if (err >= 0)
		err = mac != NULL ? 0 : -ENOMEM;
	while (err == 0 && key_next(&secrets, &k) > 0) {
		err = hmac_sign(mac, &k, head, body, sum);
		at += sprintf(at, "%sv1,", at == text ? "" : " ");
		at += EVP_EncodeBlock((uint8_t *)at, sum, HASH);
	}
	if (err == 0)
		memcpy(to, text, sizeof(text));
	OPENSSL_cleanse(&k, sizeof(k));
	EVP_MAC_free(mac);
	return err;
}
