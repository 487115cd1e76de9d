/* SPDX-License-Identifier: MIT */
#include "complaint.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

enum { LINES = 2, LINE_MAX_LEN = 300 };

/*
 * Exit codes do not tell a full disk from a broken film.  These were seen on
 * stderr; the first that is found counts, so the machine's troubles, which
 * often end in "Invalid data" too, come first.
 */
static const struct {
	const char *said;
	int final;
} table[] = {
	{"No space left on device", 0},
	{"Disk quota exceeded", 0},
	{"Cannot allocate memory", 0},
	{"Resource temporarily unavailable", 0},
	{"Input/output error", 0},
	{"error while loading shared libraries", 0},
	{"Unknown encoder", 0}, /* of this machine's ffmpeg */
	{"Unrecognized option", 0},
	{"File too large", 1},
	{"Invalid data found", 1},
	{"moov atom not found", 1},
	{"not on whitelist", 1},
	{"not on list", 1},
	{"does not contain any stream", 1},
	{"matches no streams", 1},
	{"Conversion failed", 1},
	{"End of file", 1},
	{"Invalid argument", 1},
	{"Error while decoding", 1},
	{"Picture size", 1},
};

static int
is_final(const char *said)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strstr(said, table[i].said) != NULL)
			return table[i].final;
	return 0;
}

/* Without "[mov,mp4 @ 0x55d0]" and "file:/path: ", which tell nobody. */
static struct bytes
line_trim(struct bytes line, const char *input)
{
	const char *p = line.p, *end = p + line.len, *at;
	size_t len = strlen(input);

	if (line.len > 0 && *p == '[' &&
		(at = memchr(p, ']', line.len)) != NULL)
		p = at + 1;
	while (p < end && *p == ' ')
		p++;
	at = len > 0 ? memmem(p, (size_t)(end - p), input, len) : NULL;
	if (at != NULL && at - p <= 6) {
		p = at + len;
		while (p < end && (*p == ':' || *p == ' '))
			p++;
	}
	return bytes_of(p, (size_t)(end - p));
}

/* The last lines of `said`, the last one first; how many. */
static int
lines_last(const struct tool *t, const char *input, struct bytes lines[LINES])
{
	size_t end = t->said_len;
	int n = 0;

	while (n < LINES && end > 0) {
		size_t at = end;

		while (at > 0 && t->said[at - 1] != '\n')
			at--;
		lines[n] = line_trim(
			bytes_of(t->said + at, end - at), input);
		if (lines[n].len > 0 &&
			(n == 0 || !bytes_eq(lines[n], lines[0])))
			n++;
		end = at > 0 ? at - 1 : 0;
	}
	return n;
}

static void
said_print(FILE *f, const struct tool *t, const char *input)
{
	struct bytes lines[LINES];
	int n = lines_last(t, input, lines);

	if (n == 0)
		(void)fprintf(f, "exit %d, and not a word", t->code);
	if (n > 0)
		(void)text_print(f, lines[0], LINE_MAX_LEN);
	if (n < 2)
		return;
	(void)fputs(" (", f);
	(void)text_print(f, lines[1], LINE_MAX_LEN);
	(void)fputs(")", f);
}

int
complaint_write(const struct tool *t, const char *input, char why[COMPLAINT])
{
	static const struct {
		const char *text;
		int final;
	} ends[] = {
		[TOOL_KILLED] = {NULL, 0},
		[TOOL_CPU] = {"it used up its CPU time ('cpu')", 1},
		[TOOL_FILE] = {"a file grew beyond max_output", 1},
		[TOOL_DISK] = {"its files grew beyond disk", 1},
		[TOOL_REFUSED] = {"it has too much to say of its streams", 1},
	};
	FILE *f = fmemopen(why, COMPLAINT, "w");
	int final = 0;

	why[0] = '\0';
	if (f == NULL)
		return 0;
	if (t->end == TOOL_EXITED) {
		said_print(f, t, input);
		final = is_final(t->said);
	} else if (t->end == TOOL_KILLED) {
		(void)fprintf(f, "it was killed by signal %d (%s)", t->code,
			strsignal(t->code));
	} else {
		(void)fputs(ends[t->end].text, f);
		final = ends[t->end].final;
	}
	(void)fclose(f);
	why[COMPLAINT - 1] = '\0';
	return final;
}
