/* SPDX-License-Identifier: MIT */
#include "front/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
access_open(struct access_log *a, const char *path)
{
	*a = (struct access_log){0};
	if (path == NULL)
		return 0;
	a->path = strdup(path);
	if (a->path == NULL)
		return -ENOMEM;
	a->f = strcmp(path, "-") == 0 ? stdout : fopen(path, "ae");
	return a->f == NULL ? -errno : 0;
}

void
access_close(struct access_log *a)
{
	if (a->f != NULL && a->f != stdout)
		fclose(a->f);
	free(a->path);
	*a = (struct access_log){0};
}

void
access_reopen(struct access_log *a)
{
	FILE *f;

	if (a->f == NULL || a->f == stdout)
		return;
	f = fopen(a->path, "ae");
	if (f == NULL)
		return; /* the old one is better than none */
	fclose(a->f);
	a->f = f;
}

static void
text_write(FILE *f, const char *s)
{
	if (s == NULL || *s == '\0')
		s = "-";
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			fprintf(f, "\\x%02X", c);
		else
			putc_unlocked(c, f);
	}
}

static const char *
stamp_now(struct access_log *a)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now != a->at && localtime_r(&now, &tm) != NULL) {
		strftime(a->stamp, sizeof(a->stamp), "%d/%b/%Y:%H:%M:%S %z",
			&tm);
		a->at = now;
	}
	return a->stamp;
}

static void
request_write(FILE *f, const struct access_line *l)
{
	if (l->method == NULL) {
		putc_unlocked('-', f);
		return;
	}
	fprintf(f, "%s ", l->method);
	text_write(f, l->target);
	fprintf(f, " %s", l->version);
}

void
access_write(struct access_log *a, const struct access_line *l)
{
	if (a->f == NULL)
		return;
	fprintf(a->f, "%s - - [%s] \"", l->client, stamp_now(a));
	request_write(a->f, l);
	fprintf(a->f, "\" %d %zu \"", l->status, l->bytes);
	text_write(a->f, l->referer);
	fputs("\" \"", a->f);
	text_write(a->f, l->agent);
	fputs("\"\n", a->f);
}

void
access_flush(struct access_log *a)
{
	if (a->f != NULL)
		fflush(a->f);
}
