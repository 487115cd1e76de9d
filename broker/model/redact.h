/* SPDX-License-Identifier: MIT */
/*
 * redact.h - parts of a job that no answer shows
 *
 * `names` is a queue's setting: names with commas between them.  ASCII letters
 * are compared without regard to their case.
 */
#ifndef BROKER_MODEL_REDACT_H
#define BROKER_MODEL_REDACT_H

#include "wire/msg.h"

enum { REDACT_DEPTH = 64 }; /* of arrays and objects */

int redact_has(const char *names, struct bytes name);

/* Whether the header "name=value" has one of the names. */
int redact_is_header(const char *names, struct bytes header);

/* Writes the field HEADER; the value of a header with one of the names, unless
 * it is empty, is replaced by "*", so that the header does not grow.  Returns
 * whether it was replaced. */
int redact_put_header(struct sw_buf *, const char *names, struct bytes header);

enum redact_shown { REDACT_NOTHING, REDACT_PART, REDACT_ALL };

/*
 * Writes a field with a JSON text.  The values of members with one of the
 * names, at any level, are replaced by "*" (those of one or two bytes by 0), so
 * that the text does not grow.  REDACT_NOTHING: `json` is no JSON text (RFC
 * 8259), or has more than REDACT_DEPTH levels, and no field was written.
 */
enum redact_shown redact_put_json(
	struct sw_buf *, enum sw_tag, const char *names, struct bytes json);

#endif
