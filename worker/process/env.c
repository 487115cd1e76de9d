/* SPDX-License-Identifier: MIT */
#include "worker/process/env.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "SPILLWAY_HEADER_"

enum {
	NAME_MAX_LEN = 127,
	HEADERS = SPAWN_VARIABLES - 8,
};

struct env_block {
	char *p;
	size_t len;
	int full;
};

static void env_add(struct env_block *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void
env_add(struct env_block *b, const char *fmt, ...)
{
	size_t left = ENV_ROOM - b->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(b->p + b->len, left, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= left)
		b->full = 1;
	else
		b->len += (size_t)n + 1;
}

/* --- headers -------------------------------------------------------------- */

struct header {
	char name[NAME_MAX_LEN + 1];
	const char *value;
	int value_len, at; /* its place among the headers */
};

/* 0: it has no name, and is left out. */
static int
header_read(struct bytes h, int at, struct header *to)
{
	const char *p = h.p, *eq = memchr(p, '=', h.len);
	size_t n = 0;

	if (eq == NULL || eq == p)
		return 0;
	for (; p < eq && n < NAME_MAX_LEN - strlen(PREFIX); p++) {
		int c = (unsigned char)*p;

		if (c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		else if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'))
			c = '_';
		to->name[n++] = (char)c;
	}
	to->name[n] = '\0';
	to->value = eq + 1;
	to->value_len = (int)((const char *)h.p + h.len - to->value);
	to->at = at;
	return 1;
}

static int
header_order(const void *a, const void *b)
{
	const struct header *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : y->at - x->at;
}

static void
headers_add(struct env_block *b, const struct sw_item *job)
{
	static struct header all[HEADERS];
	struct bytes h;
	size_t at = 0;
	int n = 0;

	while (n < HEADERS && sw_item_each(job, SW_F_HEADER, &at, &h))
		n += header_read(h, n, &all[n]);
	if (n > 1)
		qsort(all, (size_t)n, sizeof(all[0]), header_order);
	for (int i = 0; i < n; i++)
		if (i == 0 || strcmp(all[i].name, all[i - 1].name) != 0)
			env_add(b, PREFIX "%s=%.*s", all[i].name,
				all[i].value_len, all[i].value);
}

ssize_t
env_of_job(const struct worker_lease *job, int64_t wall_ms, char room[ENV_ROOM])
{
	struct env_block b = {.p = room};
	char id[SW_ID_TEXT];

	sw_id_format(&job->id, id);
	env_add(&b, "SPILLWAY_JOB_ID=%s", id);
	env_add(&b, "SPILLWAY_QUEUE=%s", job->route->queue);
	env_add(&b, "SPILLWAY_ATTEMPT=%" PRId64,
		sw_int(&job->item, SW_F_ATTEMPT, 1));
	env_add(&b, "SPILLWAY_DEADLINE_MS=%" PRId64,
		wall_ms + sw_int(&job->item, SW_F_TIMEOUT_MS, 0));
	headers_add(&b, &job->item);
	return b.full ? -E2BIG : (ssize_t)b.len;
}
