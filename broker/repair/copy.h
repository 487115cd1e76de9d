/* SPDX-License-Identifier: MIT */
/*
 * copy.h - the folder of a copy while it is made
 *
 * The folder has a file "unfinished" from its first moment until the copy is
 * complete, checked and synced; a store that has it is not opened.  Whatever
 * ends the copy before that, also SIGTERM or the end of the process that
 * started this one, removes all files again, and the folder unless it was there
 * before; only SIGKILL and a power loss leave it, with that file.
 */
#ifndef BROKER_REPAIR_COPY_H
#define BROKER_REPAIR_COPY_H

#include <stdint.h>

struct copy_result {
	uint64_t bytes; /* of data.mdb */
	char why[320];	/* a description of an error */
};

/*
 * Copies what the last checkpoint of the store in the folder `data` has to the
 * folder `dir`, with an empty journal.  A broker may have the store open; in a
 * store without a broker the journal may have more.  -EEXIST: `dir` is there
 * and not empty; -EINVAL: it is inside the store; SW_ECORRUPT: data.mdb has
 * corrupt rows; or another error of the store, or -errno.  After an error
 * everything is removed.
 */
int copy_begin(const char *data, const char *dir, uint64_t map_size,
	struct copy_result *) __attribute__((warn_unused_result));

/* The copy was checked: makes it a store.  0 or -errno. */
int copy_end(struct copy_result *) __attribute__((warn_unused_result));

/* Removes the copy, also after an error of copy_begin(). */
void copy_drop(void);

#endif
