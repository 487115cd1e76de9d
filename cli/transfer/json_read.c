/* SPDX-License-Identifier: MIT */
#include "cli/transfer/json_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/id.h"
#include "wire/proto.h"

#define BASE64 "_base64"

/* One member while it is read. */
struct member {
	struct sw_buf *b;
	enum sw_tag tag;
	const char *key; /* its name, with BASE64 where it has that */
	int base64;
	char *why;
};

static int
refuse(const struct member *m, const char *what)
{
	return sw_refuse(m->why, SW_EINVAL, "%.60s must be %s", m->key, what);
}

/* The field of that name; 0: there is none. */
static enum sw_tag
tag_find(const char *name, size_t len)
{
	for (int tag = 1; tag < SW_TAGS; tag++) {
		const char *n = sw_field_rules[tag].name;

		if (n != NULL && strlen(n) == len && memcmp(n, name, len) == 0)
			return (enum sw_tag)tag;
	}
	return (enum sw_tag)0;
}

/* --- numbers and their names ------------------------------------------- */

typedef const char *name_fn(int);

static name_fn *
names_of(enum sw_tag tag)
{
	static name_fn *const names[SW_TAGS] = {
		[SW_F_STATE] = sw_state_name,
		[SW_F_CAUSE] = sw_cause_name,
		[SW_F_OUTCOME] = sw_outcome_name,
		[SW_F_KIND] = sw_event_name,
	};

	return names[tag];
}

/* "?" follows the last name of a list. */
static int
name_read(const struct member *m, const char *text, int64_t *v)
{
	name_fn *name = names_of(m->tag);

	for (int n = 0; n == 0 || strcmp(name(n), "?") != 0; n++)
		if (strcmp(name(n), text) == 0) {
			*v = n;
			return 0;
		}
	return sw_refuse(m->why, SW_EINVAL, "%.60s is '%.60s', which is none",
		m->key, text);
}

static int
int_read(const struct member *m, const json_t *value)
{
	int64_t v = 0;

	if (names_of(m->tag) != NULL && json_is_string(value)) {
		if (name_read(m, json_string_value(value), &v) < 0)
			return SW_EINVAL;
	} else if (json_is_integer(value)) {
		v = json_integer_value(value);
	} else {
		return refuse(m, "a whole number");
	}
	sw_put_int(m->b, m->tag, v);
	return 0;
}

/* --- text and bytes ---------------------------------------------------- */

static int
digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c != '\0' ? strchr(digits, c) : NULL;

	return p != NULL ? (int)(p - digits) : -1;
}

/* RFC 4648 with padding, into `to` (len / 4 * 3 bytes): bytes, or -1. */
static ssize_t
base64_read(const char *text, size_t len, uint8_t *to)
{
	size_t pad =
		len == 0 ? 0
			 : (text[len - 1] == '=') +
				   (size_t)(len > 1 && text[len - 2] == '=');
	uint8_t *p = to;
	unsigned v = 0;

	if (len % 4 != 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int d = i < len - pad ? digit(text[i]) : 0;

		if (d < 0)
			return -1;
		v = v << 6 | (unsigned)d;
		if (i % 4 != 3)
			continue;
		*p++ = (uint8_t)(v >> 16);
		*p++ = (uint8_t)(v >> 8);
		*p++ = (uint8_t)v;
		v = 0;
	}
	return p - to - (ssize_t)pad;
}

/* Adds a value that the decoder of items will take. */
static int
bytes_add(const struct member *m, struct bytes value)
{
	if (sw_field_check(m->tag, value, m->why) < 0)
		return SW_EINVAL;
	sw_put_bytes(m->b, m->tag, value);
	return 0;
}

static int
base64_add(const struct member *m, const json_t *value)
{
	size_t len = json_string_length(value);
	uint8_t *bytes = malloc(len + 1);
	ssize_t n;
	int err;

	if (bytes == NULL)
		return sw_refuse(m->why, SW_EINVAL, "out of memory");
	n = base64_read(json_string_value(value), len, bytes);
	err = n < 0 ? refuse(m, "in base64")
		    : bytes_add(m, bytes_of(bytes, (size_t)n));
	free(bytes);
	return err;
}

