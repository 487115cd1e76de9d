/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory for one turn
 *
 * Bytes are taken one after the other and all given back at once.  Pointers
 * stay good until the reset.  Chunks are kept from turn to turn up to
 * ARENA_KEEP of them, so a turn allocates nothing once it is warm.
 */
#ifndef BROKER_ARENA_H
#define BROKER_ARENA_H

#include <stddef.h>
#include <stdint.h>

enum {
	ARENA_CHUNK = 2 * 1024 * 1024 + 4096, /* the largest single piece */
	ARENA_KEEP = 6,
	ARENA_ALIGN = 8, /* of every piece */
};

struct arena_chunk {
	struct arena_chunk *next;
	size_t len;
	uint8_t b[];
};

struct arena {
	struct arena_chunk *first, *now;
	const void *last; /* the piece taken last */
	size_t used;	  /* in all chunks, since the reset */
};

void arena_init(struct arena *);
void arena_fini(struct arena *);

/* `n` bytes (at most ARENA_CHUNK); ends the process when memory is out. */
void *arena_take(struct arena *, size_t n);

/*
 * `piece` is `n` long from now on.  Its tail is given back if it is the piece
 * that was taken last; else it is wasted until the reset.
 */
void arena_trim(struct arena *, const void *piece, size_t n);

void arena_reset(struct arena *);

#endif
