/* SPDX-License-Identifier: MIT */
#include "base/manual.h"

#include <ctype.h>
#include <string.h>

enum { NAME_MAX_LEN = 64, COLUMN = 25, KEY_COLUMN = 18 };

const struct option_common option_commons[] = {
	{"check-config", "check the configuration and exit", 1},
	{"example", "print an example of the file and exit", 1},
	{"man", NULL, 1},
	{"help", "print this help and exit", 0},
	{"version", "print the version and exit", 0},
	{NULL, NULL, 0},
};

/* "map_size", "set.NAME" */
static char *
name_format(const struct config_key *k, char to[NAME_MAX_LEN])
{
	(void)snprintf(to, NAME_MAX_LEN, "%s%s", k->name,
		config_key_is_prefix(k) ? "NAME" : "");
	return to;
}

/* "map-size SIZE" of the key map_size; a flag is its name alone. */
static char *
option_format(const struct config_key *k, char to[NAME_MAX_LEN])
{
	size_t n = strlen(k->name), i;

	(void)snprintf(
		to, NAME_MAX_LEN, "%s %s", k->name, config_type_name(k->type));
	for (i = 0; i < n && i < NAME_MAX_LEN; i++)
		if (to[i] == '_')
			to[i] = '-';
	if (k->type == CONFIG_FLAG)
		to[n] = '\0';
	for (; to[i] != '\0'; i++)
		to[i] = (char)toupper((unsigned char)to[i]);
	return to;
}

/* "number, 1 to 1000", "a size, at least 1k", "file" */
static char *
range_format(const struct config_key *k, char to[UNIT_WHY])
{
	int type = k->type & ~CONFIG_MANY;

	if (type < CONFIG_TEXT)
		return unit_range_format((enum unit)type, k->min, k->max, to);
	(void)snprintf(to, UNIT_WHY, "a%s %s",
		type == CONFIG_ADDRESS || type == CONFIG_ENDPOINT ? "n" : "",
		config_type_name(type));
	return to;
}

/* The default in the largest units, or "" where there is none. */
static const char *
default_format(const struct config_key *k, char to[UNIT_TEXT])
{
	enum unit unit = (enum unit)(k->type & ~CONFIG_MANY);
	int64_t v;

	if (k->def == NULL || (int)unit >= CONFIG_TEXT ||
		unit_parse(unit, k->def, &v) < 0)
		return k->def != NULL ? k->def : "";
	return unit_format(unit, v, to);
}

/* --- help ----------------------------------------------------------------- */

static void
option_print(FILE *f, const char *name, const char *text)
{
	(void)fprintf(f, "  --%-*s %s\n", COLUMN, name, text);
}

static void
key_print(FILE *f, int column, const char *name, const struct config_key *k)
{
	char text[UNIT_TEXT];
	const char *def = default_format(k, text);

	(void)fprintf(f, "%-*s %s", column, name, k->text);
	(void)fprintf(f, *def != '\0' ? " (%s)\n" : "\n", def);
}

static void
group_help(FILE *f, const struct program *p, const struct config_group *g)
{
	char name[NAME_MAX_LEN];

	(void)fprintf(f, "\n[%s%s%s] of %s: %s\n\n", g->name,
		g->label != NULL ? " " : "", g->label != NULL ? g->label : "",
		p->page, g->text);
	for (const struct config_key *k = g->keys; k->name != NULL; k++) {
		(void)fputs("  ", f);
		key_print(f, KEY_COLUMN, name_format(k, name), k);
	}
}

/* The options that have no key: those of the program, then everybody's. */
static void
actions_help(FILE *f, const struct program *p)
{
	for (const struct option_action *a = p->actions;
		a != NULL && a->name != NULL; a++)
		if (a->text != NULL)
			option_print(f, a->name, a->text);
	for (const struct option_common *c = option_commons; c->name != NULL;
		c++)
		if (c->text != NULL && (p->page != NULL || !c->of_file))
			option_print(f, c->name, c->text);
}

void
manual_help(FILE *f, const struct program *p)
{
	const struct config_group *g = p->groups;
	char name[NAME_MAX_LEN];

	(void)fprintf(f, "usage: %s %s\n\n", p->name, p->usage);
	if (p->file_option != NULL) {
		(void)snprintf(name, sizeof(name), "%s FILE", p->file_option);
		option_print(f, name, p->file_text);
	}
	for (const struct config_key *k = g != NULL ? g->keys : NULL;
		k != NULL && k->name != NULL; k++) {
		(void)fputs("  --", f);
		key_print(f, COLUMN, option_format(k, name), k);
	}
	actions_help(f, p);
	if (p->help_more != NULL)
		p->help_more();
	for (; g != NULL && g->name != NULL; g++)
		if (p->page != NULL && g != p->groups)
			group_help(f, p, g);
}

/* --- example -------------------------------------------------------------- */

