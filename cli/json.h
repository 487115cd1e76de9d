/* SPDX-License-Identifier: MIT */
/*
 * cmd_json.h - items as JSON
 *
 * Field names as on the wire; states, causes, outcomes and kinds by name;
 * bytes as a string, or as "NAME_base64" where they are not UTF-8; headers,
 * settings and stats as objects.  Without memory they say so on stderr and
 * end the program: json_init() first.
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

#endif
