/* SPDX-License-Identifier: MIT */
#include "jobs/body.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "jobs/parse.h"

enum { KEY_SHOWN = 40 }; /* bytes of a key in an error */

static int body_refuse(char *why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int
body_refuse(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, BODY_WHY, fmt, ap);
	va_end(ap);
	return SW_EINVAL;
}

/* The key whose closing quote is the last of `n` bytes, escapes unresolved. */
static struct bytes
key_before(const char *json, size_t n)
{
	size_t end = n - 1, at = end, slashes;

	do {
		at--;
		for (slashes = 0; json[at - 1 - slashes] == '\\'; slashes++)
			;
	} while (json[at] != '"' || slashes % 2 != 0);
	return bytes_of(json + at + 1, end - at - 1);
}

static int
json_refuse(struct bytes json, const json_error_t *e, char *why)
{
	static const struct {
		enum json_error_code code;
		const char *what;
	} causes[] = {
		{json_error_invalid_utf8, "the body is not UTF-8"},
		{json_error_null_character, "the body has a NUL in it"},
		{json_error_null_byte_in_key, "the body has a NUL in it"},
		{json_error_stack_overflow, "the body is nested too deeply"},
		{json_error_numeric_overflow,
			"the body has a number out of range"},
	};
	const char *what = "the body is not JSON";

	if (json_error_code(e) == json_error_duplicate_key) {
		struct bytes key = key_before(json.p, (size_t)e->position);

		return body_refuse(why, "the body: '%.*s' comes twice",
			(int)(key.len < KEY_SHOWN ? key.len : KEY_SHOWN),
			(const char *)key.p);
	}
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (causes[i].code == json_error_code(e))
			what = causes[i].what;
	return body_refuse(
		why, "%s: line %d, column %d", what, e->line, e->column);
}

int
body_parse(struct bytes json, json_t **to, char why[BODY_WHY])
{
	json_error_t error;
	json_t *value;

	if (json.len > 0 && memchr(json.p, '\0', json.len) != NULL)
		return body_refuse(why, "the body has a NUL in it");
	value = parse_json(
		json, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (value == NULL)
		return json_refuse(json, &error, why);
	*to = value;
	return 0;
}

int
body_take(json_t *object, const char *what, const struct body_key *keys,
	void *arg, char why[BODY_WHY])
{
	const struct body_key *k;
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return body_refuse(why, "%s is not a JSON object", what);
	json_object_foreach(object, name, value)
	{
		int err;

		for (k = keys; k->name != NULL; k++)
			if (strcmp(k->name, name) == 0)
				break;
		if (k->name == NULL)
			return body_refuse(why, "%s: unknown key '%.*s'", what,
				KEY_SHOWN, name);
		err = k->take(arg, name, value);
		if (err < 0)
			return err;
	}
	return 0;
}

int
body_text(const char *name, const json_t *value, const char **to,
	char why[BODY_WHY])
{
	if (!json_is_string(value))
		return body_refuse(
			why, "'%.*s' is not a string", KEY_SHOWN, name);
	*to = json_string_value(value);
	return 0;
}
