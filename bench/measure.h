/* SPDX-License-Identifier: MIT */
/*
 * measure.h - clocks, percentiles, what a process uses, what a sync costs
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Times in cells that grow with the value, 32 to each power of two: at most
 * 3 % off, whatever the range.  The idea is HdrHistogram's (Gil Tene).
 */
enum { HIST_CELLS = 64 * 32 };

struct hist {
	uint64_t n;
	uint32_t cell[HIST_CELLS];
};

void hist_clear(struct hist *);
void hist_add(struct hist *, int64_t ns);

/* The value below which the share `q` (0-1) lies, in µs; 0 when empty. */
double hist_us(const struct hist *, double q);

/* Monotonic. */
int64_t clock_ns(void);

struct proc_use {
	int64_t cpu_us;	 /* user and system, all threads; ticks of 10 ms */
	int64_t rss_kb;	 /* resident, with the file pages it has mapped */
	int64_t anon_kb; /* ... without them: its own memory */
};

/* Reads /proc/PID; 0 or -errno. */
int proc_read(pid_t, struct proc_use *) __attribute__((warn_unused_result));

/*
 * What the disk below `dir` takes for one pwrite of 8 pages and one fdatasync,
 * again and again for `seconds`, into `h`.  0 or -errno.
 */
int sync_probe(const char *dir, double seconds, struct hist *h)
	__attribute__((warn_unused_result));

/* The middle of n numbers, which it sorts. */
double median(double *, size_t n);

#endif
