/* SPDX-License-Identifier: MIT */
#include "broker/config.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/listener.h"
#include "link/endpoint.h"
#include "wire/proto.h"
#include "wire/setting.h"

/* With less, the links would be closed at each large message. */
#define LINK_MEMORY_MIN (4 * SW_MSG_MAX)

static const struct config_key broker_keys[] = {
	{"data", CONFIG_FOLDER, 0, 0, NULL,
		"where the jobs are stored (else $STATE_DIRECTORY)"},
	{"listen", CONFIG_ENDPOINT, 0, 0, NULL,
		"where clients connect: ipc://, or loopback by tcp://"},
	{"socket_group", CONFIG_TEXT, 0, 0, NULL,
		"group that may use the ipc:// socket"},
	{"socket_mode", CONFIG_TEXT, 0, 0, NULL,
		"mode of the ipc:// socket (else 0600; with a group 0660)"},
	{"map_size", CONFIG_BYTES, SW_MAP_MIN, SW_MAP_MAX, "64g",
		"largest size of the store"},
	{"link_memory", CONFIG_BYTES, LINK_MEMORY_MIN, INT64_MAX, "256m",
		"bytes on links beyond which they are closed"},
	{"force", CONFIG_FLAG, 0, 1, "no",
		"accept a network or overlay file system"},
	{"verbose", CONFIG_FLAG, 0, 1, "no", "log more"},
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};

static const char queue_section[] = "queue ";

