/* SPDX-License-Identifier: MIT */
#include "broker/reload.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "wire/setting.h"

/* --- settings of queues --------------------------------------------------- */

struct setting_run {
	struct core *core;
	int quiet; /* all of it was logged before */
};

static int
setting_set(void *arg, const char *queue, const char *setting)
{
	const struct setting_run *run = arg;
	char why[SW_WHY_ROOM];
	int err = core_queue_set(
		run->core, bytes_str(queue), bytes_str(setting), why);

	if (err < 0 && !run->quiet)
		sw_log(SW_LOG_ERR, "config", "queue", queue, "at", why, "error",
			sw_errname(err), "text", sw_strerror(err), NULL);
	return err;
}

int
reload_settings(const struct reload *r, struct core *c)
{
	struct setting_run run = {.core = c};

	return broker_config_settings(r->cfg, setting_set, &run);
}

/* The values before and after, of a setting that is to be changed. */
struct setting_change {
	const char *key;
	char old[SW_TEXT_MAX + 1], now[SW_TEXT_MAX + 1];
};

static void
number_change(const struct queue *q, const struct sw_settings *s,
	struct setting_change *ch)
{
	int no = __builtin_ctz(s->given);
	const struct sw_setting_rule *rule = &sw_setting_rules[no];

	ch->key = rule->name;
	(void)unit_format(
		rule->unit, q != NULL ? q->set[no] : rule->def, ch->old);
	(void)unit_format(rule->unit, s->values[no], ch->now);
}

static void
text_change(const struct queue *q, const struct sw_settings *s,
	struct setting_change *ch)
{
	enum sw_text_setting no = (enum sw_text_setting)__builtin_ctz(
		s->texts_given);
	struct bytes now = s->texts[no];

	ch->key = sw_text_rules[no].name;
	(void)snprintf(ch->old, sizeof(ch->old), "%s",
		q != NULL ? queue_text(q, no) : "");
	(void)snprintf(ch->now, sizeof(ch->now), "%.*s", (int)now.len,
		(const char *)now.p);
}

/* Whether the queue has another value; what is wrong, setting_set() says. */
static int
setting_differs(const struct core *c, const char *queue, const char *setting,
	struct setting_change *ch)
{
	const struct queue *q = core_queue_find(c, bytes_str(queue));
	struct sw_settings s = {.given = 0};
	char why[SW_WHY_ROOM];

	if (sw_settings_parse(&s, setting, strlen(setting), why, sizeof(why)) <
		0)
		return 1;
	(s.given != 0 ? number_change : text_change)(q, &s, ch);
	return q == NULL || strcmp(ch->old, ch->now) != 0;
}

static int
setting_renew(void *arg, const char *queue, const char *setting)
{
	struct setting_run *run = arg;
	struct setting_change ch = {.key = ""};

	if (!setting_differs(run->core, queue, setting, &ch) ||
		setting_set(run, queue, setting) < 0 || run->quiet)
		return 0;
	sw_log(SW_LOG_INFO, "reload", "queue", queue, "key", ch.key, "old",
		ch.old, "new", ch.now, "effect", "now", NULL);
	return 0;
}

void
reload_settings_again(struct reload *r, struct core *c)
{
	struct setting_run run = {.core = c, .quiet = r->settings_logged};

	if (!r->settings_due)
		return;
	(void)!broker_config_settings(r->cfg, setting_renew, &run);
	r->settings_logged = 1;
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
	r->settings_logged = 0;
	options_reload_done(cfg->options.file, changes);
}
