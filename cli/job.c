/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/time.h"
#include "wire/proto.h"

enum {
	ERROR_LINES = 10,
	WAIT_LATE_MS = 5000, /* by which the answer to a wait may be late */
};

/* Handles the answer for one id; the exit code. */
typedef int answer_fn(struct cmd *, const char *id, const struct sw_item *);

static int
ids_parse(struct cmd *c, struct sw_id *ids)
{
	for (int i = 0; i < c->n_words; i++)
		if (sw_id_parse(c->words[i], &ids[i]) < 0)
			return cmd_usage(c,
				"'%.60s' is not a job's id: it must be a UUID",
				c->words[i]);
	return CMD_OK;
}

/* Prints an item with its id, which a refusal may lack. */
static void
json_with_id(struct cmd *c, const char *id, const struct sw_item *it)
{
	json_t *j = json_item(it);

	if (!sw_has(it, SW_F_ID))
		json_add(j, "id", json_string(id));
	json_print(&c->out, j);
}

static int
answer_take(struct cmd *c, const struct sw_id *id, const struct sw_item *it,
	answer_fn *fn)
{
	char text[SW_ID_TEXT];

	sw_id_format(id, text);
	if (sw_int(it, SW_F_STATUS, SW_EUNKNOWN) != 0) {
		if (c->value[CMD_O_JSON] != NULL)
			json_with_id(c, text, it);
		return cmd_refused(c, text, it);
	}
	return fn(c, text, it);
}

/* Sends `op` for ids[0..n); *took: the number of answers. */
static int
ids_page(struct cmd *c, int op, const struct sw_id *ids, int n, answer_fn *fn,
	int *took)
{
	struct sw_buf b = cmd_begin(c, op, 0);
	struct sw_msg reply;
	struct sw_item it;
	int rc, one;

	for (int i = 0; i < n; i++) {
		size_t mark = sw_item_begin(&b);

		sw_put_id(&b, &ids[i]);
		sw_item_end(&b, mark);
	}
	rc = cmd_call(c, &b, &reply);
	*took = 0;
	if (rc != CMD_OK)
		return rc;
	while (*took < n && sw_msg_next(&reply, &it)) {
		one = answer_take(c, &ids[*took], &it, fn);
		rc = one > rc ? one : rc;
		(*took)++;
	}
	return *took == 0 ? cmd_fail(c, SW_EUNKNOWN) : rc;
}

/* Sends `op` for all words as ids; a reply may have fewer items than asked. */
static int
ids_ask(struct cmd *c, int op, answer_fn *fn)
{
	struct sw_id *ids = calloc((size_t)c->n_words, sizeof(*ids));
	int rc, one, took;

	if (ids == NULL)
		return cmd_refuse(c, "out of memory");
	rc = ids_parse(c, ids);
	for (int at = 0; rc <= CMD_REFUSED && at < c->n_words; at += took) {
		int n = c->n_words - at;

		n = n < SW_ITEMS_MAX ? n : SW_ITEMS_MAX;
		one = ids_page(c, op, ids + at, n, fn, &took);
		rc = one > rc ? one : rc;
		if (took == 0)
			break;
	}
	free(ids);
	return rc;
}

/* Prints foreign bytes: escaped on a terminal, else as they are. */
static void
bytes_print(struct cmd *c, struct bytes b)
{
	if (c->out.tty)
		out_lines(c->out.f, b, "", 0);
	else
		(void)fwrite(b.p, 1, b.len, c->out.f);
}

static int
get_print(struct cmd *c, const char *id, const struct sw_item *it)
{
	(void)id;
	if (c->value[CMD_O_BODY] != NULL)
		bytes_print(c, sw_bytes(it, SW_F_BODY));
	else if (c->value[CMD_O_JSON] != NULL)
		json_print_item(&c->out, it);
	else
		cmd_job_show(c, it);
	return CMD_OK;
}

int
cmd_get(struct cmd *c)
{
	if (c->value[CMD_O_BODY] != NULL && c->value[CMD_O_JSON] != NULL)
		return cmd_usage(
			c, "--body and --json cannot be used together");
	return ids_ask(c, SW_OP_GET, get_print);
}

static int
dead_print(struct cmd *c, const char *id, const struct sw_item *it)
{
	int state = (int)sw_int(it, SW_F_STATE, SW_NONE);

	(void)get_print(c, id, it);
	if (c->value[CMD_O_JSON] == NULL && state == SW_DEAD)
		(void)fprintf(c->out.f,
			"\nTo redrive it:\n"
			"    spillway dead redrive %s\n",
			id);
	if (state != SW_DEAD)
		return cmd_refuse(c, "%s: it is not dead, it is %s", id,
			sw_state_name(state));
	return CMD_OK;
}

int
cmd_dead_show(struct cmd *c)
{
	return ids_ask(c, SW_OP_GET, dead_print);
}

static int
cancel_print(struct cmd *c, const char *id, const struct sw_item *it)
{
	int state = (int)sw_int(it, SW_F_STATE, SW_NONE);

	if (c->value[CMD_O_JSON] != NULL)
		json_with_id(c, id, it);
	else
		(void)fprintf(c->out.f, "%s  %s\n", id,
			state == SW_LEASED
				? "running; its worker was told to stop it"
				: sw_state_name(state));
	return CMD_OK;
}

