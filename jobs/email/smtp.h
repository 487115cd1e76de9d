/* SPDX-License-Identifier: MIT */
/*
 * email_smtp.h - the conversation with the mail server, through libcurl
 *
 * The connection stays from mail to mail.  One that the server has closed
 * meanwhile is made anew, once, if nothing of the message had been sent.
 */
#ifndef JOBS_EMAIL_SMTP_H
#define JOBS_EMAIL_SMTP_H

#include "jobs/email/disposition.h"
#include "jobs/email/mime.h"

enum email_tls { EMAIL_TLS_STARTTLS, EMAIL_TLS_TLS, EMAIL_TLS_NONE };

/* As configured; all borrowed. */
struct email_server {
	const char *name; /* host, host:port */
	enum email_tls tls;
	const char *user, *password; /* NULL: none */
	const char *ca_file;	     /* NULL: the system's */
	const char *hello;	     /* NULL: this host's name */
	int64_t connect_ms;
};

struct email_smtp {
	void *curl;
	char error[256];
	/* Of the conversation at hand. */
	enum email_stage stage;
	int code, multi, quit;
	char reply[EMAIL_REPLY_MAX];
	int server_utf8; /* the server, as it said last */
	int needs_utf8;	 /* the mail */
	int read_err;	 /* of the source: not the server's doing */
	struct email_source *source;
};

/* What goes on the envelope. */
struct email_envelope {
	const struct email_address *from, *to;
	int own_sender, utf8;
	int64_t size, timeout_ms;
};

/*
 * Sends what `source` reads.  0: the server has taken it over, its words are
 * in link->reply.  All zero is a new link.
 */
int email_smtp_send(struct email_smtp *, const struct email_server *,
	const struct email_envelope *, const struct email_mail *,
	struct email_source *, struct email_why *)
	__attribute__((warn_unused_result));
void email_smtp_close(struct email_smtp *);

#endif