static int
text_read(const struct member *m, json_t *value)
{
	if (!json_is_string(value))
		return refuse(m, "a text");
	return m->base64 ? base64_add(m, value)
			 : bytes_add(m, bytes_of(json_string_value(value),
						json_string_length(value)));
}

static int
id_read(const struct member *m, const json_t *value)
{
	struct sw_id id;

	if (!json_is_string(value) ||
		sw_id_parse(json_string_value(value), &id) < 0)
		return refuse(m, "a UUID");
	sw_put_id(m->b, &id);
	return 0;
}

/* --- fields of several values ------------------------------------------ */

/* A header whose name comes twice has an array of its values. */
static int
header_read(const struct member *m, const char *name, const json_t *value)
{
	char text[SW_HEADERS_MAX + 1];
	const json_t *each = value;
	size_t n = json_is_array(value) ? json_array_size(value) : 1;

	for (size_t i = 0; i < n; i++) {
		int len;

		if (json_is_array(value))
			each = json_array_get(value, i);
		if (!json_is_string(each))
			return refuse(m, "an object of texts");
		len = snprintf(text, sizeof(text), "%s=%s", name,
			json_string_value(each));
		if (len >= (int)sizeof(text))
			return sw_refuse(m->why, SW_ETOOBIG,
				"headers must be at most %d bytes in all",
				SW_HEADERS_MAX);
		if (bytes_add(m, bytes_of(text, (size_t)len)) < 0)
			return SW_EINVAL;
	}
	return 0;
}

static int
headers_read(const struct member *m, json_t *value)
{
	const char *name;
	json_t *v;
	int err = 0;

	if (!json_is_object(value))
		return refuse(m, "an object of texts");
	json_object_foreach(value, name, v)
	{
		err = header_read(m, name, v);
		if (err < 0)
			break;
	}
	return err;
}

/* The fields of a nested item are all that there are. */
static int
nested_read(const struct member *m, json_t *value)
{
	size_t mark;
	int err;

	if (!json_is_object(value))
		return refuse(m, "an array of objects");
	mark = sw_nest_begin(m->b, m->tag);
	err = json_read(m->b, value, ~0ULL, m->why);
	sw_nest_end(m->b, mark);
	return err;
}

static int
array_read(const struct member *m, json_t *value)
{
	int is_item = sw_field_rules[m->tag].type == SW_T_ITEM, err = 0;

	if (!json_is_array(value))
		return refuse(m, "an array");
	for (size_t i = 0; err == 0 && i < json_array_size(value); i++)
		err = (is_item ? nested_read : text_read)(
			m, json_array_get(value, i));
	return err;
}

/* --- members ----------------------------------------------------------- */

static int
member_read(const struct member *m, json_t *value)
{
	const struct sw_field_rule *r = &sw_field_rules[m->tag];

	if (m->tag == SW_F_HEADER)
		return headers_read(m, value);
	if (r->many)
		return array_read(m, value);
	if (r->type == SW_T_INT)
		return int_read(m, value);
	return r->type == SW_T_ID ? id_read(m, value) : text_read(m, value);
}

int
json_read(struct sw_buf *b, json_t *o, uint64_t fields, char *why)
{
	struct member m = {.b = b, .why = why};
	const size_t suffix = sizeof(BASE64) - 1;
	json_t *value;
	int err = 0;

	json_object_foreach(o, m.key, value)
	{
		size_t len = strlen(m.key);

		m.base64 = len > suffix &&
			   strcmp(m.key + len - suffix, BASE64) == 0;
		m.tag = tag_find(m.key, m.base64 ? len - suffix : len);
		if (m.tag == 0)
			err = sw_refuse(why, SW_EINVAL,
				"%.60s is not a member of a job", m.key);
		else if ((fields & SW_BIT(m.tag)) != 0)
			err = member_read(&m, value);
		if (err < 0)
			break;
	}
	return err;
}
