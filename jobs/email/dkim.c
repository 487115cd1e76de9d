/* SPDX-License-Identifier: MIT */
#include "jobs/email/dkim.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <strings.h>
#include <unistd.h>

#include "jobs/secret.h"

enum { RSA_BITS_MIN = 1024, RSA_BITS_MAX = 4096, SIGNATURE_MAX = 512 };

static const char *const signed_fields[] = {
	"From",
	"To",
	"Cc",
	"Reply-To",
	"Subject",
	"Date",
	"Message-ID",
	"In-Reply-To",
	"References",
	"List-Id",
	"List-Unsubscribe",
	"List-Unsubscribe-Post",
	"MIME-Version",
	"Content-Type",
	"Content-Transfer-Encoding",
};

enum { SIGNED_N = sizeof(signed_fields) / sizeof(char *) };

/* --- the relaxed forms (RFC 6376, 3.4) ----------------------------------- */

/*
 * A run of blanks becomes one; blanks at a line's end and empty lines at the
 * body's end are dropped.  So line ends and blanks wait until text follows.
 */
void
email_relaxed_body(struct email_relaxed *r, const char *p, size_t len)
{
	size_t run;

	for (size_t i = 0; i < len; i += run) {
		run = 1;
		if (p[i] == ' ' || p[i] == '\t') {
			r->blank = 1;
			continue;
		}
		if (p[i] == '\r')
			continue;
		if (p[i] == '\n') {
			r->ends++;
			r->blank = 0;
			continue;
		}
		for (; r->ends > 0; r->ends--)
			r->put(r->arg, "\r\n", 2);
		if (r->blank)
			r->put(r->arg, " ", 1);
		r->blank = 0;
		while (i + run < len && strchr(" \t\r\n", p[i + run]) == NULL)
			run++;
		r->put(r->arg, p + i, run);
		r->some = 1;
	}
}

void
email_relaxed_field(
	email_put_fn *put, void *arg, const char *p, size_t len, int last)
{
	size_t i = 0;
	int blank = 0;

	for (; i < len && p[i] != ':'; i++) {
		char c = (char)tolower((unsigned char)p[i]);

		put(arg, &c, 1);
	}
	put(arg, ":", 1);
	for (i++; i < len && strchr(" \t\r\n", p[i]) != NULL; i++)
		;
	for (; i < len; i++) {
		if (strchr(" \t\r\n", p[i]) != NULL) {
			blank = 1;
			continue;
		}
		if (blank)
			put(arg, " ", 1);
		blank = 0;
		put(arg, p + i, 1);
	}
	if (!last)
		put(arg, "\r\n", 2);
}

/* --- hashing ------------------------------------------------------------- */

static void
hash_put(void *arg, const void *p, size_t len)
{
	(void)EVP_DigestUpdate(arg, p, len);
}

static int
body_hash(const struct email_mail *m, struct email_source *s, EVP_MD_CTX *md,
	unsigned char hash[SHA256_DIGEST_LENGTH], struct email_why *why)
{
	struct email_relaxed r = {.put = hash_put, .arg = md};
	char buf[8 * 1024];
	ssize_t n;

	email_source_init(s, m, 1, why);
	while ((n = email_source_read(s, buf, sizeof(buf))) > 0)
		email_relaxed_body(&r, buf, (size_t)n);
	email_source_fini(s);
	if (n < 0)
		return (int)n;
	if (r.some)
		hash_put(md, "\r\n", 2); /* the last line's end */
	if (EVP_DigestFinal_ex(md, hash, NULL) != 1)
		return email_later(why, "DKIM: cannot hash");
	return 0;
}

/* Finds the field `name` in a header: its length without CR LF, or 0. */
static size_t
field_find(const char *head, size_t len, const char *name, const char **to)
{
	size_t n = strlen(name), end;

	for (const char *p = head; len > 0; p += end, len -= end) {
		const char *q = p;

		do {
			q = memchr(q, '\n', len - (size_t)(q - p));
			q = q == NULL ? p + len : q + 1;
		} while (q < p + len && (*q == ' ' || *q == '\t'));
		end = (size_t)(q - p);
		if (end > n + 2 && p[n] == ':' &&
			strncasecmp(p, name, n) == 0) {
			*to = p;
			return end - 2;
		}
	}
	return 0;
}

/* Writes the DKIM-Signature field up to "b=" and hashes the signed fields. */
static void
sign_begin(const struct email_dkim *k, struct email_mail *m, int64_t at_s,
	const unsigned char *hash, EVP_MD_CTX *md)
{
	char encoded[SHA256_DIGEST_LENGTH * 2];
	const char *field;
	size_t len, at;

	encoded[email_base64(hash, SHA256_DIGEST_LENGTH, encoded)] = '\0';
	at = (size_t)snprintf(m->sign, sizeof(m->sign),
		"DKIM-Signature: v=1; a=%s-sha256; c=relaxed/relaxed;\r\n"
		" d=%s;\r\n s=%s; t=%lld;\r\n h=From",
		EVP_PKEY_get_base_id(k->key) == EVP_PKEY_RSA ? "rsa"
							     : "ed25519",
		k->domain, k->selector, (long long)at_s);
	for (size_t i = 0; i < SIGNED_N; i++) {
		len = field_find(
			m->head, m->head_len, signed_fields[i], &field);
		if (len == 0)
			continue;
		email_relaxed_field(hash_put, md, field, len, 0);
		at += (size_t)snprintf(m->sign + at, sizeof(m->sign) - at,
			":\r\n  %s", signed_fields[i]);
	}
	(void)snprintf(m->sign + at, sizeof(m->sign) - at,
		";\r\n bh=%s;\r\n b=", encoded);
	email_relaxed_field(hash_put, md, m->sign, strlen(m->sign), 1);
}

