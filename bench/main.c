/* SPDX-License-Identifier: MIT */
/*
 * spillway-bench: Spillway beside beanstalkd and Redis streams
 *
 * Every round starts every system anew, in a folder of its own on the same
 * disk, and takes each figure of all of them, one right after the other: the
 * pace of a disk changes by the minute.  What is shown are medians, and of
 * the rounds' ratios, too.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/report.h"

#define PROBE_S 0.1

#define CYCLE(n, most)                                                         \
	{                                                                      \
		BENCH_CYCLE, n, 1, most, 0, 0, 0                               \
	}
#define PUT(n)                                                                 \
	{                                                                      \
		BENCH_PUT, n, 1, 100, 0, 0, 0                                  \
	}
#define BATCH(n)                                                               \
	{                                                                      \
		BENCH_PUT, (n)*100, 100, 100, 0, 0, 0                          \
	}

/* A Spillway message holds at most 100; "a message each": each job its own. */
/* clang-format off */
const struct bench_figure bench_figures[FIGURES] = {
	{"cycle_1", "cycle, 1 in flight", CYCLE(1, 100), 0, NULL},
	{"cycle_32", "cycle, 32", CYCLE(32, 100), 0, NULL},
	{"cycle_256", "cycle, 256", CYCLE(256, 100), 0, NULL},
	{"cycle_32_each", "cycle, 32, a message each", CYCLE(32, 1), 1, NULL},
	{"cycle_32_drop", "cycle, 32, done jobs not kept", CYCLE(32, 100), 1,
		"retain_done_ms=0"},
	{"put_1", "put, 1 in flight", PUT(1), 0, NULL},
	{"put_32", "put, 32", PUT(32), 0, NULL},
	{"put_256", "put, 256", PUT(256), 0, NULL},
	{"batch_1", "put, one batch of 100 in flight", BATCH(1), 0, NULL},
	{"batch_16", "put, 16 batches of 100 in flight", BATCH(16), 0, NULL},
};
/* clang-format on */

const struct bench_driver *const bench_systems[SYSTEMS] = {
	&bench_spillway,
	&bench_beanstalk,
	&bench_redis,
};

static void
progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

enum { BIG_FLIGHT = 32 };

struct options {
	const char *program[SYSTEMS]; /* NULL: leave it out */
	const char *json, *figure;
	struct bench_report report;
	struct bench_result round[SYSTEMS][FIGURES][ROUNDS_MAX];
	double sync[FIGURES][ROUNDS_MAX];
};

static int
usage(FILE *f)
{
	fputs("usage: spillway-bench --dir FOLDER [--spillway FILE] "
	      "[--beanstalkd FILE] [--redis FILE]\n"
	      "\t[--fs NAME] [--json FILE] [--seconds S] [--rounds N]\n"
	      "\t[--backlog JOBS] [--figure NAME]\n",
		f);
	return f == stdout ? 0 : 2;
}

