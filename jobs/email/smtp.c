/* SPDX-License-Identifier: MIT */
#include "jobs/email/smtp.h"

#include <curl/curl.h>

_Static_assert(CURL_ERROR_SIZE <= 256, "email_smtp.error");

/* --- libcurl's callbacks -------------------------------------------------- */

/* One line of the server's reply, which libcurl passes as a header. */
static size_t
line_take(char *p, size_t size, size_t n, void *arg)
{
	struct email_smtp *l = arg;
	size_t len = size * n, at;

	if (l->quit || len < 3)
		return len;
	at = l->multi ? strlen(l->reply) : 0;
	l->multi = len > 3 && p[3] == '-';
	l->code = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
	for (size_t i = at > 0 ? 3 : 0; i < len; i++)
		if (at + 1 < sizeof(l->reply) && (unsigned char)p[i] >= ' ')
			l->reply[at++] = p[i];
	l->reply[at] = '\0';
	if (l->stage == EMAIL_HELLO && len >= 12 &&
		strncasecmp(p + 4, "SMTPUTF8", 8) == 0)
		l->server_utf8 = 1;
	return len;
}

/* A command to the server: its first word tells the stage. */
static void
command_note(struct email_smtp *l, const char *p, size_t len)
{
	static const struct {
		const char *word;
		enum email_stage stage;
	} stages[] = {
		{"EHLO", EMAIL_HELLO},
		{"HELO", EMAIL_HELLO},
		{"STARTTLS", EMAIL_HELLO},
		{"AUTH", EMAIL_AUTH},
		{"MAIL", EMAIL_MAIL},
		{"RCPT", EMAIL_RCPT},
		{"DATA", EMAIL_DATA},
	};

	l->quit |= len >= 4 && strncmp(p, "QUIT", 4) == 0;
	if (l->quit)
		return;
	l->code = 0;
	l->reply[0] = '\0';
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		if (len > strlen(stages[i].word) &&
			strncmp(p, stages[i].word, strlen(stages[i].word)) == 0)
			l->stage = stages[i].stage;
	if (l->stage == EMAIL_HELLO)
		l->server_utf8 = 0;
}

/* The type of this function is libcurl's. */
static int /* NOLINTNEXTLINE(readability-non-const-parameter) */
debug_take(CURL *curl, curl_infotype type, char *p, size_t len, void *arg)
{
	(void)curl;
	if (type == CURLINFO_HEADER_OUT)
		command_note(arg, p, len);
	return 0;
}

static int
utf8_refuse(struct email_why *why)
{
	return email_refuse(why, "an address is not ASCII, and the mail server "
				 "does not support SMTPUTF8");
}

