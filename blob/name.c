/* SPDX-License-Identifier: MIT */
/* The names of blobs, and the references to them. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "blob/driver.h"

static const char scheme[] = "sha256:";
static const char size_word[] = ";size=";

enum { SCHEME = sizeof(scheme) - 1, SIZE = sizeof(size_word) - 1 };

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
blob_hex_parse(const char *text, size_t len, struct blob_hash *hash)
{
	struct blob_hash h;

	if (len != 2UL * BLOB_HASH)
		return SW_EINVAL;
	for (size_t i = 0; i < BLOB_HASH; i++) {
		int hi = hex_digit(text[2 * i]),
		    lo = hex_digit(text[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return SW_EINVAL;
		h.b[i] = (uint8_t)(hi << 4 | lo);
	}
	*hash = h;
	return 0;
}

void
blob_hex_write(const struct blob_hash *hash, char text[BLOB_HEX])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < BLOB_HASH; i++) {
		text[2 * i] = digits[hash->b[i] >> 4];
		text[2 * i + 1] = digits[hash->b[i] & 15];
	}
	text[BLOB_HEX - 1] = '\0';
}

int
blob_ref_meant(struct bytes text)
{
	return text.len >= SCHEME && memcmp(text.p, scheme, SCHEME) == 0;
}

int
blob_name_parse(struct bytes text, struct blob_hash *hash)
{
	if (!blob_ref_meant(text))
		return SW_EINVAL;
	return blob_hex_parse(
		(const char *)text.p + SCHEME, text.len - SCHEME, hash);
}

void
blob_name_write(const struct blob_hash *hash, char text[BLOB_NAME])
{
	memcpy(text, scheme, SCHEME);
	blob_hex_write(hash, text + SCHEME);
}

/* At most 18 digits, which always fit an int64_t. */
static int
size_parse(const char *p, size_t len, int64_t *size)
{
	int64_t n = 0;

	if (len < 1 || len > 18)
		return SW_EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return SW_EINVAL;
		n = n * 10 + (p[i] - '0');
	}
	*size = n;
	return 0;
}

int
blob_ref_parse(struct bytes text, struct blob_ref *ref)
{
	const size_t name = BLOB_NAME - 1;
	const char *p = text.p;
	struct blob_ref r;

	if (text.len < name + SIZE || memcmp(p + name, size_word, SIZE) != 0 ||
		blob_name_parse(bytes_of(p, name), &r.hash) < 0 ||
		size_parse(p + name + SIZE, text.len - name - SIZE, &r.size) <
			0)
		return SW_EINVAL;
	*ref = r;
	return 0;
}

void
blob_ref_write(const struct blob_ref *ref, char text[BLOB_REF])
{
	char name[BLOB_NAME];

	blob_name_write(&ref->hash, name);
	(void)snprintf(
		text, BLOB_REF, "%s%s%" PRId64, name, size_word, ref->size);
}
