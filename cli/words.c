/* SPDX-License-Identifier: MIT */
#include "cli/words.h"

#include <string.h>

#include "wire/proto.h"
#include "wire/setting.h"

static const struct kind {
	const char *synopsis, *name;
} kinds[] = {
	{"FILE", "file"},
	{"QUEUE", "queue"},
	{"SELECTOR", "selector"},
	{"state=STATE", "selector"},
	{"KEY=VALUE", "setting"},
	{"VERB", "verb"},
	{"SHELL", "shell"},
	{"STATES", "states"},
};

static const char *const selectors[] = {"queue=", "state=", "since=", "until=",
	"error~", "header=", "id=", "priority=", "attempts=", "cause=",
	"worker=", "fair=", "unique=", "content-type=", NULL};
static const char *const shells[] = {"bash", "zsh", "fish", NULL};
static const char *const unique_also[] = {"dead", "done", "dead,done", NULL};

const char *
words_kind(const char *synopsis)
{
	size_t len;

	synopsis += *synopsis == '[';
	len = strspn(synopsis, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
			       "pqrstuvwxyz=");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].synopsis) == len &&
			memcmp(synopsis, kinds[i].synopsis, len) == 0)
			return kinds[i].name;
	return "";
}

const char *
words_first(const struct cmd_verb *v)
{
	return words_kind(v->args);
}

/* A verb with any number of words repeats the last of its synopsis. */
const char *
words_rest(const struct cmd_verb *v)
{
	const char *last = strrchr(v->args, ' ');

	if (v->max >= 0)
		return "";
	return words_kind(last == NULL ? v->args : last + 1);
}

int
words_in_group(const struct cmd_verb *v, const char *word, size_t len)
{
	return strncmp(v->name, word, len) == 0 && v->name[len] == ' ';
}

int
words_leads(const struct cmd_verb *verbs, const struct cmd_verb *v)
{
	size_t len = strcspn(v->name, " ");

	for (; verbs < v; verbs++)
		if (strncmp(verbs->name, v->name, len) == 0 &&
			strcspn(verbs->name, " ") == len)
			return 0;
	return 1;
}

size_t
words_group(const struct cmd_verb *verbs, const struct cmd_verb *v)
{
	size_t len = strcspn(v->name, " ");

	return v->name[len] == ' ' && words_leads(verbs, v) ? len : 0;
}

static void
list_print(
	FILE *f, const char *const *list, const char *before, const char *after)
{
	for (; *list != NULL; list++)
		(void)fprintf(f, "%s%s%s", before, *list, after);
}

static void
verbs_print(FILE *f, const struct cmd_verb *verbs, const char *before,
	const char *after)
{
	for (const struct cmd_verb *v = verbs; v->name != NULL; v++)
		if (words_leads(verbs, v))
			(void)fprintf(f, "%s%.*s%s", before,
				(int)strcspn(v->name, " "), v->name, after);
}

static void
settings_print(FILE *f, const char *before, const char *after)
{
	for (int i = 0; i < SW_SETTINGS; i++)
		(void)fprintf(
			f, "%s%s=%s", before, sw_setting_rules[i].name, after);
	for (int i = 0; i < SW_TEXT_SETTINGS; i++)
		(void)fprintf(
			f, "%s%s=%s", before, sw_text_rules[i].name, after);
}

void
words_print(FILE *f, const char *kind, const struct cmd_verb *verbs,
	const char *before, const char *after)
{
	if (strcmp(kind, "selector") == 0)
		list_print(f, selectors, before, after);
	else if (strcmp(kind, "shell") == 0)
		list_print(f, shells, before, after);
	else if (strcmp(kind, "states") == 0)
		list_print(f, unique_also, before, after);
	else if (strcmp(kind, "verb") == 0)
		verbs_print(f, verbs, before, after);
	else if (strcmp(kind, "setting") == 0)
		settings_print(f, before, after);
}

void
words_states(FILE *f, const char *before, const char *after)
{
	for (int s = SW_NONE + 1; s < SW_STATES; s++)
		(void)fprintf(f, "%s%s%s", before, sw_state_name(s), after);
}

void
words_options(FILE *f, const struct cmd_verb *v, const char *before)
{
	for (int i = 0; i < CMD_OPTS; i++)
		if (cmd_knows(v, (enum cmd_opt_id)i))
			(void)fprintf(f, "%s--%s", before, cmd_opts[i].name);
}

void
words_seconds(FILE *f, const struct cmd_verb *verbs,
	const struct cmd_verb *first, const char *between)
{
	size_t len = words_group(verbs, first);
	const char *sep = "";

	for (const struct cmd_verb *v = verbs; v->name != NULL; v++) {
		if (!words_in_group(v, first->name, len))
			continue;
		(void)fprintf(f, "%s%s", sep, v->name + len + 1);
		sep = between;
	}
}

void
words_valued(FILE *f, const char *kind, const char *between)
{
	const char *sep = "";

	for (int i = 0; i < CMD_OPTS; i++) {
		if (cmd_opts[i].arg == NULL ||
			strcmp(words_kind(cmd_opts[i].arg), kind) != 0)
			continue;
		(void)fprintf(f, "%s--%s", sep, cmd_opts[i].name);
		sep = between;
		if (i == CMD_O_OUTPUT)
			(void)fprintf(f, "%s-o", sep);
	}
}
