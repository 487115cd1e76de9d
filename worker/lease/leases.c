/* SPDX-License-Identifier: MIT */
#include "worker/lease/leases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/error.h"
#include "base/log.h"
#include "base/plant.h"

enum {
	MESSAGES_MIN = 256, /* sent ones whose replies find their leases */
	KEY_LEN = SW_ID_LEN + 8,
};

_Static_assert(offsetof(struct worker_lease, token) ==
		       offsetof(struct worker_lease, id) + SW_ID_LEN,
	"id and token are one key");

/* A power of two: heartbeats of all leases and as many reports. */
static unsigned
messages_kept(int leases)
{
	unsigned n = MESSAGES_MIN;

	while (n < 4U * (unsigned)leases / SW_ITEMS_MAX)
		n *= 2;
	return n;
}

int
leases_init(struct leases *l, const struct worker_route *routes, int routes_n,
	int slots, const char *name, leases_send_fn *send, void *arg)
{
	unsigned kept = messages_kept(slots * (1 + LEASE_PREFETCH));

	must(routes_n <= SW_QUEUES_PER_WORKER);
	*l = (struct leases){.routes = routes,
		.routes_n = routes_n,
		.slots = slots,
		.send = send,
		.arg = arg,
		.sent_mask = kept - 1};
	l->cap = slots * (1 + LEASE_PREFETCH);
	l->hello_ms = l->heartbeat_ms = INT64_MIN / 2;
	strncpy(l->name, name, sizeof(l->name) - 1);
	l->all = calloc((size_t)l->cap, sizeof(*l->all));
	l->sent = calloc(kept, sizeof(*l->sent));
	l->buf = malloc(LEASE_BUFFER);
	if (l->all != NULL && l->sent != NULL && l->buf != NULL)
		return 0;
	leases_fini(l);
	return -ENOMEM;
}

void
leases_fini(struct leases *l)
{
	HASH_CLEAR(hh, l->by_key);
	for (int i = 0; l->all != NULL && i < l->taken; i++) {
		free(l->all[i].raw);
		free(l->all[i].report.fields);
	}
	free(l->all);
	free(l->sent);
	free(l->buf);
	*l = (struct leases){0};
}

void
leases_identify(struct leases *l, const struct sw_id *id)
{
	l->id = *id;
}

/* --- one lease ------------------------------------------------------------ */

/* A heartbeat that is under way goes on behind it. */
static void
list_leave(struct leases *l, struct worker_lease *j)
{
	if (l->extend_next == j)
		l->extend_next = j->next;
	DL_DELETE(l->list[j->state], j);
	l->n[j->state]--;
}

void
worker_lease_move(
	struct leases *l, struct worker_lease *j, enum worker_lease_state to)
{
	list_leave(l, j);
	l->n[to]++;
	DL_APPEND(l->list[to], j);
	j->state = to;
}

/* A free entry, out of its list; NULL: there is none. */
static struct worker_lease *
lease_new(struct leases *l)
{
	struct worker_lease *j = l->list[LEASE_NONE];

	if (j != NULL) {
		DL_DELETE(l->list[LEASE_NONE], j);
		l->n[LEASE_NONE]--;
	} else if (l->taken < l->cap) {
		j = &l->all[l->taken++];
	}
	return j;
}

static void
lease_free(struct leases *l, struct worker_lease *j)
{
	*j = (struct worker_lease){.state = LEASE_NONE};
	DL_PREPEND(l->list[LEASE_NONE], j); /* its memory is warm */
	l->n[LEASE_NONE]++;
}

void
worker_lease_drop(struct leases *l, struct worker_lease *j)
{
	HASH_DEL(l->by_key, j);
	list_leave(l, j);
	free(j->raw);
	free(j->report.fields);
	lease_free(l, j);
	l->used--;
}

struct worker_lease *
worker_lease_find(
	const struct leases *l, const struct sw_id *id, uint64_t token)
{
	struct worker_lease key, *j;

	key.id = *id;
	key.token = token;
	HASH_FIND(hh, l->by_key, &key.id, KEY_LEN, j);
	return j;
}

static const struct worker_route *
route_of(const struct leases *l, struct bytes queue)
{
	for (int i = 0; i < l->routes_n; i++)
		if (bytes_eq(bytes_str(l->routes[i].queue), queue))
			return &l->routes[i];
	return NULL;
}

/* An unknown setting is one of a newer broker. */
static void
settings_read(struct job_settings *s, const struct sw_item *it)
{
	int64_t values[SW_SETTINGS];
	char why[UNIT_WHY];
	uint32_t given = 0;
	struct bytes b;
	size_t at = 0;

	for (int i = 0; i < SW_SETTINGS; i++)
		values[i] = sw_setting_rules[i].def;
	while (sw_item_each(it, SW_F_SETTING, &at, &b))
		if (sw_setting_parse(
			    b.p, b.len, values, &given, why, sizeof(why)) < 0)
			sw_log(SW_LOG_DEBUG, "setting", "text", why, NULL);
#define X(name) s->name = values[SW_S_##name];
	SW_JOB_SETTING_MAP(X)
#undef X
}

