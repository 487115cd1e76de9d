/* SPDX-License-Identifier: MIT */
#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/select.h"
#include "cli/time.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"

const struct cmd_opt cmd_opts[CMD_OPTS] = {
#define X(sym, name, arg, text) [sym] = {name, arg, text},
	CMD_OPT_MAP(X)
#undef X
};

#define J CMD_BIT(CMD_O_JSON)
#define CHANGE                                                                 \
	(J | CMD_BIT(CMD_O_DRY_RUN) | CMD_BIT(CMD_O_LIMIT) | CMD_BIT(CMD_O_ALL))
#define BLOBS CMD_BIT(CMD_O_BLOBS)
#define PUT_OPTS                                                               \
	(J | CMD_BIT(CMD_O_FILE) | CMD_BIT(CMD_O_LINES) |                      \
		CMD_BIT(CMD_O_EACH) | CMD_BIT(CMD_O_CHUNK) |                   \
		CMD_BIT(CMD_O_ID) |                                            \
		CMD_BIT(CMD_O_IDS) | CMD_BIT(CMD_O_DELAY) |                    \
		CMD_BIT(CMD_O_AT) | CMD_BIT(CMD_O_PRIORITY) |                  \
		CMD_BIT(CMD_O_UNIQUE) | CMD_BIT(CMD_O_UNIQUE_ALSO) |           \
		CMD_BIT(CMD_O_FAIR) | CMD_BIT(CMD_O_MAX_ATTEMPTS) |            \
		CMD_BIT(CMD_O_TIMEOUT) | CMD_BIT(CMD_O_EXPIRES) |              \
		CMD_BIT(CMD_O_HEADER) | CMD_BIT(CMD_O_CONTENT_TYPE) |          \
		CMD_BIT(CMD_O_WAIT) | CMD_BIT(CMD_O_WAIT_FOR) |                \
		CMD_BIT(CMD_O_BLOB) | CMD_BIT(CMD_O_CLAIM) | BLOBS)

static const char selector_help[] =
	"A selector is made of words, all of which must hold:\n"
	"  queue=NAME  state=STATE  since=TIME  until=TIME  error~TEXT\n"
	"  header=NAME=VALUE  id=UUID, or just the UUIDs\n"
	"A TIME is a duration (2h: that long ago) or 2026-01-31T08:00:00Z.\n";

static const char put_help[] =
	"The body is BODY, or stdin (-), or a file; '' is an empty one.\n"
	"It prints the job's id, once the job is safely on disk.\n"
	"A TIME is a duration from now (2h) or 2026-01-31T08:00:00Z.\n"
	"--lines checks a regular file first: with a line that is longer\n"
	"than --chunk, nothing of the file is handed over.\n";

static const char blob_help[] =
	"FILE may be - for stdin.  What it prints goes into a job's header:\n"
	"  spillway put thumbs '' --header blob=$(spillway blob put cat.png)\n"
	"URI is dir:/path[?quota=20g], a path, or s3://bucket/prefix.\n";

static const char get_help[] =
	"A range is FROM-TO, both counted from 0 and included, FROM- for all\n"
	"from there on, or -LAST for the last bytes.  A part of a blob is not\n"
	"checked: only a whole one can be held against its name.\n";

static const char gc_help[] =
	"A blob stays while a job that is not done names it in a header, and\n"
	"for --older after it was put last.\n"
	"All jobs that use the store must be of this one broker.\n";

