/* SPDX-License-Identifier: MIT */
#include "wire/msg.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

enum { WORD = 4 }; /* an item's length; a field's tag and length */

static int
is_sized(const struct sw_field_rule *r)
{
	return r->type == SW_T_INT || r->type == SW_T_ID;
}

static inline int
is_unknown(unsigned tag)
{
	return tag >= SW_TAGS || sw_field_rules[tag].name == NULL;
}

static inline int
field_fits(unsigned tag, struct bytes value)
{
	const struct sw_field_rule *r = &sw_field_rules[tag % SW_TAGS];

	if (is_unknown(tag) || value.len > r->longest)
		return 0;
	if (is_sized(r))
		return value.len == r->longest;
	return r->type != SW_T_TEXT || memchr(value.p, 0, value.len) == NULL;
}

/* The error and line for a value that field_fits() rejected. */
static int
field_refuse(unsigned tag, struct bytes value, char *why)
{
	const struct sw_field_rule *r = &sw_field_rules[tag % SW_TAGS];

	if (is_unknown(tag))
		return sw_refuse(why, SW_EINVAL, "field %u is unknown", tag);
	if (is_sized(r))
		return sw_refuse(why, SW_EINVAL, "%s must be %u bytes, not %zu",
			r->name, r->longest, value.len);
	if (value.len <= r->longest)
		return sw_refuse(
			why, SW_EINVAL, "%s must not have a NUL", r->name);
	if (tag == SW_F_QUEUE)
		return sw_field_queue_check(value, why);
	return sw_refuse(why, SW_ETOOBIG,
		"%s must be at most %u bytes, not %zu", r->name, r->longest,
		value.len);
}

int
sw_field_check(unsigned tag, struct bytes value, char *why)
{
	return field_fits(tag, value) ? 0 : field_refuse(tag, value, why);
}

/* Takes one field off the front of `rest`: 1; 0: the field is cut short. */
static inline int
field_split(struct bytes *rest, unsigned *tag, struct bytes *value)
{
	const uint8_t *p = rest->p;
	uint32_t word;

	if (rest->len < WORD)
		return 0;
	word = (uint32_t)le_get(p, WORD);
	if (word >> 8 > rest->len - WORD)
		return 0;
	*tag = word & 0xff;
	*value = bytes_of(p + WORD, word >> 8);
	*rest = bytes_of(p + WORD + value->len, rest->len - WORD - value->len);
	return 1;
}

/*
 * Checks one level; `skip`: passes over unknown fields.  The line in `why` is
 * written where the check fails, so that the two cannot disagree; sw_msg_open()
 * passes NULL and pays nothing for it.  A nested item is checked when its
 * reader opens it, so a deeply nested message costs no recursion here.
 */
static int
item_open(struct bytes raw, int skip, struct sw_item *it, char *why)
{
	struct bytes rest = raw, value;
	unsigned tag = 0;

	it->have = 0;
	it->raw = raw;
	while (rest.len > 0) {
		int err = field_split(&rest, &tag, &value)
				  ? 0
				  : sw_refuse(why, SW_EINVAL,
					    "a field is cut short");

		if (err == 0 && skip && is_unknown(tag))
			continue;
		if (err == 0)
			err = sw_field_check(tag, value, why);
		if (err < 0)
			return err;
		if (it->have >> tag & 1) {
			if (sw_field_rules[tag].many)
				continue;
			return sw_refuse(why, SW_EINVAL, "%s must stand once",
				sw_field_rules[tag].name);
		}
		it->have |= SW_BIT(tag);
		it->f[tag] = value;
	}
	return 0;
}

int
sw_item_open(struct bytes raw, struct sw_item *it)
{
	return item_open(raw, 0, it, NULL);
}

int
sw_item_open_newer(struct bytes raw, struct sw_item *it)
{
	return item_open(raw, 1, it, NULL);
}

