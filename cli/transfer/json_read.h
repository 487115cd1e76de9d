/* SPDX-License-Identifier: MIT */
/*
 * json_read.h - items from JSON, as json.h writes them
 */
#ifndef CMD_TRANSFER_JSON_READ_H
#define CMD_TRANSFER_JSON_READ_H

#include <jansson.h>

#include "wire/msg.h"

/*
 * Adds the members of `o` to the begun item: names and texts as json_item()
 * writes them.  A member whose tag is not in `fields` (SW_BIT) is refused if
 * it is no field, and else left out.  0, or SW_EINVAL with a line in `why`
 * (SW_WHY_ROOM bytes); a buffer that is too small is `full`.
 */
int json_read(struct sw_buf *, json_t *o, uint64_t fields, char *why)
	__attribute__((warn_unused_result));

#endif
