/* SPDX-License-Identifier: MIT */
#include "worker/process/output.h"

#include <stdlib.h>

#include "base/log.h"

/* --- the tail ------------------------------------------------------------- */

static void
tail_add(struct output *o, const char *p, size_t n)
{
	if (o->tail == NULL) {
		o->tail = malloc(SW_ERROR_MAX);
		if (o->tail == NULL)
			return;
	}
	if (n > SW_ERROR_MAX) { /* only the last bytes can stay */
		o->len += n - SW_ERROR_MAX;
		p += n - SW_ERROR_MAX;
		n = SW_ERROR_MAX;
	}
	while (n > 0) {
		size_t at = o->len % SW_ERROR_MAX, room = SW_ERROR_MAX - at;
		size_t part = n < room ? n : room;

		memcpy(o->tail + at, p, part);
		o->len += part;
		p += part;
		n -= part;
	}
}

size_t
output_tail(const struct output *o, char text[SW_ERROR_MAX])
{
	size_t n = o->len < SW_ERROR_MAX ? o->len : SW_ERROR_MAX;

	for (size_t i = 0; i < n; i++)
		text[i] = o->tail[(o->len - n + i) % SW_ERROR_MAX];
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	return n;
}

/* --- the log -------------------------------------------------------------- */

static void
left_out_log(struct output *o, const struct output_log *log)
{
	if (o->left_out > 0)
		sw_log(SW_LOG_WARN, "output-left-out", "job", log->job, "queue",
			log->queue, "lines", sw_num(o->left_out), NULL);
	o->left_out = 0;
}

/* Logs the line, unless there were too many in this window. */
static void
line_log(struct output *o, const struct output_log *log)
{
	if (log->now_ms - o->window_ms >= OUTPUT_WINDOW_MS) {
		left_out_log(o, log);
		o->window_ms = log->now_ms;
		o->lines = 0;
	}
	o->line[o->line_len] = '\0';
	o->line_len = 0;
	if (o->lines++ < OUTPUT_LINES)
		sw_log(SW_LOG_INFO, "output", "job", log->job, "queue",
			log->queue, "text", o->line, NULL);
	else
		o->left_out++;
}

static void
lines_add(
	struct output *o, const char *p, size_t n, const struct output_log *log)
{
	if (o->line == NULL)
		o->line = malloc(OUTPUT_LINE + 1);
	for (size_t i = 0; o->line != NULL && i < n; i++) {
		if (p[i] != '\n')
			o->line[o->line_len++] = p[i] != '\0' ? p[i] : ' ';
		if (o->line_len == OUTPUT_LINE ||
			(p[i] == '\n' && o->line_len > 0))
			line_log(o, log);
	}
}

void
output_add(struct output *o, struct bytes b, const struct output_log *log)
{
	tail_add(o, b.p, b.len);
	if (log != NULL)
		lines_add(o, b.p, b.len, log);
}

void
output_end(struct output *o, const struct output_log *log)
{
	if (o->line_len > 0)
		line_log(o, log);
	left_out_log(o, log);
}

void
output_next(struct output *o)
{
	o->len = 0;
}

void
output_fini(struct output *o)
{
	free(o->tail);
	free(o->line);
	*o = (struct output){0};
}
