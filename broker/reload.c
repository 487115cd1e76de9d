/* SPDX-License-Identifier: MIT */
#include "broker/reload.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "wire/setting.h"

/* --- settings of queues --------------------------------------------------- */

static int
setting_set(void *arg, const char *queue, const char *setting)
{
	struct core *c = arg;
	char why[SW_WHY_ROOM];
	int err = core_queue_set(c, bytes_str(queue), bytes_str(setting), why);

	if (err < 0)
		sw_log(SW_LOG_ERR, "config", "queue", queue, "at", why, "error",
			sw_errname(err), "text", sw_strerror(err), NULL);
	return err;
}

int
reload_settings(const struct reload *r, struct core *c)
{
	return broker_config_settings(r->cfg, setting_set, c);
}

/* The values before and after, of a setting that is to be changed. */
struct setting_change {
	enum sw_setting no;
	int64_t old, now;
};

/* Whether the queue has another value; what is wrong, setting_set() says. */
static int
setting_differs(const struct core *c, const char *queue, const char *setting,
	struct setting_change *ch)
{
	const struct queue *q = core_queue_find(c, bytes_str(queue));
	int64_t values[SW_SETTINGS];
	uint32_t given = 0;
	char why[UNIT_WHY];

	if (sw_setting_parse(setting, strlen(setting), values, &given, why,
		    sizeof(why)) < 0)
		return 1;
	ch->no = (enum sw_setting)__builtin_ctz(given);
	ch->now = values[ch->no];
	ch->old = q != NULL ? q->set[ch->no] : sw_setting_rules[ch->no].def;
	return q == NULL || ch->old != ch->now;
}

static int
setting_renew(void *arg, const char *queue, const char *setting)
{
	struct core *c = arg;
	char old[UNIT_TEXT], now[UNIT_TEXT];
	struct setting_change ch = {0};
	const struct sw_setting_rule *rule;

	if (!setting_differs(c, queue, setting, &ch) ||
		setting_set(c, queue, setting) < 0)
		return 0;
	rule = &sw_setting_rules[ch.no];
	sw_log(SW_LOG_INFO, "reload", "queue", queue, "key", rule->name, "old",
		unit_format(rule->unit, ch.old, old), "new",
		unit_format(rule->unit, ch.now, now), "effect", "now", NULL);
	return 0;
}

void
reload_settings_again(const struct reload *r, struct core *c)
{
	if (!r->settings_due)
		return;
	(void)!broker_config_settings(r->cfg, setting_renew, c);
}

/* --- the rest ------------------------------------------------------------- */

/* Settings that the file has are logged when they are set. */
static void
change_log(void *arg, const struct options_change *ch)
{
	static const char *const live[] = {"verbose", "link_memory", NULL};

	struct options_change kept = *ch;

	(void)arg;
	kept.now = NULL;
	if (strcmp(ch->section, "broker") == 0)
		options_change_log(ch, options_change_effect(ch, live));
	else if (ch->removed)
		options_change_log(&kept, "none: the queue keeps the value");
}

void
reload_configuration(struct reload *r, struct guard *guard)
{
	static struct broker_config next;
	struct broker_config *cfg = r->cfg;
	struct options before = cfg->options;
	int changes;

	if (broker_config_again(&next, cfg) != 0) {
		options_reload_refused(next.why);
		broker_config_fini(&next);
		return;
	}
	changes = options_changes(
		before.config, next.options.config, change_log, NULL);
	cfg->options = next.options;
	next.options = before;
	cfg->verbose = next.verbose;
	cfg->link_memory = guard->limit = next.link_memory;
	broker_config_fini(&next);
	sw_log_set(cfg->verbose ? SW_LOG_DEBUG : SW_LOG_INFO);
	r->settings_due = 1;
	options_reload_done(cfg->options.file, changes);
}
