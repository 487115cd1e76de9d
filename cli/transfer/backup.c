/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/limits.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/time.h"

/* How long the command waits for a broker that is gone: a restart is short. */
enum { GONE_MS = 15000, LOOK_MS = 500 };

/* The request, and what its answer says. */
struct asked {
	struct client_req req;
	struct cmd *c;
	const char *path;
	int64_t gone_ms;
	int done, rc;
};

/* The folder's path for the broker, which runs in another folder. */
static int
path_absolute(struct cmd *c, char path[PATH_MAX])
{
	const char *word = c->words[0];
	size_t n = 0;

	if (word[0] == '\0')
		return cmd_usage(c, "FOLDER must not be empty");
	if (word[0] != '/') {
		if (getcwd(path, PATH_MAX) == NULL)
			return cmd_refuse(c, "%s: %s", word, strerror(errno));
		n = strlen(path);
	}
	if (n + 1 + strlen(word) > SW_TEXT_MAX)
		return cmd_usage(
			c, "the path must be at most %d bytes", SW_TEXT_MAX);
	(void)snprintf(path + n, PATH_MAX - n, "%s%s", n > 0 ? "/" : "", word);
	return CMD_OK;
}

static void
result_print(struct cmd *c, const char *path, const struct sw_item *it)
{
	int64_t jobs = pair_int(it, SW_F_STAT, "jobs", 0);
	int64_t bytes = pair_int(it, SW_F_STAT, "bytes", 0);
	int64_t took_ms = pair_int(it, SW_F_STAT, "took_ms", 0);
	char n[HUMAN_TEXT], size[HUMAN_TEXT], time[HUMAN_TEXT];

	if (c->value[CMD_O_JSON] != NULL) {
		json_t *j = json_object();

		json_add(j, "folder", json_string(path));
		json_add(j, "jobs", json_integer(jobs));
		json_add(j, "bytes", json_integer(bytes));
		json_add(j, "took_ms", json_integer(took_ms));
		json_print(&c->out, j);
		return;
	}
	(void)fputs(path, c->out.f);
	(void)fprintf(c->out.f, ": %s job%s, %s, checked, in %s\n",
		human_count(n, jobs), jobs == 1 ? "" : "s",
		human_bytes(size, bytes), human_ms(time, took_ms));
}

static void
answered(struct client_req *r, int err, const struct sw_msg *reply)
{
	struct asked *a = (struct asked *)(void *)r;
	struct sw_msg m;
	struct sw_item it;

	a->done = 1;
	if (err == 0) {
		m = *reply;
		err = sw_msg_next(&m, &it) ? 0 : SW_EUNKNOWN;
	}
	if (err < 0)
		a->rc = cmd_fail(a->c, err);
	else
		result_print(a->c, a->path, &it);
}

static int
gone_refuse(struct asked *a)
{
	struct client *client = a->c->client;

	client_drop(client, &a->req);
	(void)cmd_refuse(a->c, "%s: no broker at %s for %lld s; %s",
		sw_strerror(SW_EUNKNOWN), client_endpoint(client),
		(long long)a->gone_ms / 1000, a->c->if_unknown);
	return CMD_UNKNOWN;
}

/* A broker that comes back is asked again: a broker that ends drops the copy.
 */
static int
answer_wait(struct asked *a)
{
	struct client *client = a->c->client;
	int64_t seen_ms = client_now_ms();

	client_start(client, &a->req);
	while (!a->done) {
		if (client_turn(client, LOOK_MS) < 0)
			return cmd_fail(a->c, -EPERM);
		if (client_up(client))
			seen_ms = client_now_ms();
		else if (!a->done && client_now_ms() - seen_ms > a->gone_ms)
			return gone_refuse(a);
	}
	return a->rc;
}

static int
backup_ask(struct cmd *c, const char *path, int64_t gone_ms)
{
	struct sw_buf b = cmd_begin(c, SW_OP_BACKUP, 0);
	size_t mark = sw_item_begin(&b);
	struct asked a = {.c = c, .path = path, .gone_ms = gone_ms};

	sw_put_text(&b, SW_F_TEXT, path);
	sw_item_end(&b, mark);
	a.req = (struct client_req){.frame = b.p,
		.frame_len = b.len,
		.timeout_ms = c->broker_timeout_ms,
		.done = answered};
	return answer_wait(&a);
}

/* The broker ends a backup after SW_BACKUP_MS; the rest is for its answer. */
int
cmd_backup(struct cmd *c)
{
	char path[PATH_MAX];
	int64_t gone_ms = INT64_MAX;
	int rc = path_absolute(c, path);

	if (rc == CMD_OK)
		rc = cmd_probe(c);
	if (rc != CMD_OK)
		return rc;
	c->if_unknown = "the backup may still be made: see the broker's log";
	if (c->value[CMD_O_BROKER_TIMEOUT] == NULL) {
		c->broker_timeout_ms = SW_BACKUP_MS + 60000;
		gone_ms = GONE_MS;
	}
	return backup_ask(c, path, gone_ms);
}
