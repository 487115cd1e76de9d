/* SPDX-License-Identifier: MIT */
/*
 * complete.c - completion scripts for bash, zsh and fish
 *
 * A script is fixed text in its shell's language around lists made from the
 * tables of verbs and options.  All three complete the verbs, the options of
 * each, words and options' values by kind; queues by asking the broker.
 */
#include "cli/cmd.h"
#include "cli/words.h"

#include <string.h>

#define QUEUES_SH                                                              \
	"spillway queues --json --broker-timeout 500ms 2>/dev/null |\n"        \
	"\t\tsed -n 's/^{\"queue\": *\"\\([^\"]*\\)\".*/\\1/p'"

/* The kinds whose words are a fixed list. */
static const char *const plain[] = {"setting", "verb", "shell", "states"};

/* --- bash ----------------------------------------------------------------- */

static const char bash_head[] =
	"# SPDX-License-Identifier: MIT\n"
	"# bash completion for spillway, made by `spillway completion bash`\n"
	"\n"
	"_spillway_queues()\n"
	"{\n"
	"\t" QUEUES_SH "\n"
	"}\n"
	"\n"
	"# The words of kind $1 that $cur may become.\n"
	"_spillway_words()\n"
	"{\n"
	"\tcase $1:$cur in\n"
	"\tqueue:*) _spillway_queues ;;\n"
	"\tselector:queue=*) _spillway_queues | sed 's/^/queue=/' ;;\n";

static const char bash_value[] = "\tesac\n"
				 "}\n"
				 "\n"
				 "# The kind of the value that option $1 takes "
				 "into $kind; it is \"\" for a flag.\n"
				 "_spillway_value()\n"
				 "{\n"
				 "\tcase $1 in\n";

static const char bash_verb_head[] =
	"\t*) kind= ;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"# What verb $1 takes: $options, the kinds $first and $rest of its "
	"words; or\n"
	"# the words of which the verb's next one is.\n"
	"_spillway_verb()\n"
	"{\n"
	"\tcase $1 in\n";

static const char bash_tail[] =
	"\tesac\n"
	"}\n"
	"\n"
	"_spillway()\n"
	"{\n"
	"\tlocal line=${COMP_LINE:0:COMP_POINT} cur= verb= kind= n=0 word cut\n"
	"\tlocal options= first= rest= list=\n"
	"\tlocal -a words\n"
	"\tread -ra words <<<\"$line\"\n"
	"\tcase $line in\n"
	"\t*[[:space:]]) ;;\n"
	"\t*) cur=${words[-1]} && unset 'words[-1]' ;;\n"
	"\tesac\n"
	"\t_spillway_verb ''\n"
	"\tfor word in \"${words[@]:1}\"; do\n"
	"\t\tif [ -n \"$kind\" ]; then\n"
	"\t\t\tkind=\n"
	"\t\telif [[ $word == -* ]]; then\n"
	"\t\t\t_spillway_value \"$word\"\n"
	"\t\telif [ -n \"$list\" ]; then\n"
	"\t\t\tverb=${verb:+$verb }$word list=\n"
	"\t\t\t_spillway_verb \"$verb\"\n"
	"\t\telse\n"
	"\t\t\t((n += 1))\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tif [ -z \"$kind\" ] && [[ $cur == --*=* ]]; then\n"
	"\t\t_spillway_value \"${cur%%=*}\"\n"
	"\t\tcur=${cur#*=}\n"
	"\telif [ -z \"$kind\" ] && [[ $cur == -* ]]; then\n"
	"\t\tlist=$options\n"
	"\telif [ -z \"$kind\" ] && [ -z \"$list\" ]; then\n"
	"\t\t[ $n = 0 ] && kind=$first || kind=$rest\n"
	"\tfi\n"
	"\tCOMPREPLY=()\n"
	"\tif [ \"$kind\" = file ]; then\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	"\t\treturn\n"
	"\tfi\n"
	"\t[ -z \"$kind\" ] || list=$(_spillway_words \"$kind\")\n"
	"\tmapfile -t COMPREPLY < <(compgen -W \"$list\" -- \"$cur\")\n"
	"\tcase ${COMPREPLY[0]-} in\n"
	"\t*= | *\\~) compopt -o nospace 2>/dev/null ;;\n"
	"\tesac\n"
	"\t# readline replaces only what stands after the last of these\n"
	"\tcut=${cur%\"${cur##*[=:]}\"}\n"
	"\tCOMPREPLY=(\"${COMPREPLY[@]#\"$cut\"}\")\n"
	"}\n"
	"complete -F _spillway spillway\n";

