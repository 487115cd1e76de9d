/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum sw_log_level level = SW_LOG_INFO;

struct log_line {
	char text[2048];
	size_t len;
};

void
sw_log_set(enum sw_log_level l)
{
	level = l;
}

/* Appends `n` bytes, cut so that a newline still fits. */
static void
line_add(struct log_line *l, const char *s, size_t n)
{
	size_t room = sizeof(l->text) - 1 - l->len;

	n = n < room ? n : room;
	memcpy(l->text + l->len, s, n);
	l->len += n;
}

static int
needs_quotes(const char *v)
{
	if (*v == '\0')
		return 1;
	for (; *v != '\0'; v++) {
		unsigned char c = (unsigned char)*v;

		if (c <= ' ' || c == 0x7f || strchr("\"=\\", c) != NULL)
			return 1;
	}
	return 0;
}

static void
line_add_value(struct log_line *l, const char *v)
{
	int quote = needs_quotes(v);

	if (quote)
		line_add(l, "\"", 1);
	for (; *v != '\0'; v++) {
		unsigned char c = (unsigned char)*v;
		char hex[8];

		if (c < 0x20 || c == 0x7f)
			line_add(l, hex,
				(size_t)snprintf(
					hex, sizeof(hex), "\\x%02x", c));
		else if (c == '"' || c == '\\')
			line_add(l, (char[]){'\\', (char)c}, 2);
		else
			line_add(l, v, 1);
	}
	if (quote)
		line_add(l, "\"", 1);
}

void
sw_log(enum sw_log_level lv, const char *event, ...)
{
	struct log_line l = {.len = 0};
	const char *key, *value;
	char prefix[24];
	va_list ap;

	if (lv > level)
		return;
	line_add(&l, prefix,
		(size_t)snprintf(prefix, sizeof(prefix), "<%d>ev=", (int)lv));
	line_add(&l, event, strlen(event));
	va_start(ap, event);
	while ((key = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		line_add(&l, " ", 1);
		line_add(&l, key, strlen(key));
		line_add(&l, "=", 1);
		line_add_value(&l, value != NULL ? value : "");
	}
	va_end(ap);
	l.text[l.len++] = '\n';
	if (write(STDERR_FILENO, l.text, l.len) < 0)
		return; /* there is no other place to report it */
}

const char *
sw_num(long long n)
{
	static char ring[16][24];
	static unsigned at;
	char *s = ring[at++ % 16];

	(void)snprintf(s, sizeof(ring[0]), "%lld", n);
	return s;
}
