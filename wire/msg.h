/* SPDX-License-Identifier: MIT */
/*
 * msg.h - messages and items in bytes
 *
 * A message is one ZeroMQ frame, little-endian:
 *
 *	0   u16  magic "SW"
 *	2   u8   version
 *	3   u8   op
 *	4   u16  flags
 *	6   u16  count of items
 *	8   u64  sequence, echoed in the reply
 *	16  items: u32 length, then that many bytes of fields
 *
 * A field is a u32 word, tag | length << 8, then that many bytes.  Stored
 * records are items too, so there is one decoder for foreign bytes.
 *
 * The decoder is total: for any bytes it returns an error or a message.
 * sw_msg_open() checks the whole message; reading its items cannot fail then.
 */
#ifndef SW_MSG_H
#define SW_MSG_H

#include "base/bytes.h"
#include "wire/field.h"
#include "wire/id.h"
#include "wire/proto.h"

enum { SW_HEADER_LEN = 16 };

/*
 * A buffer that a message is written into.  A write that does not fit sets
 * `full`, and nothing more is written.
 */
struct sw_buf {
	uint8_t *p; /* the caller's */
	size_t len, cap;
	int full;
};

struct sw_msg {
	uint8_t op;
	int skip; /* unknown fields are passed over */
	uint16_t flags;
	uint16_t count;
	uint64_t seq;
	struct bytes items; /* borrowed: the frame after its header */
};

/* The fields of one item, by tag; of a repeated one the first. */
struct sw_item {
	uint64_t have;		 /* bit per tag */
	struct bytes raw;	 /* all its fields */
	struct bytes f[SW_TAGS]; /* valid where `have` says so */
};

/*
 * Checks a whole frame.  SW_EINVAL: the bytes are not a message, or a field
 * is unknown, of the wrong size, or repeated although it may not be; in replies
 * and between broker and workers unknown fields are passed over, since the
 * other side may be newer;
 * SW_EVERSION: another version (op and seq are set, for the reply);
 * SW_ETOOBIG: more than SW_ITEMS_MAX items, or a field is too long;
 * SW_EQUEUE: a queue's name is too long.
 */
int sw_msg_open(struct bytes frame, struct sw_msg *)
	__attribute__((warn_unused_result));

/*
 * Checks a field's value by the rules that hold in every item.  0; SW_EINVAL:
 * no such tag, a number or id of another size, a text with a NUL; SW_ETOOBIG
 * (a queue's name: SW_EQUEUE): longer than the field's `longest`.  `why` has
 * SW_WHY_ROOM bytes or is NULL.
 */
int sw_field_check(unsigned tag, struct bytes value, char *why)
	__attribute__((warn_unused_result));

/*
 * Write one line into `why` (SW_WHY_ROOM bytes) on why a frame, or the fields
 * of an item, were refused: it names the field and its limit.
 */
void sw_msg_why(struct bytes frame, char *why);
void sw_item_why(struct bytes raw, char *why);

/* Reads the next item of `m` and moves on: 1; 0 when there is none. */
int sw_msg_next(struct sw_msg *m, struct sw_item *);

/* Checks and decodes the fields in `raw`; errors as of sw_msg_open(). */
int sw_item_open(struct bytes raw, struct sw_item *)
	__attribute__((warn_unused_result));

/* The same where unknown fields, of a newer program, are passed over. */
int sw_item_open_newer(struct bytes raw, struct sw_item *)
	__attribute__((warn_unused_result));

/* The next of a repeated field: 1, or 0: no more.  Start with *at = 0. */
int sw_item_each(
	const struct sw_item *, enum sw_tag, size_t *at, struct bytes *value);

static inline int
sw_has(const struct sw_item *it, enum sw_tag tag)
{
	return (int)(it->have >> tag & 1);
}

static inline int64_t
sw_int(const struct sw_item *it, enum sw_tag tag, int64_t otherwise)
{
	return sw_has(it, tag) ? (int64_t)le_get(it->f[tag].p, 8) : otherwise;
}

/* Empty when the field is absent. */
static inline struct bytes
sw_bytes(const struct sw_item *it, enum sw_tag tag)
{
	return sw_has(it, tag) ? it->f[tag] : (struct bytes){"", 0};
}

/* Reads the id: 1; 0 when the field is absent. */
static inline int
sw_get_id(const struct sw_item *it, struct sw_id *id)
{
	if (!sw_has(it, SW_F_ID))
		return 0;
	memcpy(id->b, it->f[SW_F_ID].p, SW_ID_LEN);
	return 1;
}

/* Copies a text field into `to` with a NUL, cut to fit; "" when absent. */
void sw_get_text(const struct sw_item *, enum sw_tag, char *to, size_t cap);

/*
 * To write a message: begin it, then for each item begin, fields, end.
 * sw_item_begin() returns the mark for sw_item_end(), which counts the item in
 * the header.
 */
void sw_msg_begin(struct sw_buf *, int op, unsigned flags, uint64_t seq);
size_t sw_item_begin(struct sw_buf *);
void sw_item_end(struct sw_buf *, size_t mark);
void sw_put_int(struct sw_buf *, enum sw_tag, int64_t);
void sw_put_bytes(struct sw_buf *, enum sw_tag, struct bytes);
void sw_put_text(struct sw_buf *, enum sw_tag, const char *);
void sw_put_id(struct sw_buf *, const struct sw_id *);
void sw_put_raw(struct sw_buf *, struct bytes fields); /* already encoded */

/* Prints into a text field, cut at SW_TEXT_MAX bytes. */
void sw_put_fmt(struct sw_buf *, enum sw_tag, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A nested item: the fields written between the two calls are its value. */
size_t sw_nest_begin(struct sw_buf *, enum sw_tag);
void sw_nest_end(struct sw_buf *, size_t mark);

/* Copies the fields of an item whose tags are not in `without` (bits). */
void sw_copy_without(struct sw_buf *, const struct sw_item *, uint64_t without);

#define SW_BIT(tag) (1ULL << (tag))

static inline struct bytes
sw_buf_bytes(const struct sw_buf *b)
{
	return (struct bytes){b->p, b->len};
}

#endif
