/* SPDX-License-Identifier: MIT */
#include "blob/sum.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/evp.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

struct blob_sum {
	EVP_MD_CTX *sha;   /* or NULL */
	XXH3_state_t *xxh; /* or NULL */
	int failed;
};

struct blob_sum *
blob_sum_new(int kinds)
{
	struct blob_sum *s = calloc(1, sizeof(*s));
	int ok = s != NULL;

	if (ok && (kinds & SUM_SHA)) {
		s->sha = EVP_MD_CTX_new();
		ok = s->sha != NULL &&
		     EVP_DigestInit_ex(s->sha, EVP_sha256(), NULL) == 1;
	}
	if (ok && (kinds & SUM_XXH)) {
		s->xxh = XXH3_createState();
		ok = s->xxh != NULL && XXH3_128bits_reset(s->xxh) == XXH_OK;
	}
	if (ok)
		return s;
	blob_sum_free(s);
	return NULL;
}

void
blob_sum_free(struct blob_sum *s)
{
	if (s == NULL)
		return;
	EVP_MD_CTX_free(s->sha);
	(void)XXH3_freeState(s->xxh);
	free(s);
}

void
blob_sum_add(struct blob_sum *s, const void *b, size_t len)
{
	if (s->sha != NULL && EVP_DigestUpdate(s->sha, b, len) != 1)
		s->failed = 1;
	if (s->xxh != NULL)
		(void)XXH3_128bits_update(s->xxh, b, len);
}

int
blob_sum_sha(struct blob_sum *s, struct blob_hash *h)
{
	if (s->failed || EVP_DigestFinal_ex(s->sha, h->b, NULL) != 1)
		return -EIO;
	return 0;
}

void
blob_sum_xxh(
	struct blob_sum *s, const struct blob_hash *name, struct blob_xxh *x)
{
	XXH128_canonical_t c;

	(void)XXH3_128bits_update(s->xxh, name->b, sizeof(name->b));
	XXH128_canonicalFromHash(&c, XXH3_128bits_digest(s->xxh));
	_Static_assert(sizeof(c.digest) == sizeof(x->b), "128 bits");
	memcpy(x->b, c.digest, sizeof(x->b));
}