void
manual_example(FILE *f, const struct program *p)
{
	char range[UNIT_WHY], text[UNIT_TEXT], name[NAME_MAX_LEN];

	(void)fprintf(f,
		"# %s: what %s --%s FILE reads.\n"
		"# A key without its # is set; the values here are the "
		"defaults.\n",
		p->page, p->name, p->file_option);
	for (const struct config_group *g = p->groups; g->name != NULL; g++) {
		(void)fprintf(f, "\n# --- %s\n%s[%s%s%s]\n", g->text,
			g->label != NULL ? "#" : "", g->name,
			g->label != NULL ? " " : "",
			g->label != NULL ? g->label : "");
		for (const struct config_key *k = g->keys; k->name != NULL;
			k++) {
			const char *def = default_format(k, text);

			(void)fprintf(f, "# %s: %s\n#%s =%s%s\n", k->text,
				range_format(k, range), name_format(k, name),
				*def != '\0' ? " " : "", def);
		}
	}
}

/* --- the page of section 5 ------------------------------------------------ */

/* A text line of mdoc: no macro at its beginning, backslashes as such. */
static void
text_print(FILE *f, const char *text, int capital)
{
	if (*text == '.' || *text == '\'')
		(void)fputs("\\&", f);
	for (; *text != '\0'; text++, capital = 0)
		if (*text == '\\')
			(void)fputs("\\e", f);
		else
			(void)fputc(
				capital ? toupper((unsigned char)*text) : *text,
				f);
}

static void
key_page(FILE *f, const struct config_key *k)
{
	char range[UNIT_WHY], format[UNIT_TEXT];
	const char *def = default_format(k, format);

	(void)fprintf(f, ".It Cm %s%s\n", k->name,
		config_key_is_prefix(k) ? " Ns Ar NAME" : "");
	text_print(f, k->text, 1);
	(void)fputs(".\n", f);
	text_print(f, range_format(k, range), 1);
	if (*def != '\0') {
		(void)fputs("; ", f);
		text_print(f, def, 0);
		(void)fputs(" by default", f);
	}
	(void)fputs(k->type & CONFIG_MANY ? "; may be given more than once.\n"
					  : ".\n",
		f);
}

static void
group_page(FILE *f, const struct program *p, const struct config_group *g)
{
	(void)fprintf(f, ".Ss [%s%s%s]\n", g->name, g->label != NULL ? " " : "",
		g->label != NULL ? g->label : "");
	if (p->others != NULL)
		(void)fprintf(f, "Read by\n.Pa %s .\n", p->name);
	text_print(f, g->text, 1);
	(void)fputs(".\n.Bl -tag -width Ds\n", f);
	for (const struct config_key *k = g->keys; k->name != NULL; k++)
		key_page(f, k);
	(void)fputs(".El\n", f);
}

static void
readers_page(FILE *f, const struct program *p)
{
	if (p->others == NULL)
		(void)fprintf(f, ".Xr %s 8\nreads it if\n", p->name);
	else
		(void)fputs(
			"Several programs read the file, each its own sections "
			"and no others, if\n",
			f);
	(void)fprintf(f, ".Fl -%s\n", p->file_option);
	if (p->file_env != NULL)
		(void)fprintf(f, "or\n.Ev %s\n", p->file_env);
	(void)fputs("names it.\n", f);
}

static const char syntax[] =
	"The file is lines of\n"
	".Ar key No = Ar value\n"
	"in sections, which begin with a line\n"
	".Li [NAME]\n"
	"or\n"
	".Li [NAME LABEL] .\n"
	"A section comes once, and a key once in its section unless said\n"
	"otherwise.\n"
	"A line that begins with\n"
	".Sq #\n"
	"or\n"
	".Sq \\&;\n"
	"is a comment, and so is what follows a blank and\n"
	".Sq \\&;\n"
	"in a value.\n"
	"There are no quotes, and a line must not be indented.\n"
	"Whatever is wrong is one line on standard error with file and line,\n"
	"and the exit status is 78.\n"
	".Pp\n"
	"A duration is\n"
	".Li 250ms , 30s , 1h30m\n"
	"or\n"
	".Li 1.5h :\n"
	"the units are us, ms, s, m, h and d, and a plain number is in the\n"
	"unit of the key's name, or in milliseconds.\n"
	"A size is\n"
	".Li 4096 , 64m\n"
	"or\n"
	".Li 1.5 GB ,\n"
	"in powers of 1024: k, m, g, t, p.\n"
	"A rate is\n"
	".Li 50 , 1.5/s , 10/m\n"
	"or\n"
	".Li 100/h ;\n"
	"a plain number is per second.\n"
	"Yes and no may be yes, on, true, 1 and no, off, false, 0.\n";

void
manual_page(FILE *f, const struct program *p)
{
	char upper[NAME_MAX_LEN];
	size_t n = 0;

	for (; n < sizeof(upper) - 1 && p->page[n] != '\0'; n++)
		upper[n] = (char)toupper((unsigned char)p->page[n]);
	upper[n] = '\0';
	(void)fprintf(f,
		".\\\" SPDX-License-Identifier: MIT\n"
		".\\\" Printed by %s --man.\n"
		".Dd November 30, 2026\n.Dt %s 5\n.Os\n"
		".Sh NAME\n.Nm %s\n.Nd configuration of %s\n"
		".Sh DESCRIPTION\n",
		p->name, upper, p->page,
		p->page_of != NULL ? p->page_of : p->name);
	readers_page(f, p);
	(void)fputs(syntax, f);
	(void)fputs(".Sh SECTIONS\n", f);
	for (const struct config_group *g = p->groups; g->name != NULL; g++)
		group_page(f, p, g);
	(void)fprintf(f, ".Sh SEE ALSO\n.Xr %s 8\n", p->name);
}
