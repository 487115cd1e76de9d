/* SPDX-License-Identifier: MIT */
#include "base/config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t";

struct section {
	char *name; /* "queue email" */
	const struct config_group *group;
	int line;
	struct config_value *values;
	size_t values_n;
};

struct config {
	const struct config_group *groups;
	struct section *sections;
	size_t sections_n;
};

static const char *const type_names[] = {
	[CONFIG_TEXT] = "text",
	[CONFIG_FILE] = "file",
	[CONFIG_FOLDER] = "folder",
	[CONFIG_ADDRESS] = "address",
	[CONFIG_ENDPOINT] = "endpoint",
	[CONFIG_URI] = "URI",
	[CONFIG_PAIR] = "name=value",
	[CONFIG_TABLE] = "table",
};

static int
type_plain(int type)
{
	return type & ~CONFIG_MANY;
}

static int
type_is_number(int type)
{
	return type_plain(type) < CONFIG_TEXT;
}

/* Of a file or a folder: "" would be another one than any that is meant. */
static int
type_is_path(int type)
{
	return type_plain(type) == CONFIG_FILE ||
	       type_plain(type) == CONFIG_FOLDER;
}

const char *
config_type_name(int type)
{
	return type_is_number(type) ? unit_name((enum unit)type_plain(type))
				    : type_names[type_plain(type)];
}

/* --- names ---------------------------------------------------------------- */

static int
letter(char c)
{
	return c == '-' ? '_' : c;
}

int
config_key_is_prefix(const struct config_key *k)
{
	return k->name[strlen(k->name) - 1] == '.';
}

/* Whether the name is the key's, or begins with a key such as "set.". */
static int
name_is(const char *key, const char *name)
{
	for (; *key != '\0' && letter(*name) == letter(*key); name++, key++)
		if (*key == '.' && key[1] == '\0')
			return name[1] != '\0';
	return *key == '\0' && *name == '\0';
}

const struct config_key *
config_key_find(const struct config_key *k, const char *name)
{
	while (k->name != NULL && !name_is(k->name, name))
		k++;
	return k->name != NULL ? k : NULL;
}

static struct section *
section_find(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->sections_n; i++)
		if (strcmp(c->sections[i].name, name) == 0)
			return &c->sections[i];
	return NULL;
}

/* The group of [name] or, with a label, [name label]; the other kind if not. */
static const struct config_group *
group_find(const struct config_group *groups, const char *name, size_t len,
	int labelled)
{
	const struct config_group *other = NULL;

	for (const struct config_group *g = groups; g->name != NULL; g++) {
		if (strlen(g->name) != len || memcmp(g->name, name, len) != 0)
			continue;
		if ((g->label != NULL) == labelled)
			return g;
		other = g;
	}
	return other;
}

/* --- adding --------------------------------------------------------------- */

static int
section_add(struct config *c, const struct config_group *g, const char *name,
	int line)
{
	struct section *s = realloc(
		c->sections, (c->sections_n + 1) * sizeof(*s));
	struct section new = {.group = g, .line = line};

	if (s == NULL)
		return -ENOMEM;
	c->sections = s;
	new.name = strdup(name);
	if (new.name == NULL)
		return -ENOMEM;
	s[c->sections_n++] = new;
	return 0;
}

static int
value_add(struct section *s, const struct config_key *key, const char *name,
	const char *text, int line)
{
	struct config_value *v = realloc(
		s->values, (s->values_n + 1) * sizeof(*v));
	struct config_value new = {.key = key, .line = line};

	if (v == NULL)
		return -ENOMEM;
	s->values = v;
	new.name = strdup(name);
	new.text = strdup(text);
	if (new.name == NULL || new.text == NULL) {
		free(new.name);
		free(new.text);
		return -ENOMEM;
	}
	v[s->values_n++] = new;
	return 0;
}

/* What a file's values are replaced by stands on the command line. */
static void
values_drop(struct section *s, const struct config_key *key)
{
	size_t n = 0;

	for (size_t i = 0; i < s->values_n; i++) {
		struct config_value *v = &s->values[i];

		if (v->key == key &&
			(v->line > 0 || !(key->type & CONFIG_MANY))) {
			free(v->name);
			free(v->text);
		} else {
			s->values[n++] = *v;
		}
	}
	s->values_n = n;
}

int
config_new(struct config **to, const struct config_group *groups)
{
	struct config *c = calloc(1, sizeof(*c));
	int err = c == NULL ? -ENOMEM : 0;

	if (err == 0)
		c->groups = groups;
	for (const struct config_group *g = groups; err == 0 && g->name != NULL;
		g++)
		if (g->label == NULL)
			err = section_add(c, g, g->name, 0);
	if (err < 0)
		config_free(c);
	else
		*to = c;
	return err;
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->sections_n; i++) {
		struct section *s = &c->sections[i];

		for (size_t k = 0; k < s->values_n; k++) {
			free(s->values[k].name);
			free(s->values[k].text);
		}
		free(s->values);
		free(s->name);
	}
	free(c->sections);
	free(c);
}

