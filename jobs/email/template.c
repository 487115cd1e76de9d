/* SPDX-License-Identifier: MIT */
#include "jobs/email/template.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_LEN = 63, KEY_MAX = 63 };

static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

const char *
email_context_name(enum email_context c)
{
	static const char *const names[] = {
		[EMAIL_SUBJECT] = "subject",
		[EMAIL_TEXT] = "text",
		[EMAIL_HTML] = "html",
	};

	return names[c];
}

struct email_template {
	FILE *f;
	const char *text, *name;
	enum email_context context;
	const json_t *values;
	struct email_why *why;
};

/* --- escaping ------------------------------------------------------------ */

static void
html_put(FILE *f, const char *p)
{
	static const char *const entities[128] = {
		['&'] = "&amp;",
		['<'] = "&lt;",
		['>'] = "&gt;",
		['"'] = "&quot;",
		['\''] = "&#39;",
	};

	for (; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 128 && entities[c] != NULL)
			(void)fputs(entities[c], f);
		else
			(void)fputc(c, f);
	}
}

static void
percent_put(FILE *f, const char *p)
{
	for (; *p != '\0'; p++)
		if (strchr(name_chars, *p) != NULL || *p == '.' || *p == '~')
			(void)fputc(*p, f);
		else
			(void)fprintf(f, "%%%02X", (unsigned char)*p);
}

static const char *
blanks_back(const char *from, const char *p)
{
	while (p > from && strchr(" \t\r\n", p[-1]) != NULL)
		p--;
	return p;
}

/* Whether the text before `p` ends with the attribute `name` and '='. */
static int
attribute_ends(const char *from, const char *p, const char *name)
{
	size_t len = strlen(name);

	p = blanks_back(from, p);
	if (p == from || *--p != '=')
		return 0;
	p = blanks_back(from, p);
	return (size_t)(p - from) > len &&
	       strncasecmp(p - len, name, len) == 0 &&
	       strchr(" \t\r\n\"'/", p[-(ptrdiff_t)len - 1]) != NULL;
}

/*
 * The start of the URL that contains `at`: behind href=" or src=" with no
 * further quote between.  NULL: `at` is not in a URL.
 */
static const char *
address_begin(const char *from, const char *at)
{
	const char *p = at;

	while (p > from && strchr("\"'>", p[-1]) == NULL)
		p--;
	if (p == from || p[-1] == '>')
		return NULL;
	return attribute_ends(from, p - 1, "href") ||
			       attribute_ends(from, p - 1, "src")
		       ? p
		       : NULL;
}

static int
scheme_ok(const char *value)
{
	static const char *const schemes[] = {
		"https://", "http://", "mailto:", "cid:"};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(char *); i++)
		if (strncasecmp(value, schemes[i], strlen(schemes[i])) == 0)
			return 1;
	return 0;
}

static int
html_value(struct email_template *t, const char *at, const char *key,
	const char *value)
{
	const char *begin = address_begin(t->text, at);

	if (begin == NULL) {
		html_put(t->f, value);
		return 0;
	}
	if (begin != at) {
		percent_put(t->f, value);
		return 0;
	}
	if (!scheme_ok(value))
		return email_refuse(t->why,
			"template '%s' makes a link of '%s', which is no "
			"http:, https:, mailto: or cid: address",
			t->name, key);
	html_put(t->f, value);
	return 0;
}

/* --- values -------------------------------------------------------------- */

static const char *
value_text(const json_t *v, char number[32])
{
	double real = json_real_value(v);

	if (json_is_string(v))
		return json_string_value(v);
	if (json_is_boolean(v))
		return json_is_true(v) ? "true" : "false";
	if (!json_is_number(v))
		return NULL;
	if (json_is_integer(v))
		(void)snprintf(number, 32, "%" JSON_INTEGER_FORMAT,
			json_integer_value(v));
	else if (fabs(real) < 1e15 && trunc(real) == real)
		(void)snprintf(number, 32, "%.0f", real);
	else
		(void)snprintf(number, 32, "%.15g", real);
	return number;
}

