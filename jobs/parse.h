/* SPDX-License-Identifier: MIT */
/*
 * parse.h - parses JSON with jansson, safely when memory runs out
 */
#ifndef JOBS_PARSE_H
#define JOBS_PARSE_H

#include <jansson.h>

#include "base/bytes.h"

/*
 * The value, which the caller gives to json_decref(), or NULL with `error` set
 * (which may be NULL).  `flags` are those of json_loadb().  Without memory for
 * the value the process writes a line to stderr and aborts.
 */
json_t *parse_json(struct bytes, size_t flags, json_error_t *error)
	__attribute__((warn_unused_result));

#endif
