/* SPDX-License-Identifier: MIT */
#include "jobs/transcode/probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "jobs/parse.h"

/* 30 years: a longer duration is damage. */
#define SECONDS_MAX 1e9

enum { SIDE_MAX = 1 << 20 };

static const char *
text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

static double
number_of(const json_t *o, const char *name)
{
	return json_number_value(json_object_get(o, name));
}

/* ffprobe gives seconds as a string: "1.600000". */
static int64_t
seconds_ms(const json_t *o)
{
	double s = strtod(text_of(o, "duration"), NULL);

	return s > 0 && s < SECONDS_MAX ? (int64_t)llrint(s * 1000) : 0;
}

static int
side_of(const json_t *o, const char *name, int *to)
{
	double v = number_of(o, name);

	if (!(v >= 0 && v <= SIDE_MAX))
		return SW_EFORMAT;
	*to = (int)v;
	return 0;
}

static int
is_turned(const json_t *stream)
{
	const json_t *side, *all = json_object_get(stream, "side_data_list");
	size_t i;

	json_array_foreach(all, i, side)
	{
		if (fmod(fabs(number_of(side, "rotation")), 180) == 90)
			return 1;
	}
	return 0;
}

static int
is_cover(const json_t *stream)
{
	return number_of(json_object_get(stream, "disposition"),
		       "attached_pic") != 0;
}

static int
stream_take(struct transcode_probe *p, const json_t *s)
{
	const char *type = text_of(s, "codec_type");
	double index = number_of(s, "index");
	int err = 0;

	if (!(index >= 0 && index < SIDE_MAX))
		return SW_EFORMAT;
	if (strcmp(type, "audio") == 0 && p->audio < 0)
		p->audio = (int)index;
	if (strcmp(type, "video") != 0 || p->video >= 0 || is_cover(s))
		return 0;
	p->video = (int)index;
	err = side_of(s, "width", &p->width);
	if (err == 0)
		err = side_of(s, "height", &p->height);
	if (err == 0 && is_turned(s)) {
		int width = p->width;

		p->width = p->height;
		p->height = width;
	}
	return err;
}

int
probe_read(struct bytes json, struct transcode_probe *to)
{
	json_t *o = parse_json(json, 0, NULL);
	const json_t *s, *all = json_object_get(o, "streams"),
			 *format = json_object_get(o, "format");
	struct transcode_probe p = {.video = -1, .audio = -1};
	int err = json_is_object(o) ? 0 : SW_EFORMAT;
	size_t i;

	json_array_foreach(all, i, s)
	{
		p.streams++;
		if (err == 0)
			err = stream_take(&p, s);
	}
	(void)snprintf(p.format, sizeof(p.format), "%s",
		text_of(format, "format_name"));
	p.duration_ms = seconds_ms(format);
	json_decref(o);
	if (err == 0)
		*to = p;
	return err;
}

/* --- progress ------------------------------------------------------------ */

static void
line_take(struct transcode_progress *p)
{
	char *eq = strchr(p->line, '=');

	if (eq == NULL)
		return;
	*eq = '\0';
	if (strcmp(p->line, "out_time_us") == 0) {
		/* "N/A" before the first packet; may step back a little. */
		int64_t ms = strtoll(eq + 1, NULL, 10) / 1000;

		if (ms > p->out_ms)
			p->out_ms = ms;
	} else if (strcmp(p->line, "speed") == 0) {
		double x = strtod(eq + 1, NULL);

		p->speed_x100 = x > 0 && x < 1e6 ? (int)(x * 100) : 0;
	}
}

void
progress_take(struct transcode_progress *p, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (b[i] != '\n') {
			if (p->len < sizeof(p->line) - 1)
				p->line[p->len++] = b[i];
			continue;
		}
		p->line[p->len] = '\0';
		p->len = 0;
		line_take(p);
	}
}