/* --- checking ------------------------------------------------------------- */

/* `name` is what the line calls the key. */
static int
value_check(const struct config_group *g, const struct config_key *k,
	const char *name, const char *value, char why[INI_WHY])
{
	char must[INI_WHY] = "", shown[INI_SHOWN];
	int64_t v;
	int err = 0;

	if (strlen(value) > INI_LINE_MAX) {
		(void)snprintf(must, sizeof(must),
			"must be shorter than %d bytes", INI_LINE_MAX + 1);
		err = -EINVAL;
	} else if (type_is_path(k->type) && *value == '\0') {
		(void)snprintf(must, sizeof(must), "must name a %s",
			config_type_name(k->type));
		err = -EINVAL;
	} else if (type_is_number(k->type))
		err = unit_parse_within((enum unit)type_plain(k->type), k->min,
			k->max, value, &v, must);
	else if (g->text_check != NULL)
		err = g->text_check(k, value, must);
	if (err == 0 || err == -ENOMEM)
		return err;
	(void)snprintf(why, INI_WHY, "%.100s is '%s': %.250s", name,
		ini_show(value, shown), must);
	return -EINVAL;
}

static int
refuse(char why[INI_WHY], const char *what, const char *name, const char *rest)
{
	char shown[INI_SHOWN];

	(void)snprintf(
		why, INI_WHY, "%s%s%s", what, ini_show(name, shown), rest);
	return -EINVAL;
}

static int
twice(char why[INI_WHY], const char *what, const char *name, int line)
{
	char rest[64];

	(void)snprintf(rest, sizeof(rest),
		"%s is there twice, first in line %d",
		what[0] == 's' ? "]" : "'", line);
	return refuse(why, what, name, rest);
}

/* --- the file ------------------------------------------------------------- */

struct filling {
	struct config *config;
	config_others_fn *others; /* NULL: the file is ours alone */
	size_t at;		  /* of the section */
	int skipped;		  /* the section is another program's */
};

static int
label_take(const struct config_group *g, const char *label, char why[INI_WHY])
{
	char must[INI_WHY] = "", shown[INI_SHOWN];
	int err = g->label_check != NULL ? g->label_check(label, must) : 0;

	if (err < 0)
		(void)snprintf(why, INI_WHY, "[%s %s]: %.250s", g->name,
			ini_show(label, shown), must);
	return err;
}

/* One blank between words, none around them. */
static void
words_copy(const char *text, char to[INI_LINE_MAX + 1])
{
	size_t n = 0, len;

	for (text += strspn(text, blanks); *text != '\0';
		text += strspn(text, blanks)) {
		len = strcspn(text, blanks);
		if (n > 0)
			to[n++] = ' ';
		memcpy(to + n, text, len);
		n += len;
		text += len;
	}
	to[n] = '\0';
}

static int
group_choose(const struct config *c, const char *name,
	const struct config_group **to, char why[INI_WHY])
{
	size_t len = strcspn(name, " ");
	int labelled = name[len] != '\0';
	const struct config_group *g = group_find(
		c->groups, name, len, labelled);
	char rest[96];

	if (g == NULL)
		return refuse(why, "unknown section [", name, "]");
	if ((g->label != NULL) != labelled) {
		(void)snprintf(rest, sizeof(rest), "] must be [%s%s%s]",
			g->name, g->label != NULL ? " " : "",
			g->label != NULL ? g->label : "");
		return refuse(why, "section [", name, rest);
	}
	*to = g;
	return labelled ? label_take(g, name + len + 1, why) : 0;
}

/* 1: the section is another program's, and skipped; 0: ours; or an error. */
static int
others_ask(const struct filling *f, const char *name, char why[INI_WHY])
{
	size_t len = strcspn(name, " ");
	char word[INI_LINE_MAX + 1], must[INI_WHY] = "", shown[INI_SHOWN];

	if (f->others == NULL ||
		group_find(f->config->groups, name, len, 0) != NULL)
		return 0;
	memcpy(word, name, len);
	word[len] = '\0';
	if (f->others(word, must) == 0)
		return 1;
	(void)snprintf(why, INI_WHY, "unknown section [%s]: %.250s",
		ini_show(name, shown), must);
	return -EINVAL;
}

static int
header_take(struct filling *f, const struct ini_item *item, char why[INI_WHY])
{
	struct config *c = f->config;
	const struct config_group *g = NULL;
	char name[INI_LINE_MAX + 1];
	struct section *s;
	int err;

	words_copy(item->text, name);
	err = others_ask(f, name, why);
	f->skipped = err > 0;
	if (err == 0)
		err = group_choose(c, name, &g, why);
	if (f->skipped)
		return 0;
	if (err < 0)
		return err;
	s = section_find(c, name);
	if (s != NULL && s->line > 0)
		return twice(why, "section [", name, s->line);
	if (s == NULL && c->sections_n == CONFIG_SECTIONS_MAX)
		return refuse(why, "too many sections: [", name, "]");
	if (s == NULL) {
		err = section_add(c, g, name, item->line);
		s = &c->sections[c->sections_n - 1];
	}
	if (err == 0) {
		s->line = item->line;
		f->at = (size_t)(s - c->sections);
	}
	return err;
}