/* What is being measured, on one line of a terminal. */
static void
progress(const char *fmt, ...)
{
	va_list ap;

	if (!isatty(STDERR_FILENO) || getenv("NO_COLOR") != NULL)
		return;
	fputs("\r\033[K", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
}

/* One figure on a link of its own, so that counts begin at 0. */
static int
figure_run(const struct bench_driver *d, const struct server *s,
	const char *queue, const struct bench_plan *plan,
	struct bench_result *r)
{
	void *link = NULL;
	int err = d->open(s, queue, &link);

	if (err < 0)
		return bench_fail(err, "%s: cannot connect", d->label);
	err = load_run(d, link, s, plan, r);
	d->close(link);
	return err;
}

/* The disk's pace at this moment. */
static int
sync_run(const struct options *o, double *p50_us)
{
	static struct hist h;
	int err;

	hist_clear(&h);
	err = sync_probe(o->report.dir, PROBE_S, &h);
	if (err < 0)
		return bench_fail(err, "%s: %s", o->report.dir, strerror(-err));
	*p50_us = hist_us(&h, 0.5);
	return 0;
}

/* The median of the rounds' ratios to that round's better peer, or 0. */
static double
times_peer(const struct options *o, size_t figure)
{
	double all[ROUNDS_MAX];
	size_t n = 0;

	for (int i = 0; i < o->report.rounds; i++) {
		double best = 0;

		for (size_t s = 1; s < SYSTEMS; s++) {
			double v = o->round[s][figure][i].v[BENCH_per_s];

			if (o->report.have[s] && v > best)
				best = v;
		}
		if (best > 0)
			all[n++] = o->round[0][figure][i].v[BENCH_per_s] / best;
	}
	return median(all, n);
}

static int
only(const struct options *o, const char *figure)
{
	return o->figure != NULL && strcmp(o->figure, figure) == 0;
}

static int
wanted(const struct options *o, size_t system, size_t figure)
{
	return (system == 0 || !bench_figures[figure].alone) &&
	       (o->figure == NULL || only(o, bench_figures[figure].name));
}

/* One figure of one system; one that fails is left out from then on. */
static void
system_run(struct options *o, struct server *s, size_t system, size_t figure,
	int round)
{
	struct bench_plan plan = bench_figures[figure].plan;
	const char *name = bench_figures[figure].name;

	plan.seconds = o->report.seconds;
	s->setting = bench_figures[figure].setting;
	progress("round %d of %d: %s, %s", round + 1, o->report.rounds,
		bench_systems[system]->label, bench_figures[figure].label);
	if (figure_run(bench_systems[system], s, name, &plan,
		    &o->round[system][figure][round]) < 0)
		o->report.have[system] = 0;
}

/* Side by side: each figure is taken of all systems before the next. */
static int
round_run(struct options *o, int round)
{
	struct server servers[SYSTEMS] = {0};
	int *have = o->report.have;
	int err = 0;

	for (size_t s = 0; s < SYSTEMS; s++) {
		servers[s].program = o->program[s];
		if (have[s] && server_open(&servers[s], bench_systems[s],
				       o->report.dir) < 0)
			have[s] = 0;
	}
	for (size_t i = 0; err == 0 && i < FIGURES; i++) {
		if (wanted(o, 0, i))
			err = sync_run(o, &o->sync[i][round]);
		for (size_t s = 0; err == 0 && s < SYSTEMS; s++)
			if (have[s] && wanted(o, s, i))
				system_run(o, &servers[s], s, i, round);
	}
	for (size_t s = 0; s < SYSTEMS; s++)
		server_close(&servers[s]);
	return err;
}

static int
rounds_run(struct options *o)
{
	struct bench_report *r = &o->report;
	size_t n = (size_t)r->rounds;
	int err = 0;

	for (size_t s = 0; s < SYSTEMS; s++)
		r->have[s] = o->program[s] != NULL;
	for (int i = 0; err == 0 && i < r->rounds; i++)
		err = round_run(o, i);
	for (size_t i = 0; i < FIGURES; i++) {
		for (size_t s = 0; s < SYSTEMS; s++)
			result_median(o->round[s][i], n, &r->of[s][i]);
		r->times_peer[i] = times_peer(o, i);
		r->sync_us[i] = median(o->sync[i], n);
	}
	for (size_t s = 0; s < SYSTEMS; s++)
		if (o->program[s] != NULL && !r->have[s])
			err = -1;
	return err;
}

static int
big_put(const struct server *s, uint64_t jobs, struct bench_result *r)
{
	struct bench_plan plan = BATCH(16);

	plan.jobs = jobs;
	return figure_run(&bench_spillway, s, "big", &plan, r);
}

static int
big_cycle(
	const struct options *o, const struct server *s, struct bench_result *r)
{
	struct bench_plan plan = CYCLE(BIG_FLIGHT, 100);

	plan.seconds = o->report.seconds;
	plan.waiting = 1;
	return figure_run(&bench_spillway, s, "big", &plan, r);
}

/* A broker with few jobs and one with many, or that had many, in turn. */
static int
big_pair(struct options *o, const struct server *few, const struct server *many,
	enum big_step step)
{
	struct bench_report *r = &o->report;
	struct bench_result a[ROUNDS_MAX] = {0}, b[ROUNDS_MAX] = {0};
	double kept[ROUNDS_MAX];
	size_t n = (size_t)r->rounds;
	int err = 0;

	for (size_t i = 0; err == 0 && i < n; i++) {
		progress("Spillway with a backlog, round %zu of %zu", i + 1, n);
		err = big_cycle(o, few, &a[i]);
		if (err == 0)
			err = big_cycle(o, many, &b[i]);
		if (err == 0)
			kept[i] = b[i].v[BENCH_per_s] / a[i].v[BENCH_per_s];
	}
	if (err < 0)
		return err;
	result_median(a, n, &r->big[BIG_FEW]);
	result_median(b, n, &r->big[step]);
	r->big_kept[step] = median(kept, n);
	return 0;
}

/*
 * Down to as many as the other broker has: with none waiting a put and the
 * hand-out of its own job are one after the other, with some they overlap,
 * so that the two could not be compared.
 */
static int
big_drain(struct options *o, const struct server *many)
{
	struct bench_plan plan = {BENCH_DRAIN, 1600, 1, 100, 0, 0, 0};

	plan.jobs = o->report.big_many - o->report.big_few;
	progress("Spillway drains a backlog");
	return figure_run(
		&bench_spillway, many, "big", &plan, &o->report.drain);
}

/*
 * Done jobs are not kept here: then the drain frees all its pages at once,
 * which is the harder case for the store.
 */
static int
big_run(struct options *o)
{
	struct server few = {
		.program = o->program[0], .setting = "retain_done_ms=0"};
	struct server many = few;
	struct bench_report *r = &o->report;
	int err = server_open(&few, &bench_spillway, r->dir);

	if (err == 0)
		err = server_open(&many, &bench_spillway, r->dir);
	progress("Spillway fills a backlog");
	if (err == 0)
		err = big_put(&few, r->big_few, &r->put);
	if (err == 0)
		err = big_put(&many, r->big_many, &r->put);
	if (err == 0)
		err = big_pair(o, &few, &many, BIG_MANY);
	if (err == 0)
		err = big_drain(o, &many);
	if (err == 0)
		err = big_pair(o, &few, &many, BIG_DRAINED);
	server_close(&few);
	server_close(&many);
	r->have_big = err == 0;
	return err;
}

static int
measure(struct options *o)
{
	int err = 0;

	if (!only(o, "backlog"))
		err = rounds_run(o);
	if (o->program[0] != NULL && o->report.big_many > 0 &&
		(o->figure == NULL || only(o, "backlog")) && big_run(o) < 0)
		err = -1;
	progress("%s", "");
	report_table(&o->report, stdout);
	if (o->json != NULL && report_json(&o->report, o->json) < 0)
		err = -1;
	return err;
}

static const struct option longs[] = {
	{"dir", required_argument, NULL, 'd'},
	{"fs", required_argument, NULL, 'f'},
	{"json", required_argument, NULL, 'j'},
	{"seconds", required_argument, NULL, 's'},
	{"rounds", required_argument, NULL, 'n'},
	{"backlog", required_argument, NULL, 'b'},
	{"figure", required_argument, NULL, 'o'},
	{"spillway", required_argument, NULL, '0'},
	{"beanstalkd", required_argument, NULL, '1'},
	{"redis", required_argument, NULL, '2'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int
options_read(struct options *o, int argc, char **argv)
{
	struct bench_report *r = &o->report;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'd')
			r->dir = realpath(optarg, NULL);
		else if (c == 'f')
			r->fs = optarg;
		else if (c == 'j')
			o->json = optarg;
		else if (c == 'o')
			o->figure = optarg;
		else if (c == 's')
			r->seconds = strtod(optarg, NULL);
		else if (c == 'n')
			r->rounds = atoi(optarg);
		else if (c == 'b')
			r->big_many = strtoull(optarg, NULL, 10);
		else if (c >= '0' && c < '0' + SYSTEMS)
			o->program[c - '0'] = optarg;
		else
			return c;
	}
	return r->dir == NULL || r->seconds <= 0 || r->rounds < 1 ||
			       r->rounds > ROUNDS_MAX || optind != argc ||
			       (r->big_many > 0 && r->big_many <= r->big_few)
		       ? '?'
		       : 0;
}

int
main(int argc, char **argv)
{
	static struct options o = {
		.report = {.fs = "unknown file system",
			.seconds = 1.5,
			.rounds = 3,
			.big_few = 1000,
			.big_many = 1000000},
	};
	int c = options_read(&o, argc, argv);

	if (c != 0)
		return usage(c == 'h' ? stdout : stderr);
	return measure(&o) < 0 ? 1 : 0;
}
