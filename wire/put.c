/* SPDX-License-Identifier: MIT */
#include "wire/put.h"

#include "base/error.h"
#include "base/text.h"

/* The fields that a rule is about, as constants with a bit for each tag. */
#define FIELDS(test)   (0ULL SW_FIELD_MAP(test))
#define IF(truth, tag) | ((truth) ? SW_BIT(tag) : 0)

#define MAY(sym, tag, name, type, many, longest, least, most, where)           \
	IF((where) != SW_PUT_NOT, tag)
#define MUST(sym, tag, name, type, many, longest, least, most, where)          \
	IF((where) == SW_PUT_MUST, tag)
#define INT(sym, tag, name, type, many, longest, least, most, where)           \
	IF((where) != SW_PUT_NOT && (type) == SW_T_INT, tag)
#define TEXT(sym, tag, name, type, many, longest, least, most, where)          \
	IF((where) != SW_PUT_NOT && (type) == SW_T_TEXT &&                     \
			(tag) != SW_F_QUEUE && (tag) != SW_F_HEADER,           \
		tag)

static const uint64_t may = FIELDS(MAY), must_have = FIELDS(MUST),
		      ints = FIELDS(INT), texts = FIELDS(TEXT);

static const char *
name_of_first(uint64_t fields)
{
	return sw_field_rules[__builtin_ctzll(fields)].name;
}

static int
fields_check(const struct sw_item *it, char *why)
{
	struct sw_id id;

	if ((it->have & ~may) != 0)
		return sw_refuse(why, SW_EINVAL, "%s is not a field of a put",
			name_of_first(it->have & ~may));
	if ((must_have & ~it->have) != 0)
		return sw_refuse(why, SW_EINVAL, "%s is missing",
			name_of_first(must_have & ~it->have));
	if (sw_get_id(it, &id) && sw_id_is_nil(&id))
		return sw_refuse(why, SW_EINVAL, "id must not be nil");
	return sw_field_queue_check(it->f[SW_F_QUEUE], why);
}

static int
ints_check(const struct sw_item *it, char *why)
{
	for (uint64_t left = it->have & ints; left != 0; left &= left - 1) {
		int tag = __builtin_ctzll(left);
		const struct sw_field_rule *r = &sw_field_rules[tag];
		int64_t v = sw_int(it, (enum sw_tag)tag, 0);

		if (v < r->least || v > r->most)
			return sw_refuse(why, SW_EINVAL,
				"%s must be %lld to %lld, not %lld", r->name,
				(long long)r->least, (long long)r->most,
				(long long)v);
	}
	if (sw_has(it, SW_F_DELAY_MS) && sw_has(it, SW_F_RUN_AT_MS))
		return sw_refuse(why, SW_EINVAL,
			"delay_ms and run_at_ms exclude each other");
	return 0;
}

static int
text_check(enum sw_tag tag, struct bytes text, char *why)
{
	char quoted[SW_QUOTE_ROOM];

	if (text_is_utf8(text))
		return 0;
	text_line(text, quoted, sizeof(quoted));
	return sw_refuse(why, SW_EINVAL, "%s must be UTF-8, not \"%s\"",
		sw_field_rules[tag].name, quoted);
}

static int
texts_check(const struct sw_item *it, char *why)
{
	int err = 0;

	for (uint64_t left = it->have & texts; err == 0 && left != 0;
		left &= left - 1) {
		int tag = __builtin_ctzll(left);

		err = text_check((enum sw_tag)tag, it->f[tag], why);
	}
	return err;
}

int
sw_put_header_check(struct bytes h, char *why)
{
	const char *eq = memchr(h.p, '=', h.len);
	char quoted[SW_QUOTE_ROOM];

	if (eq != NULL && eq != h.p)
		return text_check(SW_F_HEADER, h, why);
	text_line(h, quoted, sizeof(quoted));
	return sw_refuse(why, SW_EINVAL,
		"headers must be name=value, not \"%s\"", quoted);
}

static int
headers_check(const struct sw_item *it, char *why)
{
	size_t at = 0, sum = 0;
	struct bytes h;
	int err = 0;

	if (!sw_has(it, SW_F_HEADER))
		return 0;
	while (err == 0 && sw_item_each(it, SW_F_HEADER, &at, &h)) {
		err = sw_put_header_check(h, why);
		sum += h.len;
	}
	if (err == 0 && sum > SW_HEADERS_MAX)
		err = sw_refuse(why, SW_ETOOBIG,
			"headers must be at most %d bytes in all, not %zu",
			SW_HEADERS_MAX, sum);
	return err;
}

int
sw_put_check(const struct sw_item *it, char *why)
{
	int err = fields_check(it, why);

	if (err == 0)
		err = ints_check(it, why);
	if (err == 0)
		err = texts_check(it, why);
	if (err == 0)
		err = headers_check(it, why);
	return err;
}

int
sw_put_open(struct bytes raw, struct sw_item *it, char *why)
{
	int err = sw_item_open(raw, it);

	if (err < 0) {
		if (why != NULL)
			sw_item_why(raw, why);
		return err;
	}
	return sw_put_check(it, why);
}