/* Copies the job's fields; 0: no memory, or they cannot be read. */
static int
job_copy(struct worker_lease *j, const struct sw_item *it)
{
	j->raw = malloc(it->raw.len);
	if (j->raw == NULL)
		return 0;
	memcpy(j->raw, it->raw.p, it->raw.len);
	if (sw_item_open_newer(bytes_of(j->raw, it->raw.len), &j->item) == 0)
		return 1;
	free(j->raw);
	j->raw = NULL;
	return 0;
}

/* Tokens grow, and jobs come in the order in which they were leased. */
static void
waiting_add(struct leases *l, struct worker_lease *j)
{
	struct worker_lease *head = l->list[LEASE_WAITING];
	struct worker_lease *at = head != NULL ? head->prev : NULL;

	while (at != NULL && at->token > j->token) {
		l->looks++;
		at = at == head ? NULL : at->prev;
	}
	if (at != NULL)
		DL_APPEND_ELEM(l->list[LEASE_WAITING], at, j);
	else
		DL_PREPEND(l->list[LEASE_WAITING], j);
	l->n[LEASE_WAITING]++;
	j->state = LEASE_WAITING;
}

/* Three heartbeats in the shortest lease: one of them may come late. */
void
worker_lease_heartbeat_follow(struct leases *l, const struct sw_item *it)
{
	int64_t every_ms = sw_int(it, SW_F_LEASE_MS, INT64_MAX) / 3;

	if (every_ms < LEASE_HEARTBEAT_MIN_MS)
		every_ms = LEASE_HEARTBEAT_MIN_MS;
	if (every_ms < l->heartbeat_every_ms)
		l->heartbeat_every_ms = every_ms;
}

static int
route_is_closed(const struct leases *l, const struct worker_route *route)
{
	return l->route_closed[route - l->routes];
}

int
leases_are_closed(const struct leases *l)
{
	return l->closed || (l->draining && !planted(DRAIN_HOARD)) ||
	       l->routes_closed == l->routes_n;
}

void
worker_lease_take(struct leases *l, const struct sw_item *it)
{
	const struct worker_route *route = route_of(
		l, sw_bytes(it, SW_F_QUEUE));
	struct worker_lease *j = route != NULL ? lease_new(l) : NULL;

	if (j == NULL)
		return;
	if (!sw_get_id(it, &j->id) || !job_copy(j, it)) {
		lease_free(l, j);
		return;
	}
	j->token = (uint64_t)sw_int(it, SW_F_TOKEN, 0);
	j->route = route;
	j->progress = -1;
	settings_read(&j->settings, it);
	waiting_add(l, j);
	HASH_ADD(hh, l->by_key, id, KEY_LEN, j);
	l->used++;
	worker_lease_heartbeat_follow(l, it);
	if (leases_are_closed(l) || route_is_closed(l, route))
		worker_lease_stop(
			l, j, LEASE_RELEASE); /* was sent before that */
}

void
worker_lease_stop(
	struct leases *l, struct worker_lease *j, enum lease_stop stop)
{
	if (j->stop == LEASE_STALE || j->state == LEASE_ENDED ||
		j->state == LEASE_REPORTED)
		return;
	j->stop = stop;
	if (j->state != LEASE_WAITING)
		return; /* who runs the job heeds `stop` */
	if (stop == LEASE_STALE) {
		worker_lease_drop(l, j);
		return;
	}
	j->report.outcome = stop == LEASE_CANCEL ? SW_STOPPED : SW_RELEASE;
	j->report.cause = stop == LEASE_CANCEL ? SW_C_CANCELLED : SW_C_DRAIN;
	worker_lease_move(l, j, LEASE_ENDED);
}

/* --- refused reports ------------------------------------------------------ */

/* Whether a later attempt to report may find room. */
static int
is_temporary(int status)
{
	return status == SW_EFULL || status == SW_EMAXJOBS ||
	       status == SW_EMAXBYTES || status == SW_EBUSY ||
	       status == SW_EQUEUES;
}

/* The reason, then the tail of the attempt's own error. */
static void
reason_put(struct attempt_report *r, const char *why)
{
	char reason[SW_WHY_ROOM + 64];
	struct sw_item own = {.have = 0};
	struct sw_buf b = {.cap = SW_ERROR_MAX + 8};
	struct bytes text;
	size_t len, n, mark;

	if (sw_item_open(bytes_of(r->fields, r->fields_len), &own) < 0)
		own.have = 0;
	len = (size_t)snprintf(reason, sizeof(reason), "%s: %s\n",
		sw_has(&own, SW_F_FOLLOW) ? "a follow-up job was refused"
					  : "the report was refused",
		why);
	text = sw_bytes(&own, SW_F_ERROR);
	n = text.len < SW_ERROR_MAX - len ? text.len : SW_ERROR_MAX - len;
	b.p = malloc(b.cap);
	if (b.p != NULL) {
		mark = sw_nest_begin(&b, SW_F_ERROR);
		memcpy(b.p + b.len, reason, len);
		memcpy(b.p + b.len + len, (const char *)text.p + text.len - n,
			n);
		b.len += len + n;
		sw_nest_end(&b, mark);
	}
	free(r->fields);
	r->fields = b.p;
	r->fields_len = b.len;
}

