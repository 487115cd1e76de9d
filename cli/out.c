/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/text.h"
#include "cli/out.h"
#include "wire/proto.h"

/* Control characters, and marks that turn the direction of text. */
static int
is_hostile(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e ||
	       c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void
escape(FILE *f, uint32_t c, enum out_style style)
{
	if (style == OUT_JSON || c >= 0x100)
		(void)fprintf(f, "\\u%04x", c);
	else if (c == '\n')
		(void)fputs("\\n", f);
	else if (c == '\t')
		(void)fputs("\\t", f);
	else if (c == '\r')
		(void)fputs("\\r", f);
	else
		(void)fprintf(f, "\\x%02x", c);
}

void
out_text(FILE *f, struct bytes b, enum out_style style)
{
	const uint8_t *p = b.p;
	uint32_t c;

	for (size_t i = 0; i < b.len;) {
		size_t n = text_utf8(p + i, b.len - i, &c);

		if (n == 0)
			escape(f, p[i], style);
		else if (is_hostile(c))
			escape(f, c, style);
		else
			(void)fwrite(p + i, 1, n, f);
		i += n == 0 ? 1 : n;
	}
}

void
out_lines(FILE *f, struct bytes b, const char *indent, int max)
{
	const char *p = b.p, *end = p + b.len, *nl;

	for (int n = 1; p < end; n++, p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		if (max > 0 && n > max) {
			(void)fprintf(f, "%s… %zu more bytes\n", indent,
				(size_t)(end - p));
			return;
		}
		(void)fputs(indent, f);
		out_text(f, bytes_of(p, (size_t)(nl - p)), OUT_LINE);
		(void)fputc('\n', f);
	}
}

void
out_colour(const struct cmd_out *o, enum out_colour c)
{
	static const char *const codes[] = {
		[OUT_PLAIN] = "\033[0m",
		[OUT_BOLD] = "\033[1m",
		[OUT_DIM] = "\033[2m",
		[OUT_RED] = "\033[31m",
		[OUT_GREEN] = "\033[32m",
		[OUT_YELLOW] = "\033[33m",
	};

	if (o->colour)
		(void)fputs(codes[c], o->f);
}

enum out_colour
out_state_colour(int state)
{
	static const enum out_colour colours[SW_STATES] = {
		[SW_DELAYED] = OUT_YELLOW,
		[SW_LEASED] = OUT_GREEN,
		[SW_DONE] = OUT_GREEN,
		[SW_DEAD] = OUT_RED,
		[SW_CANCELLED] = OUT_DIM,
	};

	return state > 0 && state < SW_STATES ? colours[state] : OUT_PLAIN;
}

void
out_init(struct cmd_out *o, FILE *f)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
	struct winsize ws;
	int fd = fileno(f);

	o->f = f;
	o->tty = fd >= 0 && isatty(fd);
	o->colour = o->tty && (no == NULL || no[0] == '\0') && term != NULL &&
		    strcmp(term, "dumb") != 0;
	o->width = 0;
	if (o->tty)
		o->width = ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0
				   ? ws.ws_col
				   : 80;
}

void
table_init(struct out_table *t, const char *const *heads, int n_cols)
{
	memset(t, 0, sizeof(*t));
	t->heads = heads;
	t->n_cols = n_cols;
	t->state_col = -1;
}

void
table_fini(struct out_table *t)
{
	for (size_t i = 0; i < t->n_rows; i++)
		free(t->cells[i]);
	free(t->cells);
	memset(t, 0, sizeof(*t));
}

/* Want of memory for a table ends the program. */
static void *
or_die(void *p)
{
	if (p == NULL) {
		(void)fputs("spillway: out of memory\n", stderr);
		exit(CMD_REFUSED);
	}
	return p;
}

void
table_bytes(struct out_table *t, struct bytes b)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = or_die(open_memstream(&text, &len));

	out_text(f, b, OUT_LINE);
	if (fclose(f) != 0)
		(void)or_die(NULL);
	if (t->n_rows == t->cap) {
		t->cap = t->cap == 0 ? 64 : t->cap * 2;
		t->cells = or_die(
			reallocarray(t->cells, t->cap, sizeof(char *)));
	}
	t->cells[t->n_rows++] = or_die(text);
}

void
table_text(struct out_table *t, const char *s)
{
	table_bytes(t, bytes_str(s));
}

/* Columns on the screen: bytes that begin a character of UTF-8. */
static int
columns(const char *s)
{
	int n = 0;

	for (; *s != '\0'; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

/* Prints the characters of `s` that fit `width`, without padding. */
static void
cut_print(FILE *f, const char *s, int width)
{
	int n = 0;

	for (; *s != '\0'; s++) {
		n += (*s & 0xc0) != 0x80;
		if (n > width)
			return;
		(void)fputc(*s, f);
	}
}

static void
cell_print(const struct cmd_out *o, const char *s, int width, int right)
{
	int pad = width - columns(s);

	if (right && pad > 0)
		(void)fprintf(o->f, "%*s", pad, "");
	(void)fputs(s, o->f);
	if (!right && pad > 0)
		(void)fprintf(o->f, "%*s", pad, "");
}

static void
row_print(const struct out_table *t, const struct cmd_out *o,
	const char *const *cells, const int *widths, int is_head)
{
	int used = 0;

	/* An empty last cell prints no trailing blanks. */
	for (int c = 0; c < t->n_cols; c++) {
		int right = t->heads[c][0] == '-', last = c + 1 == t->n_cols;
		const char *s = cells[c] + (is_head && right);
		enum out_colour colour =
			is_head ? OUT_BOLD
			: c == t->state_col
				? out_state_colour((int)sw_state_parse(s))
				: OUT_PLAIN;

		if (c > 0 && !(last && s[0] == '\0'))
			(void)fputs("  ", o->f);
		if (colour != OUT_PLAIN)
			out_colour(o, colour);
		if (!last || right)
			cell_print(o, s, widths[c], right);
		else if (o->width > used)
			cut_print(o->f, s, o->width - used);
		else
			(void)fputs(s, o->f);
		if (colour != OUT_PLAIN)
			out_colour(o, OUT_PLAIN);
		used += widths[c] + 2;
	}
	(void)fputc('\n', o->f);
}

void
table_print(const struct out_table *t, const struct cmd_out *o)
{
	size_t n_cols = (size_t)t->n_cols, rows = t->n_rows / n_cols;
	int widths[TABLE_COLS] = {0};

	for (size_t c = 0; c < n_cols; c++) {
		widths[c] = columns(t->heads[c]) - (t->heads[c][0] == '-');
		for (size_t r = 0; r < rows; r++) {
			int w = columns(t->cells[r * n_cols + c]);

			widths[c] = w > widths[c] ? w : widths[c];
		}
	}
	row_print(t, o, t->heads, widths, 1);
	for (size_t r = 0; r < rows; r++)
		row_print(t, o, (const char *const *)t->cells + r * n_cols,
			widths, 0);
}
