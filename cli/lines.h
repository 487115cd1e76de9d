/* SPDX-License-Identifier: MIT */
/*
 * lines.h - a file of lines cut into bodies
 */
#ifndef CMD_LINES_H
#define CMD_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum { LINES_READ = -1, LINES_LONG = -2 }; /* errors of lines_pack() */

/*
 * Called with a body, borrowed: lines `first` to `last`, counted from 1.  A
 * result other than 0 ends lines_pack(), which returns it.
 */
typedef int lines_fn(void *arg, struct bytes body, int64_t first, int64_t last);

/*
 * Reads `fd` to its end and packs whole lines, with their newlines, into bodies
 * of at most `chunk` bytes; their concatenation is the file.  With `each`, a
 * body is one line without its newline, and empty lines are skipped.  0;
 * LINES_READ: a failed read, in errno; LINES_LONG: line number *line is longer
 * than `chunk`.
 */
int lines_pack(int fd, size_t chunk, int each, lines_fn *fn, void *arg,
	int64_t *line) __attribute__((warn_unused_result));

#endif