/* Whether a word is other than an id, or an option is that of a selector. */
static int
is_selector(const struct cmd *c)
{
	static const enum cmd_opt_id opts[] = {
		CMD_O_ALL, CMD_O_LIMIT, CMD_O_DRY_RUN, CMD_O_YES};

	for (size_t i = 0; i < sizeof(opts) / sizeof(opts[0]); i++)
		if (c->value[opts[i]] != NULL)
			return 1;
	for (int i = 0; i < c->n_words; i++)
		if (strpbrk(c->words[i], "=~") != NULL)
			return 1;
	return 0;
}

int
cmd_cancel(struct cmd *c)
{
	if (is_selector(c))
		return cmd_cancel_all(c);
	if (c->n_words == 0)
		return cmd_usage(
			c, "missing argument: ids, a selector, or --all");
	return ids_ask(c, SW_OP_CANCEL, cancel_print);
}

static int
why_print(struct cmd *c, const char *id, const struct sw_item *it)
{
	if (c->value[CMD_O_JSON] != NULL) {
		json_with_id(c, id, it);
		return CMD_OK;
	}
	if (c->n_words > 1)
		(void)fprintf(c->out.f, "%s  ", id);
	(void)fprintf(c->out.f,
		"%s: ", sw_state_name((int)sw_int(it, SW_F_STATE, SW_NONE)));
	out_text(c->out.f, sw_bytes(it, SW_F_TEXT), OUT_LINE);
	(void)fputc('\n', c->out.f);
	return CMD_OK;
}

int
cmd_why(struct cmd *c)
{
	return ids_ask(c, SW_OP_WHY, why_print);
}

/* The job has ended: its result on stdout, anything else on stderr. */
static int
end_print(struct cmd *c, const char *id, const struct sw_item *it)
{
	int state = (int)sw_int(it, SW_F_STATE, SW_NONE);
	int cause = (int)sw_int(it, SW_F_CAUSE, SW_C_NONE);

	if (c->value[CMD_O_JSON] != NULL)
		json_print_item(&c->out, it);
	else if (state == SW_DONE)
		bytes_print(c, sw_bytes(it, SW_F_RESULT));
	if (state == SW_DONE)
		return CMD_OK;
	if (state != SW_DEAD && sw_has(it, SW_F_ORIGIN))
		return cmd_refuse(
			c, "%s died, and has moved to a dead-letter queue", id);
	if (state != SW_DEAD)
		return cmd_refuse(c, "%s ended %s", id, sw_state_name(state));
	out_lines(c->err, client_last_error(it), "    ", ERROR_LINES);
	return cmd_refuse(c, "%s ended dead (%s), see spillway dead show %s",
		id, sw_cause_name(cause), id);
}

/* Asks once, for at most SW_WAIT_MS.  SW_ETIMEOUT: the job has not ended. */
static int
wait_part(struct cmd *c, const struct sw_id *id, int64_t left_ms,
	struct sw_msg *reply, struct sw_item *it)
{
	int64_t part = left_ms < 0 || left_ms > SW_WAIT_MS ? SW_WAIT_MS
							   : left_ms;
	struct sw_buf b = cmd_begin(c, SW_OP_WAIT, 0);
	size_t mark = sw_item_begin(&b);
	int err;

	sw_put_id(&b, id);
	sw_put_int(&b, SW_F_TIMEOUT_MS, part);
	sw_item_end(&b, mark);
	if (left_ms < 0 || left_ms > part + WAIT_LATE_MS)
		left_ms = part + WAIT_LATE_MS;
	err = client_call(c->client, &b, left_ms, reply);
	if (err < 0)
		return err;
	if (!sw_msg_next(reply, it))
		return SW_EUNKNOWN;
	return sw_int(it, SW_F_STATUS, 0) == SW_ETIMEOUT ? SW_ETIMEOUT : 0;
}

int
cmd_job_wait(struct cmd *c, const struct sw_id *id, int64_t timeout_ms)
{
	int64_t began_ms = client_now_ms(), left_ms = timeout_ms;
	char text[SW_ID_TEXT], human[HUMAN_TEXT];
	struct sw_msg reply;
	struct sw_item it;
	int err;

	do {
		err = wait_part(c, id, left_ms, &reply, &it);
		if (timeout_ms >= 0)
			left_ms = timeout_ms - (client_now_ms() - began_ms);
	} while ((err == SW_ETIMEOUT || err == SW_ELINK) &&
		 (timeout_ms < 0 || left_ms > 0));
	sw_id_format(id, text);
	if (err == SW_ETIMEOUT) {
		(void)cmd_refuse(c, "%s has not ended within %s", text,
			human_ms(human, timeout_ms));
		return CMD_UNKNOWN;
	}
	if (err < 0)
		return cmd_fail(c, err);
	return answer_take(c, id, &it, end_print);
}

static int
answer_ignore(struct cmd *c, const char *id, const struct sw_item *it)
{
	(void)c, (void)id, (void)it;
	return CMD_OK;
}

/*
 * A wait may last for ever, so a WHY before it finds a missing broker and an
 * unknown job at once.
 */
int
cmd_wait(struct cmd *c)
{
	int64_t timeout_ms = -1;
	struct sw_id id;
	int rc = cmd_opt_duration(c, CMD_O_TIMEOUT, &timeout_ms);

	if (rc == CMD_OK)
		rc = ids_parse(c, &id);
	if (rc == CMD_OK)
		rc = ids_ask(c, SW_OP_WHY, answer_ignore);
	return rc != CMD_OK ? rc : cmd_job_wait(c, &id, timeout_ms);
}
