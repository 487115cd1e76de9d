/* SPDX-License-Identifier: MIT */
/*
 * rows.h - what the store of a rig must look like between turns
 */
#ifndef TESTS_ROWS_H
#define TESTS_ROWS_H

#include "tests/lib/rig.h"

/*
 * Every record has exactly the index rows that its state asks for, and there
 * are no others; and the windows hold what the index holds up to their marks.
 */
void rig_check_rows(struct rig *);

#endif