static int
value_put(struct email_template *t, const char *at, const char *key, int raw)
{
	const json_t *v = json_object_get(t->values, key);
	const char *text;
	char number[32];

	if (v == NULL)
		return email_refuse(t->why, "template '%s' needs a value '%s'",
			t->name, key);
	text = value_text(v, number);
	if (text == NULL)
		return email_refuse(t->why,
			"value '%s' is no string, number or boolean", key);
	if (t->context == EMAIL_HTML && !raw)
		return html_value(t, at, key, text);
	(void)fputs(text, t->f);
	return 0;
}

static int
line_of(const char *text, const char *at)
{
	int line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

/* Writes the value of the {{name}} at `p`; `*after` is the text behind it. */
static int
mark_write(struct email_template *t, const char *p, const char **after)
{
	int raw = p[2] == '{';
	const char *from = p + (raw ? 3 : 2), *close = raw ? "}}}" : "}}";
	char key[KEY_MAX + 1];
	size_t len;

	from += strspn(from, " ");
	len = strspn(from, name_chars);
	if (len > 0 && len <= KEY_MAX) {
		memcpy(key, from, len);
		key[len] = '\0';
		from += len + strspn(from + len, " ");
		if (strncmp(from, close, strlen(close)) == 0) {
			*after = from + strlen(close);
			return value_put(t, p, key, raw);
		}
	}
	return email_alarm(t->why, "template '%s', %s: no {{name}} on line %d",
		t->name, email_context_name(t->context), line_of(t->text, p));
}

static int
text_write(struct email_template *t)
{
	const char *p = t->text, *mark;
	int err = 0;

	while (err == 0 && (mark = strstr(p, "{{")) != NULL) {
		(void)fwrite(p, 1, (size_t)(mark - p), t->f);
		err = mark_write(t, mark, &p);
		if (err == 0 && ftell(t->f) > EMAIL_TEMPLATE_MAX)
			err = email_refuse(t->why,
				"template '%s' becomes too large", t->name);
	}
	if (err == 0)
		(void)fputs(p, t->f);
	return err;
}

int
email_template_text(const char *text, const char *name,
	enum email_context context, const struct json_t *values, char **to,
	struct email_why *why)
{
	struct email_template t = {.text = text,
		.name = name,
		.context = context,
		.values = values,
		.why = why};
	char *made = NULL;
	size_t len;
	int err;

	t.f = open_memstream(&made, &len);
	if (t.f == NULL)
		return email_later(why, "out of memory");
	err = text_write(&t);
	if (fclose(t.f) != 0 && err == 0)
		err = email_later(why, "out of memory");
	if (err < 0)
		free(made);
	else
		*to = made;
	return err;
}

/* --- files --------------------------------------------------------------- */

/* The text of a file, or NULL with errno set; EFBIG: too large. */
static char *
file_text(int fd)
{
	struct stat st;
	char *text;
	ssize_t n;

	if (fstat(fd, &st) != 0)
		return NULL;
	if (!S_ISREG(st.st_mode) || st.st_size > EMAIL_TEMPLATE_MAX) {
		errno = EFBIG;
		return NULL;
	}
	text = malloc((size_t)st.st_size + 1);
	if (text == NULL)
		return NULL;
	n = pread(fd, text, (size_t)st.st_size, 0);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

int
email_template(const char *folder, const char *name, enum email_context context,
	const struct json_t *values, char **to, struct email_why *why)
{
	size_t len = strlen(name);
	char path[4096], *text;
	int fd, err;

	if (len == 0 || len > NAME_MAX_LEN ||
		name[strspn(name, name_chars)] != '\0')
		return email_refuse(why,
			"'template' is not a name of letters, digits, _ and -");
	if ((size_t)snprintf(path, sizeof(path), "%s/%s.%s", folder, name,
		    email_context_name(context)) >= sizeof(path))
		return email_alarm(
			why, "the path of the templates is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT && access(folder, X_OK) == 0)
		return 0;
	text = fd < 0 ? NULL : file_text(fd);
	if (text == NULL)
		err = email_alarm(why, "%s: %s", path, strerror(errno));
	else if (context == EMAIL_SUBJECT && (len = strlen(text)) > 0 &&
		 text[len - 1] == '\n')
		text[len - 1] = '\0';
	if (text != NULL)
		err = email_template_text(text, name, context, values, to, why);
	free(text);
	if (fd >= 0)
		close(fd);
	return err;
}
