/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/corpus.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 64 * 1024, RUNS_MAX = 4000 };

/* A copy of its very length, so that a sanitizer sees where it ends. */
static void
run(corpus_fn *fn, const uint8_t *data, size_t len, size_t at, uint8_t change)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, data, len);
	if (at < len)
		copy[at] ^= change;
	(void)fn(copy, len);
	free(copy);
}

/* A long file is gone through in larger steps. */
static unsigned
file_run(const char *path, corpus_fn *fn)
{
	static const uint8_t changes[] = {0x01, 0x80, 0xff};
	static uint8_t data[FILE_MAX];
	FILE *f = fopen(path, "rbe");
	size_t len = f != NULL ? fread(data, 1, sizeof(data), f) : 0;
	size_t step = 1 + len * 4 / RUNS_MAX;
	unsigned runs = 1;

	if (f == NULL)
		abort();
	fclose(f);
	run(fn, data, len, len, 0);
	for (size_t at = 0; at < len; at += step, runs += 4) {
		run(fn, data, at, at, 0);
		for (size_t i = 0; i < sizeof(changes); i++)
			run(fn, data, len, at, changes[i]);
	}
	return runs;
}

int
corpus_run(const char *name, corpus_fn *fn)
{
	char path[512];
	struct dirent *e;
	unsigned runs = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "tests/corpus/%s", name);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "tests/corpus/%s/%s", name,
			e->d_name);
		runs += file_run(path, fn);
	}
	if (d != NULL)
		closedir(d);
	printf("%s: %u inputs\n", name, runs);
	return runs == 0;
}
