/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/time.h"
#include "wire/proto.h"
#include "wire/put.h"

enum { FIELDS_MAX = 8 * 1024 };

/* The fields of a put, but for id and body. */
struct put_args {
	struct cmd *c;
	struct sw_buf fields;
	uint8_t room[FIELDS_MAX];
};

static int
add_time(struct put_args *p, enum cmd_opt_id o, enum sw_tag tag)
{
	const struct sw_field_rule *r = &sw_field_rules[tag];
	const char *text = p->c->value[o];
	int64_t at;

	if (text == NULL)
		return CMD_OK;
	if (time_point(text, p->c->now_ms, 1, &at) < 0 || at < r->least ||
		at > r->most)
		return cmd_usage(p->c,
			"--%s must be a time (2026-01-31T08:00:00Z) or a "
			"duration from now (2h), not '%.60s'",
			cmd_opts[o].name, text);
	sw_put_int(&p->fields, tag, at);
	return CMD_OK;
}

static int
add_duration(struct put_args *p, enum cmd_opt_id o, enum sw_tag tag)
{
	const struct sw_field_rule *r = &sw_field_rules[tag];
	const char *text = p->c->value[o];
	char range[UNIT_WHY];
	int64_t ms;
	int rc;

	if (text == NULL)
		return CMD_OK;
	rc = cmd_opt_duration(p->c, o, &ms);
	if (rc != CMD_OK)
		return rc;
	if (ms < r->least || ms > r->most)
		return cmd_usage(p->c, "--%s must be %s, not '%.60s'",
			cmd_opts[o].name,
			unit_range_format(UNIT_MS, r->least, r->most, range),
			text);
	sw_put_int(&p->fields, tag, ms);
	return CMD_OK;
}

static int
add_number(struct put_args *p, enum cmd_opt_id o, enum sw_tag tag)
{
	const struct sw_field_rule *r = &sw_field_rules[tag];
	int64_t n = r->least;
	int rc = cmd_opt_number(p->c, o, r->least, r->most, &n);

	if (rc == CMD_OK && p->c->value[o] != NULL)
		sw_put_int(&p->fields, tag, n);
	return rc;
}

static int
add_text(struct put_args *p, enum cmd_opt_id o, enum sw_tag tag)
{
	const char *text = p->c->value[o];
	size_t max = sw_field_rules[tag].longest;

	if (text == NULL)
		return CMD_OK;
	if (text[0] == '\0' || strlen(text) > max)
		return cmd_usage(p->c, "--%s must be 1 to %zu bytes",
			cmd_opts[o].name, max);
	if (sw_field_rules[tag].type == SW_T_TEXT &&
		!text_is_utf8(bytes_str(text)))
		return cmd_usage(p->c, "--%s must be UTF-8", cmd_opts[o].name);
	sw_put_text(&p->fields, tag, text);
	return CMD_OK;
}

static int
add_unique_also(struct put_args *p)
{
	static const struct {
		const char *text;
		int bits;
	} words[] = {
		{"dead", SW_UNIQUE_DEAD},
		{"done", SW_UNIQUE_DONE},
		{"dead,done", SW_UNIQUE_DEAD | SW_UNIQUE_DONE},
		{"done,dead", SW_UNIQUE_DEAD | SW_UNIQUE_DONE},
	};
	const char *text = p->c->value[CMD_O_UNIQUE_ALSO];

	if (text == NULL)
		return CMD_OK;
	if (p->c->value[CMD_O_UNIQUE] == NULL)
		return cmd_usage(p->c, "--unique-also needs --unique");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i].text) == 0) {
			sw_put_int(&p->fields, SW_F_UNIQUE_ALSO, words[i].bits);
			return CMD_OK;
		}
	return cmd_usage(p->c,
		"--unique-also must be dead, done or dead,done, not '%.60s'",
		text);
}

static int
add_headers(struct put_args *p)
{
	struct cmd *c = p->c;
	char why[SW_WHY_ROOM];
	size_t sum = 0;

	for (int i = 0; i < c->n_headers; i++) {
		const char *h = c->headers[i];

		if (sw_put_header_check(bytes_str(h), why) < 0)
			return cmd_usage(c, "--header: %s", why);
		sum += strlen(h);
		if (sum > SW_HEADERS_MAX)
			return cmd_usage(c,
				"--header: headers must be at most %d bytes "
				"in all",
				SW_HEADERS_MAX);
		sw_put_text(&p->fields, SW_F_HEADER, h);
	}
	return CMD_OK;
}

