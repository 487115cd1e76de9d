/* SPDX-License-Identifier: MIT */
#include "site.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct number_rule {
	const char *name;
	int64_t def, min, max;
	const char *text;
};

#define X(name, def, min, max, text) {#name, def, min, max, text},
static const struct number_rule front_rules[] = {FRONT_NUMBERS(X)};
static const struct number_rule route_rules[] = {ROUTE_NUMBERS(X)};
#undef X

static const struct {
	const char *name;
	size_t at;
	const char *text;
} words[] = {
	{"broker", offsetof(struct site, broker),
		"the broker's endpoint (as SPILLWAY_BROKER)"},
	{"access_log", offsetof(struct site, access_log),
		"a file, or - for the standard output (none)"},
	{"stats", offsetof(struct site, stats),
		"HOST:PORT or unix:PATH for GET /stats (none)"},
	{"perf", offsetof(struct site, perf),
		"kernel's kill: auto, no, must (auto)"},
	{"blobs", offsetof(struct site, blobs),
		"where routes with blob = 1 put bodies (none)"},
};

enum { WORDS = sizeof(words) / sizeof(words[0]) };

static void
rules_print(const struct number_rule *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("  %-16s %s (%lld)\n", r[i].name, r[i].text,
			(long long)r[i].def);
}

void
site_help(void)
{
	puts("\nIn [front] of the file:\n");
	puts("  listen           HOST:PORT or unix:PATH; may stand more than "
	     "once");
	for (size_t i = 0; i < WORDS; i++)
		printf("  %-16s %s\n", words[i].name, words[i].text);
	rules_print(front_rules, FRONT_NUMBERS_N);
	puts("\nIn [front] for all routes, or in [route PATH] for one:\n");
	rules_print(route_rules, ROUTE_NUMBERS_N);
	puts("\nIn [route PATH] alone:\n\n"
	     "  module           the handler, a shared object\n"
	     "  set.NAME         a value that the handler can ask for");
}

struct reading {
	struct site *cfg;
	struct route_config *route; /* NULL: in [front] */
	FILE *f;
	int line, failed;
	char section[256];
};

static int
wrong(struct reading *rd, const char *what, const char *which)
{
	fprintf(stderr, "spillway-front: %s:%d: %s '%s'\n", rd->cfg->file,
		rd->line, what, which);
	return -1;
}

/* 1: it was one of these. */
static int
number_set(struct reading *rd, const struct number_rule *r, size_t n,
	int64_t *to, const char *name, const char *value)
{
	char *end;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(r[i].name, name) != 0)
			continue;
		errno = 0;
		to[i] = strtoll(value, &end, 10);
		if (errno == 0 && end != value && *end == '\0' &&
			to[i] >= r[i].min && to[i] <= r[i].max)
			return 1;
		fprintf(stderr,
			"spillway-front: %s:%d: %s is '%s', not %lld to "
			"%lld\n",
			rd->cfg->file, rd->line, name, value,
			(long long)r[i].min, (long long)r[i].max);
		return -1;
	}
	return 0;
}

static int
text_set(char **to, const char *value)
{
	free(*to);
	*to = strdup(value);
	return *to == NULL ? -1 : 1;
}

static int
front_key(struct reading *rd, const char *name, const char *value)
{
	struct site *cfg = rd->cfg;
	int got;

	if (strcmp(name, "listen") == 0) {
		if (cfg->listen_n == LISTEN_MAX)
			return wrong(rd, "one too many", "listen");
		return text_set(&cfg->listen[cfg->listen_n++], value);
	}
	for (size_t i = 0; i < WORDS; i++)
		if (strcmp(words[i].name, name) == 0)
			return text_set(
				(char **)(void *)((char *)cfg + words[i].at),
				value);
	got = number_set(rd, front_rules, FRONT_NUMBERS_N, cfg->n, name, value);
	if (got != 0)
		return got;
	/* Number 0 is no route but the defaults of all. */
	got = number_set(rd, route_rules, ROUTE_NUMBERS_N, cfg->routes[0].n,
		name, value);
	if (got > 0 && cfg->routes_n > 1)
		return wrong(rd, "must stand before the first [route]:", name);
	return got;
}

static int
value_add(struct reading *rd, const char *name, const char *value)
{
	size_t n = 0;

	while (rd->route->values[n] != NULL)
		n++;
	if (n == VALUES_MAX)
		return wrong(rd, "one too many", name);
	return asprintf(&rd->route->values[n], "%s=%s", name, value) < 0 ? -1
									 : 1;
}

static int
route_key(struct reading *rd, const char *name, const char *value)
{
	if (strcmp(name, "module") == 0)
		return text_set(&rd->route->module, value);
	if (strncmp(name, "set.", 4) == 0 && name[4] != '\0')
		return value_add(rd, name + 4, value);
	return number_set(
		rd, route_rules, ROUTE_NUMBERS_N, rd->route->n, name, value);
}

