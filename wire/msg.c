/* SPDX-License-Identifier: MIT */
#include "wire/msg.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

enum { WORD = 4 }; /* an item's length; a field's tag and length */

/* One field off the front of `rest`; 0, SW_EINVAL or SW_ETOOBIG. */
static int
field_take(struct bytes *rest, unsigned *tag, struct bytes *value)
{
	const uint8_t *p = rest->p;
	const struct sw_field_rule *rule;
	uint32_t word;

	if (rest->len < WORD)
		return SW_EINVAL;
	word = (uint32_t)le_get(p, WORD);
	*tag = word & 0xff;
	*value = bytes_of(p + WORD, word >> 8);
	if (*tag >= SW_TAGS || value->len > rest->len - WORD)
		return SW_EINVAL;

	rule = &sw_field_rules[*tag];
	if (rule->name == NULL)
		return SW_EINVAL;
	if (rule->type <= SW_T_ID && value->len != rule->max)
		return SW_EINVAL;
	if (value->len > rule->max)
		return SW_ETOOBIG;
	if (rule->type == SW_T_TEXT && memchr(value->p, 0, value->len) != NULL)
		return SW_EINVAL;
	*rest = bytes_of(p + WORD + value->len, rest->len - WORD - value->len);
	return 0;
}

/*
 * Nesting ends by itself: a nested item is checked when it is opened, and
 * nobody opens one inside one inside one.
 */
int
sw_item_open(struct bytes raw, struct sw_item *it)
{
	struct bytes rest = raw, value;
	unsigned tag;

	it->have = 0;
	it->raw = raw;
	while (rest.len > 0) {
		int err = field_take(&rest, &tag, &value);

		if (err < 0)
			return err;
		if (it->have >> tag & 1) {
			if (!sw_field_rules[tag].many)
				return SW_EINVAL;
			continue;
		}
		it->have |= SW_BIT(tag);
		it->f[tag] = value;
	}
	return 0;
}

int
sw_item_each(const struct sw_item *it, enum sw_tag want, size_t *at,
	struct bytes *value)
{
	const uint8_t *p = it->raw.p;

	while (*at < it->raw.len) {
		struct bytes rest = bytes_of(p + *at, it->raw.len - *at), v;
		unsigned tag;

		if (field_take(&rest, &tag, &v) < 0)
			return 0;
		*at = it->raw.len - rest.len;
		if (tag == want) {
			*value = v;
			return 1;
		}
	}
	return 0;
}

/* One item off the front of `rest`; 0 or an error. */
static int
item_take(struct bytes *rest, struct sw_item *it)
{
	const uint8_t *p = rest->p;
	size_t len;
	int err;

	if (rest->len < WORD)
		return SW_EINVAL;
	len = le_get(p, WORD);
	if (len > rest->len - WORD)
		return SW_EINVAL;
	err = sw_item_open(bytes_of(p + WORD, len), it);
	if (err == 0)
		*rest = bytes_of(p + WORD + len, rest->len - WORD - len);
	return err;
}

int
sw_msg_open(struct bytes frame, struct sw_msg *m)
{
	const uint8_t *p = frame.p;
	struct bytes rest;
	struct sw_item it;

	if (frame.len < SW_HEADER_LEN || le_get(p, 2) != SW_MAGIC)
		return SW_EINVAL;
	m->op = p[3];
	m->flags = (uint16_t)le_get(p + 4, 2);
	m->count = (uint16_t)le_get(p + 6, 2);
	m->seq = le_get(p + 8, 8);
	m->items = bytes_of(p + SW_HEADER_LEN, frame.len - SW_HEADER_LEN);
	if (p[2] != SW_VERSION)
		return SW_EVERSION;
	if (m->count > SW_ITEMS_MAX)
		return SW_ETOOBIG;

	rest = m->items;
	for (unsigned i = 0; i < m->count; i++) {
		int err = item_take(&rest, &it);

		if (err < 0)
			return err;
	}
	return rest.len == 0 ? 0 : SW_EINVAL;
}

int
sw_msg_next(struct sw_msg *m, struct sw_item *it)
{
	return m->items.len > 0 && item_take(&m->items, it) == 0;
}

void
sw_get_text(const struct sw_item *it, enum sw_tag tag, char *to, size_t cap)
{
	struct bytes b = sw_bytes(it, tag);
	size_t n = b.len < cap - 1 ? b.len : cap - 1;

	memcpy(to, b.p, n);
	to[n] = '\0';
}

/* Room for `n` more bytes, or NULL and the buffer is full from now on. */
static uint8_t *
room(struct sw_buf *b, size_t n)
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
	p = room(b, SW_HEADER_LEN);
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
	(void)room(b, WORD);
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
	uint8_t *p = room(b, WORD);

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
	uint8_t *p = room(b, WORD + value.len);

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
	uint8_t *p = room(b, fields.len);

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

	while (rest.len > 0 && field_take(&rest, &tag, &value) == 0)
		if (!(without >> tag & 1))
			sw_put_bytes(b, (enum sw_tag)tag, value);
}