static size_t
message_read(char *to, size_t size, size_t n, void *arg)
{
	struct email_smtp *l = arg;
	ssize_t got;

	if (l->stage != EMAIL_SENT) {
		l->stage = EMAIL_SENT;
		l->code = 0;
		l->reply[0] = '\0';
	}
	if (l->needs_utf8 && !l->server_utf8) {
		l->read_err = utf8_refuse(l->source->why);
		return CURL_READFUNC_ABORT;
	}
	got = email_source_read(l->source, to, size * n);
	if (got < 0)
		l->read_err = (int)got;
	return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static size_t
body_ignore(char *p, size_t size, size_t n, void *arg)
{
	(void)p;
	(void)arg;
	return size * n;
}

/* --- options -------------------------------------------------------------- */

struct smtp_options {
	CURL *curl;
	CURLcode rc; /* the first that failed */
};

static void
set_text(struct smtp_options *s, CURLoption o, const char *text)
{
	if (s->rc == CURLE_OK)
		s->rc = curl_easy_setopt(s->curl, o, text);
}

static void
set_long(struct smtp_options *s, CURLoption o, long v)
{
	if (s->rc == CURLE_OK)
		s->rc = curl_easy_setopt(s->curl, o, v);
}

static void
set_server(struct smtp_options *s, const struct email_server *srv)
{
	static const long ports[] = {
		[EMAIL_TLS_STARTTLS] = 587,
		[EMAIL_TLS_TLS] = 465,
		[EMAIL_TLS_NONE] = 25,
	};
	char url[1024];

	(void)snprintf(url, sizeof(url), "%s://%s%s%s",
		srv->tls == EMAIL_TLS_TLS ? "smtps" : "smtp", srv->name,
		srv->hello != NULL ? "/" : "",
		srv->hello != NULL ? srv->hello : "");
	set_text(s, CURLOPT_URL, url);
	if (strrchr(srv->name, ':') == NULL ||
		srv->name[strlen(srv->name) - 1] == ']')
		set_long(s, CURLOPT_PORT, ports[srv->tls]);
	set_text(s, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	set_text(s, CURLOPT_PROXY, "");
	set_long(s, CURLOPT_USE_SSL,
		srv->tls == EMAIL_TLS_NONE ? CURLUSESSL_NONE : CURLUSESSL_ALL);
	set_long(s, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	if (srv->ca_file != NULL)
		set_text(s, CURLOPT_CAINFO, srv->ca_file);
	if (srv->user != NULL) {
		set_text(s, CURLOPT_USERNAME, srv->user);
		set_text(s, CURLOPT_PASSWORD, srv->password);
	}
	set_long(s, CURLOPT_CONNECTTIMEOUT_MS, (long)srv->connect_ms);
}

static CURLcode
set_all(struct email_smtp *l, const struct email_server *srv,
	const struct email_envelope *env, const struct curl_slist *to)
{
	struct smtp_options s = {.curl = l->curl};

	curl_easy_reset(l->curl); /* keeps the connection */
	set_server(&s, srv);
	set_text(&s, CURLOPT_MAIL_FROM, env->from->text);
	set_long(&s, CURLOPT_NOSIGNAL, 1);
	set_long(&s, CURLOPT_UPLOAD, 1);
	set_long(&s, CURLOPT_VERBOSE, 1); /* debug_take() needs it */
	set_long(&s, CURLOPT_TIMEOUT_MS, (long)env->timeout_ms);
	/* libcurl's default of two minutes is too short for the last reply. */
	set_long(&s, CURLOPT_SERVER_RESPONSE_TIMEOUT,
		(long)(env->timeout_ms / 1000 + 1));
	if (s.rc != CURLE_OK)
		return s.rc;
	(void)curl_easy_setopt(l->curl, CURLOPT_MAIL_RCPT, to);
	(void)curl_easy_setopt(
		l->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)env->size);
	(void)curl_easy_setopt(l->curl, CURLOPT_ERRORBUFFER, l->error);
	(void)curl_easy_setopt(l->curl, CURLOPT_DEBUGFUNCTION, debug_take);
	(void)curl_easy_setopt(l->curl, CURLOPT_DEBUGDATA, l);
	(void)curl_easy_setopt(l->curl, CURLOPT_HEADERFUNCTION, line_take);
	(void)curl_easy_setopt(l->curl, CURLOPT_HEADERDATA, l);
	(void)curl_easy_setopt(l->curl, CURLOPT_READFUNCTION, message_read);
	(void)curl_easy_setopt(l->curl, CURLOPT_READDATA, l);
	(void)curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, body_ignore);
	return CURLE_OK;
}

/* --- one mail ------------------------------------------------------------- */

static CURLcode
transfer(
	struct email_smtp *l, const struct email_mail *m, struct email_why *why)
{
	CURLcode rc;

	l->stage = EMAIL_CONNECT;
	l->code = l->multi = l->quit = l->read_err = 0;
	l->reply[0] = l->error[0] = '\0';
	email_source_init(l->source, m, 0, why);
	rc = curl_easy_perform(l->curl);
	email_source_fini(l->source);
	return rc;
}

/*
 * Whether a reused connection failed because the server had closed it, before
 * any byte of the message was sent.  A server that cannot be reached at all is
 * not tried twice, which would take twice as long.
 */
static int
is_stale(const struct email_smtp *l, CURLcode rc)
{
	int away = rc == CURLE_COULDNT_RESOLVE_HOST ||
		   rc == CURLE_COULDNT_CONNECT ||
		   rc == CURLE_OPERATION_TIMEDOUT;
	long made = 1;

	(void)curl_easy_getinfo(l->curl, CURLINFO_NUM_CONNECTS, &made);
	return rc != CURLE_OK && !away && made == 0 && l->stage < EMAIL_SENT &&
	       (l->code == 0 || l->code == 421);
}

/*
 * libcurl's error text, but for texts that contain a time: equal alarms must
 * have equal texts.
 */
static const char *
curl_problem(const struct email_smtp *l, CURLcode rc)
{
	int counts = rc == CURLE_OPERATION_TIMEDOUT ||
		     rc == CURLE_COULDNT_CONNECT;

	return counts || l->error[0] == '\0' ? curl_easy_strerror(rc)
					     : l->error;
}

static int
transfer_judge(const struct email_smtp *l, CURLcode rc,
	const struct email_server *srv, const struct email_envelope *env,
	struct email_why *why)
{
	struct email_end end = {
		.rc = (int)rc,
		.stage = l->stage,
		.code = l->code,
		.reply = l->reply,
		.problem = curl_problem(l, rc),
		.server = srv->name,
		.own_sender = env->own_sender,
	};

	int err = l->read_err < 0 ? l->read_err : email_judge(&end, why);

	/* A server without SMTPUTF8 may have refused the address for that. */
	if (err < 0 && why->disposition == JOB_FAIL && l->needs_utf8 &&
		!l->server_utf8)
		return utf8_refuse(why);
	return err;
}

int
email_smtp_send(struct email_smtp *l, const struct email_server *srv,
	const struct email_envelope *env, const struct email_mail *m,
	struct email_source *source, struct email_why *why)
{
	struct curl_slist *to = curl_slist_append(NULL, env->to->text);
	CURLcode rc;
	int err;

	if (l->curl == NULL)
		l->curl = curl_easy_init();
	if (l->curl == NULL || to == NULL) {
		err = email_later(why, "out of memory");
		goto out;
	}
	l->source = source;
	l->needs_utf8 = env->utf8;
	rc = set_all(l, srv, env, to);
	if (rc == CURLE_OK) {
		rc = transfer(l, m, why);
		if (is_stale(l, rc)) {
			(void)curl_easy_setopt(
				l->curl, CURLOPT_FRESH_CONNECT, 1L);
			rc = transfer(l, m, why);
		}
	}
	err = transfer_judge(l, rc, srv, env, why);
out:
	curl_slist_free_all(to);
	return err;
}

void
email_smtp_close(struct email_smtp *l)
{
	curl_easy_cleanup(l->curl);
	l->curl = NULL;
}
