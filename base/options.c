/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/manual.h"

enum kind { KEY, FILE_NAME, ACTION, UNKNOWN };

/* One option as it stands on the command line. */
struct found {
	enum kind kind;
	const struct config_key *key;
	const char *name;  /* of an action, from its table */
	const char *value; /* NULL: none */
	char shown[64];	   /* "--map-size" */
};

static int
wrong(const char *option, const char *what, char why[INI_WHY])
{
	char shown[INI_SHOWN];

	(void)snprintf(why, INI_WHY, "%s: %s", ini_show(option, shown), what);
	return -EINVAL;
}

static const char *
action_find(const struct program *p, const char *name)
{
	for (const struct option_common *c = option_commons; c->name != NULL;
		c++)
		if (strcmp(c->name, name) == 0 &&
			(p->page != NULL || !c->of_file))
			return c->name;
	for (const struct option_action *a = p->actions;
		a != NULL && a->name != NULL; a++)
		if (strcmp(a->name, name) == 0)
			return a->name;
	return NULL;
}

static void
option_find(const struct program *p, struct found *f, const char *name)
{
	if (p->file_option != NULL && strcmp(p->file_option, name) == 0) {
		f->kind = FILE_NAME;
		return;
	}
	f->name = action_find(p, name);
	if (f->name != NULL) {
		f->kind = ACTION;
		return;
	}
	f->key = p->groups != NULL && strchr(name, '_') == NULL
			 ? config_key_find(p->groups[0].keys, name)
			 : NULL;
	f->kind = f->key != NULL ? KEY : UNKNOWN;
}

static int
is_flag(const struct found *f)
{
	return f->kind == KEY && f->key->type == CONFIG_FLAG;
}

/* The option at argv[*at]; *at goes on past its argument. */
static int
option_take(const struct program *p, char **argv, int *at, struct found *f,
	char why[INI_WHY])
{
	const char *arg = argv[*at], *eq = strchr(arg, '=');
	size_t len = eq != NULL ? (size_t)(eq - arg) : strlen(arg);

	*f = (struct found){
		.kind = UNKNOWN, .value = eq != NULL ? eq + 1 : NULL};
	if (strcmp(arg, "-h") == 0) {
		arg = "--help";
		len = strlen(arg);
	}
	if (len > 2 && len < sizeof(f->shown) && arg[1] == '-') {
		memcpy(f->shown, arg, len);
		f->shown[len] = '\0';
		option_find(p, f, f->shown + 2);
	}
	(*at)++;
	if (f->kind == UNKNOWN)
		return wrong(arg, "unknown option", why);
	if (f->kind == ACTION)
		return f->value == NULL
			       ? 0
			       : wrong(f->shown, "unexpected argument", why);
	if (f->value == NULL && is_flag(f))
		f->value = "yes";
	if (f->value == NULL)
		f->value = argv[(*at)++];
	return f->value != NULL ? 0 : wrong(f->shown, "missing argument", why);
}

static int
action_set(struct options *o, const struct found *f, char why[INI_WHY])
{
	char what[96];

	(void)snprintf(what, sizeof(what), "cannot be used together with --%s",
		o->action != NULL ? o->action : "");
	if (o->action != NULL && strcmp(o->action, f->name) != 0)
		return wrong(f->shown, what, why);
	o->action = f->name;
	return 0;
}

/* First what the options are, later what those of keys say. */
static int
option_apply(struct options *o, const struct program *p, const struct found *f,
	int keys, char why[INI_WHY])
{
	if (keys)
		return f->kind != KEY ? 0
				      : config_set(o->config, p->groups, f->key,
						f->shown, f->value, why);
	if (f->kind == FILE_NAME && *f->value == '\0')
		return wrong(f->shown, "must name a file", why);
	if (f->kind == FILE_NAME)
		o->file = f->value;
	return f->kind == ACTION ? action_set(o, f, why) : 0;
}

static int
argument_take(struct options *o, const struct program *p, const char *arg,
	char why[INI_WHY])
{
	if (o->arguments_n == p->arguments_max)
		return wrong(arg, "unexpected argument", why);
	o->arguments[o->arguments_n++] = arg;
	return 0;
}

