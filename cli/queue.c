/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/time.h"
#include "wire/proto.h"
#include "wire/setting.h"

struct queue_list {
	struct cmd *c;
	struct out_table table;
};

static void
cell_count(struct out_table *t, const struct sw_item *it, const char *name)
{
	char text[HUMAN_TEXT];

	table_text(t, human_count(text, pair_int(it, SW_F_STAT, name, 0)));
}

static void
queue_row(void *arg, const struct sw_item *it)
{
	struct queue_list *q = arg;
	struct out_table *t = &q->table;
	int64_t oldest = pair_int(it, SW_F_STAT, "oldest_ready_ms", 0);
	char text[HUMAN_TEXT];
	struct bytes paused = {"", 0};

	if (q->c->value[CMD_O_JSON] != NULL) {
		json_print_item(&q->c->out, it);
		return;
	}
	table_bytes(t, sw_bytes(it, SW_F_QUEUE));
	cell_count(t, it, "ready");
	cell_count(t, it, "leased");
	cell_count(t, it, "delayed");
	cell_count(t, it, "dead");
	pair_cell(t, it, SW_F_STAT, "arrival_per_s");
	pair_cell(t, it, SW_F_STAT, "service_per_s");
	table_text(t, oldest > 0 ? human_ms(text, oldest) : "-");
	pair_cell(t, it, SW_F_STAT, "workers");
	pair_cell(t, it, SW_F_STAT, "workers_wanted");
	(void)pair_find(it, SW_F_SETTING, "paused", &paused);
	table_text(t, bytes_eq(paused, bytes_str("1")) ||
				      bytes_eq(paused, bytes_str("yes"))
			      ? "paused"
			      : "");
}

int
cmd_queues(struct cmd *c)
{
	static const char *const heads[] = {"QUEUE", "-READY", "-RUNNING",
		"-DELAYED", "-DEAD", "-IN/S", "-OUT/S", "-OLDEST", "-WORKERS",
		"-WANTED", ""};
	struct queue_list q = {.c = c};
	int rc;

	table_init(&q.table, heads, 11);
	rc = cmd_pages(c, SW_OP_QUEUES, NULL, queue_row, &q);
	if (rc == CMD_OK && c->value[CMD_O_JSON] == NULL)
		table_print(&q.table, &c->out);
	table_fini(&q.table);
	return rc;
}

static const struct sw_setting_rule *
setting_find(struct bytes name)
{
	for (int i = 0; i < SW_SETTINGS; i++)
		if (bytes_eq(name, bytes_str(sw_setting_rules[i].name)))
			return &sw_setting_rules[i];
	return NULL;
}

/* A setting's value in the words that `queue set` takes. */
static void
setting_value(
	struct out_table *t, const struct sw_setting_rule *r, struct bytes b)
{
	char plain[32], text[UNIT_TEXT];
	int64_t n;

	if (r == NULL || b.len == 0 || b.len >= sizeof(plain)) {
		table_bytes(t, b);
		return;
	}
	memcpy(plain, b.p, b.len);
	plain[b.len] = '\0';
	if (unit_parse(r->unit, plain, &n) < 0)
		table_bytes(t, b);
	else
		table_text(t, unit_format(r->unit, n, text));
}

/* The rows "name=value" of a repeated field; settings are explained. */
static void
pairs_table(struct cmd *c, const struct sw_item *it, enum sw_tag tag)
{
	static const char *const settings[] = {"SETTING", "-VALUE", "MEANING"};
	static const char *const figures[] = {"FIGURE", "-VALUE"};
	int is_setting = tag == SW_F_SETTING;
	struct out_table t;
	struct bytes b;
	size_t at = 0;

	table_init(&t, is_setting ? settings : figures, is_setting ? 3 : 2);
	while (sw_item_each(it, tag, &at, &b)) {
		const char *p = b.p, *eq = memchr(p, '=', b.len);
		size_t n = eq == NULL ? b.len : (size_t)(eq - p);
		struct bytes value = eq == NULL
					     ? bytes_of("", 0)
					     : bytes_of(eq + 1, b.len - n - 1);
		const struct sw_setting_rule *r = setting_find(bytes_of(p, n));
		const struct sw_text_rule *text = sw_text_rule_find(p, n);

		table_bytes(&t, bytes_of(p, n));
		if (!is_setting) {
			table_bytes(&t, value);
			continue;
		}
		setting_value(&t, r, value);
		table_text(&t, r != NULL      ? r->text
			       : text != NULL ? text->text
					      : "");
	}
	table_print(&t, &c->out);
	table_fini(&t);
}

struct queue_count {
	struct cmd *c;
	int n;
};

static void
queue_print(void *arg, const struct sw_item *it)
{
	struct queue_count *s = arg;

	s->n++;
	if (s->c->value[CMD_O_JSON] != NULL) {
		json_print_item(&s->c->out, it);
		return;
	}
	pairs_table(s->c, it, SW_F_SETTING);
	(void)fputc('\n', s->c->out.f);
	pairs_table(s->c, it, SW_F_STAT);
}

static void
queue_seen(void *arg, const struct sw_item *it)
{
	struct queue_count *s = arg;

	(void)it;
	s->n++;
}

