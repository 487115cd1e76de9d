/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/cmd.h"
#include "cli/json.h"
#include "wire/proto.h"

__attribute__((noreturn)) static void
json_give_up(void)
{
	(void)fputs("spillway: out of memory\n", stderr);
	exit(CMD_REFUSED);
}

/* jansson's allocator: an object that lacked a member would be wrong. */
static void *
json_alloc(size_t n)
{
	void *p = malloc(n);

	if (p == NULL)
		json_give_up();
	return p;
}

void
json_init(void)
{
	json_set_alloc_funcs(json_alloc, free);
}

void
json_add(json_t *o, const char *name, json_t *v)
{
	if (json_object_set_new(o, name, v) != 0)
		json_give_up();
}

/* Copies bytes and adds a NUL. */
static char *
text_copy(struct bytes b)
{
	char *copy = json_alloc(b.len + 1);

	if (b.len > 0)
		memcpy(copy, b.p, b.len);
	copy[b.len] = '\0';
	return copy;
}

/* RFC 4648, with padding. */
static json_t *
json_base64(struct bytes b)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = b.p;
	char *text = json_alloc((b.len + 2) / 3 * 4 + 1), *t = text;
	json_t *j;

	for (size_t i = 0; i < b.len; i += 3) {
		size_t n = b.len - i;
		unsigned v = (unsigned)p[i] << 16 |
			     (n > 1 ? (unsigned)p[i + 1] << 8 : 0) |
			     (n > 2 ? p[i + 2] : 0u);

		*t++ = digit[v >> 18];
		*t++ = digit[v >> 12 & 63];
		*t++ = n > 1 ? digit[v >> 6 & 63] : '=';
		*t++ = n > 2 ? digit[v & 63] : '=';
	}
	*t = '\0';
	j = json_string(text);
	free(text);
	return j;
}

/* A NUL would need an escape that many readers of JSON refuse. */
static int
is_text(struct bytes b)
{
	return memchr(b.p, 0, b.len) == NULL && text_is_utf8(b);
}

static void
add_bytes(json_t *o, const char *name, struct bytes b)
{
	char other[64];

	if (is_text(b)) {
		json_add(o, name, json_stringn(b.p, b.len));
		return;
	}
	(void)snprintf(other, sizeof(other), "%s_base64", name);
	json_add(o, other, json_base64(b));
}

/* The name of a field's number; NULL: the field has no names. */
static const char *
number_name(enum sw_tag tag, int v)
{
	if (tag == SW_F_STATE)
		return sw_state_name(v);
	if (tag == SW_F_CAUSE)
		return sw_cause_name(v);
	if (tag == SW_F_OUTCOME)
		return sw_outcome_name(v);
	if (tag == SW_F_KIND)
		return sw_event_name(v);
	return NULL;
}

static void
add_int(json_t *o, enum sw_tag tag, const char *name, int64_t v)
{
	const char *word = number_name(tag, (int)v);

	json_add(o, name, word != NULL ? json_string(word) : json_integer(v));
	if (tag == SW_F_STATUS && v != 0)
		json_add(o, "status_text", json_string(sw_strerror((int)v)));
}

/* Whether `s` is a JSON number (RFC 8259) without an exponent. */
static int
is_number(const char *s)
{
	size_t n;

	s += *s == '-';
	n = strspn(s, "0123456789");
	if (n == 0 || (n > 1 && s[0] == '0'))
		return 0;
	s += n;
	if (*s == '.') {
		n = strspn(++s, "0123456789");
		if (n == 0)
			return 0;
		s += n;
	}
	return *s == '\0';
}

/* A number of is_number(); a string if an int64_t cannot represent it. */
static json_t *
json_number(const char *s)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(s, &end, 10);
	if (errno != 0)
		return json_string(s);
	return *end == '\0' ? json_integer(v) : json_real(strtod(s, NULL));
}

/* Adds a member; a repeated name gets an array of its values. */
static void
add_again(json_t *o, const char *name, json_t *v)
{
	json_t *was = json_object_get(o, name);

	if (was != NULL && !json_is_array(was)) {
		was = json_pack("[O]", was);
		json_add(o, name, was);
	}
	if (was == NULL)
		json_add(o, name, v);
	else if (json_array_append_new(was, v) != 0)
		json_give_up();
}

/* A name; one that is not UTF-8 is read as Latin-1. */
static char *
name_copy(struct bytes b)
{
	const uint8_t *p = b.p;
	char *copy, *t;

	if (is_text(b))
		return text_copy(b);
	copy = t = json_alloc(2 * b.len + 1);
	for (size_t i = 0; i < b.len; i++) {
		if (p[i] >= 0x80)
			*t++ = (char)(0xc0 | p[i] >> 6);
		*t++ = (char)(p[i] < 0x80 ? p[i] : 0x80 | (p[i] & 0x3f));
	}
	*t = '\0';
	return copy;
}

