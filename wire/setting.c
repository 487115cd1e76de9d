/* SPDX-License-Identifier: MIT */
#include "wire/setting.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

const struct sw_setting_rule sw_setting_rules[SW_SETTINGS] = {
#define X(name, unit, min, max, def, text)                                     \
	[SW_S_##name] = {#name, unit, min, max, def, text},
	SW_SETTING_MAP(X)
#undef X
};

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
	char copy[128], must[UNIT_WHY], *eq = NULL;
	const struct sw_setting_rule *r;
	int64_t v;

	if (len < sizeof(copy) && memchr(text, 0, len) == NULL) {
		memcpy(copy, text, len);
		copy[len] = '\0';
		eq = strchr(copy, '=');
	}
	if (eq == NULL) {
		(void)snprintf(why, why_cap, "'%.*s': must be key=value",
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
	if (unit_parse_within(r->unit, r->min, r->max, eq, &v, must) < 0) {
		(void)snprintf(
			why, why_cap, "%s is '%s': %s", r->name, eq, must);
		return SW_ESETTING;
	}
	values[r - sw_setting_rules] = v;
	return 0;
}
