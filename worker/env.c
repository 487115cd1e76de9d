/* SPDX-License-Identifier: MIT */
#include "worker/env.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "worker/attach.h"

static void env_set(const char *name, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void
env_set(const char *name, const char *fmt, ...)
{
	char value[SW_HEADERS_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (setenv(name, value, 1) != 0)
		_exit(EX_TEMPFAIL);
}

/* SPILLWAY_HEADER_<NAME>, in upper case; other than letters, digits: '_'. */
static void
env_header(struct bytes h)
{
	char name[128] = "SPILLWAY_HEADER_";
	const char *p = h.p, *eq = memchr(p, '=', h.len);
	size_t at = strlen(name), value = (size_t)(eq - p) + 1;

	for (; p < eq && at < sizeof(name) - 1; p++) {
		int c = (unsigned char)*p;

		if (c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		else if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'))
			c = '_';
		name[at++] = (char)c;
	}
	name[at] = '\0';
	env_set(name, "%.*s", (int)(h.len - value), eq + 1);
}

void
env_job_set(const struct worker_lease *job)
{
	char id[SW_ID_TEXT];
	struct bytes h;
	size_t at = 0;

	sw_id_format(&job->id, id);
	env_set("SPILLWAY_JOB_ID", "%s", id);
	env_set("SPILLWAY_QUEUE", "%s", job->route->queue);
	env_set("SPILLWAY_ATTEMPT", "%" PRId64,
		sw_int(&job->item, SW_F_ATTEMPT, 1));
	env_set("SPILLWAY_DEADLINE_MS", "%" PRId64,
		clock_now_ms(CLOCK_REALTIME) +
			sw_int(&job->item, SW_F_TIMEOUT_MS, 0));
	while (sw_item_each(&job->item, SW_F_HEADER, &at, &h))
		env_header(h);
}

void
env_blob(const struct worker_lease *job, const char *uri, const char *dir)
{
	static struct attached a;
	int err = attach(&job->item, uri, dir, &a);

	if (uri != NULL)
		env_set("SPILLWAY_BLOBS", "%s", uri);
	unsetenv("SPILLWAY_BLOB");
	if (err == 0)
		return;
	if (err < 0) {
		dprintf(2, "blob: %s\n", a.why);
		_exit(blob_is_final(err) ? EX_NOINPUT : EX_TEMPFAIL);
	}
	env_set("SPILLWAY_BLOB", "%s", a.path);
	env_set("SPILLWAY_BLOB_SIZE", "%" PRId64, a.size);
}
