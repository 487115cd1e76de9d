/* SPDX-License-Identifier: MIT */
/*
 * cost.h - what a job costs a process that runs many: CPU time and memory
 */
#ifndef JOBS_COST_H
#define JOBS_COST_H

#include <stdint.h>

struct job_cost {
	int peak;	/* /proc/self/clear_refs, or -1 */
	int64_t cpu_ms; /* of the process, when the job began */
	int64_t ran_kb; /* the most memory of a program that the job ran */
};

void cost_open(struct job_cost *);
void cost_close(struct job_cost *);

void cost_begin(struct job_cost *);

/* A program that the job ran has ended; its largest resident size. */
void cost_add(struct job_cost *, int64_t rss_kb);

/*
 * The CPU time of the process and its children since cost_begin(), and the
 * largest resident size of this process or of a program that it ran.
 */
void cost_end(const struct job_cost *, int64_t *cpu_ms, int64_t *rss_kb);

#endif
