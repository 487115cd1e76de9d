/* SPDX-License-Identifier: MIT */
/*
 * run.c - from the words of the command line to the verb that runs
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cmd.h"
#include "cli/json.h"

static int
name_is(const char *name, const char *text, size_t len)
{
	return strncmp(name, text, len) == 0 && name[len] == '\0';
}

/* The option of that name (up to a '='); CMD_OPTS: there is none. */
static enum cmd_opt_id
opt_find(const char *text)
{
	static const struct {
		enum cmd_opt_id opt;
		const char *name;
	} old[] = {
#define X(sym, name) {sym, name},
		CMD_OPT_OLD_MAP(X)
#undef X
	};
	size_t len = strcspn(text, "=");

	for (int i = 0; i < CMD_OPTS; i++)
		if (name_is(cmd_opts[i].name, text, len))
			return (enum cmd_opt_id)i;
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++)
		if (name_is(old[i].name, text, len))
			return old[i].opt;
	return CMD_OPTS;
}

static int
opt_store(struct cmd *c, enum cmd_opt_id o, const char *value)
{
	if (o == CMD_O_HEADER) {
		if (c->n_headers == CMD_HEADERS)
			return cmd_usage(c,
				"--header is given more than %d times",
				CMD_HEADERS);
		c->headers[c->n_headers++] = value;
	} else if (c->value[o] != NULL) {
		return cmd_usage(c, "--%s is given twice", cmd_opts[o].name);
	}
	c->value[o] = value;
	return CMD_OK;
}

/* Takes "--name", "--name=value" or "--name value"; *i moves past it. */
static int
opt_take(struct cmd *c, int argc, char **argv, int *i)
{
	const char *text = argv[*i] + 2, *eq = strchr(text, '=');
	enum cmd_opt_id o = opt_find(text);
	const char *value = "";

	if (o == CMD_OPTS || (c->verb != NULL && !cmd_knows(c->verb, o)))
		return cmd_usage(c, "unknown option --%.*s",
			(int)strcspn(text, "="), text);
	if (cmd_opts[o].arg == NULL && eq != NULL)
		return cmd_usage(c, "--%s takes no value", cmd_opts[o].name);
	if (cmd_opts[o].arg != NULL) {
		if (eq == NULL && *i + 1 >= argc)
			return cmd_usage(c, "missing argument: --%s %s",
				cmd_opts[o].name, cmd_opts[o].arg);
		value = eq != NULL ? eq + 1 : argv[++*i];
	}
	return opt_store(c, o, value);
}

/* Takes options out of argv and moves words to its front; they may mix. */
static int
args_parse(struct cmd *c, int argc, char **argv)
{
	static char output[] = "--output";
	int only_words = 0, rc;

	for (int i = 0; i < argc; i++) {
		if (!only_words && strcmp(argv[i], "-o") == 0)
			argv[i] = output;
		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = 1;
		} else if (!only_words && strcmp(argv[i], "-h") == 0) {
			c->value[CMD_O_HELP] = "";
		} else if (!only_words && strncmp(argv[i], "--", 2) == 0) {
			rc = opt_take(c, argc, argv, &i);
			if (rc != CMD_OK)
				return rc;
		} else if (!only_words && argv[i][0] == '-' &&
			   argv[i][1] != '\0') {
			return cmd_usage(c, "unknown option %s", argv[i]);
		} else {
			c->words[c->n_words++] = argv[i];
		}
	}
	return CMD_OK;
}

/* Names the first word of `args` that was not given: "QUEUE BODY…". */
static int
arg_missing(struct cmd *c, const char *args)
{
	static const char more[] = "…";
	size_t len;

	for (int i = 0; i < c->n_words; i++)
		args += strcspn(args, " ") + 1;
	len = strcspn(args, " ");
	if (len > sizeof(more) - 1 && memcmp(args + len - sizeof(more) + 1,
					      more, sizeof(more) - 1) == 0)
		len -= sizeof(more) - 1;
	return cmd_usage(c, "missing argument: %.*s", (int)len, args);
}