/* Calls `fn` for the queue that the first word names, refused if unknown. */
static int
queue_ask(struct cmd *c, page_fn *fn)
{
	struct queue_count s = {c, 0};
	const char *name = c->words[0];
	int rc;

	if (sw_queue_check(name, strlen(name)) < 0)
		return cmd_usage(c,
			"queue name '%.70s' must be 1 to 63 of a-z, 0-9, _ and "
			"-",
			name);
	rc = cmd_pages(c, SW_OP_QUEUES, name, fn, &s);
	if (rc == CMD_OK && s.n == 0)
		return cmd_refuse(c, "%s: %s", name, sw_strerror(SW_ENOQUEUE));
	return rc;
}

int
cmd_queue_show(struct cmd *c)
{
	return queue_ask(c, queue_print);
}

static int
settings_send(struct cmd *c, char **settings, int n)
{
	struct sw_buf b = cmd_begin(c, SW_OP_QUEUE_SET, 0);
	size_t mark = sw_item_begin(&b);
	struct sw_msg reply;
	struct sw_item it;
	int rc;

	sw_put_text(&b, SW_F_QUEUE, c->words[0]);
	for (int i = 0; i < n; i++)
		sw_put_text(&b, SW_F_SETTING, settings[i]);
	sw_item_end(&b, mark);
	rc = cmd_call_item(c, &b, &reply, &it);
	if (rc != CMD_OK)
		return rc;
	if (sw_int(&it, SW_F_STATUS, SW_EUNKNOWN) != 0)
		return cmd_refused(c, c->words[0], &it);
	return CMD_OK;
}

static int
settings_check(struct cmd *c, char **settings, int n)
{
	struct sw_settings s = {.given = 0};
	char why[SW_WHY_ROOM];
	int err = 0;

	for (int i = 0; err == 0 && i < n; i++)
		err = sw_settings_parse(
			&s, settings[i], strlen(settings[i]), why, sizeof(why));
	if (err == 0)
		err = sw_settings_check(
			&s, bytes_str(c->words[0]), why, sizeof(why));
	return err < 0 ? cmd_usage(c, "%s", why) : CMD_OK;
}

int
cmd_queue_set(struct cmd *c)
{
	int rc;

	if (sw_queue_check(c->words[0], strlen(c->words[0])) < 0)
		return cmd_usage(c,
			"queue name '%.70s' must be 1 to 63 of a-z, 0-9, _ and "
			"-",
			c->words[0]);
	rc = settings_check(c, c->words + 1, c->n_words - 1);
	return rc != CMD_OK ? rc
			    : settings_send(c, c->words + 1, c->n_words - 1);
}

/* --- delete -------------------------------------------------------------- */

struct queue_use {
	int64_t workers, leased;
};

static void
queue_use_read(void *arg, const struct sw_item *it)
{
	struct queue_use *u = arg;

	u->workers = pair_int(it, SW_F_STAT, "workers", 0);
	u->leased = pair_int(it, SW_F_STAT, "leased", 0);
}

/* Refuses before a job is gone: the queue could not be deleted afterwards. */
static int
queue_empty(struct cmd *c)
{
	const char *name = c->words[0];
	struct queue_use use = {0};
	char n[HUMAN_TEXT];
	int64_t deleted = 0;
	int rc = cmd_pages(c, SW_OP_QUEUES, name, queue_use_read, &use);

	if (rc != CMD_OK)
		return rc;
	if (use.workers > 0)
		return cmd_refuse(c, "queue %s has %" PRId64 " workers", name,
			use.workers);
	if (use.leased > 0)
		return cmd_refuse(c, "queue %s has %" PRId64 " running jobs",
			name, use.leased);
	rc = cmd_queue_purge(c, name, &deleted);
	if (deleted > 0)
		(void)fprintf(c->out.f, "%s %s deleted\n",
			human_count(n, deleted), deleted == 1 ? "job" : "jobs");
	return rc;
}

int
cmd_queue_delete(struct cmd *c)
{
	const char *name = c->words[0];
	struct sw_msg reply;
	struct sw_item it;
	struct sw_buf b;
	size_t mark;
	int rc = CMD_OK;

	if (sw_queue_check(name, strlen(name)) < 0)
		return cmd_usage(c,
			"queue name '%.70s' must be 1 to 63 of a-z, 0-9, _ and "
			"-",
			name);
	if (c->value[CMD_O_PURGE] != NULL)
		rc = queue_empty(c);
	if (rc != CMD_OK)
		return rc;
	b = cmd_begin(c, SW_OP_QUEUE_DELETE, 0);
	mark = sw_item_begin(&b);
	sw_put_text(&b, SW_F_QUEUE, name);
	sw_item_end(&b, mark);
	rc = cmd_call_item(c, &b, &reply, &it);
	if (rc != CMD_OK)
		return rc;
	return sw_int(&it, SW_F_STATUS, SW_EUNKNOWN) == 0
		       ? CMD_OK
		       : cmd_refused(c, name, &it);
}

/* --- pause and resume ---------------------------------------------------- */

/* Setting makes a missing queue: a mistyped name must not. */
static int
pause_set(struct cmd *c, const char *setting)
{
	char text[16], *settings[] = {text};
	int rc = queue_ask(c, queue_seen);

	(void)snprintf(text, sizeof(text), "%s", setting);
	return rc != CMD_OK ? rc : settings_send(c, settings, 1);
}

int
cmd_pause(struct cmd *c)
{
	return pause_set(c, "paused=yes");
}

int
cmd_resume(struct cmd *c)
{
	return pause_set(c, "paused=no");
}
