/* SPDX-License-Identifier: MIT */
/*
 * template.h - templates: {{name}} is replaced by a value of the job
 *
 * A template NAME is up to three files of one folder: NAME.subject, NAME.text
 * and NAME.html.  The place of {{name}} decides how a value is written:
 *
 *	.subject	unchanged; a control character is refused
 *	.text		unchanged
 *	.html		& < > " ' become entities; in href="…" and src="…" a
 *			value at the start of the URL must be http:, https:,
 *			mailto: or cid:, a later one is percent-encoded
 *	{{{name}}}	unchanged; in HTML the template's author must know that
 *			the value is safe
 *
 * Values are strings, numbers and booleans.
 */
#ifndef JOBS_EMAIL_TEMPLATE_H
#define JOBS_EMAIL_TEMPLATE_H

#include "jobs/email/disposition.h"

enum { EMAIL_TEMPLATE_MAX = 1024 * 1024 }; /* bytes of a file, of its result */

enum email_context { EMAIL_SUBJECT, EMAIL_TEXT, EMAIL_HTML };

struct json_t;

const char *email_context_name(enum email_context);

/*
 * Writes the text of one file of template `name` to `*to` (malloc), or leaves
 * `*to` as it is if the template has no such file.  `name` may be any text: a
 * name that would leave the folder is refused.  0 or an error with email_why
 * set.
 */
int email_template(const char *folder, const char *name, enum email_context,
	const struct json_t *values, char **to, struct email_why *)
	__attribute__((warn_unused_result));

/* The same from a text; `name` appears in errors. */
int email_template_text(const char *text, const char *name, enum email_context,
	const struct json_t *values, char **to, struct email_why *)
	__attribute__((warn_unused_result));

#endif
