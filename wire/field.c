/* SPDX-License-Identifier: MIT */
#include "wire/field.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

const struct sw_field_rule sw_field_rules[SW_TAGS] = {
#define X(sym, tag, name, type, many, longest, least, most, where)             \
	[tag] = {name, type, many, longest, least, most, where},
	SW_FIELD_MAP(X)
#undef X
};

int
sw_refuse(char *why, int err, const char *fmt, ...)
{
	va_list ap;

	if (why == NULL)
		return err;
	va_start(ap, fmt);
	(void)vsnprintf(why, SW_WHY_ROOM, fmt, ap);
	va_end(ap);
	return err;
}

int
sw_field_queue_check(struct bytes name, char *why)
{
	char quoted[SW_QUOTE_ROOM];

	if (sw_queue_check(name.p, name.len) == 0)
		return 0;
	text_line(name, quoted, sizeof(quoted));
	return sw_refuse(why, SW_EQUEUE,
		"queue must be 1 to %d of [a-z0-9_-], not \"%s\"", SW_QUEUE_MAX,
		quoted);
}