static json_t *
json_value(struct bytes b, int numbers)
{
	json_t *v;
	char *text;

	if (!is_text(b))
		return json_base64(b);
	text = text_copy(b);
	v = numbers && is_number(text) ? json_number(text) : json_string(text);
	free(text);
	return v;
}

/* Adds "name=value"; with `numbers` a numeric value becomes a number. */
static void
add_pair(json_t *o, struct bytes b, int numbers)
{
	const char *p = b.p, *eq = memchr(p, '=', b.len);
	size_t len = eq != NULL ? (size_t)(eq - p) : b.len;
	size_t rest = eq != NULL ? len + 1 : len;
	char *name = name_copy(bytes_of(p, len));

	add_again(
		o, name, json_value(bytes_of(p + rest, b.len - rest), numbers));
	free(name);
}

/* Adds all values of a repeated field. */
static void
add_many(json_t *o, enum sw_tag tag, const struct sw_item *it)
{
	const struct sw_field_rule *r = &sw_field_rules[tag];
	int is_list = r->type == SW_T_ITEM || tag == SW_F_WARNING;
	json_t *list = is_list ? json_array() : json_object();
	struct sw_item nested;
	struct bytes b;
	size_t at = 0;

	json_add(o, r->name, list);
	while (sw_item_each(it, tag, &at, &b)) {
		if (!is_list)
			add_pair(list, b, tag != SW_F_HEADER);
		else if (r->type != SW_T_ITEM) {
			if (json_array_append_new(list, json_value(b, 0)) != 0)
				json_give_up();
		} else if (sw_item_open_newer(b, &nested) == 0 &&
			   json_array_append_new(list, json_item(&nested)) != 0)
			json_give_up();
	}
}

static void
add_field(json_t *o, enum sw_tag tag, const struct sw_item *it)
{
	const struct sw_field_rule *r = &sw_field_rules[tag];
	char text[SW_ID_TEXT];
	struct sw_id id;

	if (r->many) {
		add_many(o, tag, it);
	} else if (r->type == SW_T_INT) {
		add_int(o, tag, r->name, sw_int(it, tag, 0));
	} else if (r->type == SW_T_ID) {
		memcpy(id.b, it->f[tag].p, SW_ID_LEN);
		sw_id_format(&id, text);
		json_add(o, r->name, json_string(text));
	} else {
		add_bytes(o, r->name, it->f[tag]);
	}
}

json_t *
json_item(const struct sw_item *it)
{
	json_t *o = json_object();

	for (int tag = 1; tag < SW_TAGS; tag++)
		if (sw_has(it, (enum sw_tag)tag))
			add_field(o, (enum sw_tag)tag, it);
	return o;
}

/* Turns \u001B into \u001b, the form that out_text() writes. */
static void
escapes_lower(char *text)
{
	for (char *p = text; (p = strchr(p, '\\')) != NULL; p += 2)
		for (char *digit = p + 2; p[1] == 'u' && digit < p + 6; digit++)
			*digit = (char)tolower(*digit);
}

char *
json_write(const json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(15));

	if (text == NULL)
		json_give_up();
	escapes_lower(text);
	return text;
}

void
json_print(const struct cmd_out *o, json_t *j)
{
	char *text = json_write(j);

	out_text(o->f, bytes_str(text), OUT_JSON);
	(void)fputc('\n', o->f);
	free(text);
	json_decref(j);
}

void
json_print_item(const struct cmd_out *o, const struct sw_item *it)
{
	json_print(o, json_item(it));
}

int
pair_find(const struct sw_item *it, enum sw_tag tag, const char *name,
	struct bytes *value)
{
	size_t at = 0, len = strlen(name);
	struct bytes b;

	while (sw_item_each(it, tag, &at, &b)) {
		const char *p = b.p;

		if (b.len > len && memcmp(p, name, len) == 0 && p[len] == '=') {
			*value = bytes_of(p + len + 1, b.len - len - 1);
			return 1;
		}
	}
	return 0;
}

int64_t
pair_int(const struct sw_item *it, enum sw_tag tag, const char *name,
	int64_t otherwise)
{
	struct bytes b;
	char t[32];

	if (!pair_find(it, tag, name, &b) || b.len >= sizeof(t))
		return otherwise;
	memcpy(t, b.p, b.len);
	t[b.len] = '\0';
	return strtoll(t, NULL, 10);
}

void
pair_cell(struct out_table *t, const struct sw_item *it, enum sw_tag tag,
	const char *name)
{
	struct bytes b = {"-", 1};

	(void)pair_find(it, tag, name, &b);
	table_bytes(t, b);
}
