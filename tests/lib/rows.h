/* SPDX-License-Identifier: MIT */
/*
 * rows.h - which rows a job has, and which of them a core has in memory
 */
#ifndef TESTS_ROWS_H
#define TESTS_ROWS_H

#include "broker/core/core.h"

enum { ROWS_MAX = 4 };

/* Those beside the record that a job in this state has; how many. */
int rows_of(const struct record *, enum sw_state, struct key keys[ROWS_MAX]);

/* The letters of the rows that a job may have beside its record. */
#define ROWS_LETTERS "rwdknelxu"

/*
 * Whether the row of a ready job is in its window: 1, as it has to be; -1: it
 * is beyond the window's mark, and not there; 0: the window is wrong.
 */
int row_in_window(const struct core *, struct bytes key);

/* Whether the core will look at this row, of the letter of a timer, in time. */
int row_has_timer(const struct core *, struct bytes key);

/* Entries of all windows. */
size_t windows_entries(const struct core *);

#endif
