/* SPDX-License-Identifier: MIT */
/*
 * verbs.c - the table of verbs, for parser, help and completion
 */
#include "cli/cmd.h"

#define J CMD_BIT(CMD_O_JSON)
#define CHANGE                                                                 \
	(J | CMD_BIT(CMD_O_DRY_RUN) | CMD_BIT(CMD_O_LIMIT) | CMD_BIT(CMD_O_ALL))
#define BLOBS CMD_BIT(CMD_O_BLOBS)
#define PUT_OPTS                                                               \
	(J | CMD_BIT(CMD_O_FILE) | CMD_BIT(CMD_O_LINES) |                      \
		CMD_BIT(CMD_O_EACH) | CMD_BIT(CMD_O_CHUNK) |                   \
		CMD_BIT(CMD_O_ID) | CMD_BIT(CMD_O_IDS) |                       \
		CMD_BIT(CMD_O_DELAY) | CMD_BIT(CMD_O_AT) |                     \
		CMD_BIT(CMD_O_PRIORITY) | CMD_BIT(CMD_O_UNIQUE) |              \
		CMD_BIT(CMD_O_UNIQUE_ALSO) | CMD_BIT(CMD_O_FAIR) |             \
		CMD_BIT(CMD_O_MAX_ATTEMPTS) | CMD_BIT(CMD_O_TIMEOUT) |         \
		CMD_BIT(CMD_O_EXPIRES) | CMD_BIT(CMD_O_HEADER) |               \
		CMD_BIT(CMD_O_CONTENT_TYPE) | CMD_BIT(CMD_O_WAIT) |            \
		CMD_BIT(CMD_O_WAIT_FOR) | CMD_BIT(CMD_O_BLOB) |                \
		CMD_BIT(CMD_O_CLAIM) | BLOBS)

static const char selector_help[] =
	"A selector is made of words, all of which must hold:\n"
	"  queue=NAME  state=STATE  since=TIME  until=TIME  error~TEXT\n"
	"  header=NAME=VALUE  id=UUID, or just the UUIDs\n"
	"  priority=N  attempts=N, N- or N-M  cause=NAME  worker=NAME\n"
	"  fair=NAME  unique=KEY  content-type=TYPE\n"
	"A TIME is a duration (2h: that long ago) or 2026-01-31T08:00:00Z.\n";

static const char cancel_help[] =
	"Ids alone are cancelled at once; jobs of another selector with "
	"--yes.\n"
	"The words of a selector are as in spillway list.\n";

static const char put_help[] =
	"The body is BODY, or stdin (-), or a file; '' is an empty one.\n"
	"It prints the job's id, once the job is safely on disk.\n"
	"A TIME is a duration from now (2h) or 2026-01-31T08:00:00Z.\n"
	"--lines checks a regular file first: with a line that is longer\n"
	"than --chunk, no job of the file is put.\n";

static const char blob_help[] =
	"FILE may be - for stdin.  The printed reference goes into a header:\n"
	"  spillway put thumbs '' --header blob=$(spillway blob put cat.png)\n"
	"URI is dir:/path[?quota=20g], a path, or s3://bucket/prefix.\n";

static const char get_help[] =
	"A range is FROM-TO, both counted from 0 and included, FROM- for all\n"
	"from there on, or -LAST for the last bytes.  A part of a blob is not\n"
	"checked: only a whole one can be compared with its name.\n";

static const char gc_help[] =
	"A blob stays while a job that is not done names it in a header, and\n"
	"for the time of --older after its last put.\n"
	"All jobs that use the store must be of this one broker.\n";

static const char delete_help[] =
	"A queue without jobs, workers and settings goes by itself, an hour\n"
	"after its last job.  A put makes a queue again.\n";

static const char backup_help[] =
	"FOLDER must be empty or not there; the broker writes it, with its "
	"own\n"
	"rights.  To restore, stop the broker and put FOLDER in the place of\n"
	"the data folder.  docs/operations.md has more.\n";

static const char export_help[] =
	"Without a selector: all jobs that wait, run or are dead, after the\n"
	"settings of their queues.  state= selects one state, also done jobs.\n"
	"A selector is made of words, all of which must hold:\n"
	"  queue=NAME  state=STATE  since=TIME  until=TIME  error~TEXT\n"
	"  header=NAME=VALUE  id=UUID, or just the UUIDs\n"
	"It is no moment's picture of queues that run: backup is.\n";

static const char import_help[] =
	"Reads lines of export from stdin.  A job whose id is known stays as\n"
	"it is, so that an import may be repeated.  Dead jobs stay dead; done\n"
	"and cancelled ones are left out.  A file that was cut short is named,\n"
	"with status 1, when the lines that came are stored.\n";

static const char completion_help[] =
	"Shells read the script at their start from the place where\n"
	"`make install` puts it; or load it by:\n"
	"  source <(spillway completion bash)\n"
	"  source <(spillway completion zsh)\n"
	"  spillway completion fish | source\n";

