/* SPDX-License-Identifier: MIT */
#include "jobs/body.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

static int
refuse(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int
refuse(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, BODY_WHY, fmt, ap);
	va_end(ap);
	return SW_EINVAL;
}

static int
bytes_check(struct bytes json, char *why)
{
	const uint8_t *p = json.p;
	uint32_t c = 0, last = 0;

	for (size_t i = 0, n; i < json.len; i += n) {
		n = text_utf8(p + i, json.len - i, &c);
		if (n == 0)
			return refuse(why, "the body is not UTF-8");
		if (c == 0 || (last == '\\' && json.len - i >= 5 &&
				      memcmp(p + i, "u0000", 5) == 0))
			return refuse(why, "the body has a NUL in it");
		last = last == '\\' && c == '\\' ? 0 : c;
	}
	return 0;
}

int
body_parse(struct bytes json, cJSON **to, char why[BODY_WHY])
{
	const char *p = json.p, *end = NULL;
	cJSON *value;
	int err = bytes_check(json, why);

	if (err < 0)
		return err;
	value = cJSON_ParseWithLengthOpts(p, json.len, &end, 0);
	if (value != NULL)
		while (end < p + json.len && strchr(" \t\r\n", *end) != NULL)
			end++;
	if (value == NULL || end != p + json.len) {
		cJSON_Delete(value);
		return refuse(why, "the body is not JSON");
	}
	*to = value;
	return 0;
}

int
body_take(const cJSON *object, const char *what, const struct body_key *keys,
	void *arg, char why[BODY_WHY])
{
	const struct body_key *k;
	const cJSON *value;
	uint64_t seen = 0, bit;

	if (!cJSON_IsObject(object))
		return refuse(why, "%s is not a JSON object", what);
	cJSON_ArrayForEach(value, object)
	{
		int err;

		for (k = keys; k->name != NULL; k++)
			if (strcmp(k->name, value->string) == 0)
				break;
		if (k->name == NULL)
			return refuse(why, "%s: unknown key '%.40s'", what,
				value->string);
		bit = (uint64_t)1 << (k - keys);
		if (seen & bit)
			return refuse(
				why, "%s: '%s' comes twice", what, k->name);
		seen |= bit;
		err = k->take(arg, value);
		if (err < 0)
			return err;
	}
	return 0;
}

int
body_text(const cJSON *value, const char **to, char why[BODY_WHY])
{
	if (!cJSON_IsString(value))
		return refuse(why, "'%.40s' is not a string", value->string);
	*to = value->valuestring;
	return 0;
}
