/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/cmd.h"
#include "wire/setting.h"

static const char exit_codes[] = "Exit status:\n"
#define X(sym, code, text) "  " #code "  " text "\n"
	CMD_EXIT_MAP(X)
#undef X
	;

void
help_all(FILE *f, const struct cmd_verb *verbs)
{
	(void)fputs("usage: spillway [--broker ENDPOINT] VERB …\n\n", f);
	for (const struct cmd_verb *v = verbs; v->name != NULL; v++)
		(void)fprintf(f, "  %-13s %s%s%s%s\n", v->name, v->text,
			v->also == NULL ? "" : " (alias: ",
			v->also == NULL ? "" : v->also,
			v->also == NULL ? "" : ")");
	(void)fputs("\n`spillway help VERB` or `spillway VERB --help` shows "
		    "what a verb takes.\nThe broker is --broker, else "
		    "$SPILLWAY_BROKER, else the default socket.\n",
		f);
	(void)fputs(exit_codes, f);
}

/* The keys of `queue set`, from the table of wire/setting.h. */
static void
settings_help(FILE *f)
{
	char must[UNIT_WHY], def[UNIT_TEXT];

	(void)fputs("\nKEY is one of (durations as 30s, sizes as 64m):\n", f);
	for (int i = 0; i < SW_SETTINGS; i++) {
		const struct sw_setting_rule *r = &sw_setting_rules[i];

		(void)fprintf(f, "  %-15s  %s\n%19s%s; %s by default\n",
			r->name, r->text, "",
			unit_range_format(r->unit, r->min, r->max, must),
			unit_format(r->unit, r->def, def));
	}
	for (int i = 0; i < SW_TEXT_SETTINGS; i++)
		(void)fprintf(f, "  %-15s  %s\n%19s%s; none by default\n",
			sw_text_rules[i].name, sw_text_rules[i].text, "",
			sw_text_must(sw_text_rules[i].kind));
}

static void
opt_help(FILE *f, const struct cmd_opt *o)
{
	char left[48];

	(void)snprintf(left, sizeof(left), "--%s%s%s", o->name,
		o->arg == NULL ? "" : " ", o->arg == NULL ? "" : o->arg);
	(void)fprintf(f, "  %-26s %s\n", left, o->text);
}

void
help_verb(FILE *f, const struct cmd_verb *v)
{
	(void)fprintf(f, "usage: spillway %s%s%s [options]\n%s\n", v->name,
		v->args[0] == '\0' ? "" : " ", v->args, v->text);
	if (v->also != NULL)
		(void)fprintf(f, "`spillway %s` is an alias.\n", v->also);
	(void)fputc('\n', f);
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < CMD_OPTS; i++)
			if (cmd_knows(v, (enum cmd_opt_id)i) &&
				(i <= CMD_O_HELP) == pass)
				opt_help(f, &cmd_opts[i]);
	if (v->more != NULL)
		(void)fprintf(f, "\n%s", v->more);
	if (strstr(v->args, "KEY=VALUE") != NULL)
		settings_help(f);
	(void)fputs("\n", f);
	(void)fputs(exit_codes, f);
}

int
help_group(FILE *f, const struct cmd_verb *verbs, const char *word)
{
	size_t len = strlen(word);
	int n = 0;

	for (const struct cmd_verb *v = verbs; v->name != NULL; v++)
		if (strncmp(v->name, word, len) == 0 && v->name[len] == ' ') {
			n++;
			if (f != NULL)
				(void)fprintf(f, "spillway %s %s\n    %s\n",
					v->name, v->args, v->text);
		}
	return n;
}

int
cmd_help(struct cmd *c)
{
	const struct cmd_verb *v;
	int used;

	if (c->value[CMD_O_BASH] != NULL)
		return complete_print(c, "bash");
	if (c->n_words == 0) {
		help_all(c->out.f, c->verbs);
		return CMD_OK;
	}
	v = cmd_verb_find(c->verbs, c->words, c->n_words, &used);
	if (v != NULL && used == c->n_words) {
		help_verb(c->out.f, v);
		return CMD_OK;
	}
	if (c->n_words == 1 && help_group(c->out.f, c->verbs, c->words[0]) > 0)
		return CMD_OK;
	if (v != NULL)
		return cmd_usage(
			c, "unexpected argument '%.60s'", c->words[used]);
	if (c->n_words > 1 && help_group(NULL, c->verbs, c->words[0]) > 0)
		return cmd_usage(
			c, "unknown verb '%s %.60s'", c->words[0], c->words[1]);
	return cmd_usage(c, "unknown verb '%.60s'", c->words[0]);
}
