/* SPDX-License-Identifier: MIT */
/*
 * proof_power.c - the power goes, at any instant of what the files see
 *
 * To be run under preload_trace.so: tests/proof/power.sh does.
 *
 *	POWER_S		seconds; pass 0 is made whole where patience allows
 *	SEED
 *	POWER_ONE	only this state, as a failure names it; with POWER_KEEP
 *			its files are left in that folder
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "tests/lib/chance.h"
#include "tests/power/power.h"

enum { SECONDS = 20, TWICE = 5 };

/* Killed after each of its first calls, and started again. */
#define KILLED_LIVES                                                           \
	{                                                                      \
		{3, 0},                                                        \
		{                                                              \
			3, 0                                                   \
		}                                                              \
	}

static const struct power_scene scenes[] = {
	{.name = "store",
		.kind = &power_store,
		.lives = {{40, 0}, {80, 0}, {40, 1}, {10, 0}}},
	{.name = "full", .kind = &power_full, .lives = {{20, 0}, {20, 1}}},
	{.name = "blobs", .kind = &power_blobs, .lives = {{12, 0}, {20, 1}}},
	{.name = "killed",
		.kind = &power_store,
		.lives = KILLED_LIVES,
		.every = 16,
		.killed = 1},
	{.name = "blobs-killed",
		.kind = &power_blobs,
		.lives = KILLED_LIVES,
		.every = 8,
		.killed = 1},
	{.name = "twice",
		.kind = &power_store,
		.lives = {{12, 0}, {6, 1}},
		.every = 2,
		.base = &scenes[0]},
	{.name = "full-twice",
		.kind = &power_full,
		.lives = {{12, 0}, {6, 1}},
		.every = 2,
		.base = &scenes[1]},
};

enum { SCENES = sizeof(scenes) / sizeof(scenes[0]) };

static void
scene_run(const struct power_scene *sc, int pass, uint64_t seed, int64_t until,
	struct power_tally *t)
{
	const struct power_view view = {NULL, NULL, until};
	int n = 1;

	while (t->wrong < POWER_WRONG_MAX &&
		power_run(sc, n, pass, seed, &view, t) == 0 &&
		power_now_ms() < until)
		if (!sc->killed && (sc->base == NULL || n >= TWICE))
			break;
		else
			n++;
}

/* --- controls ------------------------------------------------------------ */

static const struct {
	const char *what;
	int scene;
	struct power_lie lie;
} lies[] = {
	{"the journal", 0, {TRACE_SYNC, "journal", 3, 0}},
	{"the index's pages", 0, {TRACE_SYNC, "data.mdb", 3, 0}},
	{"the index's root", 0, {TRACE_SYNC_RANGE, "data.mdb", 3, 0}},
	{"the store's folder", 0, {TRACE_SYNC, "data", 0, 0}},
	{"what the store's folder is in", 0, {TRACE_SYNC, "", 0, 0}},
	{"a blob", 2, {TRACE_SYNC, "put.", 0, 1}},
	{"what the blobs' folder is in", 2, {TRACE_SYNC, "", 0, 0}},
	{"a blob's name", 2, {TRACE_SYNC, "e3", 0, 0}}, /* of the empty one */
	{"the blobs' folder", 2, {TRACE_SYNC, "blobs", 0, 0}},
};

enum { LIES = sizeof(lies) / sizeof(lies[0]) };

/* A disk that says that this is synced, and has done nothing. */
static int
lie_found(int i, uint64_t seed)
{
	const struct power_scene *sc = &scenes[lies[i].scene];
	const struct power_view view = {&lies[i].lie, NULL, INT64_MAX};
	struct power_tally t = {.quiet = 1};

	for (int pass = 0; pass < 3 && t.wrong == 0; pass++)
		(void)power_run(sc, 1, pass, seed, &view, &t);
	printf("%s: %s is not synced: %s (%d states)\n",
		t.wrong > 0 ? "control" : "FAILED", lies[i].what,
		t.wrong > 0 ? t.what : "and it was not found", t.states);
	return t.wrong > 0;
}

/* --- one state ----------------------------------------------------------- */

static int
one_run(const char *name, uint64_t seed)
{
	size_t len = strcspn(name, "./");
	int n = name[len] == '.' ? atoi(name + len + 1) : 1;
	const char *slash = strchr(name, '/');
	const struct power_view view = {NULL, name, INT64_MAX};
	struct power_tally t = {0};

	for (int i = 0; i < SCENES && slash != NULL; i++)
		if (strlen(scenes[i].name) == len &&
			memcmp(scenes[i].name, name, len) == 0)
			(void)power_run(&scenes[i], n, atoi(slash + 1), seed,
				&view, &t);
	if (t.states == 0)
		printf("there is no state %s\n", name);
	return t.states != 1 || t.wrong > 0;
}

int
main(void)
{
	uint64_t seed = chance_seed();
	int64_t ms = (int64_t)number_of_env("POWER_S", SECONDS) * 1000;
	int64_t until = power_now_ms() + ms;
	struct power_tally t = {0};
	int missed = 0;

	if (getenv("POWER_ONE") != NULL)
		return one_run(getenv("POWER_ONE"), seed);
	for (int i = 0; i < LIES; i++)
		missed += !lie_found(i, seed);
	for (int i = 0; i < SCENES; i++)
		scene_run(&scenes[i], 0, seed, INT64_MAX, &t);
	for (int pass = 1; power_now_ms() < until && t.wrong < POWER_WRONG_MAX;
		pass++)
		for (int i = 0; i < SCENES && power_now_ms() < until; i++)
			scene_run(&scenes[i], pass, seed, until, &t);
	printf("power: %d states of %d scenes, %d wrong, %d of %d lies found, "
	       "SEED=%" PRIu64 "\n",
		t.states, SCENES, t.wrong, LIES - missed, LIES, seed);
	return t.wrong > 0 || missed > 0;
}
