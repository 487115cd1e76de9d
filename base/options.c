/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
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

enum exit_status
options_value_fail(const struct options *o, const struct program *p,
	const struct config_value *v, const char *why)
{
	char line[INI_WHY], value[INI_SHOWN], name[64];
	size_t n = 0;

	ini_show(v->text, value);
	if (v->line > 0) {
		(void)snprintf(line, sizeof(line), "%.200s:%d: %s is '%s': %s",
			o->file, v->line, v->name, value, why);
		return program_fail(p, EXIT_CONFIG, line);
	}
	for (; v->name[n] != '\0' && n < sizeof(name) - 1; n++)
		name[n] = v->name[n] == '_' ? '-' : v->name[n];
	name[n] = '\0';
	(void)snprintf(
		line, sizeof(line), "--%s is '%s': %s", name, value, why);
	return program_fail(p, EXIT_USE, line);
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

/* --- places --------------------------------------------------------------- */

/* Whether files can be made in a folder that is there. */
static int
folder_look(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return access(path, W_OK | X_OK) == 0 ? 0 : -errno;
}

/* The folder that `path` is in, whatever slashes are at its end. */
static int
above_look(const char *path)
{
	char above[PATH_MAX];
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	if (len >= sizeof(above))
		return -ENAMETOOLONG;
	(void)snprintf(above, sizeof(above), "%.*s", (int)len, path);
	return folder_look(len > 0 ? above : ".");
}

int
options_folder_check(const char *path)
{
	int err = folder_look(path);

	return err == -ENOENT ? above_look(path) : err;
}

int
options_file_check(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return errno == ENOENT ? above_look(path) : -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return access(path, W_OK) == 0 ? 0 : -errno;
}

/* --- reading anew --------------------------------------------------------- */

/* Whether a section has one value of the key, or several under the name. */
static int
is_single(const struct config_key *k)
{
	return (k->type & CONFIG_MANY) == 0 && !config_key_is_prefix(k);
}

static int
is_same(const struct config_key *k, const char *a, const char *b)
{
	int type = k->type & ~CONFIG_MANY;
	int64_t x, y;

	if (a == NULL || b == NULL)
		return a == b;
	if (type >= CONFIG_TEXT)
		return strcmp(a, b) == 0;
	return unit_parse((enum unit)type, a, &x) == 0 &&
	       unit_parse((enum unit)type, b, &y) == 0 && x == y;
}

static int
has_value(const struct config *c, const char *section,
	const struct config_value *v)
{
	const struct config_value *w;

	for (size_t i = 0; (w = config_value(c, section, i)) != NULL; i++)
		if (w->key == v->key && strcmp(w->name, v->name) == 0 &&
			is_same(v->key, w->text, v->text))
			return 1;
	return 0;
}

/* What counts in place of the value of another configuration. */
static const char *
counterpart(
	const struct config *c, const char *section, const struct config_key *k)
{
	return is_single(k) && config_has(c, section)
		       ? config_text(c, section, k->name)
		       : NULL;
}

struct comparing {
	const struct config *from, *to;
	options_change_fn *fn;
	void *arg;
	int n;
};

static void
change(struct comparing *m, const struct options_change *ch)
{
	if (is_same(ch->key, ch->old, ch->now))
		return;
	m->n++;
	m->fn(m->arg, ch);
}

static void
given_before(
	struct comparing *m, const char *section, const struct config_value *v)
{
	struct options_change ch = {.section = section,
		.key = v->key,
		.name = v->name,
		.old = v->text,
		.now = counterpart(m->to, section, v->key)};

	ch.removed = !is_single(v->key) ||
		     !config_given(m->to, section, v->key->name);
	if (!has_value(m->to, section, v))
		change(m, &ch);
}

static void
given_now(
	struct comparing *m, const char *section, const struct config_value *v)
{
	struct options_change ch = {.section = section,
		.key = v->key,
		.name = v->name,
		.old = counterpart(m->from, section, v->key),
		.now = v->text};

	if (has_value(m->from, section, v) ||
		(is_single(v->key) &&
			config_given(m->from, section, v->key->name)))
		return;
	change(m, &ch);
}

static void
values_each(struct comparing *m, const struct config *c,
	void (*f)(struct comparing *, const char *section,
		const struct config_value *))
{
	const struct config_value *v;
	const char *section;

	for (size_t i = 0; (section = config_section(c, i)) != NULL; i++)
		for (size_t k = 0; (v = config_value(c, section, k)) != NULL;
			k++)
			f(m, section, v);
}

int
options_changes(const struct config *from, const struct config *to,
	options_change_fn *fn, void *arg)
{
	struct comparing m = {from, to, fn, arg, 0};

	values_each(&m, from, given_before);
	values_each(&m, to, given_now);
	return m.n;
}

/* --- changes in the log --------------------------------------------------- */

static const char *
shown(const struct config_key *k, const char *text, char to[INI_SHOWN])
{
	int type = k->type & ~CONFIG_MANY;

	if (text == NULL)
		return "";
	if (type == CONFIG_URI)
		return "(not shown)";
	ini_show(text, to);
	if (type == CONFIG_PAIR)
		to[strcspn(to, "=")] = '\0';
	return to;
}

void
options_change_log(const struct options_change *ch, const char *effect)
{
	char old[INI_SHOWN], now[INI_SHOWN];

	sw_log(effect != NULL ? SW_LOG_WARN : SW_LOG_INFO, "reload", "section",
		ch->section, "key", ch->name, "old",
		shown(ch->key, ch->old, old), "new",
		shown(ch->key, ch->now, now), "effect",
		effect != NULL ? effect : "now", NULL);
}

const char *
options_change_effect(const struct options_change *ch, const char *const live[])
{
	for (; *live != NULL; live++)
		if (strcmp(*live, ch->key->name) == 0)
			return NULL;
	return "at the next start";
}

void
options_reload_hold(int hold)
{
	sigset_t hup;

	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	(void)sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &hup, NULL);
}

void
options_reload_refused(const char *why)
{
	sw_log(SW_LOG_ERR, "reload-refused", "why", why, "text",
		"the earlier configuration stays", NULL);
}

void
options_reload_done(const char *file, int changes)
{
	sw_log(SW_LOG_INFO, "reload-done", "file", file != NULL ? file : "",
		"changes", sw_num(changes), NULL);
}
