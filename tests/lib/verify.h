/* SPDX-License-Identifier: MIT */
/*
 * verify.h - checks and repairs the store of a rig
 */
#ifndef TESTS_VERIFY_H
#define TESTS_VERIFY_H

#include "broker/repair/verify.h"
#include "tests/lib/rig.h"

enum { VERIFY_LINE = 512 };

/* The core starts anew before and after; `line` is the last finding. */
struct verify verified(struct rig *, int repair, char line[VERIFY_LINE]);

/* All findings, of every kind. */
uint64_t verified_found(const struct verify *);

/* That many of this kind are found, and nothing else; _sound: nothing. */
void verify_finds(struct rig *, int repair, enum verify_kind, uint64_t n);
void verify_sound(struct rig *);

/* A put to "q" with any field, 0: none, and a unique key, NULL: none. */
void
rig_put_with(struct rig *, int n, int field, int64_t value, const char *unique);

#endif
