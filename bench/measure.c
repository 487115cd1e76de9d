/* SPDX-License-Identifier: MIT */
#include "bench/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	SUB = 32, /* cells to a power of two */
	SUB_BITS = 5,
	PROBE_LEN = 8 * 4096,
	PROBE_FILE = 16 * 1024 * 1024,
};

void
hist_clear(struct hist *h)
{
	memset(h, 0, sizeof(*h));
}

static size_t
cell_of(uint64_t v)
{
	unsigned top = 63 - (unsigned)__builtin_clzll(v | 1);

	if (top < SUB_BITS)
		return (size_t)v;
	return (size_t)(top - SUB_BITS + 1) * SUB +
	       (size_t)(v >> (top - SUB_BITS) & (SUB - 1));
}

static double
cell_middle(size_t cell)
{
	size_t shift = cell / SUB;

	if (shift == 0)
		return (double)cell;
	return ((double)(cell % SUB + SUB) + 0.5) *
	       (double)(1ULL << (shift - 1));
}

void
hist_add(struct hist *h, int64_t ns)
{
	h->cell[cell_of(ns > 0 ? (uint64_t)ns : 0)]++;
	h->n++;
}

double
hist_us(const struct hist *h, double q)
{
	double before = 0, want = q * (double)h->n;

	if (h->n == 0)
		return 0;
	for (size_t i = 0; i < HIST_CELLS; i++) {
		before += h->cell[i];
		if (h->cell[i] > 0 && before >= want)
			return cell_middle(i) / 1000;
	}
	return 0;
}

int64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int
file_read(pid_t pid, const char *name, char *buf, size_t cap)
{
	char path[64];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, cap - 1);
	close(fd);
	if (n <= 0)
		return n < 0 ? -errno : -ESRCH;
	buf[n] = '\0';
	return 0;
}

/* A line "Name:   123 kB" of /proc/PID/status. */
static int64_t
status_kb(const char *status, const char *name)
{
	const char *p = strstr(status, name);

	return p != NULL ? strtoll(p + strlen(name), NULL, 10) : 0;
}

int
proc_read(pid_t pid, struct proc_use *use)
{
	char buf[4096];
	unsigned long long user, sys;
	const char *p;
	int err = file_read(pid, "stat", buf, sizeof(buf));

	if (err < 0)
		return err;
	/* Fields 14 and 15, counted from the name, which may hold blanks. */
	p = strrchr(buf, ')');
	if (p == NULL ||
		sscanf(p + 2,
			"%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			&user, &sys) != 2)
		return -EPROTO;
	err = file_read(pid, "status", buf, sizeof(buf));
	if (err < 0)
		return err;
	use->cpu_us = (int64_t)(user + sys) * (1000000 / sysconf(_SC_CLK_TCK));
	use->rss_kb = status_kb(buf, "VmRSS:");
	use->anon_kb = status_kb(buf, "RssAnon:");
	return 0;
}

/* Written whole beforehand, so that a sync finds no new blocks to record. */
static int
probe_write(int fd)
{
	static const char zero[1 << 20];

	for (off_t at = 0; at < PROBE_FILE; at += (off_t)sizeof(zero))
		if (pwrite(fd, zero, sizeof(zero), at) != (ssize_t)sizeof(zero))
			return errno != 0 ? -errno : -ENOSPC;
	return fsync(fd) == 0 ? 0 : -errno;
}

static int
probe_run(int fd, double seconds, struct hist *h)
{
	static char pages[PROBE_LEN];
	int64_t at = clock_ns(), end = at + (int64_t)(seconds * 1e9);

	for (unsigned turn = 1; at < end; turn++) {
		off_t where = (off_t)turn * 7 * PROBE_LEN % PROBE_FILE;
		int64_t now;

		memset(pages, (int)turn, sizeof(pages));
		if (pwrite(fd, pages, PROBE_LEN, where) != PROBE_LEN ||
			fdatasync(fd) != 0)
			return -errno;
		now = clock_ns();
		hist_add(h, now - at);
		at = now;
	}
	return 0;
}

int
sync_probe(const char *dir, double seconds, struct hist *h)
{
	char path[256];
	int fd, err;

	(void)snprintf(path, sizeof(path), "%s/probe", dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = probe_write(fd);
	if (err == 0)
		err = probe_run(fd, seconds, h);
	close(fd);
	(void)unlink(path);
	return err;
}

static int
less(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
median(double *v, size_t n)
{
	if (n == 0)
		return 0;
	qsort(v, n, sizeof(*v), less);
	return n % 2 != 0 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}
