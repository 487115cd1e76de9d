/* SPDX-License-Identifier: MIT */
/*
 * email_template.h - templates: {{name}} stands for a value of the job
 *
 * NAME.subject, NAME.text and NAME.html in one folder, each of which may be
 * missing.  What a value may do depends on where it stands:
 *
 *	.subject	text; a control character is refused
 *	.text		text
 *	.html		& < > " ' become entities; in href="…" and src="…" a
 *			value that begins the address must be http:, https:,
 *			mailto: or cid:, any other is percent-encoded
 *	{{{x}}}		as it is; in HTML whoever writes that answers for it
 *
 * Values are strings, numbers and booleans.
 */
#ifndef JOBS_EMAIL_TEMPLATE_H
#define JOBS_EMAIL_TEMPLATE_H

#include "jobs/email/disposition.h"

enum { EMAIL_TEMPLATE_MAX = 1024 * 1024 }; /* of a file, and when filled */

enum email_context { EMAIL_SUBJECT, EMAIL_TEXT, EMAIL_HTML };

struct json_t;

const char *email_context_name(enum email_context);

/*
 * Fills in `*to`, on the heap, or leaves it NULL where there is no such file.
 * 0 or an error; `name` may be anything: it does not leave the folder.
 */
int email_template(const char *folder, const char *name, enum email_context,
	const struct json_t *values, char **to, struct email_why *)
	__attribute__((warn_unused_result));

/* The same from a text; `name` is for messages. */
int email_template_text(const char *text, const char *name, enum email_context,
	const struct json_t *values, char **to, struct email_why *)
	__attribute__((warn_unused_result));

#endif
