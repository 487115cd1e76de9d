/* SPDX-License-Identifier: MIT */
#include "cli/cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"

const struct cmd_opt cmd_opts[CMD_OPTS] = {
#define X(sym, name, arg, text) [sym] = {name, arg, text},
	CMD_OPT_MAP(X)
#undef X
};

/* The number of words that match the name; 0: another verb. */
static int
name_matches(const char *name, char **words, int n)
{
	size_t len = strcspn(name, " ");
	int two = name[len] == ' ';

	if (n < 1 + two || strncmp(words[0], name, len) != 0 ||
		words[0][len] != '\0')
		return 0;
	if (two && strcmp(words[1], name + len + 1) != 0)
		return 0;
	return 1 + two;
}

const struct cmd_verb *
cmd_verb_find(const struct cmd_verb *verbs, char **words, int n, int *used)
{
	for (const struct cmd_verb *v = verbs; v->name != NULL; v++) {
		int took = name_matches(v->name, words, n);

		if (took == 0 && v->also != NULL)
			took = name_matches(v->also, words, n);
		if (took == 0)
			continue;
		*used = took;
		return v;
	}
	return NULL;
}

int
cmd_knows(const struct cmd_verb *v, enum cmd_opt_id o)
{
	return ((v->opts | CMD_ALWAYS) >> o & 1) != 0;
}

/* Prints "spillway put: what (see spillway help put)"; escapes foreign text. */
static void
message_print(struct cmd *c, int see, const char *fmt, va_list ap)
{
	const char *verb = c->verb == NULL ? "" : c->verb->name;
	char text[1024];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	(void)fprintf(
		c->err, "spillway%s%s: ", verb[0] == '\0' ? "" : " ", verb);
	if (n > 0)
		out_text(c->err, bytes_str(text), OUT_LINE);
	if (see)
		(void)fprintf(c->err, " (see spillway help%s%s)",
			verb[0] == '\0' ? "" : " ", verb);
	(void)fputc('\n', c->err);
}

int
cmd_usage(struct cmd *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message_print(c, 1, fmt, ap);
	va_end(ap);
	return CMD_USAGE;
}

int
cmd_refuse(struct cmd *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message_print(c, 0, fmt, ap);
	va_end(ap);
	return CMD_REFUSED;
}

int
cmd_fail(struct cmd *c, int err)
{
	const char *why = c->client == NULL ? "" : client_why(c->client);
	const char *text = sw_strerror(err), *more = "";
	int unknown = err == SW_ETIMEOUT || err == SW_EUNKNOWN;

	if (unknown && c->if_unknown != NULL)
		more = c->if_unknown;
	/* A broker's DETAIL may begin with the text of the error. */
	if (why[0] != '\0' &&
		(err == SW_ELINK || strncmp(why, text, strlen(text)) == 0)) {
		text = why;
		why = "";
	}
	(void)cmd_refuse(c, "%s%s%s%s%s", text, why[0] == '\0' ? "" : ": ", why,
		more[0] == '\0' ? "" : "; ", more);
	if (unknown)
		return CMD_UNKNOWN;
	return err == SW_ELINK ? CMD_NO_BROKER : CMD_REFUSED;
}

int
cmd_refused(struct cmd *c, const char *what, const struct sw_item *it)
{
	char detail[SW_TEXT_MAX + 1], id_text[SW_ID_TEXT] = "";
	int err = (int)sw_int(it, SW_F_STATUS, SW_EUNKNOWN);
	const char *sep = what[0] == '\0' ? "" : ": ", *text = sw_strerror(err);
	struct sw_id id;
	int whole; /* DETAIL begins with the text of the error */

	sw_get_text(it, SW_F_DETAIL, detail, sizeof(detail));
	if (err == SW_EUNIQUE && sw_get_id(it, &id))
		sw_id_format(&id, id_text);
	else if (err == SW_ESTATE && sw_has(it, SW_F_STATE))
		(void)snprintf(id_text, sizeof(id_text), "it is %s",
			sw_state_name((int)sw_int(it, SW_F_STATE, 0)));
	whole = strncmp(detail, text, strlen(text)) == 0;
	return cmd_refuse(c, "%s%s%s%s%s%s%s", what, sep, whole ? detail : text,
		id_text[0] == '\0' ? "" : ": ", id_text,
		whole || detail[0] == '\0' ? "" : ": ", whole ? "" : detail);
}

int
cmd_link(struct cmd *c)
{
	const char *ep = c->value[CMD_O_BROKER];
	int err;

	if (c->client != NULL)
		return CMD_OK;
	err = client_open(&c->client, ep);
	if (err == 0)
		return CMD_OK;
	if (ep == NULL)
		ep = getenv("SPILLWAY_BROKER");
	if (err == -ENOENT)
		return cmd_usage(c,
			"there is no default endpoint here: give --broker or "
			"set SPILLWAY_BROKER");
	if (ep == NULL)
		ep = "the default endpoint";
	if (err == -ENAMETOOLONG)
		return cmd_usage(c,
			"broker '%s': the path of an ipc:// endpoint has at "
			"most %d bytes",
			ep, SW_IPC_PATH_MAX);
	if (err == -EINVAL)
		return cmd_usage(c,
			"broker '%s' must be an endpoint such as "
			"ipc:///path or tcp://host:port",
			ep);
	(void)cmd_refuse(c, "broker '%s': %s", ep, sw_strerror(err));
	return CMD_NO_BROKER;
}

int
cmd_call(struct cmd *c, struct sw_buf *request, struct sw_msg *reply)
{
	int rc = cmd_link(c), err;

	if (rc != CMD_OK)
		return rc;
	err = client_call(c->client, request, c->broker_timeout_ms, reply);
	return err < 0 ? cmd_fail(c, err) : CMD_OK;
}

int
cmd_call_item(struct cmd *c, struct sw_buf *request, struct sw_msg *reply,
	struct sw_item *it)
{
	int rc = cmd_call(c, request, reply);

	return rc != CMD_OK || sw_msg_next(reply, it)
		       ? rc
		       : cmd_fail(c, SW_EUNKNOWN);
}

struct sw_buf
cmd_begin(struct cmd *c, int op, unsigned flags)
{
	struct sw_buf b = {c->buf, 0, sizeof(c->buf), 0};

	sw_msg_begin(&b, op, flags, 0);
	return b;
}

int
cmd_probe(struct cmd *c)
{
	struct sw_buf b = cmd_begin(c, SW_OP_STATS, 0);
	struct sw_msg reply;

	return cmd_call(c, &b, &reply);
}

int
cmd_opt_number(
	struct cmd *c, enum cmd_opt_id o, int64_t min, int64_t max, int64_t *v)
{
	const char *text = c->value[o];
	char *end;
	long long n;

	if (text == NULL)
		return CMD_OK;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (end != text && *end == '\0' && errno == 0 && n >= min && n <= max) {
		*v = n;
		return CMD_OK;
	}
	if (max == INT64_MAX)
		return cmd_usage(c, "--%s must be %lld or more, not '%.60s'",
			cmd_opts[o].name, (long long)min, text);
	return cmd_usage(c, "--%s must be %lld to %lld, not '%.60s'",
		cmd_opts[o].name, (long long)min, (long long)max, text);
}

int
cmd_opt_duration(struct cmd *c, enum cmd_opt_id o, int64_t *ms)
{
	const char *text = c->value[o];

	if (text == NULL || unit_parse(UNIT_MS, text, ms) == 0)
		return CMD_OK;
	return cmd_usage(c,
		"--%s must be a duration such as 30s or 1h30m, not '%.60s'",
		cmd_opts[o].name, text);
}