static void
bash_kind(FILE *f, const char *kind, const struct cmd_verb *verbs)
{
	(void)fprintf(f, "\t%s:*) echo \"", kind);
	words_print(f, kind, verbs, "", " ");
	(void)fputs("\" ;;\n", f);
}

static void
bash_values(FILE *f)
{
	static const char *const kinds[] = {"file", "states", ""};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		(void)fputs("\t", f);
		words_valued(f, kinds[i], " | ");
		(void)fprintf(f, ") kind=%s ;;\n",
			kinds[i][0] == '\0' ? "other" : kinds[i]);
	}
}

static void
bash_verb(FILE *f, const struct cmd_verb *v)
{
	(void)fprintf(f, "\t\"%s\") options=\"", v->name);
	words_options(f, v, " ");
	(void)fprintf(
		f, "\" first=%s rest=%s ;;\n", words_first(v), words_rest(v));
}

static void
complete_bash(FILE *f, const struct cmd_verb *verbs)
{
	(void)fputs(bash_head, f);
	(void)fputs("\tselector:state=*) echo \"", f);
	words_states(f, "state=", " ");
	(void)fputs("\" ;;\n", f);
	bash_kind(f, "selector", verbs);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		bash_kind(f, plain[i], verbs);
	(void)fputs(bash_value, f);
	bash_values(f);
	(void)fputs(bash_verb_head, f);
	(void)fputs("\t\"\") options=\"--broker --help --version\" list=\"", f);
	words_print(f, "verb", verbs, "", " ");
	(void)fputs("\" ;;\n", f);
	for (const struct cmd_verb *v = verbs; v->name != NULL; v++) {
		size_t len = words_group(verbs, v);

		if (len == 0)
			continue;
		(void)fprintf(f, "\t\"%.*s\") list=\"", (int)len, v->name);
		words_seconds(f, verbs, v, " ");
		(void)fputs("\" ;;\n", f);
	}
	for (const struct cmd_verb *v = verbs; v->name != NULL; v++)
		bash_verb(f, v);
	(void)fputs(bash_tail, f);
}

/* --- zsh ------------------------------------------------------------------ */

static const char zsh_head[] =
	"#compdef spillway\n"
	"# SPDX-License-Identifier: MIT\n"
	"# zsh completion for spillway, made by `spillway completion zsh`\n"
	"\n"
	"_spillway_queue()\n"
	"{\n"
	"\tlocal -a queues\n"
	"\tqueues=(${(f)\"$(" QUEUES_SH ")\"})\n"
	"\tcompadd -a queues\n"
	"}\n"
	"\n"
	"_spillway_selector()\n"
	"{\n"
	"\tif compset -P 'queue='; then\n"
	"\t\t_spillway_queue\n"
	"\telif compset -P 'state='; then\n"
	"\t\tcompadd --";

static const char zsh_word[] = "\n"
			       "# $words is the verb and the words after it.\n"
			       "_spillway_word()\n"
			       "{\n"
			       "\tlocal -a verbs\n"
			       "\tcase $words[1] in\n";

static const char zsh_main[] = "\tesac\n"
			       "}\n"
			       "\n"
			       "_spillway()\n"
			       "{\n"
			       "\tlocal curcontext=$curcontext state line\n"
			       "\tlocal -a all_verbs always\n"
			       "\ttypeset -A opt_args\n";

static const char zsh_tail[] =
	"\t_arguments -C '--version[print the version]' $always \\\n"
	"\t\t'1:VERB:->verb' '*::word:->word'\n"
	"\tcase $state in\n"
	"\tverb) _describe verb all_verbs ;;\n"
	"\tword) _spillway_word ;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"# Autoloaded it runs; sourced it registers itself.\n"
	"if [[ $funcstack[1] == _spillway ]]; then\n"
	"\t_spillway \"$@\"\n"
	"else\n"
	"\tcompdef _spillway spillway\n"
	"fi\n";

/* A text within single quotes; `special` characters get a backslash. */
static void
zsh_text(FILE *f, const char *text, const char *special)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			(void)fputs("'\\''", f);
		else
			(void)fprintf(f, "%s%c",
				strchr(special, *text) == NULL ? "" : "\\",
				*text);
	}
}

