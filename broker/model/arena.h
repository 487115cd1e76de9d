/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory that lives until the end of a turn
 *
 * Pieces are taken one after the other and freed all at once by arena_reset();
 * until then each pointer is valid.  Up to ARENA_KEEP chunks are kept for the
 * next turn, so a usual turn calls malloc for nothing.
 */
#ifndef BROKER_MODEL_ARENA_H
#define BROKER_MODEL_ARENA_H

#include <stddef.h>
#include <stdint.h>

enum {
	ARENA_CHUNK = 2 * 1024 * 1024 + 4096, /* the largest single piece */
	ARENA_KEEP = 6,
	ARENA_ALIGN = 8, /* bytes, of every piece */
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

/* Takes `n` bytes, at most ARENA_CHUNK.  Ends the process if there is no
 * memory (base/must.h). */
void *arena_take(struct arena *, size_t n);

/*
 * Shortens `piece` to `n` bytes.  Frees the rest if `piece` was taken last;
 * otherwise the rest stays in use until the reset.
 */
void arena_trim(struct arena *, const void *piece, size_t n);

void arena_reset(struct arena *);

#endif
