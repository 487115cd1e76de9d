/* SPDX-License-Identifier: MIT */
#include "front/site.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/listen.h"

enum {
	LINE_MAX_LEN = 256, /* inih takes less */
	SET_LEN = 4,
};

struct number_rule {
	const char *name;
	int64_t def, min, max;
	const char *text;
};

enum place { NOWHERE, FRONT, ROUTE, PLACES };

#define X(name, def, min, max, text) {#name, def, min, max, text},
static const struct number_rule front_rules[] = {FRONT_NUMBERS(X)};
static const struct number_rule route_rules[] = {ROUTE_NUMBERS(X)};
#undef X

static const struct {
	const struct number_rule *r;
	size_t n;
} rules[PLACES] = {[FRONT] = {front_rules, FRONT_NUMBERS_N},
	[ROUTE] = {route_rules, ROUTE_NUMBERS_N}};

static int
is_perf(const char *s)
{
	return strcmp(s, "auto") == 0 || strcmp(s, "no") == 0 ||
	       strcmp(s, "must") == 0;
}

static int
is_broker(const char *s)
{
	return strncmp(s, "ipc://", 6) == 0 || strncmp(s, "tcp://", 6) == 0;
}

static int
is_blobs(const char *s)
{
	return strncmp(s, "dir:", 4) == 0 || strchr(s, '/') != NULL;
}

static const char address[] = "ADDRESS:PORT or unix:PATH";

