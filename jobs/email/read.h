/* SPDX-License-Identifier: MIT */
/*
 * email_read.h - a job's body: one JSON object that describes a mail
 *
 * docs/email.md lists the keys.  What is not listed there is refused, so that
 * a slip of the pen does not go out as a mail that lacks something.  After
 * email_read() all that goes into a header is UTF-8 without control
 * characters.
 */
#ifndef JOBS_EMAIL_READ_H
#define JOBS_EMAIL_READ_H

#include "blob/blob.h"
#include "jobs/email/address.h"
#include "jobs/email/disposition.h"

enum {
	EMAIL_TO_MAX = 50, /* addresses in to, in cc */
	EMAIL_FILES_MAX = 32,
	EMAIL_FIELDS_MAX = 32, /* headers of the job's own */
	EMAIL_LINKS_MAX = 4,   /* to unsubscribe */
};

struct json_t;

/* One of: a blob of its own, a text in the body, or the job's own blob. */
struct email_file {
	const char *name, *type, *cid; /* NULL: none; type never is */
	const char *content;
	int has_ref;
	struct blob_ref ref;
};

struct email_field {
	const char *name, *value;
};

/* Texts are borrowed from `json` or owned by `made`. */
struct email {
	struct email_address from, reply_to, recipient;
	struct email_address to[EMAIL_TO_MAX], cc[EMAIL_TO_MAX];
	size_t to_n, cc_n;
	const char *subject, *text, *html; /* subject never is NULL */
	struct email_file files[EMAIL_FILES_MAX];
	size_t files_n;
	struct email_field fields[EMAIL_FIELDS_MAX];
	size_t fields_n;
	const char *links[EMAIL_LINKS_MAX];
	size_t links_n;
	const char *template;
	const struct json_t *values;
	int has_from, has_reply_to, has_recipient, utf8;
	struct json_t *json;
	char *made[3];
};

/*
 * `from` stands in for what the job does not say, `templates` is their folder;
 * NULL: none.  0 or an error; call email_free in either case.
 */
int email_read(struct email *, struct bytes json, const char *from,
	const char *templates, struct email_why *)
	__attribute__((warn_unused_result));
void email_free(struct email *);

#endif
