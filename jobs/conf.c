/* SPDX-License-Identifier: MIT */
#include "jobs/conf.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "jobs/job.h"

enum { SECTION_MAX = 128 };

struct section {
	char name[SECTION_MAX];
	const struct conf_key *keys;
	char **texts; /* as many as keys; NULL: not given */
};

struct conf {
	struct section *all;
	size_t n;
};

static const enum unit units[] = {
	[CONF_COUNT] = UNIT_COUNT,
	[CONF_MS] = UNIT_MS,
	[CONF_BYTES] = UNIT_BYTES,
	[CONF_FLAG] = UNIT_FLAG,
};

static size_t
keys_count(const struct conf_key *keys)
{
	size_t n = 0;

	while (keys[n].name != NULL)
		n++;
	return n;
}

static size_t
key_find(const struct conf_key *keys, const char *name)
{
	size_t i = 0;

	while (keys[i].name != NULL && strcmp(keys[i].name, name) != 0)
		i++;
	return i;
}

static struct section *
section_find(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->all[i].name, name) == 0)
			return &c->all[i];
	return NULL;
}

/* The keys that a section of that name may have; NULL: there is no such. */
static const struct conf_key *
section_keys(const struct job_type *types, const char *name)
{
	size_t len = strcspn(name, " ");

	for (const struct job_type *t = types; t->name != NULL; t++)
		if (strlen(t->name) == len && strncmp(t->name, name, len) == 0)
			return name[len] == '\0'       ? t->keys
			       : name[len + 1] != '\0' ? t->profile_keys
						       : NULL;
	return NULL;
}

static int
section_add(struct conf *c, const char *name, const struct conf_key *keys)
{
	struct section *s = realloc(c->all, (c->n + 1) * sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	c->all = s;
	s += c->n;
	s->keys = keys;
	s->texts = calloc(keys_count(keys) + 1, sizeof(*s->texts));
	if (s->texts == NULL)
		return -ENOMEM;
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	c->n++;
	return 0;
}

/* --- reading ------------------------------------------------------------- */

struct reading {
	struct conf *conf;
	const struct job_type *types;
	const char *file;
	FILE *f;
	int line, err, cut; /* inih counts lines for its own errors alone */
	char *why;
	size_t cap;
};

static int
wrong(struct reading *rd, const char *what, const char *which)
{
	(void)snprintf(rd->why, rd->cap, "%s:%d: %s '%s'", rd->file, rd->line,
		what, which);
	return SW_EINVAL;
}

static int
value_check(struct reading *rd, const struct conf_key *k, const char *value)
{
	int64_t v;

	if (k->kind == CONF_TEXT ||
		(unit_parse(units[k->kind], value, &v) == 0 &&
			(k->kind == CONF_FLAG || (v >= k->min && v <= k->max))))
		return 0;
	if (k->kind == CONF_FLAG)
		(void)snprintf(rd->why, rd->cap, "%s:%d: %s is '%s', not %s",
			rd->file, rd->line, k->name, value,
			unit_name(UNIT_FLAG));
	else
		(void)snprintf(rd->why, rd->cap,
			"%s:%d: %s is '%s', not a %s from %lld to %lld", rd->file,
			rd->line, k->name, value, unit_name(units[k->kind]),
			(long long)k->min, (long long)k->max);
	return SW_EINVAL;
}

static int
key_take(struct reading *rd, const char *section, const char *name,
	const char *value)
{
	const struct conf_key *keys = section_keys(rd->types, section);
	struct section *s;
	size_t i;
	int err;

	if (keys == NULL || strlen(section) >= SECTION_MAX)
		return wrong(rd, "unknown section", section);
	s = section_find(rd->conf, section);
	if (s == NULL) {
		err = section_add(rd->conf, section, keys);
		if (err < 0)
			return err;
		s = &rd->conf->all[rd->conf->n - 1];
	}
	i = key_find(keys, name);
	if (keys[i].name == NULL)
		return wrong(rd, "unknown key", name);
	if (s->texts[i] != NULL)
		return wrong(rd, "a second time", name);
	err = value_check(rd, &keys[i], value);
	if (err < 0)
		return err;
	s->texts[i] = strdup(value);
	return s->texts[i] == NULL ? -ENOMEM : 0;
}

/* inih's handler: 0 is an error there. */
static int
file_key(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *rd = arg;

	if (rd->err == 0)
		rd->err = key_take(rd, section, name, value);
	return rd->err == 0;
}

static char *
line_read(char *buf, int n, void *arg)
{
	struct reading *rd = arg;
	char *got = fgets(buf, n, rd->f);

	rd->line++;
	if (got != NULL && strchr(buf, '\n') == NULL && !feof(rd->f))
		rd->cut = rd->cut != 0 ? rd->cut : rd->line;
	return got;
}

static int
file_read(struct reading *rd)
{
	int bad, io;

	rd->f = fopen(rd->file, "re");
	if (rd->f == NULL) {
		int err = -errno;

		(void)snprintf(
			rd->why, rd->cap, "%s: %s", rd->file, strerror(errno));
		return err;
	}
	bad = ini_parse_stream(line_read, rd, file_key, rd);
	io = ferror(rd->f); /* inih takes it for the end */
	(void)fclose(rd->f);
	if (io) {
		(void)snprintf(rd->why, rd->cap, "%s:%d: cannot be read",
			rd->file, rd->line);
		return -EIO;
	}
	if (rd->cut != 0) {
		(void)snprintf(rd->why, rd->cap, "%s:%d: the line is too long",
			rd->file, rd->cut);
		return SW_EINVAL;
	}
	if (rd->err < 0 || bad == 0)
		return rd->err;
	if (bad < 0)
		return -ENOMEM;
	(void)snprintf(rd->why, rd->cap,
		"%s:%d: not 'key = value' and not '[section]'", rd->file, bad);
	return SW_EINVAL;
}

int
conf_read(struct conf **to, const char *file, const struct job_type *types,
	char *why, size_t cap)
{
	struct conf *c = calloc(1, sizeof(*c));
	struct reading rd = {.conf = c,
		.types = types,
		.file = file,
		.why = why,
		.cap = cap};
	int err = c == NULL ? -ENOMEM : 0;

	for (const struct job_type *t = types; err == 0 && t->name != NULL; t++)
		if (t->keys != NULL)
			err = section_add(c, t->name, t->keys);
	if (err == 0 && file != NULL)
		err = file_read(&rd);
	if (err == -ENOMEM)
		(void)snprintf(why, cap, "out of memory");
	if (err < 0)
		conf_free(c);
	else
		*to = c;
	return err;
}

void
conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n; i++) {
		for (size_t k = 0; c->all[i].keys[k].name != NULL; k++)
			free(c->all[i].texts[k]);
		free(c->all[i].texts);
	}
	free(c->all);
	free(c);
}

