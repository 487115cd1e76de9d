/* SPDX-License-Identifier: MIT */
#include "jobs/email/disposition.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

enum { HINT_MAX_MS = 24 * 3600 * 1000 };

static void
why_set(struct email_why *why, enum job_disposition disposition, int alarm,
	const char *fmt, va_list ap)
{
	*why = (struct email_why){.disposition = disposition, .alarm = alarm};
	(void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
}

int
email_refuse(struct email_why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	why_set(why, JOB_FAIL, 0, fmt, ap);
	va_end(ap);
	return SW_EINVAL;
}

int
email_later(struct email_why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	why_set(why, JOB_RETRY, 0, fmt, ap);
	va_end(ap);
	return -EAGAIN;
}

int
email_alarm(struct email_why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	why_set(why, JOB_RETRY, 1, fmt, ap);
	va_end(ap);
	return -EAGAIN;
}

/* --- hints --------------------------------------------------------------- */

static int64_t
unit_ms(const char *p)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{"s", 1000},
		{"sec", 1000},
		{"secs", 1000},
		{"second", 1000},
		{"seconds", 1000},
		{"m", 60000},
		{"min", 60000},
		{"mins", 60000},
		{"minute", 60000},
		{"minutes", 60000},
		{"h", 3600000},
		{"hour", 3600000},
		{"hours", 3600000},
	};
	size_t len = 0;

	p += *p == ' ';
	while (isalpha((unsigned char)p[len]))
		len++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == len &&
			strncasecmp(p, units[i].name, len) == 0)
			return units[i].ms;
	return 0;
}

/* At most `max` digits; -1: there is no such number. */
static int64_t
digits_take(const char **p, size_t max)
{
	size_t len = strspn(*p, "0123456789");
	int64_t n = 0;

	if (len == 0 || len > max)
		return -1;
	for (size_t i = 0; i < len; i++)
		n = n * 10 + ((*p)[i] - '0');
	*p += len;
	return n;
}

/* "00:04:59" or "300 seconds" */
static int64_t
time_ms(const char *p)
{
	int64_t n = digits_take(&p, 6), m, s;

	if (n < 0 || *p != ':')
		return n < 0 ? 0 : n * unit_ms(p);
	p++;
	m = digits_take(&p, 2);
	if (m < 0 || m > 59 || *p++ != ':')
		return 0;
	s = digits_take(&p, 2);
	return s < 0 || s > 59 ? 0 : ((n * 60 + m) * 60 + s) * 1000;
}

int64_t
email_hint_ms(const char *reply)
{
	static const char *const words[] = {" in ", " after ", " for "};
	int64_t ms;

	for (size_t i = 0; i < sizeof(words) / sizeof(char *); i++)
		for (const char *p = reply;
			(p = strcasestr(p, words[i])) != NULL;) {
			p += strlen(words[i]);
			ms = isdigit((unsigned char)*p) ? time_ms(p) : 0;
			if (ms >= 1000 && ms <= HINT_MAX_MS)
				return ms;
			p--; /* the next word may begin with this blank */
		}
	return 0;
}

/* --- dispositions -------------------------------------------------------- */

enum reply_kind { LATER = 1, ALARM, REFUSE, SENDER };

/* The first rule that matches decides. */
static const struct {
	enum email_stage from, to;
	int least, most;
	enum reply_kind kind;
} rules[] = {
	/* The server requires encryption or a password, or refused either. */
	{EMAIL_CONNECT, EMAIL_SENT, 530, 530, ALARM},
	{EMAIL_CONNECT, EMAIL_SENT, 534, 535, ALARM},
	{EMAIL_CONNECT, EMAIL_SENT, 538, 538, ALARM},
	{EMAIL_AUTH, EMAIL_AUTH, 400, 599, ALARM},
	{EMAIL_CONNECT, EMAIL_SENT, 400, 499, LATER},
	{EMAIL_CONNECT, EMAIL_HELLO, 500, 599, ALARM},
	{EMAIL_MAIL, EMAIL_MAIL, 552, 552, REFUSE}, /* too large */
	{EMAIL_MAIL, EMAIL_MAIL, 500, 599, SENDER},
	{EMAIL_RCPT, EMAIL_SENT, 500, 599, REFUSE},
};

/* Errors of the configuration or the network, whatever the mail is. */
static int
is_setup(int rc, enum email_stage stage)
{
	switch (rc) {
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_REMOTE_ACCESS_DENIED:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_USE_SSL_FAILED:
	case CURLE_LOGIN_DENIED:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return 1;
	case CURLE_OPERATION_TIMEDOUT:
		return stage < EMAIL_MAIL;
	default:
		return 0;
	}
}

static enum reply_kind
kind_of(const struct email_end *e)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (e->stage >= rules[i].from && e->stage <= rules[i].to &&
			e->code >= rules[i].least && e->code <= rules[i].most)
			return rules[i].kind;
	return is_setup(e->rc, e->stage) ? ALARM : LATER;
}

int
email_judge(const struct email_end *e, struct email_why *why)
{
	static const char *const stages[EMAIL_STAGES] = {
		[EMAIL_CONNECT] = "on connecting",
		[EMAIL_HELLO] = "on EHLO or STARTTLS",
		[EMAIL_AUTH] = "on AUTH",
		[EMAIL_MAIL] = "on MAIL FROM",
		[EMAIL_RCPT] = "on RCPT TO",
		[EMAIL_DATA] = "on DATA",
		[EMAIL_SENT] = "on the message",
	};
	const char *text = e->code >= 400 ? e->reply : e->problem;
	enum reply_kind kind;
	int err;

	if (e->rc == CURLE_OK)
		return 0;
	kind = kind_of(e);
	if (kind == SENDER)
		kind = e->own_sender ? REFUSE : ALARM;
	if (kind == REFUSE)
		return email_refuse(
			why, "%s %s: %s", e->server, stages[e->stage], text);
	if (kind == ALARM)
		return email_alarm(
			why, "%s %s: %s", e->server, stages[e->stage], text);
	err = email_later(why, "%s %s: %s", e->server, stages[e->stage], text);
	if (e->code >= 400)
		why->after_ms = email_hint_ms(e->reply);
	return err;
}