static const struct config_key queue_keys[] = {
#define X(name, unit, min, max, def, text)                                     \
	{#name, (int)unit, min, max, #def, text},
	SW_SETTING_MAP(X)
#undef X
#define X(name, kind, text) {#name, CONFIG_TEXT, 0, 0, NULL, text},
		SW_TEXT_SETTING_MAP(X)
#undef X
			{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};

/*
 * To connect to a socket is to write to it: 4 alone would let nobody connect.
 * Its owner is the broker.
 */
static int
mode_parse(const char *text, mode_t *mode)
{
	char *end;
	unsigned long n = strtoul(text, &end, 8);

	if (strspn(text, "01234567") != strlen(text) || *end != '\0' ||
		(n & 0600) != 0600 || (n & ~0666UL) != 0 ||
		(n & 0222) << 1 != (n & 0444))
		return -EINVAL;
	*mode = (mode_t)n;
	return 0;
}

static int
group_find(const char *text, gid_t *group)
{
	int64_t n;
	const struct group *g;

	if (unit_parse(UNIT_COUNT, text, &n) == 0 && n < INT32_MAX) {
		*group = (gid_t)n;
		return 0;
	}
	g = getgrnam(text);
	if (g == NULL)
		return -ENOENT;
	*group = g->gr_gid;
	return 0;
}

static int
mode_check(const char *value, char why[INI_WHY])
{
	mode_t mode;

	(void)snprintf(why, INI_WHY,
		"must be an octal number of 0600 to 0666, such as 0660: 6 for "
		"those who may connect, 0 for others");
	return *value != '\0' ? mode_parse(value, &mode) : 0;
}

static int
group_check(const char *value, char why[INI_WHY])
{
	gid_t group;

	(void)snprintf(why, INI_WHY, "must be a group of this machine");
	return *value != '\0' ? group_find(value, &group) : 0;
}

static int
endpoint_check(const char *value, char why[INI_WHY])
{
	return sw_listen_check(value, why, INI_WHY);
}

static int
text_check(const struct config_key *k, const char *value, char why[INI_WHY])
{
	static const struct {
		const char *key;
		int (*check)(const char *value, char why[INI_WHY]);
	} checks[] = {{"listen", endpoint_check}, {"socket_mode", mode_check},
		{"socket_group", group_check}};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (strcmp(k->name, checks[i].key) == 0)
			return checks[i].check(value, why);
	return 0;
}

static int
queue_check(const char *name, char why[INI_WHY])
{
	(void)snprintf(
		why, INI_WHY, "a queue's name must be 1 to 63 of [a-z0-9_-]");
	return sw_queue_check(name, strlen(name));
}

static int
queue_text_check(
	const struct config_key *k, const char *value, char why[INI_WHY])
{
	const struct sw_text_rule *r = sw_text_rule_find(
		k->name, strlen(k->name));

	(void)snprintf(
		why, INI_WHY, "must be %s, or empty", sw_text_must(r->kind));
	return sw_text_check(r->kind, bytes_str(value));
}

static const struct config_group groups[] = {
	{"broker", NULL, "the broker itself; every key is an option too",
		broker_keys, NULL, text_check},
	{"queue", "NAME", "settings of one queue, set at each start and reload",
		queue_keys, queue_check, queue_text_check},
	{NULL, NULL, NULL, NULL, NULL, NULL},
};

/* spillway-repair has them. */
static const struct option_action actions[] = {
	{"verify", NULL},
	{"mend", NULL},
	{NULL, NULL},
};

static const struct program program = {
	.name = "spillway-broker",
	.usage = "[options]",
	.page = "spillway-broker.conf",
	.file_option = "config",
	.file_text = "read options and queue settings from FILE",
	.groups = groups,
	.actions = actions,
};

static int
fail(struct broker_config *cfg, const char *why)
{
	cfg->status = EXIT_USE;
	(void)snprintf(cfg->why, sizeof(cfg->why), "%s", why);
	return 1;
}

/* NULL also where the text is empty. */
static const char *
text_given(const struct broker_config *cfg, const char *key)
{
	const char *text = config_text(cfg->options.config, "broker", key);

	return text != NULL && *text != '\0' ? text : NULL;
}

static int
data_find(struct broker_config *cfg)
{
	const char *given = text_given(cfg, "data");
	const char *state = getenv("STATE_DIRECTORY"), *home = getenv("HOME");

	if (given != NULL || state != NULL)
		(void)snprintf(cfg->data, sizeof(cfg->data), "%s",
			given != NULL ? given : state);
	else if (geteuid() == 0)
		strcpy(cfg->data, "/var/lib/spillway");
	else if (home != NULL)
		(void)snprintf(cfg->data, sizeof(cfg->data),
			"%s/.local/state/spillway", home);
	else
		return fail(cfg, "--data: no default without HOME");
	return 0;
}

static int
listen_find(struct broker_config *cfg)
{
	const char *given = text_given(cfg, "listen");
	char why[INI_WHY];
	int err = 0;

	if (given != NULL)
		(void)snprintf(cfg->listen, sizeof(cfg->listen), "%s", given);
	else
		err = sw_endpoint_default(cfg->listen, sizeof(cfg->listen));
	if (err == 0)
		return 0;
	(void)snprintf(
		why, sizeof(why), "--listen: %s", sw_endpoint_default_why(err));
	return fail(cfg, why);
}

/* Names the line, where a file has the key. */
static int
fail_at(struct broker_config *cfg, const char *key, const char *why)
{
	const struct config_value *v;
	size_t i = 0;

	(void)fail(cfg, why);
	while ((v = config_value(cfg->options.config, "broker", i++)) != NULL)
		if (strcmp(v->name, key) == 0 && v->line > 0) {
			(void)snprintf(cfg->why, sizeof(cfg->why),
				"%.200s:%d: %.200s", cfg->options.file, v->line,
				why);
			cfg->status = EXIT_CONFIG;
		}
	return 1;
}

/* What would leave the socket open, or closed, to others than was meant. */
static int
group_use(struct broker_config *cfg)
{
	if ((cfg->socket_mode & 0060) == 0)
		return fail_at(cfg, "socket_group",
			"socket_mode lets no member of socket_group connect");
	if (!listener_is_file(cfg->listen))
		return fail_at(cfg, "socket_group",
			"socket_group is for an ipc:// socket that is a file: "
			"any user may connect to this endpoint");
	return 0;
}

/* Both were checked when they were read. */
static int
socket_access_find(struct broker_config *cfg)
{
	const char *mode = text_given(cfg, "socket_mode");
	const char *group = text_given(cfg, "socket_group");

	cfg->socket_mode = group != NULL ? 0660 : 0600;
	cfg->socket_group = (gid_t)-1;
	if (mode != NULL && mode_parse(mode, &cfg->socket_mode) < 0)
		return fail(cfg, "socket_mode: invalid");
	if (group != NULL && group_find(group, &cfg->socket_group) < 0)
		return fail(cfg, "socket_group: no such group");
	return group != NULL ? group_use(cfg) : 0;
}

/* What one value alone does not show. */
static int
setting_check(void *arg, const char *queue, const char *setting)
{
	struct broker_config *cfg = arg;
	struct sw_settings s = {.given = 0};
	char wrong[INI_WHY];
	int err = sw_settings_parse(
		&s, setting, strlen(setting), wrong, sizeof(wrong));

	if (err == 0)
		err = sw_settings_check(
			&s, bytes_str(queue), wrong, sizeof(wrong));
	if (err < 0) {
		(void)snprintf(cfg->why, sizeof(cfg->why), "[queue %s]: %.300s",
			queue, wrong);
		cfg->status = EXIT_CONFIG;
	}
	return err;
}

static int
action_take(struct broker_config *cfg)
{
	const char *action = cfg->options.action;
	char why[INI_WHY];

	cfg->check_only = action != NULL;
	if (action == NULL || strcmp(action, "check-config") == 0)
		return 0;
	(void)snprintf(why, sizeof(why),
		"--%s has moved to 'spillway-repair --data DIR%s'", action,
		strcmp(action, "mend") == 0 ? " --rebuild" : "");
	return fail(cfg, why);
}

static int
values_take(struct broker_config *cfg)
{
	const struct config *c = cfg->options.config;

	cfg->map_size = config_number(c, "broker", "map_size");
	cfg->link_memory = config_number(c, "broker", "link_memory");
	cfg->force = config_number(c, "broker", "force");
	cfg->verbose = config_number(c, "broker", "verbose");
	return broker_config_settings(cfg, setting_check, cfg) < 0 ||
	       action_take(cfg) != 0 || data_find(cfg) != 0 ||
	       listen_find(cfg) != 0 || socket_access_find(cfg) != 0;
}

/* What was given, by file or option, and not what is the default. */
static int
place_refuse(struct broker_config *cfg, const char *key, const char *why)
{
	const struct config_value *v;
	size_t i = 0;

	while ((v = config_value(cfg->options.config, "broker", i++)) != NULL)
		if (strcmp(v->name, key) == 0) {
			cfg->status = options_value_fail(
				&cfg->options, &program, v, why);
			return 1;
		}
	return 0;
}

/* What would end a start.  A broker may be running with the same places. */
static int
places_check(struct broker_config *cfg)
{
	const struct listener_options at = {
		.endpoint = cfg->listen, .mode = cfg->socket_mode};
	char why[LISTENER_WHY];
	int err = options_folder_check(cfg->data);

	if (err < 0 && place_refuse(cfg, "data", strerror(-err)))
		return 1;
	return listener_place_check(&at, why) < 0 &&
	       place_refuse(cfg, "listen", why);
}

int
broker_config_read(struct broker_config *cfg, int argc, char **argv)
{
	*cfg = (struct broker_config){.argc = argc, .argv = argv};
	if (options_start(&cfg->options, &program, argc, argv) != 0) {
		cfg->status = cfg->options.status;
		return 1;
	}
	if (values_take(cfg) == 0)
		return cfg->check_only && places_check(cfg);
	(void)program_fail(&program, cfg->status, cfg->why);
	return 1;
}

int
broker_config_again(struct broker_config *to, const struct broker_config *first)
{
	*to = (struct broker_config){.argc = first->argc, .argv = first->argv};
	return options_read(
		       &to->options, &program, to->argc, to->argv, to->why) < 0
		       ? 1
		       : values_take(to);
}

void
broker_config_fini(struct broker_config *cfg)
{
	options_fini(&cfg->options);
	*cfg = (struct broker_config){0};
}

static int
section_settings(const struct config *c, const char *section,
	int (*fn)(void *arg, const char *queue, const char *setting), void *arg)
{
	const struct config_value *v;
	char setting[SW_TEXT_MAX + 1], number[UNIT_TEXT];
	int err = 0;

	for (size_t k = 0;
		err == 0 && (v = config_value(c, section, k)) != NULL; k++) {
		const char *value = v->text;

		if (v->key->type != CONFIG_TEXT)
			value = unit_format((enum unit)v->key->type,
				config_number(c, section, v->key->name),
				number);
		(void)snprintf(
			setting, sizeof(setting), "%s=%s", v->key->name, value);
		err = fn(arg, section + strlen(queue_section), setting);
	}
	return err;
}

int
broker_config_settings(const struct broker_config *cfg,
	int (*fn)(void *arg, const char *queue, const char *setting), void *arg)
{
	const struct config *c = cfg->options.config;
	const char *section;
	int err = 0;

	for (size_t i = 0; c != NULL && err == 0 &&
			   (section = config_section(c, i)) != NULL;
		i++)
		if (strncmp(section, queue_section, strlen(queue_section)) == 0)
			err = section_settings(c, section, fn, arg);
	return err;
}
