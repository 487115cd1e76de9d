/* SPDX-License-Identifier: MIT */
/*
 * util_verify.h - a rig's store held against itself
 */
#ifndef TESTS_UTIL_VERIFY_H
#define TESTS_UTIL_VERIFY_H

#include "tests/lib/util_rig.h"
#include "broker/repair/verify.h"

enum { VERIFY_LINE = 512 };

/* Before and after it the core starts anew; what was said last is in `line`. */
struct verify verified(struct rig *, int mend, char line[VERIFY_LINE]);

/* How much, of every kind. */
uint64_t verified_found(const struct verify *);

/* A put to "q" with any field, 0: none, and a unique key, NULL: none. */
void rig_put_with(
	struct rig *, int n, int field, int64_t value, const char *unique);

#endif