static int
route_begin(struct reading *rd, const char *path)
{
	struct site *cfg = rd->cfg;
	struct route_config *r;

	if (path[0] != '/' || strpbrk(path, " ?#") != NULL)
		return wrong(rd, "a route's path begins with /, not", path);
	for (size_t i = 1; i < cfg->routes_n; i++)
		if (strcmp(cfg->routes[i].path, path) == 0)
			return wrong(rd, "a second route", path);
	if (cfg->routes_n > ROUTES_MAX)
		return wrong(rd, "one route too many:", path);
	r = &cfg->routes[cfg->routes_n++];
	memcpy(r->n, cfg->routes[0].n, sizeof(r->n));
	r->line = rd->line;
	r->path = strdup(path);
	rd->route = r;
	return r->path == NULL ? -1 : 0;
}

static int
section_begin(struct reading *rd, const char *section)
{
	(void)snprintf(rd->section, sizeof(rd->section), "%s", section);
	rd->route = NULL;
	if (strcmp(section, "front") == 0)
		return 0;
	if (strncmp(section, "route ", 6) == 0)
		return route_begin(rd, section + 6);
	return wrong(rd, "unknown section", section);
}

/* inih's handler: 0 is an error there. */
static int
file_key(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *rd = arg;
	int got = 0;

	if (rd->failed)
		return 0;
	if (strcmp(section, rd->section) != 0)
		got = section_begin(rd, section);
	if (got == 0)
		got = rd->route != NULL ? route_key(rd, name, value)
					: front_key(rd, name, value);
	if (got == 0)
		got = wrong(rd, "unknown key", name);
	rd->failed = got < 0;
	return got > 0;
}

/* inih counts lines for its own errors alone. */
static char *
line_read(char *buf, int n, void *arg)
{
	struct reading *rd = arg;

	rd->line++;
	return fgets(buf, n, rd->f);
}

static int
route_whole(const struct site *cfg, const struct route_config *r)
{
	const char *lacks = r->module == NULL ? "module"
			    : r->n[ROUTE_blob] && cfg->blobs == NULL
				    ? "blobs in [front] for its blob = 1"
				    : NULL;

	if (lacks == NULL)
		return 0;
	fprintf(stderr, "spillway-front: %s:%d: [route %s] has no %s\n",
		cfg->file, r->line, r->path, lacks);
	return -1;
}

static int
whole(const struct site *cfg)
{
	static const char *const perfs[] = {"auto", "no", "must"};
	int known = cfg->perf == NULL;

	for (size_t i = 0; i < 3 && !known; i++)
		known = strcmp(cfg->perf, perfs[i]) == 0;
	if (!known) {
		fprintf(stderr,
			"spillway-front: %s: perf is '%s', not auto, no or "
			"must\n",
			cfg->file, cfg->perf);
		return -1;
	}
	if (cfg->routes_n < 2) {
		fprintf(stderr, "spillway-front: %s: no [route PATH]\n",
			cfg->file);
		return -1;
	}
	for (size_t i = 1; i < cfg->routes_n; i++)
		if (route_whole(cfg, &cfg->routes[i]) < 0)
			return -1;
	return 0;
}

int
site_read(struct site *cfg, const char *file)
{
	struct reading rd = {.cfg = cfg};
	int bad;

	*cfg = (struct site){.file = file, .routes_n = 1};
	cfg->routes = calloc(ROUTES_MAX + 1, sizeof(cfg->routes[0]));
	rd.f = fopen(file, "re");
	if (rd.f == NULL || cfg->routes == NULL) {
		fprintf(stderr, "spillway-front: %s: %s\n", file,
			strerror(errno));
		if (rd.f != NULL)
			fclose(rd.f);
		return -1;
	}
	for (size_t i = 0; i < FRONT_NUMBERS_N; i++)
		cfg->n[i] = front_rules[i].def;
	for (size_t i = 0; i < ROUTE_NUMBERS_N; i++)
		cfg->routes[0].n[i] = route_rules[i].def;
	bad = ini_parse_stream(line_read, &rd, file_key, &rd);
	fclose(rd.f);
	if (bad != 0 && !rd.failed)
		fprintf(stderr,
			"spillway-front: %s:%d: not 'key = value' and not "
			"'[section]'\n",
			file, bad);
	return bad != 0 ? -1 : whole(cfg);
}

void
site_fini(struct site *cfg)
{
	for (size_t i = 0; i < cfg->listen_n; i++)
		free(cfg->listen[i]);
	for (size_t i = 0; i < cfg->routes_n && cfg->routes != NULL; i++) {
		free(cfg->routes[i].path);
		free(cfg->routes[i].module);
		for (char **v = cfg->routes[i].values; *v != NULL; v++)
			free(*v);
	}
	for (size_t i = 0; i < WORDS; i++)
		free(*(char **)(void *)((char *)cfg + words[i].at));
	free(cfg->routes);
	*cfg = (struct site){0};
}