/* The action, or third part, of a specification: completes a word's kind. */
static void
zsh_action(FILE *f, const char *kind)
{
	if (strcmp(kind, "file") == 0)
		(void)fputs("_files", f);
	else if (kind[0] == '\0')
		(void)fputs(" ", f);
	else
		(void)fprintf(f, "_spillway_%s", kind);
}

static void
zsh_opt(FILE *f, const char *name, const struct cmd_opt *o)
{
	(void)fprintf(f, " \\\n\t\t'%s[", name);
	zsh_text(f, o->text, "[]:\\");
	(void)fputs("]", f);
	if (o->arg != NULL) {
		(void)fprintf(f, ":%s:", o->arg);
		zsh_action(f, words_kind(o->arg));
	}
	(void)fputs("'", f);
}

static void
zsh_opts(FILE *f, uint64_t opts)
{
	char name[64];

	for (int i = 0; i < CMD_OPTS; i++) {
		if ((opts >> i & 1) == 0)
			continue;
		(void)snprintf(name, sizeof(name), "%s--%s%s",
			i == CMD_O_HEADER ? "*" : "", cmd_opts[i].name,
			cmd_opts[i].arg == NULL ? "" : "=");
		zsh_opt(f, name, &cmd_opts[i]);
		if (i == CMD_O_OUTPUT)
			zsh_opt(f, "-o", &cmd_opts[i]);
	}
}

static void
zsh_verb(FILE *f, const struct cmd_verb *v)
{
	const char *first = words_first(v), *rest = words_rest(v);

	(void)fprintf(f, "\t'%s')\n\t\t_arguments $always", v->name);
	zsh_opts(f, v->opts);
	if (first[0] != '\0') {
		(void)fputs(" \\\n\t\t'1:word:", f);
		zsh_action(f, first);
		(void)fputs("'", f);
	}
	if (rest[0] != '\0') {
		(void)fputs(" \\\n\t\t'*:word:", f);
		zsh_action(f, rest);
		(void)fputs("'", f);
	}
	(void)fputs("\n\t\t;;\n", f);
}

/* 'list:list dead jobs' of each verb whose first word this is. */
static void
zsh_group(FILE *f, const struct cmd_verb *verbs, const char *word, size_t len)
{
	(void)fprintf(f,
		"\t%.*s)\n\t\tif ((CURRENT == 2)); then\n\t\t\tverbs=(",
		(int)len, word);
	for (const struct cmd_verb *v = verbs; v->name != NULL; v++) {
		if (!words_in_group(v, word, len))
			continue;
		(void)fprintf(f, "\n\t\t\t\t'%s:", v->name + len + 1);
		zsh_text(f, v->text, "\\");
		(void)fputs("'", f);
	}
	(void)fprintf(f,
		")\n\t\t\t_describe verb verbs\n\t\t\treturn\n\t\tfi\n"
		"\t\twords[1,2]=(\"%.*s $words[2]\")\n\t\t((CURRENT -= 1))\n"
		"\t\t;;\n",
		(int)len, word);
}

/* The first words of verbs with their texts; a group's text lists its verbs. */
static void
zsh_verbs(FILE *f, const struct cmd_verb *verbs)
{
	(void)fputs("\tall_verbs=(", f);
	for (const struct cmd_verb *v = verbs; v->name != NULL; v++) {
		size_t len = words_group(verbs, v);

		if (!words_leads(verbs, v))
			continue;
		(void)fprintf(
			f, "\n\t\t'%.*s:", (int)strcspn(v->name, " "), v->name);
		if (len > 0)
			words_seconds(f, verbs, v, ", ");
		else
			zsh_text(f, v->text, "\\");
		(void)fputs("'", f);
	}
	(void)fputs(")\n", f);
}

static void
zsh_kind(FILE *f, const char *kind, const struct cmd_verb *verbs)
{
	int goes_on = strcmp(kind, "setting") == 0;

	(void)fprintf(f, "\n_spillway_%s()\n{\n\tcompadd %s--", kind,
		goes_on ? "-S '' " : "");
	words_print(f, kind, verbs, " ", "");
	(void)fputs("\n}\n", f);
}

