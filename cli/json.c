/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/json.h"
#include "base/error.h"
#include "wire/proto.h"

__attribute__((noreturn)) static void
json_give_up(void)
{
	(void)fputs("spillway: out of memory\n", stderr);
	exit(CMD_REFUSED);
}

/* An object without one of its members would be a wrong answer. */
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
	cJSON_InitHooks(
		&(cJSON_Hooks){.malloc_fn = json_alloc, .free_fn = free});
}

/* The same with a NUL behind it. */
static char *
text_copy(struct bytes b)
{
	char *copy = json_alloc(b.len + 1);

	if (b.len > 0)
		memcpy(copy, b.p, b.len);
	copy[b.len] = '\0';
	return copy;
}

/* Numbers go out as they are: cJSON's own are doubles, good for 53 bits. */
static cJSON *
json_int(int64_t v)
{
	char t[24];

	(void)snprintf(t, sizeof(t), "%" PRId64, v);
	return cJSON_CreateRaw(t);
}

/* A JSON string; the caller has seen that it is UTF-8 without NUL. */
static cJSON *
json_text(struct bytes b)
{
	char *copy = text_copy(b);
	cJSON *j = cJSON_CreateString(copy);

	free(copy);
	return j;
}

/* RFC 4648, with padding. */
static cJSON *
json_base64(struct bytes b)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = b.p;
	char *text = json_alloc((b.len + 2) / 3 * 4 + 1), *t = text;
	cJSON *j;

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
	j = cJSON_CreateString(text);
	free(text);
	return j;
}

static void
add_bytes(cJSON *o, const char *name, struct bytes b)
{
	char other[64];

	if (out_utf8(b)) {
		(void)cJSON_AddItemToObject(o, name, json_text(b));
		return;
	}
	(void)snprintf(other, sizeof(other), "%s_base64", name);
	(void)cJSON_AddItemToObject(o, other, json_base64(b));
}

/* The name of a number that has one, or NULL. */
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
add_int(cJSON *o, enum sw_tag tag, const char *name, int64_t v)
{
	const char *word = number_name(tag, (int)v);

	if (word != NULL)
		(void)cJSON_AddStringToObject(o, name, word);
	else
		(void)cJSON_AddItemToObject(o, name, json_int(v));
	if (tag == SW_F_STATUS && v != 0)
		(void)cJSON_AddStringToObject(
			o, "status_text", sw_strerror((int)v));
}

/* The grammar of JSON's numbers (RFC 8259), without exponents. */
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

/* A name that comes twice gets an array of its values. */
static void
add_again(cJSON *o, cJSON *was, const char *name, cJSON *v)
{
	if (!cJSON_IsArray(was)) {
		cJSON *array = cJSON_CreateArray();

		(void)cJSON_AddItemToArray(array, cJSON_Duplicate(was, 1));
		(void)cJSON_ReplaceItemInObjectCaseSensitive(o, name, array);
		was = array;
	}
	(void)cJSON_AddItemToArray(was, v);
}

/* "name=value"; numbers become numbers where `numbers` says so. */
static void
add_pair(cJSON *o, struct bytes b, int numbers)
{
	char *copy = text_copy(b), *eq;
	cJSON *v, *was;

	eq = strchr(copy, '=');
	if (eq != NULL)
		*eq++ = '\0';
	if (eq != NULL && !out_utf8(bytes_str(eq)))
		v = json_base64(bytes_str(eq));
	else if (numbers && eq != NULL && is_number(eq))
		v = cJSON_CreateRaw(eq);
	else
		v = cJSON_CreateString(eq == NULL ? "" : eq);
	was = cJSON_GetObjectItemCaseSensitive(o, copy);
	if (was != NULL)
		add_again(o, was, copy, v);
	else
		(void)cJSON_AddItemToObject(o, copy, v);
	free(copy);
}

/* All values of a field that may be repeated. */
static void
add_many(cJSON *o, enum sw_tag tag, const struct sw_item *it)
{
	const struct sw_field_rule *r = &sw_field_rules[tag];
	cJSON *list = r->type == SW_T_ITEM ? cJSON_CreateArray()
					   : cJSON_CreateObject();
	struct sw_item nested;
	struct bytes b;
	size_t at = 0;

	(void)cJSON_AddItemToObject(o, r->name, list);
	while (sw_item_each(it, tag, &at, &b)) {
		if (r->type != SW_T_ITEM)
			add_pair(list, b, tag != SW_F_HEADER);
		else if (sw_item_open(b, &nested) == 0)
			(void)cJSON_AddItemToArray(list, json_item(&nested));
	}
}

static void
add_field(cJSON *o, enum sw_tag tag, const struct sw_item *it)
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
		(void)cJSON_AddStringToObject(o, r->name, text);
	} else {
		add_bytes(o, r->name, it->f[tag]);
	}
}

cJSON *
json_item(const struct sw_item *it)
{
	cJSON *o = cJSON_CreateObject();

	for (int tag = 1; tag < SW_TAGS; tag++)
		if (sw_has(it, (enum sw_tag)tag))
			add_field(o, (enum sw_tag)tag, it);
	return o;
}

void
json_print(const struct cmd_out *o, cJSON *j)
{
	char *text = cJSON_PrintUnformatted(j);

	if (text == NULL)
		json_give_up();
	out_text(o->f, bytes_str(text), OUT_JSON);
	(void)fputc('\n', o->f);
	cJSON_free(text);
	cJSON_Delete(j);
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