/* Writes queue and options to p->fields. */
static int
fields_make(struct put_args *p)
{
	struct cmd *c = p->c;
	const char *queue = c->words[0];
	int rc;

	if (sw_queue_check(queue, strlen(queue)) < 0)
		return cmd_usage(c,
			"queue name '%.70s' must be 1 to 63 of a-z, 0-9, _ and "
			"-",
			queue);
	if (c->value[CMD_O_DELAY] != NULL && c->value[CMD_O_AT] != NULL)
		return cmd_usage(c, "--delay and --at cannot be used together");
	sw_put_text(&p->fields, SW_F_QUEUE, queue);
	rc = add_duration(p, CMD_O_DELAY, SW_F_DELAY_MS);
	if (rc == CMD_OK)
		rc = add_time(p, CMD_O_AT, SW_F_RUN_AT_MS);
	if (rc == CMD_OK)
		rc = add_time(p, CMD_O_EXPIRES, SW_F_EXPIRES_AT_MS);
	if (rc == CMD_OK)
		rc = add_number(p, CMD_O_PRIORITY, SW_F_PRIORITY);
	if (rc == CMD_OK)
		rc = add_number(p, CMD_O_MAX_ATTEMPTS, SW_F_MAX_ATTEMPTS);
	if (rc == CMD_OK)
		rc = add_duration(p, CMD_O_TIMEOUT, SW_F_TIMEOUT_MS);
	if (rc == CMD_OK)
		rc = add_text(p, CMD_O_UNIQUE, SW_F_UNIQUE);
	if (rc == CMD_OK)
		rc = add_unique_also(p);
	if (rc == CMD_OK)
		rc = add_text(p, CMD_O_FAIR, SW_F_FAIR);
	if (rc == CMD_OK)
		rc = add_text(p, CMD_O_CONTENT_TYPE, SW_F_CONTENT_TYPE);
	return rc != CMD_OK ? rc : add_headers(p);
}

static void
ref_add(struct put_args *p, const struct blob_ref *ref)
{
	char text[BLOB_REF];

	blob_ref_write(ref, text);
	sw_put_fmt(&p->fields, SW_F_HEADER, "%s=%s", BLOB_HEADER, text);
}

/* Puts a body that is too large as a blob: `head`, and the rest of `f`. */
static int
body_claim(struct put_args *p, struct bytes head, FILE *f, const char *name)
{
	struct blob_ref ref;
	int rc;

	if (p->c->value[CMD_O_CLAIM] == NULL)
		return cmd_refuse(p->c,
			"%s: the body is larger than 128 KB (%d bytes): with "
			"--claim-check it goes to the blobs",
			name, SW_BODY_MAX);
	rc = cmd_blob_put_all(p->c, head, f, name, &ref);
	if (rc == CMD_OK)
		ref_add(p, &ref);
	return rc;
}

/* Reads the whole stream into `buf`, which has room for SW_BODY_MAX + 1. */
static int
stream_read(
	struct put_args *p, FILE *f, const char *name, char *buf, size_t *len)
{
	size_t n = fread(buf, 1, SW_BODY_MAX + 1, f);

	if (ferror(f))
		return cmd_refuse(p->c, "%s: %s", name, strerror(errno));
	if (n > SW_BODY_MAX)
		return body_claim(p, bytes_of(buf, n), f, name);
	*len = n;
	return CMD_OK;
}

/* Reads the body; *len stays 0 if it was put as a blob. */
static int
body_read(struct put_args *p, char *buf, size_t *len)
{
	struct cmd *c = p->c;
	const char *path = c->value[CMD_O_FILE];
	const char *word = c->n_words > 1 ? c->words[1] : "";
	FILE *f;
	int rc;

	if ((path != NULL && strcmp(path, "-") == 0) ||
		(path == NULL && strcmp(word, "-") == 0))
		return stream_read(p, c->in, "stdin", buf, len);
	if (path == NULL) {
		if (strlen(word) > SW_BODY_MAX)
			return body_claim(p, bytes_str(word), NULL, "BODY");
		*len = strlen(word);
		memcpy(buf, word, *len);
		return CMD_OK;
	}
	f = fopen(path, "re");
	if (f == NULL)
		return cmd_refuse(c, "%s: %s", path, strerror(errno));
	rc = stream_read(p, f, path, buf, len);
	(void)fclose(f);
	return rc;
}

/* Prints the id of a stored job, or the reply as JSON. */
static void
put_print(struct cmd *c, const struct sw_item *it, const struct sw_id *id)
{
	int waits = c->value[CMD_O_WAIT] != NULL ||
		    c->value[CMD_O_WAIT_FOR] != NULL;
	char text[SW_ID_TEXT];

	sw_id_format(id, text);
	if (sw_has(it, SW_F_STATE) && c->value[CMD_O_JSON] == NULL)
		(void)fprintf(c->err, "%s was stored before, it is %s\n", text,
			sw_state_name((int)sw_int(it, SW_F_STATE, 0)));
	if (c->value[CMD_O_JSON] != NULL && !waits) {
		json_t *j = json_item(it);

		if (!sw_has(it, SW_F_ID))
			json_add(j, "id", json_string(text));
		json_print(&c->out, j);
	} else {
		(void)fprintf(waits ? c->err : c->out.f, "%s\n", text);
	}
}