static void
complete_zsh(FILE *f, const struct cmd_verb *verbs)
{
	(void)fputs(zsh_head, f);
	words_states(f, " ", "");
	(void)fputs("\n\telse\n\t\tcompadd -S '' --", f);
	words_print(f, "selector", verbs, " ", "");
	(void)fputs("\n\tfi\n}\n", f);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		zsh_kind(f, plain[i], verbs);
	(void)fputs(zsh_word, f);
	for (const struct cmd_verb *v = verbs; v->name != NULL; v++)
		if (words_group(verbs, v) > 0)
			zsh_group(f, verbs, v->name, words_group(verbs, v));
	(void)fputs("\tesac\n\tcase $words[1] in\n", f);
	for (const struct cmd_verb *v = verbs; v->name != NULL; v++)
		zsh_verb(f, v);
	(void)fputs(zsh_main, f);
	zsh_verbs(f, verbs);
	(void)fputs("\talways=(", f);
	zsh_opts(f, CMD_ALWAYS);
	(void)fputs(")\n", f);
	(void)fputs(zsh_tail, f);
}

/* --- fish ----------------------------------------------------------------- */

static const char fish_head[] =
	"# SPDX-License-Identifier: MIT\n"
	"# fish completion for spillway, made by `spillway completion fish`\n"
	"\n"
	"function __spillway_queues\n"
	"\t" QUEUES_SH "\n"
	"end\n"
	"\n"
	"function __spillway_selectors\n"
	"\tswitch (commandline -ct)\n"
	"\t\tcase 'queue=*'\n"
	"\t\t\t__spillway_queues | sed 's/^/queue=/'\n"
	"\t\tcase 'state=*'\n"
	"\t\t\tprintf '%s\\n'";

static const char fish_at_head[] =
	"\n"
	"\tend\n"
	"end\n"
	"\n"
	"# __spillway_at COUNT VERB...: the words before the cursor are the "
	"verb and\n"
	"# COUNT more: a number, \"more\" (at least one) or \"any\".\n"
	"function __spillway_at\n"
	"\tset -l valued";

static const char fish_at[] = "\n"
			      "\tset -l words\n"
			      "\tset -l tokens (commandline -opc)\n"
			      "\tset -l is_value 0\n"
			      "\tset -e tokens[1]\n"
			      "\tfor token in $tokens\n"
			      "\t\tif test $is_value = 1\n"
			      "\t\t\tset is_value 0\n"
			      "\t\telse if contains -- $token $valued\n"
			      "\t\t\tset is_value 1\n"
			      "\t\telse if not string match -q -- '-*' $token\n"
			      "\t\t\tset -a words $token\n"
			      "\t\tend\n"
			      "\tend\n"
			      "\tset -l verb $argv[2..]\n"
			      "\tset -l n (count $verb)\n"
			      "\tset -l more (math (count $words) - $n)\n"
			      "\ttest $more -ge 0; or return 1\n"
			      "\tfor i in (seq $n)\n"
			      "\t\ttest $words[$i] = $verb[$i]; or return 1\n"
			      "\tend\n"
			      "\tswitch $argv[1]\n"
			      "\t\tcase any\n"
			      "\t\t\treturn 0\n"
			      "\t\tcase more\n"
			      "\t\t\ttest $more -gt 0\n"
			      "\t\tcase '*'\n"
			      "\t\t\ttest $more = $argv[1]\n"
			      "\tend\n"
			      "end\n"
			      "\n";

static void
fish_text(FILE *f, const char *text)
{
	(void)fputs(" -d '", f);
	for (; *text != '\0'; text++)
		(void)fprintf(f, "%s%c",
			*text == '\'' || *text == '\\' ? "\\" : "", *text);
	(void)fputs("'\n", f);
}

static void
fish_line(FILE *f, const char *count, const char *verb)
{
	(void)fprintf(f, "complete -c spillway -n '__spillway_at %s%s%s'",
		count, verb[0] == '\0' ? "" : " ", verb);
}

/* The words of a kind, as an argument of complete. */
static void
fish_words(FILE *f, const char *kind, const struct cmd_verb *verbs)
{
	if (strcmp(kind, "file") == 0) {
		(void)fputs(" -F", f);
	} else if (strcmp(kind, "queue") == 0 ||
		   strcmp(kind, "selector") == 0) {
		(void)fprintf(f, " -a '(__spillway_%ss)'", kind);
	} else {
		(void)fputs(" -a '", f);
		words_print(f, kind, verbs, "", " ");
		(void)fputs("'", f);
	}
}

