/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the body of an email job, its template among them: what goes
 * out has a header of lines that are ours, no NUL, no bare CR or LF, and the
 * size that was told before.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "jobs/email/mime.h"
#include "jobs/email/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
must(int ok)
{
	if (!ok)
		abort();
}

/* Whether a field of that name may be in a message of ours. */
static int
is_ours(const char *p, size_t len)
{
	static const char *const names[] = {"Date", "From", "To", "Cc",
		"Reply-To", "Message-ID", "Subject", "List-Unsubscribe",
		"List-Unsubscribe-Post", "MIME-Version", "Content-Type",
		"Content-Transfer-Encoding", "Content-Disposition",
		"Content-ID"};

	for (size_t i = 0; i < sizeof(names) / sizeof(char *); i++)
		if (strlen(names[i]) == len && memcmp(p, names[i], len) == 0)
			return 1;
	return 0;
}

/* Each of ours at most once, and those of the job as often as it has them. */
static void
header_check(const char *p, size_t len, const struct email *e)
{
	size_t lines = 0, own = 0, end;

	for (const char *to = p + len; p < to; p += end) {
		const char *lf = memchr(p, '\n', (size_t)(to - p)), *colon;

		end = lf != NULL ? (size_t)(lf - p) + 1 : 0;
		must(end >= 2 && p[end - 2] == '\r');
		must(end <= 1000 && memchr(p, '\r', end - 2) == NULL &&
			memchr(p, '\0', end) == NULL);
		if (p[0] == ' ')
			continue;
		colon = memchr(p, ':', end);
		must(colon != NULL);
		if (is_ours(p, (size_t)(colon - p)))
			lines++;
		else
			own++;
	}
	must(own == e->fields_n);
	must(lines >= 7 && lines <= 14);
}

static void
message_check(const struct email *e)
{
	static struct email_mail m;
	static struct email_source s;
	const struct email_options order = {
		.id = "0190163d-8694-739b-aea5-966c26f8ad91",
		.host = e->from.text + e->from.host,
		.max = 1 << 30};
	struct email_why why;
	char buf[997], last = '\n';
	int64_t size = 0;
	ssize_t n;

	if (email_mail_init(&m, e, &order, &why) == 0) {
		header_check(m.head, m.head_len, e);
		email_source_init(&s, &m, 0, &why);
		while ((n = email_source_read(&s, buf, sizeof(buf))) > 0) {
			for (ssize_t i = 0; i < n; last = buf[i++]) {
				must(buf[i] != '\0');
				must((last == '\r') == (buf[i] == '\n'));
				must(e->utf8 || (buf[i] & 0x80) == 0);
			}
			size += n;
		}
		must(n == 0 && last == '\n' && size == email_mail_size(&m));
		email_source_fini(&s);
	}
	email_mail_fini(&m);
}

/* The texts once more, as templates. */
static void
templates_check(const struct email *e)
{
	const char *texts[] = {e->subject, e->text, e->html};
	struct email_why why;
	char *to;

	for (size_t i = 0; i < 3; i++) {
		to = NULL;
		if (texts[i] != NULL &&
			email_template_text(texts[i], "t",
				(enum email_context)i, e->json, &to, &why) == 0)
			must(to != NULL);
		free(to);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct email e;
	struct email_why why = {.text = ""};
	uint8_t *copy = malloc(len); /* so that an over-read is seen */

	must(copy != NULL || len == 0);
	if (len > 0)
		memcpy(copy, data, len);
	if (email_read(&e, bytes_of(copy, len), "A <a@example.org>", NULL,
		    &why) == 0) {
		message_check(&e);
		templates_check(&e);
	} else {
		must(why.text[0] != '\0');
	}
	email_free(&e);
	free(copy);
	return 0;
}
