/* SPDX-License-Identifier: MIT */
/*
 * json.h - items as JSON
 *
 * Fields have the names of wire/field.h; states, causes, outcomes and kinds
 * are names; bytes are a string, or "NAME_base64" if not UTF-8; headers,
 * settings and stats are objects.  json_init() comes first: afterwards want of
 * memory ends the program with a line on stderr.
 */
#ifndef CMD_JSON_H
#define CMD_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "cli/out.h"
#include "wire/msg.h"

void json_init(void);
json_t *json_item(const struct sw_item *);
void json_add(json_t *o, const char *name, json_t *v); /* taken */
char *json_write(const json_t *);		   /* on one line; free() it */
void json_print(const struct cmd_out *, json_t *); /* taken */
void json_print_item(const struct cmd_out *, const struct sw_item *);

/* The value of `name` in a repeated "name=value" field; 0 when absent. */
int pair_find(const struct sw_item *, enum sw_tag, const char *name,
	struct bytes *value);
int64_t pair_int(const struct sw_item *, enum sw_tag, const char *name,
	int64_t otherwise);

/* Adds the value as the next cell of a row; "-" when absent. */
void pair_cell(struct out_table *, const struct sw_item *, enum sw_tag,
	const char *name);

#endif
