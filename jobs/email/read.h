/* SPDX-License-Identifier: MIT */
/*
 * read.h - reads a job's body: one JSON object that describes a mail
 *
 * docs/email.md lists the keys.  Any other key is refused, so that no mail goes
 * out without a part whose key was misspelt.  After email_read() all text for
 * a header is UTF-8 without control characters.
 */
#ifndef JOBS_EMAIL_READ_H
#define JOBS_EMAIL_READ_H

#include "blob/blob.h"
#include "jobs/email/address.h"
#include "jobs/email/disposition.h"

enum {
	EMAIL_TO_MAX = 50, /* addresses in `to`, and in `cc` */
	EMAIL_FILES_MAX = 32,
	EMAIL_FIELDS_MAX = 32, /* header fields in `headers` */
	EMAIL_LINKS_MAX = 4,   /* links in `list_unsubscribe` */
};

struct json_t;

/*
 * An attachment: a blob (`has_ref`), a text in the body (`content`), or the
 * job's own blob.
 */
struct email_file {
	const char *name, *type, *cid; /* NULL: none; `type` is always set */
	const char *content;
	int has_ref;
	struct blob_ref ref;
};

struct email_field {
	const char *name, *value;
};

/* The texts belong to `json` or to `made`. */
struct email {
	struct email_address from, reply_to, recipient;
	struct email_address to[EMAIL_TO_MAX], cc[EMAIL_TO_MAX];
	size_t to_n, cc_n;
	const char *subject, *text, *html; /* `subject` is never NULL */
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
 * Reads `json`.  `from` is the default From, `templates` the folder of the
 * templates; either may be NULL.  0 or an error with email_why set; the caller
 * calls email_free() in either case.
 */
int email_read(struct email *, struct bytes json, const char *from,
	const char *templates, struct email_why *)
	__attribute__((warn_unused_result));
void email_free(struct email *);

#endif
