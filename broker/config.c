/* SPDX-License-Identifier: MIT */
#include "broker/config.h"

#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link/endpoint.h"
#include "wire/proto.h"
#include "wire/setting.h"

enum kind { PATH, SIZE, FLAG, ACTION };

struct option_rule {
	const char *name;
	enum kind kind;
	size_t at; /* in struct config */
	const char *arg, *text;
};

static const struct option_rule rules[] = {
	{"config", PATH, offsetof(struct config, file), "FILE",
		"read options and queue settings from FILE"},
	{"data", PATH, offsetof(struct config, data), "DIR",
		"where jobs are kept"},
	{"listen", PATH, offsetof(struct config, listen), "ENDPOINT",
		"ipc://PATH, or tcp:// on a loopback address"},
	{"map-size", SIZE, offsetof(struct config, map_size), "BYTES",
		"the store's largest size (64g); k, m, g are understood"},
	{"link-memory", SIZE, offsetof(struct config, link_memory), "BYTES",
		"links are closed when they hold more than this (256m)"},
	{"force", FLAG, offsetof(struct config, force), NULL,
		"accept a network or overlay file system"},
	{"verbose", FLAG, offsetof(struct config, verbose), NULL, "log more"},
	{"check-config", ACTION, 0, NULL, "read the configuration and end"},
	{"verify", ACTION, 0, NULL, NULL}, /* spillway-repair has them */
	{"mend", ACTION, 0, NULL, NULL},
	{"help", ACTION, 0, NULL, "print this"},
	{"version", ACTION, 0, NULL, "print the version"},
};

#define LINK_MEMORY ((int64_t)256 << 20)

enum { RULES = sizeof(rules) / sizeof(rules[0]) };

static void
help_print(void)
{
	puts("usage: spillway-broker [options]\n");
	for (size_t i = 0; i < RULES; i++) {
		if (rules[i].text == NULL)
			continue;
		printf("  --%s%s%-*s %s\n", rules[i].name,
			rules[i].arg != NULL ? " " : "",
			(int)(22 - strlen(rules[i].name)),
			rules[i].arg != NULL ? rules[i].arg : "",
			rules[i].text);
	}
	puts("\nSettings of a queue, in [queue NAME] of the file:\n");
	for (int i = 0; i < SW_SETTINGS; i++)
		printf("  %-18s %s (%lld)\n", sw_setting_rules[i].name,
			sw_setting_rules[i].text,
			(long long)sw_setting_rules[i].def);
}

/* `where` is for people: "--data" or "FILE:7". */
static int
option_set(struct config *cfg, const struct option_rule *r, const char *value,
	const char *where)
{
	char *base = (char *)cfg + r->at;

	switch (r->kind) {
	case PATH:
		if (strlen(value) < PATH_MAX) {
			strcpy(base, value);
			return 0;
		}
		break;
	case SIZE:
		if (unit_parse( UNIT_BYTES, value, (int64_t *)(void *)base) == 0 &&
			*(int64_t *)(void *)base > 0)
			return 0;
		break;
	case FLAG:
		*(int64_t *)(void *)base = strcmp(value, "no") != 0 &&
					   strcmp(value, "0") != 0;
		return 0;
	case ACTION:
		break;
	}
	fprintf(stderr, "spillway-broker: %s: bad value '%s' of %s\n", where,
		value, r->name);
	return -1;
}

static int
no_memory(void)
{
	fputs("spillway-broker: out of memory\n", stderr);
	return -1;
}

static int
setting_add(struct config *cfg, const char *queue, const char *name,
	const char *value, int line)
{
	struct config_setting *s;
	int64_t values[SW_SETTINGS];
	char why[256], text[256];
	int n = snprintf(text, sizeof(text), "%s=%s", name, value);

	if (sw_queue_check(queue, strlen(queue)) < 0) {
		fprintf(stderr, "spillway-broker: %s:%d: bad queue name '%s'\n",
			cfg->file, line, queue);
		return -1;
	}
	if (n < 0 || (size_t)n >= sizeof(text) ||
		sw_setting_parse(text, (size_t)n, values, why, sizeof(why)) <
			0) {
		fprintf(stderr, "spillway-broker: %s:%d: %s\n", cfg->file, line,
			why);
		return -1;
	}
	if (cfg->settings_n == CONFIG_SETTINGS_MAX) {
		fprintf(stderr,
			"spillway-broker: %s:%d: more than %d settings\n",
			cfg->file, line, CONFIG_SETTINGS_MAX);
		return -1;
	}
	s = realloc(cfg->settings, (cfg->settings_n + 1) * sizeof(*s));
	if (s == NULL)
		return no_memory();
	cfg->settings = s;
	s += cfg->settings_n++;
	s->queue = strdup(queue);
	s->setting = strdup(text);
	s->line = line;
	return s->queue == NULL || s->setting == NULL ? no_memory() : 0;
}

struct reading {
	struct config *cfg;
	int line; /* inih 55 counts lines for errors only */
	int failed;
};

static int
broker_key(struct config *cfg, const char *name, const char *value, int line)
{
	char where[PATH_MAX + 32], dashed[64];
	size_t i;

	(void)snprintf(where, sizeof(where), "%s:%d", cfg->file, line);
	for (i = 0; i < sizeof(dashed) - 1 && name[i] != '\0'; i++)
		dashed[i] = name[i] == '_' ? '-' : name[i];
	dashed[i] = '\0';
	for (i = 1; i < RULES; i++)
		if (rules[i].kind != ACTION &&
			strcmp(rules[i].name, dashed) == 0)
			return option_set(cfg, &rules[i], value, where);
	fprintf(stderr, "spillway-broker: %s: unknown key '%s'\n", where, name);
	return -1;
}

