/* SPDX-License-Identifier: MIT */
#include "wire/setting.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "wire/proto.h"
#include "wire/put.h"

const struct sw_setting_rule sw_setting_rules[SW_SETTINGS] = {
#define X(name, unit, min, max, def, text)                                     \
	[SW_S_##name] = {#name, unit, min, max, def, text},
	SW_SETTING_MAP(X)
#undef X
};

const struct sw_text_rule sw_text_rules[SW_TEXT_SETTINGS] = {
#define X(name, kind, text) [SW_TS_##name] = {#name, kind, text},
	SW_TEXT_SETTING_MAP(X)
#undef X
};

_Static_assert(SW_SETTINGS <= 32, "a bit for each");

enum { VALUE_MAX = 127 }; /* more than any value needs */

static const struct sw_setting_rule *
rule_find(const char *name, size_t len)
{
	for (int i = 0; i < SW_SETTINGS; i++)
		if (strlen(sw_setting_rules[i].name) == len &&
			memcmp(sw_setting_rules[i].name, name, len) == 0)
			return &sw_setting_rules[i];
	return NULL;
}

/* At most 64 bytes of a text that error lines quote. */
static int
shown_len(size_t len)
{
	return (int)(len < 64 ? len : 64);
}

static int
value_parse(const struct sw_setting_rule *r, const char *text, size_t len,
	int64_t *value, char *why, size_t why_cap)
{
	char copy[VALUE_MAX + 1], range[UNIT_WHY], must[UNIT_WHY];
	size_t n = len < VALUE_MAX ? len : VALUE_MAX;

	memcpy(copy, text, n);
	copy[n] = '\0';
	if (n == len && unit_parse_within(r->unit, r->min, r->max, copy, value,
				must) == 0)
		return 0;
	(void)snprintf(why, why_cap, "%s is '%s%s': must be %s", r->name, copy,
		n < len ? "..." : "",
		unit_range_format(r->unit, r->min, r->max, range));
	return SW_ESETTING;
}

int
sw_setting_parse(const char *text, size_t len, int64_t values[SW_SETTINGS],
	uint32_t *given, char *why, size_t why_cap)
{
	const char *eq = memchr(text, '=', len);
	const struct sw_setting_rule *r;
	size_t name_len;
	uint32_t bit;
	int err;

	if (eq == NULL || memchr(text, 0, len) != NULL) {
		(void)snprintf(why, why_cap, "'%.*s': must be key=value",
			shown_len(len), text);
		return SW_ESETTING;
	}
	name_len = (size_t)(eq - text);
	r = rule_find(text, name_len);
	if (r == NULL) {
		(void)snprintf(why, why_cap, "'%.*s': no such queue setting",
			shown_len(name_len), text);
		return SW_ESETTING;
	}
	bit = 1U << (r - sw_setting_rules);
	if ((*given & bit) != 0) {
		(void)snprintf(why, why_cap, "%s is given twice", r->name);
		return SW_ESETTING;
	}
	err = value_parse(r, eq + 1, len - name_len - 1,
		&values[r - sw_setting_rules], why, why_cap);
	if (err == 0)
		*given |= bit;
	return err;
}

/* --- texts -------------------------------------------------------------- */

const struct sw_text_rule *
sw_text_rule_find(const char *name, size_t len)
{
	for (int i = 0; i < SW_TEXT_SETTINGS; i++)
		if (bytes_eq(bytes_str(sw_text_rules[i].name),
			    bytes_of(name, len)))
			return &sw_text_rules[i];
	return NULL;
}

static int
queue_is_valid(struct bytes value)
{
	return sw_queue_check(value.p, value.len) == 0;
}

/* Control characters, and blanks around a name, are mistakes. */
static int
name_is_valid(const char *p, size_t len)
{
	if (len == 0 || p[0] == ' ' || p[len - 1] == ' ')
		return 0;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
			return 0;
	return 1;
}

static int
names_are_valid(struct bytes value)
{
	const char *p = value.p, *end = p + value.len, *comma;

	if (value.len > SW_NAMES_MAX)
		return 0;
	for (; (comma = memchr(p, ',', (size_t)(end - p))) != NULL;
		p = comma + 1)
		if (!name_is_valid(p, (size_t)(comma - p)))
			return 0;
	return name_is_valid(p, (size_t)(end - p));
}

static int
header_is_valid(struct bytes value)
{
	return sw_put_header_check(value, NULL) == 0;
}

static const struct {
	const char *must;
	int (*is_valid)(struct bytes);
} kinds[] = {
	[SW_TEXT_QUEUE] = {"the name of a queue", queue_is_valid},
	[SW_TEXT_NAMES] = {"names with commas between them, 400 bytes at most",
		names_are_valid},
	[SW_TEXT_HEADER] = {"a header, name=value", header_is_valid},
};

_Static_assert(SW_NAMES_MAX == 400, "as the text above says");

const char *
sw_text_must(enum sw_text_kind kind)
{
	return kinds[kind].must;
}

int
sw_text_check(enum sw_text_kind kind, struct bytes value)
{
	return value.len == 0 || kinds[kind].is_valid(value) ? 0 : SW_ESETTING;
}

static int
text_parse(struct sw_settings *s, const struct sw_text_rule *r,
	struct bytes value, char *why, size_t why_cap)
{
	uint32_t bit = 1U << (r - sw_text_rules);

	if ((s->texts_given & bit) != 0) {
		(void)snprintf(why, why_cap, "%s is given twice", r->name);
		return SW_ESETTING;
	}
	if (sw_text_check(r->kind, value) < 0) {
		(void)snprintf(why, why_cap,
			"%s is '%.*s': must be %s, or "
			"empty",
			r->name, shown_len(value.len), (const char *)value.p,
			sw_text_must(r->kind));
		return SW_ESETTING;
	}
	s->texts[r - sw_text_rules] = value;
	s->texts_given |= bit;
	return 0;
}

int
sw_settings_parse(struct sw_settings *s, const char *text, size_t len,
	char *why, size_t why_cap)
{
	const char *eq = memchr(text, '=', len);
	const struct sw_text_rule *r =
		eq != NULL && memchr(text, 0, len) == NULL
			? sw_text_rule_find(text, (size_t)(eq - text))
			: NULL;
	size_t name_len;

	if (r == NULL)
		return sw_setting_parse(
			text, len, s->values, &s->given, why, why_cap);
	name_len = (size_t)(eq - text);
	return text_parse(
		s, r, bytes_of(eq + 1, len - name_len - 1), why, why_cap);
}

int
sw_settings_check(const struct sw_settings *s, struct bytes queue, char *why,
	size_t why_cap)
{
	for (int i = 0; i < SW_TEXT_SETTINGS; i++)
		if (sw_text_rules[i].kind == SW_TEXT_QUEUE && queue.len > 0 &&
			bytes_eq(s->texts[i], queue)) {
			(void)snprintf(why, why_cap,
				"%s is '%.*s': must be another queue",
				sw_text_rules[i].name, (int)queue.len,
				(const char *)queue.p);
			return SW_ESETTING;
		}
	return 0;
}
