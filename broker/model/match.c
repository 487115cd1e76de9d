/* SPDX-License-Identifier: MIT */
#include "broker/model/match.h"

#include "base/error.h"

/* Fields that are equal in the selector and in the job's record. */
static const enum sw_tag equal[] = {SW_F_FAIR, SW_F_UNIQUE, SW_F_CONTENT_TYPE};

#define FIELDS                                                                 \
	(SW_BIT(SW_F_STATE) | SW_BIT(SW_F_QUEUE) | SW_BIT(SW_F_SINCE_MS) |     \
		SW_BIT(SW_F_UNTIL_MS) | SW_BIT(SW_F_MATCH) |                   \
		SW_BIT(SW_F_HEADER) | SW_BIT(SW_F_ID) | SW_BIT(SW_F_CURSOR) |  \
		SW_BIT(SW_F_LIMIT) | SW_BIT(SW_F_RATE) |                       \
		SW_BIT(SW_F_DELAY_MS) | SW_BIT(SW_F_OFFSET) |                  \
		SW_BIT(SW_F_TEXT) | SW_BIT(SW_F_PRIORITY) |                    \
		SW_BIT(SW_F_ATTEMPT) | SW_BIT(SW_F_MAX_ATTEMPTS) |             \
		SW_BIT(SW_F_WORKER) | SW_BIT(SW_F_FAIR) |                      \
		SW_BIT(SW_F_UNIQUE) | SW_BIT(SW_F_CONTENT_TYPE) |              \
		SW_BIT(SW_F_CAUSE))

int
match_check(const struct sw_item *selector, char why[SW_WHY_ROOM])
{
	for (int tag = 1; tag < SW_TAGS; tag++)
		if ((selector->have & ~FIELDS & SW_BIT(tag)) != 0)
			return sw_refuse(why, SW_EINVAL,
				"%s is not a field of a selector",
				sw_field_rules[tag].name);
	return 0;
}

static struct bytes
worker_of(const struct record *r)
{
	struct bytes e, worker = {"", 0};
	struct sw_item it;
	size_t at = 0;

	if (r->lease != NULL)
		return bytes_str(r->lease->worker);
	while (sw_item_each(&r->it, SW_F_EVENT, &at, &e))
		if (sw_item_open(e, &it) == 0 && sw_has(&it, SW_F_WORKER))
			worker = it.f[SW_F_WORKER];
	return worker;
}

int
match_job(const struct sw_item *s, const struct record *r)
{
	for (size_t i = 0; i < sizeof(equal) / sizeof(equal[0]); i++)
		if (sw_has(s, equal[i]) &&
			!bytes_eq(s->f[equal[i]], sw_bytes(&r->it, equal[i])))
			return 0;
	return sw_int(s, SW_F_PRIORITY, r->priority) == r->priority &&
	       sw_int(s, SW_F_CAUSE, r->cause) == r->cause &&
	       sw_int(s, SW_F_ATTEMPT, 0) <= r->attempt &&
	       sw_int(s, SW_F_MAX_ATTEMPTS, INT64_MAX) >= r->attempt &&
	       (!sw_has(s, SW_F_WORKER) ||
		       bytes_eq(s->f[SW_F_WORKER], worker_of(r)));
}