static int
key_take(struct filling *f, const struct ini_item *item, char why[INI_WHY])
{
	struct section *s = &f->config->sections[f->at];
	const struct config_key *k = config_key_find(s->group->keys, item->key);
	char rest[INI_SHOWN + 8], shown[INI_SHOWN];
	int err;

	(void)snprintf(
		rest, sizeof(rest), "' in [%s]", ini_show(s->name, shown));
	if (k == NULL)
		return refuse(why, "unknown key '", item->key, rest);
	if (s->values_n == CONFIG_VALUES_MAX)
		return refuse(why, "too many values: '", item->key, rest);
	for (size_t i = 0; i < s->values_n && !(k->type & CONFIG_MANY); i++)
		if (s->values[i].key == k &&
			(!config_key_is_prefix(k) ||
				strcmp(s->values[i].name, item->key) == 0))
			return twice(
				why, "key '", item->key, s->values[i].line);
	err = value_check(s->group, k, item->key, item->text, why);
	return err < 0 ? err
		       : value_add(s, k, item->key, item->text, item->line);
}

static int
item_take(void *arg, const struct ini_item *item, char why[INI_WHY])
{
	struct filling *f = arg;

	if (item->key == NULL)
		return header_take(f, item, why);
	return f->skipped ? 0 : key_take(f, item, why);
}

int
config_others_skip(const char *name, char why[INI_WHY])
{
	(void)name;
	(void)why;
	return 0;
}

int
config_shared_read(struct config *c, const char *file, config_others_fn *others,
	char why[INI_WHY])
{
	struct filling f = {.config = c, .others = others};

	return ini_read(file, item_take, &f, why);
}

int
config_file_read(struct config *c, const char *file, char why[INI_WHY])
{
	return config_shared_read(c, file, NULL, why);
}

int
config_set(struct config *c, const struct config_group *g,
	const struct config_key *k, const char *name, const char *value,
	char why[INI_WHY])
{
	struct section *s = section_find(c, g->name);
	int err = value_check(g, k, name, value, why);

	assert(s != NULL);
	if (err == 0)
		values_drop(s, k);
	if (err == 0 && s->values_n == CONFIG_VALUES_MAX)
		return refuse(why, "too many values: ", name, "");
	if (err == 0)
		err = value_add(s, k, k->name, value, 0);
	if (err == -ENOMEM)
		(void)snprintf(why, INI_WHY, "%s", strerror(ENOMEM));
	return err;
}

/* --- asking --------------------------------------------------------------- */

static const struct config_value *
value_find(const struct section *s, const struct config_key *k)
{
	for (size_t i = 0; i < s->values_n; i++)
		if (s->values[i].key == k)
			return &s->values[i];
	return NULL;
}

static const char *
text_find(
	const struct config *c, const char *section, const char *key, int *type)
{
	const struct section *s = section_find(c, section);
	const struct config_key *k;
	const struct config_value *v;

	assert(s != NULL);
	k = config_key_find(s->group->keys, key);
	assert(k != NULL);
	v = value_find(s, k);
	*type = k->type;
	return v != NULL ? v->text : k->def;
}

const char *
config_text(const struct config *c, const char *section, const char *key)
{
	int type;

	return text_find(c, section, key, &type);
}

/* What was read has been checked, and a default is ours. */
int64_t
config_number(const struct config *c, const char *section, const char *key)
{
	int type, err = 0;
	const char *text = text_find(c, section, key, &type);
	int64_t v = 0;

	assert(type_is_number(type));
	if (text != NULL) /* not in the assert: NDEBUG takes those away */
		err = unit_parse((enum unit)type_plain(type), text, &v);
	assert(err == 0);
	return err == 0 ? v : 0;
}

int
config_has(const struct config *c, const char *section)
{
	return section_find(c, section) != NULL;
}

int
config_given(const struct config *c, const char *section, const char *key)
{
	const struct section *s = section_find(c, section);
	const struct config_key *k =
		s != NULL ? config_key_find(s->group->keys, key) : NULL;

	return k != NULL && value_find(s, k) != NULL;
}

const char *
config_section(const struct config *c, size_t n)
{
	return n < c->sections_n ? c->sections[n].name : NULL;
}

const struct config_value *
config_value(const struct config *c, const char *section, size_t n)
{
	const struct section *s = section_find(c, section);

	return s != NULL && n < s->values_n ? &s->values[n] : NULL;
}

int
config_line(const struct config *c, const char *section)
{
	const struct section *s = section_find(c, section);

	return s != NULL ? s->line : 0;
}
