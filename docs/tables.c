/* SPDX-License-Identifier: MIT */
/*
 * protocol-tables: the tables of docs/protocol.md, out of the lists that the
 * programs are made of.
 *
 *	protocol-tables			prints them
 *	protocol-tables update FILE	puts them between FILE's two marks
 *	protocol-tables check FILE	fails unless they stand there already
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/field.h"
#include "wire/proto.h"
#include "wire/setting.h"

#define MARK_BEGIN "<!-- tables:begin -->\n"
#define MARK_END   "<!-- tables:end -->\n"

static void
operations_print(FILE *f)
{
	static const char *const also[SW_REPLY] = {
		[SW_OP_JOBS] = "broker to worker, unasked",
		[SW_OP_STOP] = "broker to worker, unasked",
		[SW_OP_WANT] = "no reply",
		[SW_OP_ERROR] = "only as a reply, 255",
	};

	fputs("\n### Operations\n\n| number | name | |\n|---|---|---|\n", f);
#define X(sym, num, name)                                                      \
	fprintf(f, "| %d | %s | %s |\n", num, name,                            \
		also[num] != NULL ? also[num] : "");
	SW_OP_MAP(X)
#undef X
}

static const char *
symbol_of(int tag)
{
	static const char *const symbols[SW_TAGS] = {
#define X(sym, tag, name, type, many, longest, least, most, where)             \
	[tag] = &#sym[sizeof("SW_F_") - 1],
		SW_FIELD_MAP(X)
#undef X
	};

	return symbols[tag];
}

/* A bound of an int that has one; a bound that is none prints nothing. */
static void
bound_print(FILE *f, int64_t bound, int there)
{
	if (there)
		fprintf(f, " %lld |", (long long)bound);
	else
		fputs(" |", f);
}

static void
field_print(FILE *f, int tag)
{
	static const char *const types[] = {
		[SW_T_NONE] = "",
		[SW_T_INT] = "int",
		[SW_T_ID] = "id",
		[SW_T_TEXT] = "text",
		[SW_T_BYTES] = "bytes",
		[SW_T_ITEM] = "item",
	};
	static const char *const wheres[] = {
		[SW_PUT_NOT] = "",
		[SW_PUT_MAY] = "may",
		[SW_PUT_MUST] = "must",
	};
	const struct sw_field_rule *r = &sw_field_rules[tag];

	fprintf(f, "| %d | %s | %s | %s | %u |", tag, symbol_of(tag), r->name,
		types[r->type], r->longest);
	bound_print(f, r->least, r->most > r->least && r->least != INT64_MIN);
	bound_print(f, r->most, r->most > r->least && r->most != INT64_MAX);
	fprintf(f, "%s |%s%s |\n", r->many ? " many" : "",
		r->where == SW_PUT_NOT ? "" : " ", wheres[r->where]);
}

static void
fields_print(FILE *f)
{
	fputs("\n### Fields\n\n"
	      "The name is the one in JSON and in errors. *Longest* is in "
	      "bytes of one value and holds in every\nitem. *Least* and *most* "
	      "hold in a put and in a follow-up, where no other fields may "
	      "stand.\n\n"
	      "| tag | field | name | type | longest | least | most | "
	      "how often | in a put |\n"
	      "|---|---|---|---|---|---|---|---|---|\n",
		f);
	for (int tag = 0; tag < SW_TAGS; tag++)
		if (sw_field_rules[tag].name != NULL)
			field_print(f, tag);
}

#define ROW(sym, num, name) fprintf(f, "| %d | %s |\n", num, name);
#define WORDS_HEAD	    "\n\n| number | name |\n|---|---|\n"

static void
words_print(FILE *f)
{
	fputs("\n### States (STATE)" WORDS_HEAD, f);
	SW_STATE_MAP(ROW)
	fputs("\n### Outcomes (OUTCOME)" WORDS_HEAD, f);
	SW_OUTCOME_MAP(ROW)
	fputs("\n### Causes (CAUSE)" WORDS_HEAD, f);
	SW_CAUSE_MAP(ROW)
	fputs("\n### Events (KIND)" WORDS_HEAD, f);
	SW_EVENT_MAP(ROW)
}

