/* SPDX-License-Identifier: MIT */
#include "jobs/email/head.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "jobs/email/code.h"

enum {
	WORD_BYTES = 39,    /* in an encoded word: 64 columns of 75 */
	SECTION_BYTES = 18, /* in a section of a parameter: 54 columns */
};

static const char atom[] = "abcdefghijklmnopqrstuvwxyz"
			   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			   "!#$%&'*+-/=?^_`{|}~";
/* attribute-char of RFC 2231: characters that need no encoding. */
static const char plain[] =
	"abcdefghijklmnopqrstuvwxyz"
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&+-.^_`{|}~";

/* --- what a job may set --------------------------------------------------- */

int
email_token_ok(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] <= ' ' || p[i] > '~' ||
			strchr("()<>@,;:\\\"/[]?=", p[i]) != NULL)
			return 0;
	return len > 0;
}

int
email_type_ok(const char *type)
{
	size_t len = strcspn(type, "/"), sub;
	const char *p = type + len + 1;

	if (type[len] == '\0' || strlen(type) > EMAIL_NAME_MAX ||
		!email_token_ok(type, len) ||
		strncasecmp(type, "multipart/", 10) == 0 ||
		strncasecmp(type, "message/", 8) == 0)
		return 0;
	sub = strcspn(p, ";");
	if (!email_token_ok(p, sub))
		return 0;
	for (p += sub; *p == ';'; p += sub) {
		p += 1 + strspn(p + 1, " ");
		len = strcspn(p, "=;");
		if (p[len] != '=' || !email_token_ok(p, len))
			return 0;
		p += len + 1;
		sub = strcspn(p, ";");
		if (!email_token_ok(p, sub))
			return 0;
	}
	return 1;
}

/* Allowed beside X-…: this module writes other fields itself, or none may. */
static const char *const fields_allowed[] = {
	"Auto-Submitted",
	"Feedback-ID",
	"Importance",
	"In-Reply-To",
	"List-Id",
	"Organization",
	"Precedence",
	"References",
};

int
email_field_ok(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(fields_allowed) / sizeof(char *); i++)
		if (strcasecmp(name, fields_allowed[i]) == 0)
			return 1;
	return len > 2 && len <= 64 && strncasecmp(name, "X-", 2) == 0 &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")] ==
		       '\0';
}

/* --- writing ------------------------------------------------------------- */

void
email_head_begin(struct email_head *h, FILE *f, const char *name)
{
	h->f = f;
	h->col = (size_t)fprintf(f, "%s:", name);
}

void
email_head_end(struct email_head *h)
{
	(void)fputs("\r\n", h->f);
}

static void
word_put(struct email_head *h, const char *p, size_t len)
{
	int fold = h->col + 1 + len > EMAIL_FOLD;

	(void)fputs(fold ? "\r\n " : " ", h->f);
	(void)fwrite(p, 1, len, h->f);
	h->col = (fold ? 0 : h->col) + 1 + len;
}

void
email_head_word(struct email_head *h, const char *word)
{
	assert(email_line_ok(word));
	word_put(h, word, strlen(word));
}

/* The length of the longest front of whole characters within `max` bytes. */
static size_t
chars_fit(const char *p, size_t len, size_t max)
{
	size_t n = 0, next;
	uint32_t c;

	while (n < len) {
		next = text_utf8((const uint8_t *)p + n, len - n, &c);
		if (n + next > max)
			break;
		n += next;
	}
	return n;
}

static void
encoded_put(struct email_head *h, const char *text)
{
	size_t len = strlen(text), n;
	char word[80], base64[64];

	for (; len > 0; text += n, len -= n) {
		n = chars_fit(text, len, WORD_BYTES);
		(void)snprintf(word, sizeof(word),
			"=?UTF-8?B?%.*s?=", (int)email_base64(text, n, base64),
			base64);
		word_put(h, word, strlen(word));
	}
}

/*
 * Whether a text needs no encoding, only folds at its blanks.  Several blanks
 * in a row need it, for some readers show one blank instead.
 */
static int
is_plain(const char *text)
{
	size_t word = 0, len = strlen(text);

	if (len > 0 && (text[0] == ' ' || text[len - 1] == ' '))
		return 0;
	for (const char *p = text; *p != '\0'; p++) {
		word = *p == ' ' ? 0 : word + 1;
		if ((unsigned char)*p >= 0x80 || word > EMAIL_WORD_MAX)
			return 0;
	}
	return strstr(text, "=?") == NULL && strstr(text, "  ") == NULL;
}

void
email_head_text(struct email_head *h, const char *text)
{
	size_t len;

	assert(email_line_ok(text));
	if (!is_plain(text)) {
		encoded_put(h, text);
		return;
	}
	for (; *text != '\0'; text += len + (text[len] == ' ')) {
		len = strcspn(text, " ");
		word_put(h, text, len);
	}
}

/* Writes a quoted string, with \ before a quote or backslash: its length. */
static size_t
quote(const char *text, char *to)
{
	size_t n = 0;

	to[n++] = '"';
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			to[n++] = '\\';
		to[n++] = *text;
	}
	to[n++] = '"';
	to[n] = '\0';
	return n;
}

static void
name_put(struct email_head *h, const char *name)
{
	char quoted[2 * EMAIL_NAME_MAX + 3];
	size_t len = quote(name, quoted);

	if (!is_plain(name))
		encoded_put(h, name);
	else if (name[strspn(name, atom)] == '\0')
		email_head_word(h, name);
	else
		word_put(h, quoted, len);
}

void
email_head_address(
	struct email_head *h, const struct email_address *a, const char *after)
{
	char text[EMAIL_ADDRESS_MAX + 8];
	int named = a->name[0] != '\0';

	assert(email_line_ok(a->name) && email_line_ok(a->text));
	if (named)
		name_put(h, a->name);
	(void)snprintf(
		text, sizeof(text), named ? "<%s>%s" : "%s%s", a->text, after);
	email_head_word(h, text);
}

static void
section_put(struct email_head *h, const char *name, int n, const char *p,
	size_t len, int last)
{
	char text[96 + 3 * SECTION_BYTES];
	size_t at;

	at = (size_t)snprintf(text, sizeof(text), "%s*%d*=%s", name, n,
		n == 0 ? "UTF-8''" : "");
	for (size_t i = 0; i < len; i++)
		if (strchr(plain, p[i]) != NULL)
			text[at++] = p[i];
		else
			at += (size_t)sprintf(
				text + at, "%%%02X", (unsigned char)p[i]);
	if (!last)
		text[at++] = ';';
	word_put(h, text, at);
}

void
email_head_param(struct email_head *h, const char *name, const char *value)
{
	char text[2 * EMAIL_NAME_MAX + 64];
	size_t len = strlen(value), n, at;

	assert(email_line_ok(value) && len <= EMAIL_NAME_MAX &&
		strlen(name) < 32);
	(void)fputc(';', h->f);
	h->col++;
	if (is_plain(value)) {
		at = (size_t)sprintf(text, "%s=", name);
		word_put(h, text, at + quote(value, text + at));
		return;
	}
	for (int i = 0; len > 0; i++, value += n, len -= n) {
		n = chars_fit(value, len, SECTION_BYTES);
		section_put(h, name, i, value, n, n == len);
	}
}
