/* SPDX-License-Identifier: MIT */
/*
 * email_mime.h - a mail as the bytes that go over the wire
 *
 * Composed into memory but for the attachments: these are opened, checked for
 * their size, and read and encoded each time somebody reads the message.  So
 * a mail costs the memory of its texts, and can be read twice (to be signed,
 * to be sent).  All lines are 7-bit and end with CR LF, the headers alone may
 * have UTF-8 in addresses (email.utf8).
 */
#ifndef JOBS_EMAIL_MIME_H
#define JOBS_EMAIL_MIME_H

#include "jobs/email/code.h"
#include "jobs/email/read.h"

enum {
	EMAIL_PIECES = 2 * EMAIL_FILES_MAX + 1,
	EMAIL_ID_MAX = SW_ID_TEXT + EMAIL_ADDRESS_MAX + 4,
	EMAIL_CHUNK_LINES = 1024, /* of base64 that are made at a time */
};

/* Where attachments are. */
struct email_store {
	struct blobs *blobs; /* NULL: there is no store */
	const char *own;     /* the path of the job's own blob, or NULL */
};

/* From here to there in `body`, or a file. */
struct email_piece {
	size_t from, to;
	const struct email_file *file; /* NULL: memory */
	int64_t size;		       /* of the file */
};

struct email_mail {
	char *head; /* without the empty line at its end */
	char *body;
	size_t head_len, body_len;
	struct email_piece pieces[EMAIL_PIECES];
	size_t pieces_n;
	struct email_store store;
	char id[EMAIL_ID_MAX]; /* the Message-ID with its < > */
	char sign[2048];       /* a header to go before the others, or "" */
};

/* What else a mail is made of. */
struct email_options {
	struct email_store store;
	struct sw_id id;
	const char *host; /* ends the Message-ID */
	int64_t at_s;	  /* its date */
	int64_t max;	  /* the most bytes it may become */
};

/*
 * Composes; `e` and what the store points to are borrowed.  0 or an error;
 * call email_mail_fini in either case.
 */
int email_mail_init(struct email_mail *, const struct email *,
	const struct email_options *, struct email_why *)
	__attribute__((warn_unused_result));
void email_mail_fini(struct email_mail *);

int64_t email_mail_size(const struct email_mail *);

/* A reader of the message, or of its body alone. */
struct email_source {
	const struct email_mail *m;
	size_t part, at, piece;
	struct blob_get *get;
	int fd;	      /* of the job's own blob, -1 */
	int64_t left; /* of the file at hand */
	size_t line_n, line_at;
	char raw[EMAIL_CHUNK_LINES * EMAIL_B64_IN];
	char lines[EMAIL_CHUNK_LINES * EMAIL_B64_OUT];
	struct email_why *why;
};

void email_source_init(struct email_source *, const struct email_mail *,
	int body_only, struct email_why *);
/* At most `cap` bytes; 0 at the end, or an error with `why` filled. */
ssize_t email_source_read(struct email_source *, void *, size_t cap);
void email_source_fini(struct email_source *);

#endif
