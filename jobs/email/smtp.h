/* SPDX-License-Identifier: MIT */
/*
 * smtp.h - sends mails to the mail server, through libcurl
 *
 * The connection stays open from mail to mail.  If the server has closed it
 * meanwhile, email_smtp_send() connects once more, provided that nothing of the
 * message was sent.
 */
#ifndef JOBS_EMAIL_SMTP_H
#define JOBS_EMAIL_SMTP_H

#include "jobs/email/disposition.h"
#include "jobs/email/mime.h"

enum email_tls { EMAIL_TLS_STARTTLS, EMAIL_TLS_TLS, EMAIL_TLS_NONE };

/* The server's settings; all borrowed. */
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
	/* Of the current session. */
	enum email_stage stage;
	int code, multi, quit;
	char reply[EMAIL_REPLY_MAX];
	int server_utf8; /* the last EHLO reply lists SMTPUTF8 */
	int needs_utf8;	 /* an address of the mail needs SMTPUTF8 */
	int read_err;	 /* the error of the source, not of the server */
	struct email_source *source;
};

/* The SMTP envelope: MAIL FROM, RCPT TO and their parameters. */
struct email_envelope {
	const struct email_address *from, *to;
	int own_sender, utf8;
	int64_t size, timeout_ms;
};

/*
 * Sends a mail, read through `source`.  0: the server has accepted the mail,
 * and its reply is in smtp->reply; else an error with `why` set.  A new struct
 * email_smtp is all zero.
 */
int email_smtp_send(struct email_smtp *, const struct email_server *,
	const struct email_envelope *, const struct email_mail *,
	struct email_source *, struct email_why *)
	__attribute__((warn_unused_result));
void email_smtp_close(struct email_smtp *);

#endif