static int
broker_timeout_read(struct cmd *c)
{
	enum cmd_opt_id o = CMD_O_BROKER_TIMEOUT;
	int rc = cmd_opt_duration(c, o, &c->broker_timeout_ms);

	if (rc == CMD_OK && c->broker_timeout_ms < 1)
		return cmd_usage(c, "--%s must be at least 1ms, not '%.60s'",
			cmd_opts[o].name, c->value[o]);
	return rc;
}

static int
verb_run(struct cmd *c)
{
	const struct cmd_verb *v = c->verb;
	int rc;

	if (c->value[CMD_O_HELP] != NULL) {
		help_verb(c->out.f, v);
		return CMD_OK;
	}
	if (c->n_words < v->min)
		return arg_missing(c, v->args);
	if (v->max >= 0 && c->n_words > v->max)
		return cmd_usage(
			c, "unexpected argument '%.60s'", c->words[v->max]);
	rc = broker_timeout_read(c);
	return rc != CMD_OK ? rc : v->run(c);
}

/* Options before the verb: --version, --help, --broker. */
static int
lead_take(struct cmd *c, int *argc, char ***argv, int *done)
{
	int i = 0, rc;

	*done = 1;
	for (; i < *argc && (*argv)[i][0] == '-'; i++) {
		if (strcmp((*argv)[i], "--version") == 0) {
			(void)fputs(
				"spillway " SPILLWAY_VERSION "\n", c->out.f);
			return CMD_OK;
		}
		if (strcmp((*argv)[i], "-h") == 0 ||
			strcmp((*argv)[i], "--help") == 0) {
			help_all(c->out.f, c->verbs);
			return CMD_OK;
		}
		if (strncmp((*argv)[i], "--", 2) != 0)
			return cmd_usage(c, "unknown option %s", (*argv)[i]);
		rc = opt_take(c, *argc, *argv, &i);
		if (rc != CMD_OK)
			return rc;
	}
	*argc -= i;
	*argv += i;
	*done = 0;
	return CMD_OK;
}

/* The first word may be the half of a verb, such as "dead". */
static int
no_verb(struct cmd *c, int argc, char **argv)
{
	int asks = argc > 1 && (strcmp(argv[1], "--help") == 0 ||
				       strcmp(argv[1], "-h") == 0);

	if (help_group(asks ? c->out.f : NULL, c->verbs, argv[0]) == 0)
		return cmd_usage(c, "unknown verb '%.60s'", argv[0]);
	if (asks)
		return CMD_OK;
	if (argc == 1)
		return cmd_usage(
			c, "missing argument: %s needs a second word", argv[0]);
	return cmd_usage(c, "unknown verb '%s %.60s'", argv[0], argv[1]);
}

static int
command_run(struct cmd *c, int argc, char **argv)
{
	int used = 0, done, rc = lead_take(c, &argc, &argv, &done);

	if (done)
		return rc;
	if (argc == 0)
		return cmd_usage(c, "missing argument: VERB");
	c->verb = cmd_verb_find(c->verbs, argv, argc, &used);
	if (c->verb == NULL)
		return no_verb(c, argc, argv);
	for (int o = 0; o < CMD_OPTS; o++)
		if (c->value[o] != NULL &&
			!cmd_knows(c->verb, (enum cmd_opt_id)o))
			return cmd_usage(
				c, "unknown option --%s", cmd_opts[o].name);
	c->words = argv;
	rc = args_parse(c, argc - used, argv + used);
	return rc != CMD_OK ? rc : verb_run(c);
}

int
cmd_main(const struct cmd_verb *verbs, int argc, char **argv, FILE *in,
	FILE *out, FILE *err)
{
	struct cmd *c = calloc(1, sizeof(*c));
	struct timespec now;
	int rc;

	if (c == NULL) {
		(void)fputs("spillway: out of memory\n", err);
		return CMD_REFUSED;
	}
	c->verbs = verbs;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	c->now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	c->in = in;
	c->err = err;
	c->broker_timeout_ms = 5000;
	out_init(&c->out, out);
	json_init();
	rc = command_run(
		c, argc > 0 ? argc - 1 : 0, argc > 0 ? argv + 1 : argv);
	if ((fflush(out) != 0 || ferror(out)) && rc == CMD_OK)
		rc = cmd_refuse(c, "cannot write: %s", strerror(errno));
	client_close(c->client);
	blobs_close(c->blobs);
	free(c);
	return rc;
}
