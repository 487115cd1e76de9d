/* SPDX-License-Identifier: MIT */
#include "jobs/email/address.h"

#include <idn2.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

enum { LABEL_MAX = 63, HOST_MAX = 253 };

static int
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static int
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return 0;
	return 1;
}

int
email_line_ok(const char *text)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t len = strlen(text);
	uint32_t c;

	for (size_t i = 0, n; i < len; i += n) {
		n = text_utf8(p + i, len - i, &c);
		if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0) ||
			c == 0x2028 || c == 0x2029)
			return 0;
	}
	return 1;
}

/* Labels of letters and digits, with hyphens inside them. */
static int
host_ok(const char *host)
{
	size_t label = 0;

	if (strlen(host) > HOST_MAX)
		return 0;
	for (const char *p = host;; p++) {
		if (*p == '.' || *p == '\0') {
			if (label == 0 || label > LABEL_MAX || p[-1] == '-')
				return 0;
			if (*p == '\0')
				return 1;
			label = 0;
		} else if (is_alnum(*p) || (*p == '-' && label > 0)) {
			label++;
		} else {
			return 0;
		}
	}
}

const char *
email_host_parse(const char *text, char *host, size_t cap)
{
	char *ascii = NULL;
	const char *use = text, *wrong = NULL;

	if (!is_ascii(text)) {
		if (idn2_to_ascii_8z(text, &ascii,
			    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
			return "its domain is not a valid name";
		use = ascii;
	}
	if (!host_ok(use) || strlen(use) >= cap)
		wrong = "its domain is not a host name";
	else
		memcpy(host, use, strlen(use) + 1);
	idn2_free(ascii);
	return wrong;
}

/* A dot-atom of RFC 5322 and 6531; the caller has refused control characters.
 */
static const char *
local_check(const char *p, size_t len)
{
	if (len == 0 || len > EMAIL_LOCAL_MAX)
		return "the part before the @ is empty or too long";
	if (p[0] == '-')
		return "it begins with '-'";
	if (p[0] == '.' || p[len - 1] == '.' || memmem(p, len, "..", 2) != NULL)
		return "a dot is where none may be";
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(p[i]) && (unsigned char)p[i] < 0x80 &&
			strchr("!#$%&'*+-/=?^_`{|}~.", p[i]) == NULL)
			return "a character may not stand before the @";
	return NULL;
}

static const char *
bare_parse(const char *p, size_t len, struct email_address *a)
{
	const char *at = memrchr(p, '@', len), *wrong;
	char host[EMAIL_ADDRESS_MAX * 4 + 1];
	size_t local, rest;

	if (at == NULL)
		return "there is no @";
	local = (size_t)(at - p);
	rest = len - local - 1;
	wrong = local_check(p, local);
	if (wrong != NULL)
		return wrong;
	if (rest >= sizeof(host))
		return "it is too long";
	memcpy(host, at + 1, rest);
	host[rest] = '\0';
	memcpy(a->text, p, local + 1);
	wrong = email_host_parse(
		host, a->text + local + 1, sizeof(a->text) - local - 1);
	if (wrong != NULL)
		return wrong;
	a->host = local + 1;
	a->utf8 = 0;
	for (size_t i = 0; i < local; i++)
		a->utf8 |= (unsigned char)p[i] >= 0x80;
	return NULL;
}

/* Reads a quoted string with \" and \\ in it, or words without quotes. */
static const char *
name_parse(const char *p, size_t len, char *name)
{
	size_t n = 0;
	int quoted;

	while (len > 0 && p[len - 1] == ' ')
		len--;
	quoted = len >= 2 && p[0] == '"' && p[len - 1] == '"';
	if (quoted) {
		p++;
		len -= 2;
	}
	for (size_t i = 0; i < len; i++) {
		if (quoted && p[i] == '\\' && i + 1 < len)
			i++;
		else if (strchr(quoted ? "\"\\" : "\"\\<>", p[i]) != NULL)
			return "its name is not quoted well";
		if (n == EMAIL_NAME_MAX)
			return "its name is too long";
		name[n++] = p[i];
	}
	name[n] = '\0';
	return NULL;
}

const char *
email_address_parse(const char *text, const char *name, struct email_address *a)
{
	size_t len = strlen(text), open = 0;
	const char *wrong = NULL, *lt;

	if (!email_line_ok(text) || (name != NULL && !email_line_ok(name)))
		return "a control character, or no UTF-8";
	if (name != NULL && strlen(name) > EMAIL_NAME_MAX)
		return "its name is too long";
	while (len > 0 && *text == ' ')
		text++, len--;
	while (len > 0 && text[len - 1] == ' ')
		len--;
	lt = len > 0 && text[len - 1] == '>' ? memrchr(text, '<', len) : NULL;
	a->name[0] = '\0';
	if (name != NULL)
		memcpy(a->name, name, strlen(name) + 1);
	if (lt != NULL && name == NULL) {
		open = (size_t)(lt - text);
		wrong = name_parse(text, open, a->name);
		text = lt + 1;
		len -= open + 2;
	}
	return wrong != NULL ? wrong : bare_parse(text, len, a);
}
