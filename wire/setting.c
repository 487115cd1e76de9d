/* SPDX-License-Identifier: MIT */
#include "wire/setting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

const struct sw_setting_rule sw_setting_rules[SW_SETTINGS] = {
#define X(name, unit, min, max, def, text)                                     \
	[SW_S_##name] = {#name, unit, min, max, def, text},
	SW_SETTING_MAP(X)
#undef X
};

struct suffix {
	const char *text;
	int64_t factor;
};

static const struct suffix count_suffixes[] = {{"", 1}, {NULL, 0}};
static const struct suffix ms_suffixes[] = {{"", 1}, {"ms", 1}, {"s", 1000},
	{"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct suffix bytes_suffixes[] = {
	{"", 1}, {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {NULL, 0}};

static const struct suffix *const suffixes[] = {
	[SW_U_COUNT] = count_suffixes,
	[SW_U_MS] = ms_suffixes,
	[SW_U_BYTES] = bytes_suffixes,
};

static const char *const unit_names[] = {
	[SW_U_COUNT] = "a number",
	[SW_U_MS] = "a duration",
	[SW_U_BYTES] = "a size",
	[SW_U_FLAG] = "yes or no",
};

static int
number_parse(const char *text, const struct suffix *s, int64_t *value)
{
	char *end;
	long long n;

	if (*text < '0' || *text > '9') /* strtoll would skip blanks, signs */
		return SW_EINVAL;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno != 0)
		return SW_EINVAL;
	for (; s->text != NULL; s++)
		if (strcmp(end, s->text) == 0)
			return __builtin_mul_overflow(n, s->factor, value)
				       ? SW_EINVAL
				       : 0;
	return SW_EINVAL;
}

static int
flag_parse(const char *text, int64_t *value)
{
	static const char *const words[][2] = {
		{"no", "yes"}, {"0", "1"}, {"false", "true"}, {"off", "on"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (int v = 0; v < 2; v++)
			if (strcmp(text, words[i][v]) == 0) {
				*value = v;
				return 0;
			}
	return SW_EINVAL;
}

int
sw_value_parse(enum sw_unit unit, const char *text, int64_t *value)
{
	return unit == SW_U_FLAG ? flag_parse(text, value)
				 : number_parse(text, suffixes[unit], value);
}

int
sw_duration_parse(const char *text, int64_t *ms)
{
	return sw_value_parse(SW_U_MS, text, ms);
}

const char *
sw_unit_name(enum sw_unit unit)
{
	return unit_names[unit];
}

static const struct sw_setting_rule *
rule_find(const char *name)
{
	for (int i = 0; i < SW_SETTINGS; i++)
		if (strcmp(sw_setting_rules[i].name, name) == 0)
			return &sw_setting_rules[i];
	return NULL;
}

int
sw_setting_parse(const char *text, size_t len, int64_t values[SW_SETTINGS],
	char *why, size_t why_cap)
{
	char copy[128], *eq = NULL;
	const struct sw_setting_rule *r;
	int64_t v;
	int err;

	if (len < sizeof(copy) && memchr(text, 0, len) == NULL) {
		memcpy(copy, text, len);
		copy[len] = '\0';
		eq = strchr(copy, '=');
	}
	if (eq == NULL) {
		(void)snprintf(why, why_cap, "'%.*s': key=value is wanted",
			(int)(len < 64 ? len : 64), text);
		return SW_ESETTING;
	}
	*eq++ = '\0';
	r = rule_find(copy);
	if (r == NULL) {
		(void)snprintf(
			why, why_cap, "'%s': no such queue setting", copy);
		return SW_ESETTING;
	}
	err = sw_value_parse(r->unit, eq, &v);
	if (err < 0 || v < r->min || v > r->max) {
		(void)snprintf(why, why_cap,
			"%s=%s: %s from %lld to %lld is wanted", r->name, eq,
			unit_names[r->unit], (long long)r->min,
			(long long)r->max);
		return SW_ESETTING;
	}
	values[r - sw_setting_rules] = v;
	return 0;
}
