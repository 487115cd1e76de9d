/* SPDX-License-Identifier: MIT */
/*
 * The simulator: proof_sim [--seed N [--trace]] [--from N] [--seconds S |
 * --seeds K]
 *
 * Runs one seed, or seed after seed from N for S seconds, or K of them.
 * --plant NAME: with that planted bug; --plants: their names.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/sim/plant.h"
#include "tests/sim/sim.h"

static struct sim world;
static const char *program;

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
how_to_repeat(uint64_t seed)
{
	(void)fflush(stdout);
	(void)fprintf(stderr,
		"seed %llu FAILED, at %lld.%03d s, step %llu\n"
		"again: %s --seed %llu --trace\n",
		(unsigned long long)seed, (long long)(world.now / 1000),
		(int)(world.now % 1000), (unsigned long long)world.steps,
		program, (unsigned long long)seed);
}

static void
crashed(int sig)
{
	how_to_repeat(world.seed);
	signal(sig, SIG_DFL);
	(void)raise(sig);
}

static unsigned long pairs[SIM_PAIRS]; /* of all seeds */

static int
run(uint64_t seed, int trace)
{
	int err = sim_run(&world, seed, trace);

	for (int i = 0; i < SIM_PAIRS; i++)
		pairs[i] += world.pairs[i];
	if (err == 0)
		return 0;
	(void)fprintf(stderr, "%s\n", world.wrong);
	how_to_repeat(seed);
	return 1;
}

int
main(int argc, char **argv)
{
	uint64_t seed = 0, from = (uint64_t)time(NULL) * 1000, steps = 0, n = 0;
	uint64_t most = UINT64_MAX;
	const char *plant = NULL;
	int one = 0, trace = 0;
	double limit_s = 1, began = seconds(), s;

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "0";

		if (strcmp(argv[i], "--plants") == 0)
			return plants_print(), 0;
		else if (strcmp(argv[i], "--plant") == 0 && ++i)
			plant = value;
		else if (strcmp(argv[i], "--trace") == 0)
			trace = 1;
		else if (strcmp(argv[i], "--seed") == 0 && ++i)
			one = 1, seed = strtoull(value, NULL, 10);
		else if (strcmp(argv[i], "--from") == 0 && ++i)
			from = strtoull(value, NULL, 10);
		else if (strcmp(argv[i], "--seconds") == 0 && ++i)
			limit_s = strtod(value, NULL);
		else if (strcmp(argv[i], "--seeds") == 0 && ++i)
			most = strtoull(value, NULL, 10), limit_s = 1e9;
	}
	program = argv[0];
	if (plant != NULL && plant_choose(plant) < 0) {
		(void)fprintf(stderr, "%s is not planted here\n", plant);
		return 2;
	}
	sw_log_set((enum sw_log_level)0);
	signal(SIGABRT, crashed);
	signal(SIGSEGV, crashed);
	if (one)
		return run(seed, trace);
	for (; n == 0 || (n < most && seconds() - began < limit_s); n++) {
		if (run(from + n, 0) != 0)
			return 1;
		steps += world.steps;
	}
	s = seconds() - began;
	(void)printf("%llu seeds from %llu, %.1f million steps in %.0f s: "
		     "%.0f steps/s; at once: full and kill %lu, stall and "
		     "closed link %lu, clock and restart %lu\n",
		(unsigned long long)n, (unsigned long long)from,
		(double)steps / 1e6, s, (double)steps / s, pairs[SIM_FULL_KILL],
		pairs[SIM_STALL_CUT], pairs[SIM_CLOCK_RESTART]);
	return 0;
}