/* clang-format off */
const struct cmd_verb cmd_verbs[] = {
	{"put", "QUEUE [BODY | -]", 1, 2, PUT_OPTS, "put a job, or a file of them", put_help, cmd_put, NULL},
	{"get", "ID…", 1, -1, J | CMD_BIT(CMD_O_BODY), "show jobs with their history", NULL, cmd_get, NULL},
	{"wait", "ID", 1, 1, J | CMD_BIT(CMD_O_TIMEOUT), "wait for a job's end, print its result", NULL, cmd_wait, NULL},
	{"cancel", "[SELECTOR…]", 0, -1, CHANGE | CMD_BIT(CMD_O_YES), "cancel jobs, waiting or running", cancel_help, cmd_cancel, NULL},
	{"run", "[SELECTOR…]", 0, -1, CHANGE, "let delayed jobs and retries run now", selector_help, cmd_run, NULL},
	{"move", "SELECTOR… QUEUE", 1, -1, CHANGE, "move waiting or dead jobs to another queue", selector_help, cmd_move, NULL},
	{"bury", "[SELECTOR…]", 0, -1, CHANGE | CMD_BIT(CMD_O_REASON), "make waiting jobs dead, by hand", selector_help, cmd_bury, NULL},
	{"why", "ID…", 1, -1, J, "say why jobs are not running, or how they ended", NULL, cmd_why, NULL},
	{"list", "[SELECTOR…]", 0, -1, J | CMD_BIT(CMD_O_LIMIT) | CMD_BIT(CMD_O_NEWEST), "list jobs of any state", selector_help, cmd_list, NULL},
	{"purge", "state=STATE [SELECTOR…]", 0, -1, CHANGE | CMD_BIT(CMD_O_YES), "delete jobs that are not running", selector_help, cmd_purge, NULL},
	{"queues", "", 0, 0, J, "list the queues", NULL, cmd_queues, NULL},
	{"queue show", "QUEUE", 1, 1, J, "show a queue's settings and figures", NULL, cmd_queue_show, NULL},
	{"queue set", "QUEUE KEY=VALUE…", 2, -1, 0, "change a queue's settings, or make it", NULL, cmd_queue_set, NULL},
	{"queue delete", "QUEUE", 1, 1, CMD_BIT(CMD_O_PURGE), "delete a queue that has no jobs and no workers", delete_help, cmd_queue_delete, NULL},
	{"pause", "QUEUE", 1, 1, 0, "start no more jobs of a queue", NULL, cmd_pause, NULL},
	{"resume", "QUEUE", 1, 1, 0, "end a pause", NULL, cmd_resume, NULL},
	{"dead list", "[SELECTOR…]", 0, -1, J | CMD_BIT(CMD_O_LIMIT), "list dead jobs, the newest first", selector_help, cmd_dead_list, NULL},
	{"dead show", "ID…", 1, -1, J, "show why jobs died, attempt by attempt", NULL, cmd_dead_show, NULL},
	{"dead redrive", "[SELECTOR…]", 0, -1, CHANGE | CMD_BIT(CMD_O_RATE), "make dead jobs ready again", selector_help, cmd_dead_redrive, "dead retry"},
	{"dead purge", "[SELECTOR…]", 0, -1, CHANGE | CMD_BIT(CMD_O_YES), "delete dead jobs for good", selector_help, cmd_dead_purge, NULL},
	{"blob put", "FILE…", 1, -1, J | BLOBS, "put files into the blobs, print what refers to them", blob_help, cmd_blob_put, NULL},
	{"blob get", "NAME", 1, 1, BLOBS | CMD_BIT(CMD_O_OUTPUT) | CMD_BIT(CMD_O_RANGE), "write a blob, checked, to stdout or a file", get_help, cmd_blob_get, NULL},
	{"blob ls", "", 0, 0, J | BLOBS, "list the blobs", NULL, cmd_blob_ls, NULL},
	{"blob gc", "", 0, 0, J | BLOBS | CMD_BIT(CMD_O_OLDER) | CMD_BIT(CMD_O_DRY_RUN) | CMD_BIT(CMD_O_FORCE), "delete old blobs that no job refers to", gc_help, cmd_blob_gc, NULL},
	{"workers", "", 0, 0, J, "list the workers", NULL, cmd_workers, NULL},
	{"stats", "", 0, 0, J, "show the broker's own figures", NULL, cmd_stats, NULL},
	{"backup", "FOLDER", 1, 1, J, "copy the store, checked, while the broker runs", backup_help, cmd_backup, NULL},
	{"export", "[SELECTOR…]", 0, -1, 0, "write jobs and queue settings as lines of JSON", export_help, cmd_export, NULL},
	{"import", "", 0, 0, CMD_BIT(CMD_O_PART), "put the jobs that export has written", import_help, cmd_import, NULL},
	{"top", "", 0, 0, CMD_BIT(CMD_O_INTERVAL) | CMD_BIT(CMD_O_ONCE), "a live screen; keys change what is selected", NULL, cmd_top, NULL},
	{"help", "[VERB]", 0, 2, CMD_BIT(CMD_O_BASH), "show this, or what a verb takes", NULL, cmd_help, NULL},
	{"completion", "SHELL", 1, 1, 0, "print the completion script for bash, zsh or fish", completion_help, cmd_completion, NULL},
	{NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};
/* clang-format on */