static void
fish_opt(FILE *f, enum cmd_opt_id o, const struct cmd_verb *verbs)
{
	const struct cmd_opt *opt = &cmd_opts[o];
	const char *kind = opt->arg == NULL ? "" : words_kind(opt->arg);

	(void)fprintf(
		f, " -l %s%s", opt->name, o == CMD_O_OUTPUT ? " -s o" : "");
	if (opt->arg != NULL)
		(void)fputs(strcmp(kind, "file") == 0 ? " -r" : " -x", f);
	if (kind[0] != '\0')
		fish_words(f, kind, verbs);
	fish_text(f, opt->text);
}

static void
fish_verb(FILE *f, const struct cmd_verb *v, const struct cmd_verb *verbs)
{
	const char *first = words_first(v), *rest = words_rest(v);

	if (first[0] != '\0') {
		fish_line(f, "0", v->name);
		fish_words(f, first, verbs);
		(void)fputs("\n", f);
	}
	if (rest[0] != '\0') {
		fish_line(f, "more", v->name);
		fish_words(f, rest, verbs);
		(void)fputs("\n", f);
	}
	for (int i = 0; i < CMD_OPTS; i++)
		if ((v->opts >> i & 1) != 0) {
			fish_line(f, "any", v->name);
			fish_opt(f, (enum cmd_opt_id)i, verbs);
		}
}

/* Offers the verb, or the second word of a verb of two words. */
static void
fish_name(FILE *f, const struct cmd_verb *v, const struct cmd_verb *verbs)
{
	size_t len = strcspn(v->name, " ");
	char word[32];

	(void)snprintf(word, sizeof(word), "%.*s", (int)len, v->name);
	if (v->name[len] == '\0' || words_leads(verbs, v)) {
		fish_line(f, "0", "");
		(void)fprintf(f, " -a %s", word);
		if (v->name[len] == '\0') {
			fish_text(f, v->text);
			return;
		}
		(void)fputs(" -d '", f);
		words_seconds(f, verbs, v, ", ");
		(void)fputs("'\n", f);
	}
	fish_line(f, "0", word);
	(void)fprintf(f, " -a %s", v->name + len + 1);
	fish_text(f, v->text);
}

static void
complete_fish(FILE *f, const struct cmd_verb *verbs)
{
	(void)fputs(fish_head, f);
	words_states(f, " state=", "");
	(void)fputs("\n\t\tcase '*'\n\t\t\tprintf '%s\\n'", f);
	words_print(f, "selector", verbs, " ", "");
	(void)fputs(fish_at_head, f);
	for (int i = 0; i < CMD_OPTS; i++)
		if (cmd_opts[i].arg != NULL)
			(void)fprintf(f, " --%s", cmd_opts[i].name);
	(void)fputs(" -o", f);
	(void)fputs(fish_at, f);
	(void)fputs("complete -c spillway -f\n", f);
	for (int i = 0; i < CMD_OPTS; i++)
		if ((CMD_ALWAYS >> i & 1) != 0) {
			(void)fputs("complete -c spillway", f);
			fish_opt(f, (enum cmd_opt_id)i, verbs);
		}
	(void)fputs("complete -c spillway -n '__spillway_at 0' -l version "
		    "-d 'print the version'\n",
		f);
	for (const struct cmd_verb *v = verbs; v->name != NULL; v++)
		fish_name(f, v, verbs);
	for (const struct cmd_verb *v = verbs; v->name != NULL; v++)
		fish_verb(f, v, verbs);
}

/* --- the verb ------------------------------------------------------------- */

int
complete_print(struct cmd *c, const char *shell)
{
	static const struct {
		const char *shell;
		void (*print)(FILE *, const struct cmd_verb *);
	} scripts[] = {
		{"bash", complete_bash},
		{"zsh", complete_zsh},
		{"fish", complete_fish},
	};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (strcmp(shell, scripts[i].shell) == 0) {
			scripts[i].print(c->out.f, c->verbs);
			return CMD_OK;
		}
	return cmd_usage(
		c, "shell must be bash, zsh or fish, not '%.60s'", shell);
}

int
cmd_completion(struct cmd *c)
{
	return complete_print(c, c->words[0]);
}
