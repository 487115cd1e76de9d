/* SPDX-License-Identifier: MIT */
/*
 * disk.h - a disk, and what may be left on it when the power goes
 *
 * It is fed the records of a trace.  Whatever was not synced may be there,
 * not be there, or, of bytes, be there in some of its sectors of 512: each
 * change by itself, whatever the order they were made in.  Bytes and length
 * of a file are durable when it was synced; names when their folder was; a
 * rename is there or not, but a name that it takes away is not gone before
 * the other is there.
 *
 * A mistake in its use, and want of memory, end the process.
 */
#ifndef TESTS_DISK_H
#define TESTS_DISK_H

#include "tests/power/preload_trace.h"

struct disk;

/* Records speak of paths below `root`; it is empty. */
struct disk *disk_new(const char *root);
void disk_free(struct disk *);

/* What is in the folder is on the disk, and durable. */
void disk_load(struct disk *, const char *from);

/* The record and what follows it, which must outlive the disk.  What it says
 * that was synced is not, if `lie`. */
void disk_step(struct disk *, const struct trace_rec *, int lie);

/* The last part of the name of what `fd` stands for. */
const char *disk_name(const struct disk *, int fd);

struct disk_luck {
	uint64_t seed;
	unsigned keep; /* of 100 changes that are not durable, so many stay */
	unsigned tear; /* of 100 of those, so many in part */
};

/* Makes the folder `to` and in it what the disk holds after a power loss. */
void disk_fail(struct disk *, const struct disk_luck *, const char *to);

#endif
