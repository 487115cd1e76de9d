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
 * One body: `len` bytes, lines `first` to `last` (from 1).  Borrowed.
 * Anything but 0 ends the packing and is returned by it.
 */
typedef int lines_fn(void *arg, struct bytes body, int64_t first, int64_t last);

/*
 * Reads `fd` to its end and gives whole lines, newline included, packed
 * into bodies of at most `chunk` bytes; their concatenation is the file.
 * With `each`, one line without its newline is a body, and an empty line none.
 * 0, LINES_READ (errno says why), or LINES_LONG: a line is longer than
 * `chunk`; *line is its number.
 */
int lines_pack(int fd, size_t chunk, int each, lines_fn *fn, void *arg,
	int64_t *line) __attribute__((warn_unused_result));

#endif