/* clang-format off */
const struct cmd_verb cmd_verbs[] = {
	{"put", "QUEUE [BODY | -]", 1, 2, PUT_OPTS, "hand over a job, or a file of them", put_help, cmd_put},
	{"get", "ID…", 1, -1, J | CMD_BIT(CMD_O_BODY), "show jobs with their history", NULL, cmd_get},
	{"wait", "ID", 1, 1, J | CMD_BIT(CMD_O_TIMEOUT), "wait for a job's end, print its result", NULL, cmd_wait},
	{"cancel", "ID…", 1, -1, J, "cancel jobs, waiting or running", NULL, cmd_cancel},
	{"why", "ID", 1, 1, J, "say why a job is not running", NULL, cmd_why},
	{"list", "[SELECTOR…]", 0, -1, J | CMD_BIT(CMD_O_LIMIT), "list jobs of any state", selector_help, cmd_list},
	{"purge", "state=STATE [SELECTOR…]", 0, -1, CHANGE | CMD_BIT(CMD_O_YES), "delete jobs that are not running", selector_help, cmd_purge},
	{"queues", "", 0, 0, J, "list the queues", NULL, cmd_queues},
	{"queue show", "QUEUE", 1, 1, J, "show a queue's settings and figures", NULL, cmd_queue_show},
	{"queue set", "QUEUE KEY=VALUE…", 2, -1, 0, "change a queue's settings, or make it", NULL, cmd_queue_set},
	{"pause", "QUEUE", 1, 1, 0, "hand out nothing of a queue", NULL, cmd_pause},
	{"resume", "QUEUE", 1, 1, 0, "end a pause", NULL, cmd_resume},
	{"dead list", "[SELECTOR…]", 0, -1, J | CMD_BIT(CMD_O_LIMIT), "list dead jobs", selector_help, cmd_dead_list},
	{"dead show", "ID…", 1, -1, J, "show why jobs died, attempt by attempt", NULL, cmd_dead_show},
	{"dead retry", "[SELECTOR…]", 0, -1, CHANGE | CMD_BIT(CMD_O_RATE), "send dead jobs round again", selector_help, cmd_dead_retry},
	{"dead purge", "[SELECTOR…]", 0, -1, CHANGE | CMD_BIT(CMD_O_YES), "delete dead jobs for good", selector_help, cmd_dead_purge},
	{"blob put", "FILE…", 1, -1, J | BLOBS, "put files into the blobs, print what refers to them", blob_help, cmd_blob_put},
	{"blob get", "NAME", 1, 1, BLOBS | CMD_BIT(CMD_O_OUTPUT) | CMD_BIT(CMD_O_RANGE), "write a blob, checked, to stdout or a file", get_help, cmd_blob_get},
	{"blob ls", "", 0, 0, J | BLOBS, "list the blobs", NULL, cmd_blob_ls},
	{"blob gc", "", 0, 0, J | BLOBS | CMD_BIT(CMD_O_OLDER) | CMD_BIT(CMD_O_DRY_RUN) | CMD_BIT(CMD_O_FORCE), "delete old blobs that no job refers to", gc_help, cmd_blob_gc},
	{"workers", "", 0, 0, J, "list the workers", NULL, cmd_workers},
	{"stats", "", 0, 0, J, "show the broker's own figures", NULL, cmd_stats},
	{"top", "", 0, 0, CMD_BIT(CMD_O_INTERVAL) | CMD_BIT(CMD_O_ONCE), "a live screen; q quits, p holds it", NULL, cmd_top},
	{"help", "[VERB]", 0, 2, CMD_BIT(CMD_O_BASH), "show this, or what a verb takes", NULL, cmd_help},
	{NULL, NULL, 0, 0, 0, NULL, NULL, NULL},
};
/* clang-format on */

const struct cmd_verb *
cmd_verb_find(char **words, int n, int *used)
{
	for (const struct cmd_verb *v = cmd_verbs; v->name != NULL; v++) {
		size_t len = strcspn(v->name, " ");
		int two = v->name[len] == ' ';

		if (n < 1 + two || strncmp(words[0], v->name, len) != 0 ||
			words[0][len] != '\0')
			continue;
		if (two && strcmp(words[1], v->name + len + 1) != 0)
			continue;
		*used = 1 + two;
		return v;
	}
	return NULL;
}

int
cmd_knows(const struct cmd_verb *v, enum cmd_opt_id o)
{
	uint64_t always = CMD_BIT(CMD_O_BROKER) | CMD_BIT(CMD_O_PATIENCE) |
			  CMD_BIT(CMD_O_HELP);

	return ((v->opts | always) >> o & 1) != 0;
}

/* "spillway put: what, see spillway help put"; foreign text is escaped. */
static void
say(struct cmd *c, int see, const char *fmt, va_list ap)
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
	say(c, 1, fmt, ap);
	va_end(ap);
	return CMD_USAGE;
}

int
cmd_refuse(struct cmd *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(c, 0, fmt, ap);
	va_end(ap);
	return CMD_REFUSED;
}

int
cmd_fail(struct cmd *c, int err)
{
	const char *why = c->client == NULL ? "" : client_why(c->client);

	if (err == SW_ELINK) {
		(void)cmd_refuse(
			c, "%s", why[0] == '\0' ? sw_strerror(err) : why);
		return CMD_NO_BROKER;
	}
	(void)cmd_refuse(
		c, "%s%s%s", sw_strerror(err), why[0] == '\0' ? "" : ": ", why);
	if (err == SW_ETIMEOUT || err == SW_EUNKNOWN)
		return CMD_UNKNOWN;
	return CMD_REFUSED;
}

