/* SPDX-License-Identifier: MIT */
#include "jobs/email/why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

static void
say(struct email_why *why, enum job_verdict verdict, int alarm, const char *fmt,
	va_list ap)
{
	*why = (struct email_why){.verdict = verdict, .alarm = alarm};
	(void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
}

int
email_refuse(struct email_why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(why, JOB_FAIL, 0, fmt, ap);
	va_end(ap);
	return SW_EINVAL;
}

int
email_later(struct email_why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(why, JOB_RETRY, 0, fmt, ap);
	va_end(ap);
	return -EAGAIN;
}

int
email_alarm(struct email_why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(why, JOB_RETRY, 1, fmt, ap);
	va_end(ap);
	return -EAGAIN;
}