static int
put_send(struct put_args *p, const struct sw_id *id, struct bytes body)
{
	struct cmd *c = p->c;
	size_t cap = SW_BODY_MAX + FIELDS_MAX + 1024, mark;
	struct sw_buf b = {malloc(cap), 0, cap, 0};
	char text[SW_ID_TEXT], if_unknown[SW_ID_TEXT + 80];
	struct sw_msg reply;
	struct sw_item it;
	int rc;

	if (b.p == NULL)
		return cmd_refuse(c, "out of memory");
	sw_id_format(id, text);
	(void)snprintf(if_unknown, sizeof(if_unknown),
		"the job may be stored: the same put with --id %s makes no "
		"second job",
		text);
	c->if_unknown = if_unknown;
	sw_msg_begin(&b, SW_OP_PUT, 0, 0);
	mark = sw_item_begin(&b);
	sw_put_id(&b, id);
	sw_put_raw(&b, sw_buf_bytes(&p->fields));
	sw_put_bytes(&b, SW_F_BODY, body);
	sw_item_end(&b, mark);
	rc = cmd_call(c, &b, &reply);
	if (rc == CMD_OK && !sw_msg_next(&reply, &it))
		rc = cmd_fail(c, SW_EUNKNOWN);
	else if (rc == CMD_OK && sw_int(&it, SW_F_STATUS, SW_EUNKNOWN) != 0)
		rc = cmd_refused(c, c->words[0], &it);
	else if (rc == CMD_OK)
		put_print(c, &it, id);
	c->if_unknown = NULL;
	free(b.p);
	return rc;
}

/* Puts the file of --blob, if given: it is durable before the job is put. */
static int
blob_read(struct put_args *p)
{
	const char *path = p->c->value[CMD_O_BLOB];
	struct blob_ref ref;
	int rc;

	if (path == NULL)
		return CMD_OK;
	rc = cmd_blob_put_file(p->c, path, &ref);
	if (rc == CMD_OK)
		ref_add(p, &ref);
	return rc;
}

static int
put_one(struct put_args *p)
{
	struct cmd *c = p->c;
	struct sw_id id = sw_id_make(c->now_ms);
	int64_t wait_ms = -1;
	char *body;
	size_t len = 0;
	int rc;

	if (c->value[CMD_O_ID] != NULL &&
		sw_id_parse(c->value[CMD_O_ID], &id) < 0)
		return cmd_usage(c, "--id must be a UUID, not '%.60s'",
			c->value[CMD_O_ID]);
	rc = cmd_opt_duration(c, CMD_O_WAIT_FOR, &wait_ms);
	if (rc != CMD_OK)
		return rc;
	body = malloc(SW_BODY_MAX + 1);
	if (body == NULL)
		return cmd_refuse(c, "out of memory");
	rc = body_read(p, body, &len);
	if (rc == CMD_OK)
		rc = blob_read(p);
	if (rc == CMD_OK)
		rc = put_send(p, &id, bytes_of(body, len));
	free(body);
	if (rc == CMD_OK && (c->value[CMD_O_WAIT] != NULL ||
				    c->value[CMD_O_WAIT_FOR] != NULL))
		rc = cmd_job_wait(c, &id, wait_ms);
	return rc;
}

/* Refuses options that make no sense for many jobs; reads --chunk. */
static int
lines_check(struct cmd *c, int64_t *chunk)
{
	static const enum cmd_opt_id single[] = {CMD_O_ID, CMD_O_UNIQUE,
		CMD_O_WAIT, CMD_O_WAIT_FOR, CMD_O_BLOB, CMD_O_CLAIM};
	const char *text = c->value[CMD_O_CHUNK];

	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
		if (c->value[single[i]] != NULL)
			return cmd_usage(c, "--%s cannot be used with --lines",
				cmd_opts[single[i]].name);
	*chunk = SW_BODY_MAX;
	if (text != NULL && (unit_parse(UNIT_BYTES, text, chunk) < 0 ||
				    *chunk < 1 || *chunk > SW_BODY_MAX))
		return cmd_usage(
			c, "--chunk must be 1 to 128k, not '%.60s'", text);
	return CMD_OK;
}

int
cmd_put(struct cmd *c)
{
	struct put_args p = {.c = c};
	int lines = c->value[CMD_O_LINES] != NULL, rc;
	int bodies = (c->n_words > 1) + (c->value[CMD_O_FILE] != NULL) + lines;
	int64_t chunk = 0;

	p.fields.p = p.room;
	p.fields.cap = sizeof(p.room);
	if (c->value[CMD_O_BLOB] != NULL && c->value[CMD_O_CLAIM] != NULL)
		return cmd_usage(c, "--blob and --claim-check cannot be "
				    "used together");
	if (bodies > 1)
		return cmd_usage(
			c, "give only one of BODY, -, --file and --lines");
	if (bodies == 0 && c->value[CMD_O_BLOB] == NULL)
		return cmd_usage(
			c, "missing argument: BODY, -, --file or --lines");
	if (!lines && (c->value[CMD_O_EACH] != NULL ||
			      c->value[CMD_O_CHUNK] != NULL ||
			      c->value[CMD_O_IDS] != NULL))
		return cmd_usage(c, "--each, --chunk and --ids need --lines");
	rc = fields_make(&p);
	if (rc == CMD_OK && lines)
		rc = lines_check(c, &chunk);
	if (rc != CMD_OK)
		return rc;
	return lines ? put_lines(c, chunk, sw_buf_bytes(&p.fields))
		     : put_one(&p);
}