int
cmd_refused(struct cmd *c, const char *what, const struct sw_item *it)
{
	char detail[SW_TEXT_MAX + 1], id_text[SW_ID_TEXT] = "";
	int err = (int)sw_int(it, SW_F_STATUS, SW_EUNKNOWN);
	const char *sep = what[0] == '\0' ? "" : ": ";
	struct sw_id id;

	sw_get_text(it, SW_F_DETAIL, detail, sizeof(detail));
	if (err == SW_EUNIQUE && sw_get_id(it, &id))
		sw_id_format(&id, id_text);
	else if (err == SW_ESTATE && sw_has(it, SW_F_STATE))
		(void)snprintf(id_text, sizeof(id_text), "it is %s",
			sw_state_name((int)sw_int(it, SW_F_STATE, 0)));
	return cmd_refuse(c, "%s%s%s%s%s%s%s", what, sep, sw_strerror(err),
		id_text[0] == '\0' ? "" : ": ", id_text,
		detail[0] == '\0' ? "" : ": ", detail);
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
		return cmd_usage(c, "where is the broker? --broker or "
				    "SPILLWAY_BROKER is wanted");
	if (ep == NULL)
		ep = "the default endpoint";
	if (err == -EINVAL || err == -ENAMETOOLONG)
		return cmd_usage(c,
			"broker '%s': not an endpoint such as "
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
	err = client_call(c->client, request, c->patience_ms, reply);
	return err < 0 ? cmd_fail(c, err) : CMD_OK;
}

struct sw_buf
cmd_begin(struct cmd *c, int op, unsigned flags)
{
	struct sw_buf b = {c->buf, 0, sizeof(c->buf), 0};

	sw_msg_begin(&b, op, flags, 0);
	return b;
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
	if (end == text || *end != '\0' || errno != 0 || n < min || n > max)
		return cmd_usage(c,
			"--%s '%.60s': a number from %lld to %lld is wanted",
			cmd_opts[o].name, text, (long long)min, (long long)max);
	*v = n;
	return CMD_OK;
}

int
cmd_opt_duration(struct cmd *c, enum cmd_opt_id o, int64_t *ms)
{
	const char *text = c->value[o];

	if (text == NULL || time_duration(text, ms) == 0)
		return CMD_OK;
	return cmd_usage(c,
		"--%s '%.60s': a duration (250ms, 30s, 1h30m) is wanted",
		cmd_opts[o].name, text);
}

/* The option of that name (up to a '='), or CMD_OPTS. */
static enum cmd_opt_id
opt_find(const char *text)
{
	size_t len = strcspn(text, "=");

	for (int i = 0; i < CMD_OPTS; i++)
		if (strncmp(cmd_opts[i].name, text, len) == 0 &&
			cmd_opts[i].name[len] == '\0')
			return (enum cmd_opt_id)i;
	return CMD_OPTS;
}

static int
opt_store(struct cmd *c, enum cmd_opt_id o, const char *value)
{
	if (o == CMD_O_HEADER) {
		if (c->n_headers == CMD_HEADERS)
			return cmd_usage(
				c, "--header: at most %d of them", CMD_HEADERS);
		c->headers[c->n_headers++] = value;
	} else if (c->value[o] != NULL) {
		return cmd_usage(c, "--%s stands twice", cmd_opts[o].name);
	}
	c->value[o] = value;
	return CMD_OK;
}

/* One "--name", "--name=value" or "--name value"; *i moves past it. */
static int
opt_take(struct cmd *c, int argc, char **argv, int *i)
{
	const char *text = argv[*i] + 2, *eq = strchr(text, '=');
	enum cmd_opt_id o = opt_find(text);
	const char *value = "";

	if (o == CMD_OPTS || (c->verb != NULL && !cmd_knows(c->verb, o)))
		return cmd_usage(c, "--%.*s: no such option",
			(int)strcspn(text, "="), text);
	if (cmd_opts[o].arg == NULL && eq != NULL)
		return cmd_usage(c, "--%s takes no value", cmd_opts[o].name);
	if (cmd_opts[o].arg != NULL) {
		if (eq == NULL && *i + 1 >= argc)
			return cmd_usage(c, "--%s: %s is wanted",
				cmd_opts[o].name, cmd_opts[o].arg);
		value = eq != NULL ? eq + 1 : argv[++*i];
	}
	return opt_store(c, o, value);
}

/* Options out of argv, words to its front; options and words may mix. */
static int
args_parse(struct cmd *c, int argc, char **argv)
{
	static char output[] = "--output";
	int only_words = 0, rc;

	for (int i = 0; i < argc; i++) {
		if (!only_words && strcmp(argv[i], "-o") == 0)
			argv[i] = output;
		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = 1;
		} else if (!only_words && strcmp(argv[i], "-h") == 0) {
			c->value[CMD_O_HELP] = "";
		} else if (!only_words && strncmp(argv[i], "--", 2) == 0) {
			rc = opt_take(c, argc, argv, &i);
			if (rc != CMD_OK)
				return rc;
		} else if (!only_words && argv[i][0] == '-' &&
			   argv[i][1] != '\0') {
			return cmd_usage(c, "%s: no such option", argv[i]);
		} else {
			c->words[c->n_words++] = argv[i];
		}
	}
	return CMD_OK;
}

