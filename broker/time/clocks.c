/* SPDX-License-Identifier: MIT */
#include "broker/time/clocks.h"

#include "base/plant.h"

/* In a container with a boot clock of its own the same boot may show an earlier
 * time. */
static int
is_same_boot(const struct stamp *stored, uint64_t boot_id, int64_t boot_ms)
{
	return boot_id != 0 && stored->boot_id == boot_id &&
	       boot_ms + stored->offset_ms >=
		       stored->until_ms - CLOCKS_AHEAD_MS;
}

/*
 * The two clocks are read one after the other, and are rounded, so that their
 * difference varies although nobody sets them.  A time that has been shown must
 * not vary with it.
 */
static void
shown_set(struct clocks *k)
{
	int64_t shown_ms = k->wall_ms - k->now_ms;

	if (shown_ms < k->shown_ms - CLOCKS_APART_MS ||
		shown_ms > k->shown_ms + CLOCKS_APART_MS)
		k->shown_ms = shown_ms;
}

void
clocks_start(struct clocks *k, const struct stamp *stored, uint64_t boot_id,
	int64_t wall_ms, int64_t boot_ms)
{
	int64_t now_ms = wall_ms;

	if (stored != NULL && is_same_boot(stored, boot_id, boot_ms))
		now_ms = boot_ms + stored->offset_ms;
	else if (stored != NULL && stored->until_ms > wall_ms)
		now_ms = stored->until_ms;
	*k = (struct clocks){.boot_id = boot_id,
		.offset_ms = now_ms - boot_ms,
		.now_ms = now_ms,
		.wall_ms = wall_ms};
	shown_set(k);
}

void
clocks_set(struct clocks *k, int64_t wall_ms, int64_t boot_ms)
{
	k->now_ms = planted(WALL_TIME) ? wall_ms : boot_ms + k->offset_ms;
	k->wall_ms = wall_ms;
	shown_set(k);
}

int
clocks_are_due(const struct clocks *k)
{
	return k->now_ms + CLOCKS_AHEAD_MS / 2 > k->until_ms;
}

void
clocks_store(struct clocks *k, struct stamp *stamp)
{
	k->until_ms = k->now_ms + CLOCKS_AHEAD_MS;
	stamp->boot_id = k->boot_id;
	stamp->offset_ms = k->offset_ms;
	stamp->until_ms = k->until_ms;
}