void
sw_item_why(struct bytes raw, char *why)
{
	struct sw_item it;
	int err = item_open(raw, 0, &it, why);

	if (err == 0)
		(void)sw_refuse(why, 0, "%s", sw_strerror(0));
}

int
sw_item_each(const struct sw_item *it, enum sw_tag want, size_t *at,
	struct bytes *value)
{
	const uint8_t *p = it->raw.p;

	while (*at < it->raw.len) {
		struct bytes rest = bytes_of(p + *at, it->raw.len - *at), v;
		unsigned tag;

		if (!field_split(&rest, &tag, &v))
			return 0;
		*at = it->raw.len - rest.len;
		if (tag == want) {
			*value = v;
			return 1;
		}
	}
	return 0;
}

/* Takes one item off the front of `rest`: 0 or an error. */
static int
item_take(struct bytes *rest, int skip, struct sw_item *it, char *why)
{
	const uint8_t *p = rest->p;
	size_t len;
	int err;

	if (rest->len < WORD)
		return sw_refuse(why, SW_EINVAL, "the item is cut short");
	len = le_get(p, WORD);
	if (len > rest->len - WORD)
		return sw_refuse(why, SW_EINVAL, "the item is cut short");
	err = item_open(bytes_of(p + WORD, len), skip, it, why);
	if (err == 0)
		*rest = bytes_of(p + WORD + len, rest->len - WORD - len);
	return err;
}

/* Checks all items; *bad: the number of the refused one, counted from 1. */
static int
items_check(const struct sw_msg *m, unsigned *bad, char *why)
{
	struct bytes rest = m->items;
	struct sw_item it;

	if (m->count > SW_ITEMS_MAX)
		return sw_refuse(why, SW_ETOOBIG,
			"a message must have at most %d items, not %u",
			SW_ITEMS_MAX, m->count);
	for (unsigned i = 0; i < m->count; i++) {
		int err = item_take(&rest, m->skip, &it, why);

		if (err < 0) {
			*bad = i + 1;
			return err;
		}
	}
	if (rest.len > 0)
		return sw_refuse(why, SW_EINVAL,
			"%zu bytes follow the last item", rest.len);
	return 0;
}

/* Replies, and what a broker and its workers say to each other. */
static int
is_between_versions(unsigned op)
{
	static const uint8_t ops[] = {SW_OP_HELLO, SW_OP_WANT, SW_OP_DONE,
		SW_OP_EXTEND, SW_OP_BYE, SW_OP_JOBS, SW_OP_STOP};

	return op >= SW_REPLY || memchr(ops, (int)op, sizeof(ops)) != NULL;
}

static int
header_open(struct bytes frame, struct sw_msg *m)
{
	const uint8_t *p = frame.p;

	if (frame.len < SW_HEADER_LEN || le_get(p, 2) != SW_MAGIC)
		return SW_EINVAL;
	m->op = p[3];
	m->skip = is_between_versions(m->op);
	m->flags = (uint16_t)le_get(p + 4, 2);
	m->count = (uint16_t)le_get(p + 6, 2);
	m->seq = le_get(p + 8, 8);
	m->items = bytes_of(p + SW_HEADER_LEN, frame.len - SW_HEADER_LEN);
	return p[2] == SW_VERSION ? 0 : SW_EVERSION;
}

int
sw_msg_open(struct bytes frame, struct sw_msg *m)
{
	unsigned bad;
	int err = header_open(frame, m);

	return err < 0 ? err : items_check(m, &bad, NULL);
}

void
sw_msg_why(struct bytes frame, char *why)
{
	char line[SW_WHY_ROOM];
	struct sw_msg m;
	unsigned bad = 0;
	int err = header_open(frame, &m);

	(void)sw_refuse(line, err, "%s", sw_strerror(err));
	if (err == 0)
		(void)items_check(&m, &bad, line);
	if (bad > 0 && m.count > 1)
		(void)sw_refuse(why, 0, "item %u: %.480s", bad, line);
	else
		memcpy(why, line, sizeof(line));
}

