/* SPDX-License-Identifier: MIT */
#include "jobs/email/check.h"

#include <string.h>
#include <strings.h>

#include "jobs/email/address.h"

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

/* Beside X-…; all others are written by us, or are not for jobs to set. */
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