static void
errors_print(FILE *f)
{
	fputs("\n### Errors (STATUS)\n\n| number | name | meaning "
	      "|\n|---|---|---|\n",
		f);
#define X(name, num, text) fprintf(f, "| %d | %s | %s |\n", num, #name, text);
	SW_ERR_MAP(X)
#undef X
}

static void
settings_print(FILE *f)
{
	char must[UNIT_WHY], def[UNIT_TEXT];

	fputs("\n### Queue settings (SETTING)\n\n"
	      "A duration takes us, ms, s, m, h, d (`1h30m`), a plain number "
	      "is in milliseconds; a\nsize k, m, g, t, p, powers of 1024; "
	      "a rate /s, /m, /h.\n\n"
	      "| name | must be | default | meaning |\n"
	      "|---|---|---|---|\n",
		f);
	for (int i = 0; i < SW_SETTINGS; i++) {
		const struct sw_setting_rule *r = &sw_setting_rules[i];

		fprintf(f, "| %s | %s | %s | %s |\n", r->name,
			unit_range_format(r->unit, r->min, r->max, must),
			unit_format(r->unit, r->def, def), r->text);
	}
	for (int i = 0; i < SW_TEXT_SETTINGS; i++)
		fprintf(f, "| %s | %s, or empty | | %s |\n",
			sw_text_rules[i].name,
			sw_text_must(sw_text_rules[i].kind),
			sw_text_rules[i].text);
	fputs("\n", f);
}

/* All tables as one string, to be freed; NULL: no memory. */
static char *
tables_make(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return NULL;
	operations_print(f);
	fields_print(f);
	words_print(f);
	errors_print(f);
	settings_print(f);
	return fclose(f) == 0 ? text : NULL;
}

/* The whole file with a NUL behind it, to be freed; NULL and errno. */
static char *
file_read(const char *path)
{
	char *text = NULL;
	size_t cap = 0;
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return NULL;
	if (getdelim(&text, &cap, '\0', f) < 0) {
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

static int
file_write(const char *path, const char *text, const char *begin,
	const char *tables, const char *end)
{
	FILE *f = fopen(path, "we");

	if (f == NULL)
		return -errno;
	fprintf(f, "%.*s%s%s", (int)(begin - text), text, tables, end);
	return fclose(f) == 0 ? 0 : -errno;
}

static int
file_treat(const char *path, int update, const char *tables)
{
	char *text = file_read(path), *begin, *end;
	int err = 0;

	if (text == NULL) {
		perror(path);
		return -1;
	}
	begin = strstr(text, MARK_BEGIN);
	end = strstr(text, MARK_END);
	if (begin == NULL || end == NULL || begin > end) {
		fprintf(stderr, "%s: the marks of the tables are missing\n",
			path);
		err = -1;
		goto out;
	}
	begin += strlen(MARK_BEGIN);
	if ((size_t)(end - begin) == strlen(tables) &&
		memcmp(begin, tables, strlen(tables)) == 0)
		goto out;
	if (!update) {
		fprintf(stderr,
			"%s: the tables are out of date: make "
			"protocol-tables\n",
			path);
		err = -1;
	} else if (file_write(path, text, begin, tables, end) < 0) {
		perror(path);
		err = -1;
	}
out:
	free(text);
	return err;
}

int
main(int argc, char **argv)
{
	char *tables = tables_make();
	int err = 0;

	if (tables == NULL) {
		perror("protocol-tables");
		return 1;
	}
	if (argc == 1)
		fputs(tables, stdout);
	else if (argc == 3 && strcmp(argv[1], "update") == 0)
		err = file_treat(argv[2], 1, tables);
	else if (argc == 3 && strcmp(argv[1], "check") == 0)
		err = file_treat(argv[2], 0, tables);
	else {
		fputs("usage: protocol-tables [update|check FILE]\n", stderr);
		err = -1;
	}
	free(tables);
	return err < 0 ? 1 : 0;
}
