/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/select.h"
#include "wire/proto.h"
#include "wire/setting.h"

/* An export: settings of queues, then a page of jobs after the other. */
struct export
{
	struct cmd *c;
	struct selector sel;
	struct sw_id ids[SW_ITEMS_MAX]; /* of the page */
	int n;
	int64_t jobs;
};

/* --- queues ------------------------------------------------------------ */

/* The value of a numeric setting in the words of `queue set`; NULL: it is the
 * default, or no setting of this version. */
static const char *
number_changed(const char *name, const char *value, char text[UNIT_TEXT])
{
	for (int i = 0; i < SW_SETTINGS; i++) {
		const struct sw_setting_rule *r = &sw_setting_rules[i];
		int64_t n;

		if (strcmp(r->name, name) == 0)
			return unit_parse(r->unit, value, &n) < 0 || n == r->def
				       ? NULL
				       : unit_format(r->unit, n, text);
	}
	return NULL;
}

static void
setting_export(json_t *settings, struct bytes s)
{
	char line[SW_TEXT_MAX + 1], text[UNIT_TEXT], *value;
	size_t len = s.len < sizeof(line) ? s.len : sizeof(line) - 1;
	const char *changed;

	memcpy(line, s.p, len);
	line[len] = '\0';
	value = strchr(line, '=');
	if (value == NULL)
		return;
	*value++ = '\0';
	changed = sw_text_rule_find(line, strlen(line)) != NULL &&
				  *value != '\0'
			  ? value
			  : number_changed(line, value, text);
	if (changed != NULL)
		json_add(settings, line, json_string(changed));
}

/* A page_fn: a queue with the settings that are not the default. */
static void
queue_export(void *arg, const struct sw_item *it)
{
	struct export *e = arg;
	json_t *o = json_object(), *settings = json_object();
	struct bytes s, name = sw_bytes(it, SW_F_QUEUE);
	size_t at = 0;

	json_add(o, "queue", json_stringn(name.p, name.len));
	json_add(o, "settings", settings);
	while (sw_item_each(it, SW_F_SETTING, &at, &s))
		setting_export(settings, s);
	json_print(&e->c->out, o);
}

/* --- jobs -------------------------------------------------------------- */

/* A listing of no state has all of them: an export leaves out those that have
 * ended well. */
static int
is_wanted(const struct export *e, const struct sw_item *it)
{
	int64_t state = sw_int(it, SW_F_STATE, SW_NONE);

	return e->sel.state != SW_NONE ||
	       (state != SW_DONE && state != SW_CANCELLED);
}

static void
job_export(struct export *e, const struct sw_item *it)
{
	json_t *o;

	/* The job may have been deleted, or may have ended, since the page. */
	if (sw_int(it, SW_F_STATUS, SW_EUNKNOWN) != 0 || !is_wanted(e, it))
		return;
	o = json_item(it);
	(void)json_object_del(o, "status");
	json_print(&e->c->out, o);
	e->jobs++;
}

/* Gets the jobs of the page; one answer may have only a part of them. */
static int
jobs_get(struct export *e)
{
	for (int at = 0; at < e->n;) {
		struct sw_buf b = cmd_begin(e->c, SW_OP_GET, 0);
		struct sw_msg reply;
		struct sw_item it;
		int rc, took = 0;

		for (int i = at; i < e->n; i++) {
			size_t mark = sw_item_begin(&b);

			sw_put_id(&b, &e->ids[i]);
			sw_item_end(&b, mark);
		}
		rc = cmd_call(e->c, &b, &reply);
		if (rc != CMD_OK)
			return rc;
		for (; sw_msg_next(&reply, &it); took++)
			job_export(e, &it);
		if (took == 0)
			return cmd_fail(e->c, SW_EUNKNOWN);
		at += took;
	}
	return CMD_OK;
}

/* Lists one page of the selector's id number `id`, or of all (-1), into ids. */
static int
page_list(struct export *e, int id, uint8_t *cursor, size_t *len)
{
	struct sw_buf b = cmd_begin(e->c, SW_OP_LIST, 0);
	size_t mark = sw_item_begin(&b);
	struct sw_msg reply;
	struct sw_item it;
	int rc;

	if (e->sel.state == SW_NONE)
		sw_put_int(&b, SW_F_STATE, SW_NONE);
	selector_put(&b, &e->sel, id);
	if (*len > 0)
		sw_put_bytes(&b, SW_F_CURSOR, bytes_of(cursor, *len));
	sw_item_end(&b, mark);
	rc = cmd_call_item(e->c, &b, &reply, &it);
	if (rc != CMD_OK)
		return rc;
	if (sw_int(&it, SW_F_STATUS, 0) != 0)
		return cmd_refused(e->c, "", &it);
	*len = sw_bytes(&it, SW_F_CURSOR).len;
	memcpy(cursor, sw_bytes(&it, SW_F_CURSOR).p, *len);
	for (e->n = 0; e->n < SW_ITEMS_MAX && sw_msg_next(&reply, &it);)
		if (is_wanted(e, &it) && sw_get_id(&it, &e->ids[e->n]))
			e->n++;
	return CMD_OK;
}

static int
jobs_export(struct export *e, int id)
{
	uint8_t cursor[SW_CURSOR_MAX];
	size_t len = 0;
	int rc;

	do {
		rc = page_list(e, id, cursor, &len);
		if (rc == CMD_OK)
			rc = jobs_get(e);
		/* run() says why; a full disk must not take all of the jobs. */
		if (rc == CMD_OK && ferror(e->c->out.f))
			return CMD_OK;
	} while (rc == CMD_OK && len > 0);
	return rc;
}

/* The last line, by which import knows that nothing is missing. */
static void
end_print(const struct export *e)
{
	json_t *o = json_object();

	json_add(o, "end", json_true());
	json_add(o, "jobs", json_integer(e->jobs));
	json_print(&e->c->out, o);
}

int
cmd_export(struct cmd *c)
{
	struct export *e = calloc(1, sizeof(*e));
	int rc;

	if (e == NULL)
		return cmd_refuse(c, "out of memory");
	e->c = c;
	rc = cmd_selector(c, &e->sel);
	if (rc == CMD_OK)
		rc = cmd_pages(c, SW_OP_QUEUES, e->sel.queue, queue_export, e);
	if (rc == CMD_OK && e->sel.n_ids == 0)
		rc = jobs_export(e, -1);
	for (int i = 0; rc == CMD_OK && i < e->sel.n_ids; i++)
		rc = jobs_export(e, i);
	if (rc == CMD_OK)
		end_print(e);
	selector_fini(&e->sel);
	free(e);
	return rc;
}
