/* SPDX-License-Identifier: MIT */
/*
 * parse.h - bytes of JSON as a value of jansson
 */
#ifndef JOBS_PARSE_H
#define JOBS_PARSE_H

#include <jansson.h>

#include "base/bytes.h"

/*
 * The value, to be given to json_decref(), or NULL with `error` filled (where
 * it is not NULL); `flags` are those of json_loadb().  A process that has no
 * memory for the value says so on stderr and aborts.
 */
json_t *parse_json(struct bytes, size_t flags, json_error_t *error)
	__attribute__((warn_unused_result));

#endif
