/* SPDX-License-Identifier: MIT */
#include "broker/notices.h"

#include <sys/resource.h>

#include "base/log.h"
#include "link/accept.h"

enum {
	OVER_MS = 5000,	    /* a store at its limit is full again at once */
	REFUSED_MS = 10000, /* between two lines on refused clients */
};

static void
damage_log(struct notices *n, const struct core *c, const char *repair)
{
	if (c->damaged != n->damaged)
		sw_log(SW_LOG_ERR, "damage", "what", c->damage, "found",
			sw_num((int64_t)c->damaged), "run", repair, NULL);
	n->damaged = c->damaged;
}

static const char *
full_why(const struct core *c)
{
	if (c->usage.full_why != NULL)
		return c->usage.full_why;
	return c->mono_ms < c->full_until_ms ? c->store->why
					     : "90 % of --map-size are in use";
}

static void
full_log(struct notices *n, const struct core *c, int64_t boot_ms)
{
	const struct store_usage *u = &c->usage;

	if (c->full) {
		n->full_ms = boot_ms;
		if (!n->full)
			sw_log(SW_LOG_ERR, "store-full", "text",
				"new jobs are refused", "why", full_why(c),
				"used_pages", sw_num((int64_t)u->used_pages),
				"free_pages", sw_num((int64_t)u->free_pages),
				"max_pages", sw_num((int64_t)u->max_pages),
				NULL);
		n->full = 1;
	} else if (n->full && boot_ms - n->full_ms >= OVER_MS) {
		n->full = 0;
		sw_log(SW_LOG_INFO, "store-over", "text",
			"new jobs are taken again", "used_pages",
			sw_num((int64_t)u->used_pages), "free_pages",
			sw_num((int64_t)u->free_pages), "max_pages",
			sw_num((int64_t)u->max_pages), NULL);
	}
}

static void
refused_log(struct notices *n, int64_t boot_ms)
{
	unsigned long refused = accept_refused();
	struct rlimit r = {0};

	if (refused == n->refused ||
		(n->refused > 0 && boot_ms - n->refused_ms < REFUSED_MS))
		return;
	(void)getrlimit(RLIMIT_NOFILE, &r);
	sw_log(SW_LOG_WARN, "clients-refused", "n",
		sw_num((long long)(refused - n->refused)), "limit",
		sw_num((long long)r.rlim_cur), "text",
		"no descriptor is free: raise LimitNOFILE", NULL);
	n->refused = refused;
	n->refused_ms = boot_ms;
}

void
notices_log(struct notices *n, const struct core *c, const char *repair,
	int64_t boot_ms)
{
	damage_log(n, c, repair);
	full_log(n, c, boot_ms);
	refused_log(n, boot_ms);
}