static int
line_read(struct options *o, const struct program *p, char **argv, int keys,
	char why[INI_WHY])
{
	struct found f;
	int at = 1, err = 0, ended = 0;

	o->arguments_n = 0;
	while (err == 0 && argv[at] != NULL) {
		const char *arg = argv[at];

		if (ended || arg[0] != '-' || arg[1] == '\0') {
			err = argument_take(o, p, arg, why);
			at++;
		} else if (strcmp(arg, "--") == 0) {
			ended = 1;
			at++;
		} else {
			err = option_take(p, argv, &at, &f, why);
			if (err == 0)
				err = option_apply(o, p, &f, keys, why);
		}
	}
	return err;
}

/* Nothing else is of interest when it is only to be printed. */
static int
is_printed(const char *action)
{
	static const char *const all[] = {"help", "version", "example", "man"};

	for (size_t i = 0; action != NULL && i < sizeof(all) / sizeof(all[0]);
		i++)
		if (strcmp(action, all[i]) == 0)
			return 1;
	return 0;
}

static int
file_read(struct options *o, const struct program *p, char why[INI_WHY])
{
	const char *env = p->file_env != NULL ? getenv(p->file_env) : NULL;

	if (o->file == NULL && env != NULL && env[0] != '\0')
		o->file = env;
	return o->file != NULL
		       ? config_shared_read(o->config, o->file, p->others, why)
		       : 0;
}

/* Takes the keys that neither the file nor the command line has. */
static int
environment_read(struct options *o, const struct program *p, char why[INI_WHY])
{
	const struct option_variable *v = p->groups != NULL ? p->variables
							    : NULL;
	int err = 0;

	for (; err == 0 && v != NULL && v->key != NULL; v++) {
		const char *value = getenv(v->name);
		char shown[64];

		if (value == NULL || *value == '\0' ||
			config_given(o->config, p->groups->name, v->key))
			continue;
		(void)snprintf(shown, sizeof(shown), "$%s", v->name);
		err = config_set(o->config, p->groups,
			config_key_find(p->groups->keys, v->key), shown, value,
			why);
	}
	return err;
}

int
options_read(struct options *o, const struct program *p, int argc, char **argv,
	char why[INI_WHY])
{
	static const struct config_group none[] = {{0}};
	int err = argc > 0 ? 0 : -EINVAL;

	*o = (struct options){.status = EXIT_USE};
	(void)snprintf(why, INI_WHY, "%s", strerror(ENOMEM));
	if (err == 0)
		err = config_new(
			&o->config, p->groups != NULL ? p->groups : none);
	if (err == 0)
		err = line_read(o, p, argv, 0, why);
	if (err < 0 || is_printed(o->action))
		return err;
	err = file_read(o, p, why);
	if (err < 0)
		o->status = EXIT_CONFIG;
	else
		err = line_read(o, p, argv, 1, why);
	if (err == 0)
		err = environment_read(o, p, why);
	if (err == -ENOMEM)
		o->status = EXIT_OS;
	return err;
}

void
options_fini(struct options *o)
{
	config_free(o->config);
	*o = (struct options){0};
}

enum exit_status
program_fail(const struct program *p, enum exit_status status, const char *why)
{
	(void)fprintf(stderr, "%s: %s\n", p->name, why);
	return status;
}

static void
action_print(const struct program *p, const char *action)
{
	if (strcmp(action, "help") == 0)
		manual_help(stdout, p);
	else if (strcmp(action, "example") == 0)
		manual_example(stdout, p);
	else if (strcmp(action, "man") == 0)
		manual_page(stdout, p);
	else
		(void)printf("%s %s\n", p->name, SPILLWAY_VERSION);
}

void
options_files_open(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int
options_start(struct options *o, const struct program *p, int argc, char **argv)
{
	char why[INI_WHY];
	int err;

	options_files_open();
	err = options_read(o, p, argc, argv, why);
	if (err < 0) {
		(void)program_fail(p, o->status, why);
		return 1;
	}
	if (!is_printed(o->action))
		return 0;
	action_print(p, o->action);
	o->status = fflush(stdout) == 0 && !ferror(stdout) ? EXIT_OK : EXIT_IO;
	return 1;
}