/* RSA signs the hash by PKCS#1 v1.5, Ed25519 the 32 bytes of the hash. */
static int
key_sign(const struct email_dkim *k, const unsigned char *hash,
	unsigned char *to, size_t *len)
{
	int rsa = EVP_PKEY_get_base_id(k->key) == EVP_PKEY_RSA, ok = 0;
	EVP_PKEY_CTX *pk = NULL;
	EVP_MD_CTX *md = NULL;

	if (rsa) {
		pk = EVP_PKEY_CTX_new(k->key, NULL);
		ok = pk != NULL && EVP_PKEY_sign_init(pk) == 1 &&
		     EVP_PKEY_CTX_set_rsa_padding(pk, RSA_PKCS1_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_signature_md(pk, EVP_sha256()) == 1 &&
		     EVP_PKEY_sign(pk, to, len, hash, SHA256_DIGEST_LENGTH) ==
			     1;
	} else {
		md = EVP_MD_CTX_new();
		ok = md != NULL &&
		     EVP_DigestSignInit(md, NULL, NULL, NULL, k->key) == 1 &&
		     EVP_DigestSign(md, to, len, hash, SHA256_DIGEST_LENGTH) ==
			     1;
	}
	EVP_PKEY_CTX_free(pk);
	EVP_MD_CTX_free(md);
	return ok;
}

static void
sign_end(struct email_mail *m, const unsigned char *signature, size_t len)
{
	char lines[SIGNATURE_MAX * 2];
	size_t n = email_base64_lines(signature, len, lines);
	size_t at = strlen(m->sign);

	for (size_t i = 0; i < n && at + 2 < sizeof(m->sign); i++) {
		m->sign[at++] = lines[i];
		if (lines[i] == '\n' && i + 1 < n)
			m->sign[at++] = ' ';
	}
	m->sign[at] = '\0';
}

int
email_dkim_sign(const struct email_dkim *k, struct email_mail *m, int64_t at_s,
	struct email_source *s, struct email_why *why)
{
	unsigned char hash[SHA256_DIGEST_LENGTH], signature[SIGNATURE_MAX];
	size_t len = sizeof(signature);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int err;

	if (md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
		err = email_later(why, "DKIM: out of memory");
	else
		err = body_hash(m, s, md, hash, why);
	if (err < 0)
		goto out;
	if (EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1)
		sign_begin(k, m, at_s, hash, md);
	if (EVP_DigestFinal_ex(md, hash, NULL) != 1 ||
		!key_sign(k, hash, signature, &len))
		err = email_later(why, "DKIM: cannot sign");
	else
		sign_end(m, signature, len);
out:
	EVP_MD_CTX_free(md);
	return err;
}

/* --- the key ------------------------------------------------------------- */

static int
key_ok(EVP_PKEY *key)
{
	int id = EVP_PKEY_get_base_id(key), bits = EVP_PKEY_get_bits(key);

	return id == EVP_PKEY_ED25519 ||
	       (id == EVP_PKEY_RSA && bits >= RSA_BITS_MIN &&
		       bits <= RSA_BITS_MAX);
}

int
email_dkim_open(struct email_dkim *k, const char *domain, const char *selector,
	const char *path, struct email_why *why)
{
	char text[sizeof(why->text)];
	const char *wrong;
	FILE *f;
	int fd;

	wrong = email_host_parse(domain, k->domain, sizeof(k->domain));
	if (wrong != NULL)
		return email_alarm(why, "dkim_domain in [email]: %s", wrong);
	wrong = selector == NULL ? "none"
				 : email_host_parse(selector, k->selector,
					   sizeof(k->selector));
	if (wrong != NULL)
		return email_alarm(why, "dkim_selector in [email]: %s", wrong);
	if (path == NULL)
		return email_alarm(why, "dkim_key in [email]: none");
	fd = secret_open(path, text, sizeof(text));
	f = fd >= 0 ? fdopen(fd, "r") : NULL;
	if (fd >= 0 && f == NULL)
		close(fd);
	if (f == NULL)
		return email_alarm(why, "dkim_key in [email]: %s",
			fd < 0 ? text : strerror(errno));
	k->key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	(void)fclose(f);
	if (k->key != NULL && key_ok(k->key))
		return 0;
	email_dkim_close(k);
	return email_alarm(why,
		"dkim_key in [email]: %s is no RSA key of %d "
		"to %d bits and no Ed25519 key",
		path, RSA_BITS_MIN, RSA_BITS_MAX);
}

void
email_dkim_close(struct email_dkim *k)
{
	EVP_PKEY_free(k->key);
	k->key = NULL;
}
