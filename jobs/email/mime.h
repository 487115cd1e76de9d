/* SPDX-License-Identifier: MIT */
/*
 * mime.h - composes a mail, and reads the bytes to send
 *
 * email_mail_init() composes header and texts in memory and learns the sizes of
 * the attachments.  A source reads and encodes attachments each time it reads
 * the message: a mail costs the memory of its texts, and can be read twice, for
 * the signature and for the server.  All lines are 7-bit and end with CR LF;
 * only addresses in the header may have UTF-8 (email.utf8).
 */
#ifndef JOBS_EMAIL_MIME_H
#define JOBS_EMAIL_MIME_H

#include "jobs/email/code.h"
#include "jobs/email/read.h"
#include "wire/limits.h"

enum {
	EMAIL_PIECES = 2 * EMAIL_FILES_MAX + 1,
	EMAIL_ID_MAX = SW_ID_TEXT + EMAIL_ADDRESS_MAX + 4,
	EMAIL_CHUNK_LINES = 1024, /* lines of base64 encoded at a time */
};

/* The places of attachments. */
struct email_store {
	struct blobs *blobs; /* NULL: there is no store */
	const char *own;     /* the path of the job's own blob, or NULL */
};

/* A piece of the message: a range of `body`, or a file. */
struct email_piece {
	size_t from, to;
	const struct email_file *file; /* NULL: a range of `body` */
	int64_t size;		       /* bytes of the file */
};

struct email_mail {
	char *head; /* without the empty line at its end */
	char *body;
	size_t head_len, body_len;
	struct email_piece pieces[EMAIL_PIECES];
	size_t pieces_n;
	struct email_store store;
	char id[EMAIL_ID_MAX]; /* the Message-ID with its < > */
	char sign[2048];       /* the DKIM-Signature field, or "" */
};

/* The parameters of a mail that do not come from the job's body. */
struct email_options {
	struct email_store store;
	const char *id;	  /* the job's, a UUID */
	const char *host; /* the part of the Message-ID after the @ */
	int64_t at_s;	  /* the Date, Unix time */
	int64_t max;	  /* largest size of the encoded mail in bytes */
};

/*
 * Composes a mail.  The mail borrows `e` and the pointers in the store.  0 or
 * an error with `why` set; the caller calls email_mail_fini() in either case.
 */
int email_mail_init(struct email_mail *, const struct email *,
	const struct email_options *, struct email_why *)
	__attribute__((warn_unused_result));
void email_mail_fini(struct email_mail *);

/* Bytes of the whole message with its signature. */
int64_t email_mail_size(const struct email_mail *);

/* A reader of the message, or of its body alone (source.c). */
struct email_source {
	const struct email_mail *m;
	size_t part, at, piece;
	struct blob_get *get;
	int fd;	      /* the job's own blob, or -1 */
	int64_t left; /* unread bytes of the current file */
	size_t line_n, line_at;
	char raw[EMAIL_CHUNK_LINES * EMAIL_B64_IN];
	char lines[EMAIL_CHUNK_LINES * EMAIL_B64_OUT];
	struct email_why *why;
};

void email_source_init(struct email_source *, const struct email_mail *,
	int body_only, struct email_why *);
/* Reads at most `cap` bytes; 0 at the end, or an error with `why` set. */
ssize_t email_source_read(struct email_source *, void *, size_t cap);
void email_source_fini(struct email_source *);

#endif