static const struct {
	const char *name;
	size_t at;
	const char *text;
	int (*is)(const char *);
	const char *wanted;
} words[] = {
	{"broker", offsetof(struct site, broker),
		"the broker's endpoint (as SPILLWAY_BROKER)", is_broker,
		"ipc://… or tcp://…"},
	{"access_log", offsetof(struct site, access_log),
		"a file, or - for the standard output (none)", NULL, NULL},
	{"stats", offsetof(struct site, stats),
		"ADDRESS:PORT or unix:PATH for GET /stats (none)",
		listen_is_address, address},
	{"perf", offsetof(struct site, perf),
		"kernel's kill: auto, no, must (auto)", is_perf,
		"auto, no or must"},
	{"blobs", offsetof(struct site, blobs),
		"where routes with blob = 1 put bodies (none)", is_blobs,
		"dir:/… or s3://…"},
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
	puts("  listen           ADDRESS:PORT or unix:PATH; may stand more "
	     "than "
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
	enum place place;
	struct route_config *route; /* of the section */
	FILE *f;
	int line, failed;
	int has_front;
	uint32_t set[PLACES]; /* the numbers that the section has set */
};

static int
wrong(const struct reading *rd, const char *what, const char *which)
{
	fprintf(stderr, "spillway-front: %s:%d: %s '%s'\n", rd->cfg->file,
		rd->line, what, which);
	return -1;
}

static int
wrong_value(const struct reading *rd, const char *name, const char *value,
	const char *wanted)
{
	fprintf(stderr, "spillway-front: %s:%d: %s is '%s', not %s\n",
		rd->cfg->file, rd->line, name, value, wanted);
	return -1;
}

/* --- keys: 1, it was one; 0, it is not known; -1, it was wrong ----------- */

static int
number_set(struct reading *rd, enum place of, int64_t *to, const char *name,
	const char *value)
{
	char *end, range[64];
	size_t i = 0;

	while (i < rules[of].n && strcmp(rules[of].r[i].name, name) != 0)
		i++;
	if (i == rules[of].n)
		return 0;
	if (rd->set[of] & 1U << i)
		return wrong(rd, "a second", name);
	rd->set[of] |= 1U << i;
	errno = 0;
	to[i] = strtoll(value, &end, 10);
	if (errno == 0 && end != value && *end == '\0' &&
		to[i] >= rules[of].r[i].min && to[i] <= rules[of].r[i].max)
		return 1;
	(void)snprintf(range, sizeof(range), "%lld to %lld",
		(long long)rules[of].r[i].min, (long long)rules[of].r[i].max);
	return wrong_value(rd, name, value, range);
}

static int
text_set(struct reading *rd, char **to, const char *name, const char *value)
{
	if (*to != NULL)
		return wrong(rd, "a second", name);
	if (*value == '\0')
		return wrong(rd, "no value for", name);
	*to = strdup(value);
	return *to == NULL ? -1 : 1;
}

static int
listen_add(struct reading *rd, const char *name, const char *value)
{
	struct site *cfg = rd->cfg;

	if (cfg->listen_n == LISTEN_MAX)
		return wrong(rd, "one too many", name);
	if (!listen_is_address(value))
		return wrong_value(rd, name, value, address);
	return text_set(rd, &cfg->listen[cfg->listen_n++], name, value);
}

static int
front_key(struct reading *rd, const char *name, const char *value)
{
	struct site *cfg = rd->cfg;
	int got;

	if (strcmp(name, "listen") == 0)
		return listen_add(rd, name, value);
	for (size_t i = 0; i < WORDS; i++) {
		if (strcmp(words[i].name, name) != 0)
			continue;
		if (words[i].is != NULL && !words[i].is(value))
			return wrong_value(rd, name, value, words[i].wanted);
		return text_set(rd,
			(char **)(void *)((char *)cfg + words[i].at), name,
			value);
	}
	got = number_set(rd, FRONT, cfg->n, name, value);
	if (got != 0)
		return got;
	/* Number 0 is no route but the defaults of all. */
	got = number_set(rd, ROUTE, cfg->routes[0].n, name, value);
	if (got > 0 && cfg->routes_n > 1)
		return wrong(rd, "must stand before the first [route]:", name);
	return got;
}

static int
value_add(struct reading *rd, const char *name, const char *value)
{
	char **to = rd->route->values;
	const char *bare = name + SET_LEN;
	size_t n = 0, len = strlen(bare);

	for (; to[n] != NULL; n++)
		if (strncmp(to[n], bare, len) == 0 && to[n][len] == '=')
			return wrong(rd, "a second", name);
	if (n == VALUES_MAX)
		return wrong(rd, "one too many", name);
	return asprintf(&to[n], "%s=%s", bare, value) < 0 ? -1 : 1;
}

static int
route_key(struct reading *rd, const char *name, const char *value)
{
	if (strcmp(name, "module") == 0)
		return text_set(rd, &rd->route->module, name, value);
	if (strncmp(name, "set.", SET_LEN) == 0 && name[SET_LEN] != '\0')
		return value_add(rd, name, value);
	return number_set(rd, ROUTE, rd->route->n, name, value);
}

/* inih's handler: 0 is an error there. */
static int
file_key(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *rd = arg;
	int got;

	(void)section; /* cut off at 50 bytes, and two may have one name */
	if (rd->failed)
		return 0;
	got = rd->place == NOWHERE ? wrong(rd, "no section before", name)
	      : rd->place == FRONT ? front_key(rd, name, value)
				   : route_key(rd, name, value);
	if (got == 0)
		got = wrong(rd, "unknown key", name);
	rd->failed = got < 0;
	return got > 0;
}

/* --- sections: 0 or -1 --------------------------------------------------- */

static int
front_begin(struct reading *rd)
{
	if (rd->has_front)
		return wrong(rd, "a second section", "front");
	rd->has_front = 1;
	rd->place = FRONT;
	return 0;
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
	rd->place = ROUTE;
	return r->path == NULL ? -1 : 0;
}

/* `text` is what follows the bracket, to the end of the line. */
static int
section_begin(struct reading *rd, const char *text)
{
	char name[LINE_MAX_LEN];
	size_t len = strcspn(text, "]\n");
	const char *rest = text + len + 1;

	(void)snprintf(name, sizeof(name), "%.*s", (int)len, text);
	memset(rd->set, 0, sizeof(rd->set));
	if (text[len] != ']')
		return wrong(rd, "no ] after", name);
	rest += strspn(rest, " \t\r\n");
	if (*rest != '\0' && *rest != ';' && *rest != '#')
		return wrong(rd, "a line of its own is wanted for", name);
	if (strcmp(name, "front") == 0)
		return front_begin(rd);
	if (strncmp(name, "route ", 6) == 0)
		return route_begin(rd, name + 6);
	return wrong(rd, "unknown section", name);
}

/* --- lines --------------------------------------------------------------- */

/*
 * inih says neither where a section begins nor which line it is at, and takes
 * a line that is indented for more of the value above it.
 */
static char *
line_read(char *buf, int n, void *arg)
{
	struct reading *rd = arg;
	char *line = rd->failed ? NULL : fgets(buf, n, rd->f);
	size_t blank;

	if (line == NULL)
		return NULL;
	rd->line++;
	if (strchr(line, '\n') == NULL && getc(rd->f) != EOF) {
		line[strcspn(line, "=\t ")] = '\0';
		rd->failed = wrong(rd, "too long a line:", line) < 0;
		return NULL;
	}
	blank = strspn(line, " \t");
	memmove(line, line + blank, strlen(line + blank) + 1);
	if (line[0] == '[')
		rd->failed = section_begin(rd, line + 1) < 0;
	return rd->failed ? NULL : line;
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

static int
unreadable(const struct site *cfg)
{
	fprintf(stderr, "spillway-front: %s: %s\n", cfg->file, strerror(errno));
	return -1;
}

int
site_read(struct site *cfg, const char *file)
{
	struct reading rd = {.cfg = cfg};
	int bad;

	*cfg = (struct site){.file = file, .routes_n = 1};
	cfg->routes = calloc(ROUTES_MAX + 1, sizeof(cfg->routes[0]));
	if (cfg->routes == NULL)
		return unreadable(cfg);
	rd.f = fopen(file, "re");
	if (rd.f == NULL)
		return unreadable(cfg);
	for (size_t i = 0; i < FRONT_NUMBERS_N; i++)
		cfg->n[i] = front_rules[i].def;
	for (size_t i = 0; i < ROUTE_NUMBERS_N; i++)
		cfg->routes[0].n[i] = route_rules[i].def;
	errno = 0;
	bad = ini_parse_stream(line_read, &rd, file_key, &rd);
	if (ferror(rd.f))
		rd.failed = unreadable(cfg) < 0;
	fclose(rd.f);
	if (bad != 0 && !rd.failed)
		fprintf(stderr,
			"spillway-front: %s:%d: not 'key = value' and not "
			"'[section]'\n",
			file, bad);
	return bad != 0 || rd.failed ? -1 : whole(cfg);
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