static int
verb_run(struct cmd *c)
{
	const struct cmd_verb *v = c->verb;
	int rc;

	if (c->value[CMD_O_HELP] != NULL) {
		cmd_help_verb(c->out.f, v);
		return CMD_OK;
	}
	if (c->n_words < v->min)
		return cmd_usage(c, "%s is wanted", v->args);
	if (v->max >= 0 && c->n_words > v->max)
		return cmd_usage(
			c, "'%.60s' is one word too many", c->words[v->max]);
	rc = cmd_opt_duration(c, CMD_O_PATIENCE, &c->patience_ms);
	return rc != CMD_OK ? rc : v->run(c);
}

/* What stands before the verb: --version, --help, --broker. */
static int
lead_take(struct cmd *c, int *argc, char ***argv, int *done)
{
	int i = 0, rc;

	*done = 1;
	for (; i < *argc && (*argv)[i][0] == '-'; i++) {
		if (strcmp((*argv)[i], "--version") == 0) {
			(void)fputs(
				"spillway " SPILLWAY_VERSION "\n", c->out.f);
			return CMD_OK;
		}
		if (strcmp((*argv)[i], "-h") == 0 ||
			strcmp((*argv)[i], "--help") == 0) {
			cmd_help_all(c->out.f);
			return CMD_OK;
		}
		if (strncmp((*argv)[i], "--", 2) != 0)
			return cmd_usage(c, "%s: no such option", (*argv)[i]);
		rc = opt_take(c, *argc, *argv, &i);
		if (rc != CMD_OK)
			return rc;
	}
	*argc -= i;
	*argv += i;
	*done = 0;
	return CMD_OK;
}

/* The first word may be the half of a verb, such as "dead". */
static int
no_verb(struct cmd *c, int argc, char **argv)
{
	int asks = argc > 1 && (strcmp(argv[1], "--help") == 0 ||
				       strcmp(argv[1], "-h") == 0);

	if (cmd_help_group(asks ? c->out.f : NULL, argv[0]) == 0)
		return cmd_usage(c, "'%.60s': no such verb", argv[0]);
	if (asks)
		return CMD_OK;
	if (argc == 1)
		return cmd_usage(c, "%s: a second word is wanted", argv[0]);
	return cmd_usage(c, "'%s %.60s': no such verb", argv[0], argv[1]);
}

static int
run(struct cmd *c, int argc, char **argv)
{
	int used = 0, done, rc = lead_take(c, &argc, &argv, &done);

	if (done)
		return rc;
	if (argc == 0)
		return cmd_usage(c, "a verb is wanted");
	c->verb = cmd_verb_find(argv, argc, &used);
	if (c->verb == NULL)
		return no_verb(c, argc, argv);
	for (int o = 0; o < CMD_OPTS; o++)
		if (c->value[o] != NULL &&
			!cmd_knows(c->verb, (enum cmd_opt_id)o))
			return cmd_usage(
				c, "--%s: no such option", cmd_opts[o].name);
	c->words = argv;
	rc = args_parse(c, argc - used, argv + used);
	return rc != CMD_OK ? rc : verb_run(c);
}

int
cmd_main(int argc, char **argv, FILE *in, FILE *out, FILE *err)
{
	struct cmd *c = calloc(1, sizeof(*c));
	struct timespec now;
	int rc;

	if (c == NULL) {
		(void)fputs("spillway: out of memory\n", err);
		return CMD_REFUSED;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	c->now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	c->in = in;
	c->err = err;
	c->patience_ms = 5000;
	out_init(&c->out, out);
	json_init();
	rc = run(c, argc > 0 ? argc - 1 : 0, argc > 0 ? argv + 1 : argv);
	if ((fflush(out) != 0 || ferror(out)) && rc == CMD_OK)
		rc = cmd_refuse(c, "cannot write: %s", strerror(errno));
	client_close(c->client);
	blobs_close(c->blobs);
	free(c);
	return rc;
}
