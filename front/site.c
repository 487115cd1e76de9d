/* SPDX-License-Identifier: MIT */
#include "front/site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/listen.h"
#include "producer/client.h"

#define SECTION "front"
#define ROUTE	"route "
#define SET	"set."

/* --- the tables ----------------------------------------------------------- */

static const char address[] = "must be ADDRESS:PORT or unix:PATH";

#define X(name, type, min, max, def, text) {#name, type, min, max, def, text},
static const struct config_key front_keys[] = {
	{"listen", CONFIG_ADDRESS | CONFIG_MANY, 0, 0, NULL,
		"ADDRESS:PORT or unix:PATH to listen at"},
	{"broker", CONFIG_ENDPOINT, 0, 0, NULL,
		"where the broker is (else $SPILLWAY_BROKER)"},
	{"access_log", CONFIG_FILE, 0, 0, NULL,
		"access log, or - for the standard output (else none)"},
	{"stats", CONFIG_ADDRESS, 0, 0, NULL,
		"ADDRESS:PORT or unix:PATH for GET /stats (else none)"},
	{"perf", CONFIG_TEXT, 0, 0, "auto",
		"whether the kernel kills: auto, no or must"},
	{"blobs", CONFIG_URI, 0, 0, NULL,
		"where routes with blob = yes put bodies"},
	{"verbose", CONFIG_FLAG, 0, 1, "no", "log more"},
	FRONT_NUMBERS(X) ROUTE_NUMBERS(X){NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};
#undef X

/* Keys of a route have no defaults: [front] has them. */
#define X(name, type, min, max, def, text) {#name, type, min, max, NULL, text},
static const struct config_key route_keys[] = {
	{"module", CONFIG_FILE, 0, 0, NULL, "the handler, a shared object"},
	{SET, CONFIG_TEXT, 0, 0, NULL, "a value that the handler can ask for"},
	ROUTE_NUMBERS(X){NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};
#undef X

static int
is_perf(const char *s)
{
	return strcmp(s, "auto") == 0 || strcmp(s, "no") == 0 ||
	       strcmp(s, "must") == 0;
}

static int
is_blobs(const char *s)
{
	return strncmp(s, "dir:", 4) == 0 || strchr(s, '/') != NULL;
}

static const struct {
	const char *name;
	int (*is)(const char *);
	const char *must;
} checks[] = {
	{"listen", listen_is_address, address},
	{"stats", listen_is_address, address},
	{"perf", is_perf, "must be auto, no or must"},
	{"blobs", is_blobs, "must be dir:/... or s3://..."},
};

static int
text_check(const struct config_key *k, const char *value, char why[INI_WHY])
{
	if (strcmp(k->name, "broker") == 0)
		return client_endpoint_check(value, why, INI_WHY);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (strcmp(checks[i].name, k->name) == 0 &&
			!checks[i].is(value)) {
			(void)snprintf(why, INI_WHY, "%s", checks[i].must);
			return -EINVAL;
		}
	return 0;
}

static int
path_check(const char *path, char why[INI_WHY])
{
	if (path[0] == '/' && strpbrk(path, " ?#") == NULL)
		return 0;
	(void)snprintf(why, INI_WHY,
		"a route's path must begin with / and have no blank, ? or #");
	return -EINVAL;
}

static const struct config_group groups[] = {
	{SECTION, NULL,
		"the front itself, and what holds for all routes; every key "
		"is an option too",
		front_keys, NULL, text_check},
	{"route", "PATH", "a route; its handler answers what is below the path",
		route_keys, path_check, NULL},
	{NULL, NULL, NULL, NULL, NULL, NULL},
};

static const struct option_variable variables[] = {
	{"broker", "SPILLWAY_BROKER"},
	{NULL, NULL},
};

const struct program front_program = {
	.name = "spillway-front",
	.usage = "--config FILE [options]",
	.page = "spillway-front.conf",
	.file_option = "config",
	.file_text = "read routes and options from FILE",
	.groups = groups,
	.variables = variables,
};

/* --- setting -------------------------------------------------------------- */

static int
site_refuse(const struct site *cfg, const char *section, const char *what)
{
	int line = config_line(cfg->options.config, section);
	char at[32] = "";

	if (line > 0)
		(void)snprintf(at, sizeof(at), ":%d", line);
	(void)fprintf(stderr, "%s: %s%s: [%s] %s\n", front_program.name,
		cfg->file, at, section, what);
	return -1;
}

/* A key's text; NULL: not given, or empty. */
static const char *
text_given(const struct site *cfg, const char *section, const char *key)
{
	const char *text = config_text(cfg->options.config, section, key);

	return text != NULL && *text != '\0' ? text : NULL;
}

static int
front_set(struct site *cfg)
{
	const struct config *c = cfg->options.config;
	const struct config_value *v;

	cfg->broker = text_given(cfg, SECTION, "broker");
	cfg->access_log = text_given(cfg, SECTION, "access_log");
	cfg->stats = text_given(cfg, SECTION, "stats");
	cfg->perf = text_given(cfg, SECTION, "perf");
	cfg->blobs = text_given(cfg, SECTION, "blobs");
#define X(name, type, min, max, def, text)                                     \
	cfg->n[FRONT_##name] = config_number(c, SECTION, #name);
	FRONT_NUMBERS(X)
#undef X
	for (size_t i = 0; (v = config_value(c, SECTION, i)) != NULL; i++) {
		if (strcmp(v->key->name, "listen") != 0)
			continue;
		if (cfg->listen_n == LISTEN_MAX)
			return site_refuse(cfg, SECTION, "has too many listen");
		cfg->listen[cfg->listen_n++] = v->text;
	}
	return 0;
}

static int
values_set(const struct site *cfg, const char *section, struct route_config *r)
{
	const struct config_value *v;
	size_t n = 0;

	for (size_t i = 0;
		(v = config_value(cfg->options.config, section, i)) != NULL;
		i++) {
		if (strcmp(v->key->name, SET) != 0)
			continue;
		if (n == VALUES_MAX)
			return site_refuse(cfg, section, "has too many values");
		if (asprintf(&r->values[n], "%s=%s", v->name + strlen(SET),
			    v->text) < 0) {
			r->values[n] = NULL;
			return site_refuse(cfg, section, strerror(ENOMEM));
		}
		n++;
	}
	return 0;
}

static int
route_set(struct site *cfg, const char *section, struct route_config *r)
{
	const struct config *c = cfg->options.config;

	r->path = section + strlen(ROUTE);
	r->module = text_given(cfg, section, "module");
#define X(name, type, min, max, def, text)                                     \
	r->n[ROUTE_##name] = config_number(c,                                  \
		config_given(c, section, #name) ? section : SECTION, #name);
	ROUTE_NUMBERS(X)
#undef X
	if (r->module == NULL)
		return site_refuse(cfg, section, "has no module");
	if (r->n[ROUTE_blob] && cfg->blobs == NULL)
		return site_refuse(cfg, section,
			"has no blobs in [front] for its blob = yes");
	return values_set(cfg, section, r);
}

static int
routes_set(struct site *cfg)
{
	const char *section;

	cfg->routes = calloc(ROUTES_MAX, sizeof(cfg->routes[0]));
	if (cfg->routes == NULL)
		return site_refuse(cfg, SECTION, strerror(ENOMEM));
	for (size_t i = 0;
		(section = config_section(cfg->options.config, i)) != NULL;
		i++) {
		if (strncmp(section, ROUTE, strlen(ROUTE)) != 0)
			continue;
		if (cfg->routes_n == ROUTES_MAX)
			return site_refuse(
				cfg, section, "is one route too many");
		if (route_set(cfg, section, &cfg->routes[cfg->routes_n++]) < 0)
			return -1;
	}
	if (cfg->routes_n > 0)
		return 0;
	(void)fprintf(stderr, "%s: %s: there is no [route PATH]\n",
		front_program.name, cfg->file);
	return -1;
}

int
site_read(struct site *cfg, struct site_source *from)
{
	char why[INI_WHY];

	*cfg = (struct site){.options = from->first};
	from->first = (struct options){0};
	if (cfg->options.config == NULL &&
		options_read(&cfg->options, &front_program, from->argc,
			from->argv, why) < 0) {
		(void)program_fail(&front_program, cfg->options.status, why);
		return -1;
	}
	cfg->file = cfg->options.file;
	return front_set(cfg) < 0 ? -1 : routes_set(cfg);
}

void
site_fini(struct site *cfg)
{
	for (size_t i = 0; i < cfg->routes_n; i++)
		for (char **v = cfg->routes[i].values; *v != NULL; v++)
			free(*v);
	free(cfg->routes);
	options_fini(&cfg->options);
	*cfg = (struct site){0};
}