/* --- asking -------------------------------------------------------------- */

static const char *
value_find(const struct conf *c, const char *section, const char *key,
	enum conf_kind *kind)
{
	const struct section *s = section_find(c, section);
	size_t i;

	assert(s != NULL);
	i = key_find(s->keys, key);
	assert(s->keys[i].name != NULL);
	*kind = s->keys[i].kind;
	return s->texts[i] != NULL ? s->texts[i] : s->keys[i].def;
}

const char *
conf_text(const struct conf *c, const char *section, const char *key)
{
	enum conf_kind kind;

	return value_find(c, section, key, &kind);
}

/* What was read has been checked, and a default is ours. */
int64_t
conf_number(const struct conf *c, const char *section, const char *key)
{
	enum conf_kind kind;
	const char *text = value_find(c, section, key, &kind);
	int64_t v = 0;
	int err = 0;

	assert(kind != CONF_TEXT);
	if (text != NULL) /* not in the assert: NDEBUG takes those away */
		err = unit_parse(units[kind], text, &v);
	assert(err == 0);
	return err == 0 ? v : 0;
}

int
conf_has(const struct conf *c, const char *section)
{
	return section_find(c, section) != NULL;
}

const char *
conf_section(const struct conf *c, size_t n)
{
	return n < c->n ? c->all[n].name : NULL;
}

static void
keys_print(FILE *f, const struct conf_key *keys, const char *type,
	const char *name)
{
	if (keys == NULL)
		return;
	fprintf(f, "\nIn [%s%s] of the file of --jobs:\n\n", type, name);
	for (const struct conf_key *k = keys; k->name != NULL; k++)
		fprintf(f, "  %-18s %s (%s)\n", k->name, k->text,
			k->def != NULL ? k->def : "none");
}

void
conf_help(FILE *f, const struct job_type *types)
{
	for (const struct job_type *t = types; t->name != NULL; t++) {
		keys_print(f, t->keys, t->name, "");
		keys_print(f, t->profile_keys, t->name, " NAME");
	}
}