void
worker_lease_refused(
	struct leases *l, struct worker_lease *j, int status, const char *why)
{
	struct attempt_report *r = &j->report;
	char id[SW_ID_TEXT];

	sw_id_format(&j->id, id);
	sw_log(SW_LOG_WARN, "report-refused", "job", id, "error",
		sw_errname(status), "text", why, NULL);
	if (is_temporary(status))
		return; /* sent again when its time has come */
	if (j->refused) {
		sw_log(SW_LOG_ERR, "report-lost", "job", id, "queue",
			j->route->queue, NULL);
		worker_lease_drop(l, j);
		return;
	}
	j->refused = j->alone = 1;
	reason_put(r, why);
	if (r->outcome != SW_RELEASE && r->outcome != SW_STOPPED) {
		r->outcome = SW_RETRY;
		r->cause = SW_C_ERROR;
	}
	r->delay_ms = -1;
	r->exit_code = r->signal = 0;
	worker_lease_move(l, j, LEASE_ENDED);
}

/* --- running -------------------------------------------------------------- */

struct worker_lease *
leases_begin(struct leases *l, int64_t now_ms)
{
	struct worker_lease *j = l->list[LEASE_WAITING];

	if (j == NULL || l->running == l->slots || leases_are_closed(l) ||
		l->draining || now_ms < l->pause_ms || !leases_settled(l))
		return NULL;
	worker_lease_move(l, j, LEASE_RUNNING);
	j->begun_ms = now_ms;
	l->running++;
	return j;
}

void
leases_begun(struct leases *l, struct worker_lease *j)
{
	(void)l;
	j->begun = 1;
}

void
leases_end(struct leases *l, struct worker_lease *j, int64_t now_ms)
{
	int64_t us = (now_ms - j->begun_ms) * 1000 + 100;

	l->running--;
	l->run_us += l->run_us > 0 ? (us - l->run_us) / 8 : us;
	if (j->report.outcome == SW_ACK)
		l->done++;
	else
		l->failed++;
	j->child = NULL;
	if (j->stop == LEASE_STALE) {
		worker_lease_drop(l, j);
		return;
	}
	if (j->stop == LEASE_CANCEL && j->report.outcome != SW_ACK)
		j->report.outcome = SW_STOPPED;
	if (j->stop == LEASE_RELEASE && j->report.outcome != SW_ACK) {
		j->report.outcome = SW_RELEASE;
		j->report.cause = SW_C_DRAIN;
	}
	worker_lease_move(l, j, LEASE_ENDED);
}

/* --- not now -------------------------------------------------------------- */

/* The waiting jobs of a route; NULL: of every route. */
static void
waiting_hand_back(struct leases *l, const struct worker_route *route)
{
	struct worker_lease *j, *next;

	DL_FOREACH_SAFE(l->list[LEASE_WAITING], j, next)
	{
		l->looks++;
		if (route == NULL || j->route == route)
			worker_lease_stop(l, j, LEASE_RELEASE);
	}
}

void
leases_pause(struct leases *l, int64_t now_ms)
{
	l->pause_ms = now_ms + LEASE_PAUSE_MS;
	waiting_hand_back(l, NULL);
}

void
leases_close(struct leases *l)
{
	l->closed = 1;
	waiting_hand_back(l, NULL);
}

void
leases_open(struct leases *l)
{
	l->closed = 0;
}

static void
route_set(struct leases *l, const struct worker_route *route, int closed)
{
	uint8_t *is_closed = &l->route_closed[route - l->routes];

	if (*is_closed == closed)
		return;
	*is_closed = (uint8_t)closed;
	l->routes_closed += closed ? 1 : -1;
	l->joined = 0; /* with a new hello, at once */
	l->hello_ms = INT64_MIN / 2;
}

void
leases_route_close(struct leases *l, const struct worker_route *route)
{
	route_set(l, route, 1);
	waiting_hand_back(l, route);
}

void
leases_route_open(struct leases *l, const struct worker_route *route)
{
	route_set(l, route, 0);
}

void
leases_drain(struct leases *l)
{
	l->draining = 1;
	waiting_hand_back(l, NULL);
}

void
leases_stalled(struct leases *l, int64_t now_ms)
{
	(void)now_ms;
	l->unsettled = 1;
	l->extending = 0;
	l->settle_from = l->settle_to = 0;
	l->heartbeat_ms = INT64_MIN / 2;
}

int
leases_settled(const struct leases *l)
{
	return !l->unsettled;
}