/* inih's handler: 0 is an error there. */
static int
file_key(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *rd = arg;
	int err;

	if (rd->failed)
		return 0;
	if (strcmp(section, "broker") == 0)
		err = broker_key(rd->cfg, name, value, rd->line);
	else if (strncmp(section, "queue ", 6) == 0)
		err = setting_add(rd->cfg, section + 6, name, value, rd->line);
	else {
		fprintf(stderr,
			"spillway-broker: %s:%d: unknown section [%s]\n",
			rd->cfg->file, rd->line, section);
		err = -1;
	}
	rd->failed = err < 0;
	return err == 0;
}

struct lines {
	FILE *f;
	struct reading *rd;
};

static char *
line_read(char *buf, int n, void *arg)
{
	struct lines *l = arg;

	l->rd->line++;
	return fgets(buf, n, l->f);
}

static int
file_read(struct config *cfg)
{
	struct reading rd = {.cfg = cfg};
	struct lines l = {.f = fopen(cfg->file, "re"), .rd = &rd};
	int bad, cut;

	if (l.f == NULL) {
		fprintf(stderr, "spillway-broker: %s: %s\n", cfg->file,
			strerror(errno));
		return -1;
	}
	bad = ini_parse_stream(line_read, &l, file_key, &rd);
	cut = ferror(l.f); /* the handler sees it as the file's end */
	fclose(l.f);
	if (cut) {
		fprintf(stderr, "spillway-broker: %s:%d: cannot be read\n",
			cfg->file, rd.line);
		return -1;
	}
	if (bad < 0)
		return no_memory();
	if (bad != 0 && !rd.failed)
		fprintf(stderr,
			"spillway-broker: %s:%d: not 'key = value' and not "
			"'[section]'\n",
			cfg->file, bad);
	return bad == 0 ? 0 : -1;
}

static int
defaults_set(struct config *cfg)
{
	const char *state = getenv("STATE_DIRECTORY");
	const char *home = getenv("HOME");

	cfg->link_memory = LINK_MEMORY;
	if (state != NULL)
		(void)snprintf(cfg->data, PATH_MAX, "%s", state);
	else if (geteuid() == 0)
		strcpy(cfg->data, "/var/lib/spillway");
	else if (home != NULL)
		(void)snprintf(
			cfg->data, PATH_MAX, "%s/.local/state/spillway", home);
	return 0;
}

static int
action(struct config *cfg, const char *name)
{
	if (strcmp(name, "help") == 0) {
		help_print();
		return 1;
	}
	if (strcmp(name, "version") == 0) {
		puts("spillway-broker " SPILLWAY_VERSION);
		return 1;
	}
	if (strcmp(name, "check-config") == 0) {
		cfg->task = CONFIG_CHECK;
		return 0;
	}
	fprintf(stderr,
		"spillway-broker: --%s has moved to 'spillway-repair --data "
		"DIR%s'\n",
		name, strcmp(name, "mend") == 0 ? " --rebuild" : "");
	return -1;
}

/* Two passes over the arguments: first only --config, then all the others. */
static int
arguments_read(struct config *cfg, int argc, char **argv, int config_only)
{
	struct option longs[RULES + 1] = {0};
	int at, c, err = 0;

	for (size_t i = 0; i < RULES; i++)
		longs[i] = (struct option){
			rules[i].name, rules[i].arg != NULL, NULL, 0};
	optind = 1;
	opterr = !config_only;
	while (err == 0 &&
		(c = getopt_long(argc, argv, "", longs, &at)) != -1) {
		char where[64];

		if (c == '?') {
			err = config_only ? 0 : -1;
			continue;
		}
		if (config_only != (at == 0))
			continue;
		(void)snprintf(where, sizeof(where), "--%s", rules[at].name);
		err = rules[at].kind == ACTION
			      ? action(cfg, rules[at].name)
			      : option_set(cfg, &rules[at],
					optarg != NULL ? optarg : "yes", where);
	}
	if (err == 0 && !config_only && optind < argc) {
		fprintf(stderr,
			"spillway-broker: '%s': no argument is wanted\n",
			argv[optind]);
		err = -1;
	}
	return err;
}

int
config_read(struct config *cfg, int argc, char **argv)
{
	int err;

	*cfg = (struct config){0};
	err = defaults_set(cfg);
	if (err == 0)
		err = arguments_read(cfg, argc, argv, 1);
	if (err == 0 && cfg->file[0] != '\0')
		err = file_read(cfg);
	if (err == 0)
		err = arguments_read(cfg, argc, argv, 0);
	if (err == 0 && cfg->listen[0] == '\0' &&
		sw_endpoint_default(cfg->listen, sizeof(cfg->listen)) < 0) {
		fputs("spillway-broker: --listen: no default without "
		      "XDG_RUNTIME_DIR\n",
			stderr);
		err = -1;
	}
	if (err == 0 && cfg->data[0] == '\0') {
		fputs("spillway-broker: --data: no default without HOME\n",
			stderr);
		err = -1;
	}
	return err;
}

void
config_fini(struct config *cfg)
{
	for (size_t i = 0; i < cfg->settings_n; i++) {
		free(cfg->settings[i].queue);
		free(cfg->settings[i].setting);
	}
	free(cfg->settings);
	*cfg = (struct config){0};
}