int
sw_msg_next(struct sw_msg *m, struct sw_item *it)
{
	return m->items.len > 0 && item_take(&m->items, m->skip, it, NULL) == 0;
}

void
sw_get_text(const struct sw_item *it, enum sw_tag tag, char *to, size_t cap)
{
	struct bytes b = sw_bytes(it, tag);
	size_t n = b.len < cap - 1 ? b.len : cap - 1;

	memcpy(to, b.p, n);
	to[n] = '\0';
}

/* Reserves `n` bytes; NULL: they do not fit, and the buffer is full now. */
static uint8_t *
buf_room(struct sw_buf *b, size_t n)
{
	uint8_t *at = b->p + b->len;

	if (b->full || n > b->cap - b->len) {
		b->full = 1;
		return NULL;
	}
	b->len += n;
	return at;
}

void
sw_msg_begin(struct sw_buf *b, int op, unsigned flags, uint64_t seq)
{
	uint8_t *p;

	b->len = 0;
	b->full = 0;
	p = buf_room(b, SW_HEADER_LEN);
	if (p == NULL)
		return;
	le_set(p, 2, SW_MAGIC);
	p[2] = SW_VERSION;
	p[3] = (uint8_t)op;
	le_set(p + 4, 2, flags);
	le_set(p + 6, 2, 0);
	le_set(p + 8, 8, seq);
}

size_t
sw_item_begin(struct sw_buf *b)
{
	(void)buf_room(b, WORD);
	return b->len;
}

void
sw_item_end(struct sw_buf *b, size_t mark)
{
	if (b->full)
		return;
	le_set(b->p + mark - WORD, WORD, b->len - mark);
	le_set(b->p + 6, 2, le_get(b->p + 6, 2) + 1);
}

size_t
sw_nest_begin(struct sw_buf *b, enum sw_tag tag)
{
	uint8_t *p = buf_room(b, WORD);

	if (p != NULL)
		p[0] = (uint8_t)tag;
	return b->len;
}

void
sw_nest_end(struct sw_buf *b, size_t mark)
{
	if (!b->full)
		le_set(b->p + mark - 3, 3, b->len - mark);
}

void
sw_put_bytes(struct sw_buf *b, enum sw_tag tag, struct bytes value)
{
	uint8_t *p = buf_room(b, WORD + value.len);

	if (p == NULL)
		return;
	le_set(p, WORD, (uint64_t)tag | (uint64_t)value.len << 8);
	if (value.len > 0)
		memcpy(p + WORD, value.p, value.len);
}

void
sw_put_int(struct sw_buf *b, enum sw_tag tag, int64_t v)
{
	uint8_t le[8];

	le_set(le, sizeof(le), (uint64_t)v);
	sw_put_bytes(b, tag, bytes_of(le, sizeof(le)));
}

void
sw_put_text(struct sw_buf *b, enum sw_tag tag, const char *s)
{
	sw_put_bytes(b, tag, bytes_str(s));
}

void
sw_put_id(struct sw_buf *b, const struct sw_id *id)
{
	sw_put_bytes(b, SW_F_ID, bytes_of(id->b, SW_ID_LEN));
}

void
sw_put_raw(struct sw_buf *b, struct bytes fields)
{
	uint8_t *p = buf_room(b, fields.len);

	if (p != NULL && fields.len > 0)
		memcpy(p, fields.p, fields.len);
}

void
sw_put_fmt(struct sw_buf *b, enum sw_tag tag, const char *fmt, ...)
{
	char text[SW_TEXT_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sw_put_text(b, tag, text);
}

void
sw_copy_without(struct sw_buf *b, const struct sw_item *it, uint64_t without)
{
	struct bytes rest = it->raw, value;
	unsigned tag;

	while (rest.len > 0 && field_split(&rest, &tag, &value))
		if (tag >= SW_TAGS || !(without >> tag & 1))
			sw_put_bytes(b, (enum sw_tag)tag, value);
}
