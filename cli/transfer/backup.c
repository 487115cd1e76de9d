/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/limits.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/time.h"

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

static int
backup_ask(struct cmd *c, const char *path)
{
	struct sw_buf b = cmd_begin(c, SW_OP_BACKUP, 0);
	size_t mark = sw_item_begin(&b);
	struct sw_msg reply;
	struct sw_item it;
	int rc;

	sw_put_text(&b, SW_F_TEXT, path);
	sw_item_end(&b, mark);
	rc = cmd_call(c, &b, &reply);
	if (rc != CMD_OK)
		return rc;
	if (!sw_msg_next(&reply, &it))
		return cmd_fail(c, SW_EUNKNOWN);
	result_print(c, path, &it);
	return CMD_OK;
}

/* The broker ends a backup after SW_BACKUP_MS; the rest is for its answer. */
int
cmd_backup(struct cmd *c)
{
	char path[PATH_MAX];
	int rc = path_absolute(c, path);

	if (rc == CMD_OK)
		rc = cmd_probe(c);
	if (rc != CMD_OK)
		return rc;
	c->if_unknown = "the backup may still be made: see the broker's log";
	if (c->value[CMD_O_BROKER_TIMEOUT] == NULL)
		c->broker_timeout_ms = SW_BACKUP_MS + 60000;
	return backup_ask(c, path);
}
