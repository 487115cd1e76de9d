/* SPDX-License-Identifier: MIT */
/*
 * report.h - what was measured, as a table for people and as JSON
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "bench/bench.h"

enum { ROUNDS_MAX = 15, SYSTEMS = 3, FIGURES = 10 };

struct bench_figure {
	const char *name;	/* in the JSON */
	const char *label;	/* in the table */
	struct bench_plan plan; /* without the seconds */
	int alone; /* of Spillway only: the peers have no such thing */
	const char *setting; /* of the queue, or NULL */
};

extern const struct bench_figure bench_figures[FIGURES];

/* Spillway first, then the peers. */
extern const struct bench_driver *const bench_systems[SYSTEMS];

/* The stations of the run with a backlog; each a cycle/s at 32 in flight. */
enum big_step { BIG_FEW, BIG_MANY, BIG_DRAINED, BIG_STEPS };

struct bench_report {
	const char *dir, *fs; /* borrowed */
	double seconds;
	int rounds;
	uint64_t big_few, big_many; /* jobs waiting */
	int have[SYSTEMS];	    /* it ran, and all its figures are there */
	int have_big;
	struct bench_result of[SYSTEMS][FIGURES]; /* medians */
	struct bench_result big[BIG_STEPS];
	double big_kept[BIG_STEPS]; /* of the rate with few, per round */
	struct bench_result put, drain;
	double times_peer[FIGURES]; /* the better one; 0: no peer */
	double sync_us[FIGURES];    /* one fdatasync just before */
};

/* Each value the median of n results. */
void
result_median(const struct bench_result *, size_t n, struct bench_result *out);

void report_table(const struct bench_report *, FILE *);

/* 0, or a negative error after a line on stderr. */
int report_json(const struct bench_report *, const char *path)
	__attribute__((warn_unused_result));

#endif
