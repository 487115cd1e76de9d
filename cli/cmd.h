/* SPDX-License-Identifier: MIT */
/*
 * cmd.h - the command `spillway`: its table of verbs, their options
 *
 * The parser, the help, the completion scripts and the check of the manual
 * come from one table of verbs (verbs.c) and one of options.  A verb's function
 * gets parsed options and words, and returns an exit code.
 *
 * Functions that fail print one line on stderr and return the exit code, which
 * is not CMD_OK then.
 */
#ifndef CMD_H
#define CMD_H

#include <stdint.h>
#include <stdio.h>

#include "base/exit.h"
#include "blob/blob.h"
#include "cli/out.h"
#include "producer/client.h"
#include "wire/id.h"
#include "wire/msg.h"

enum {
	CMD_BUF = 64 * 1024, /* of a request that carries no body */
	CMD_HEADERS = 64,    /* --header */
};

/* clang-format off */
/* X(symbol, name, value or NULL, text); CMD_ALWAYS are options of every verb */
#define CMD_OPT_MAP(X)                                                                              \
	X(CMD_O_BROKER, "broker", "ENDPOINT", "where the broker is (else $SPILLWAY_BROKER)")        \
	X(CMD_O_BROKER_TIMEOUT, "broker-timeout", "DURATION", "longest wait for an answer (5s)")    \
	X(CMD_O_HELP, "help", NULL, "show this")                                                    \
	X(CMD_O_JSON, "json", NULL, "one JSON object per line")                                     \
	X(CMD_O_FILE, "file", "FILE", "the body is this file's content")                            \
	X(CMD_O_LINES, "lines", "FILE", "many jobs: whole lines of FILE (- is stdin), packed")      \
	X(CMD_O_EACH, "each", NULL, "with --lines: each line is a job, less its newline")           \
	X(CMD_O_CHUNK, "chunk", "BYTES", "with --lines: longest body (128k)")                       \
	X(CMD_O_ID, "id", "UUID", "the job's id: a repeated put makes no second job")               \
	X(CMD_O_IDS, "ids", NULL, "with --lines: print the id of each job")                         \
	X(CMD_O_DELAY, "delay", "DURATION", "run the job after this time")                          \
	X(CMD_O_AT, "at", "TIME", "run the job at this time, not before")                           \
	X(CMD_O_PRIORITY, "priority", "0-9", "9 is the most urgent (4)")                            \
	X(CMD_O_UNIQUE, "unique", "KEY", "refused while a live job holds KEY")                      \
	X(CMD_O_UNIQUE_ALSO, "unique-also", "STATES", "dead, done or dead,done jobs hold KEY too")  \
	X(CMD_O_FAIR, "fair", "NAME", "the tenant: a queue serves its tenants in turn")             \
	X(CMD_O_MAX_ATTEMPTS, "max-attempts", "N", "tries before the job is dead")                  \
	X(CMD_O_TIMEOUT, "timeout", "DURATION", "longest run of one try; of wait: longest wait")    \
	X(CMD_O_EXPIRES, "expires", "TIME", "dead if it has not started by then")                   \
	X(CMD_O_HEADER, "header", "NAME=VALUE", "travels with the job; may be repeated")            \
	X(CMD_O_CONTENT_TYPE, "content-type", "TYPE", "what the body is")                           \
	X(CMD_O_WAIT, "wait", NULL, "wait for the end and print the result")                        \
	X(CMD_O_WAIT_FOR, "wait-for", "DURATION", "as --wait, but no longer than this")             \
	X(CMD_O_BODY, "body", NULL, "print the body alone")                                         \
	X(CMD_O_DRY_RUN, "dry-run", NULL, "count and show, change nothing")                         \
	X(CMD_O_RATE, "rate", "RATE", "let so many jobs become ready, as 50/s or 10/m")             \
	X(CMD_O_ALL, "all", NULL, "really all of them: needed without a selector")                  \
	X(CMD_O_LIMIT, "limit", "N", "stop after N jobs")                                           \
	X(CMD_O_YES, "yes", NULL, "really do so")                                                  \
	X(CMD_O_NEWEST, "newest", NULL, "the newest jobs first")                                    \
	X(CMD_O_REASON, "reason", "TEXT", "shown as the job's last error")                          \
	X(CMD_O_PURGE, "purge", NULL, "delete the jobs of the queue, too")                          \
	X(CMD_O_INTERVAL, "interval", "DURATION", "time between two refreshes (1s)")                \
	X(CMD_O_ONCE, "once", NULL, "print once, as plain text")                                    \
	X(CMD_O_BLOBS, "blobs", "URI", "the store of blobs (else $SPILLWAY_BLOBS)")                 \
	X(CMD_O_BLOB, "blob", "FILE", "put FILE into the blobs, the job refers to it")              \
	X(CMD_O_CLAIM, "claim-check", NULL, "a body over 128 KB goes to the blobs by itself")       \
	X(CMD_O_OUTPUT, "output", "FILE", "write the blob to FILE; or -o FILE")                     \
	X(CMD_O_RANGE, "range", "FROM-TO", "only these bytes, from 0 on, as curl -r takes them")    \
	X(CMD_O_OLDER, "older", "DURATION", "only blobs put at least so long ago (24h)")            \
	X(CMD_O_FORCE, "force", NULL, "allow --older below 1h")                                     \
	X(CMD_O_PART, "part", NULL, "the lines are a part of an export: none is missing")           \
	X(CMD_O_BASH, "bash", NULL, "the same as spillway completion bash")
/* clang-format on */

enum cmd_opt_id {
#define X(sym, name, arg, text) sym,
	CMD_OPT_MAP(X)
#undef X
		CMD_OPTS,
};

/* X(symbol, name): names of 0.1.0, which 0.3.0 drops */
#define CMD_OPT_OLD_MAP(X) X(CMD_O_BROKER_TIMEOUT, "patience")

struct cmd_opt {
	const char *name;
	const char *arg; /* NULL: a flag */
	const char *text;
};

extern const struct cmd_opt cmd_opts[CMD_OPTS];

#define CMD_BIT(opt) (1ULL << (opt))

/* The options that every verb takes. */
#define CMD_ALWAYS                                                             \
	(CMD_BIT(CMD_O_BROKER) | CMD_BIT(CMD_O_BROKER_TIMEOUT) |               \
		CMD_BIT(CMD_O_HELP))

struct cmd;

struct cmd_verb {
	const char *name; /* one word or two; NULL ends the table */
	const char *args; /* as in the synopsis */
	int min, max;	  /* words after the verb; max -1: any number */
	uint64_t opts;	  /* bits, without CMD_ALWAYS */
	const char *text; /* one line */
	const char *more; /* further lines of its help, or NULL */
	int (*run)(struct cmd *);
	const char *also; /* an alias, or NULL */
};

/* The verbs of the command; a row whose name is NULL ends the table. */
extern const struct cmd_verb cmd_verbs[];

struct cmd {
	const struct cmd_verb *verbs; /* the table that has `verb` */
	const struct cmd_verb *verb;
	struct cmd_out out;
	FILE *in, *err;
	char **words; /* after the verb */
	int n_words;
	const char *value[CMD_OPTS]; /* NULL: not given; "" for a flag */
	const char *headers[CMD_HEADERS];
	int n_headers;
	int64_t broker_timeout_ms;
	/* What cmd_fail() adds if an outcome is unknown, or NULL; borrowed. */
	const char *if_unknown;
	int64_t now_ms;	       /* Unix time, read once */
	struct client *client; /* NULL until cmd_link() */
	struct blobs *blobs;   /* NULL until cmd_blobs() */
	uint8_t buf[CMD_BUF];  /* for requests */
};

/*
 * Runs a command with these verbs, as main() does, and returns its exit code.
 * `argv` is borrowed and may be reordered; nothing is closed.
 */
int cmd_main(const struct cmd_verb *verbs, int argc, char **argv, FILE *in,
	FILE *out, FILE *err);

/* Finds a verb of one or two words, *used, or NULL. */
const struct cmd_verb *
cmd_verb_find(const struct cmd_verb *verbs, char **words, int n, int *used);

/* Whether the verb takes the option. */
int cmd_knows(const struct cmd_verb *, enum cmd_opt_id);

/* help.c: prints a line for each verb, and the exit codes. */
void help_all(FILE *, const struct cmd_verb *verbs);

/* Prints a verb's synopsis, options and exit codes. */
void help_verb(FILE *, const struct cmd_verb *);

/*
 * Prints the verbs of two words whose first is `word`, unless `f` is NULL;
 * their number.
 */
int help_group(FILE *f, const struct cmd_verb *verbs, const char *word);

/* complete.c: prints a shell's script; CMD_USAGE: an unknown shell. */
int complete_print(struct cmd *, const char *shell);

/* Prints "spillway put: … (see spillway help put)" on stderr; CMD_USAGE. */
int cmd_usage(struct cmd *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints "spillway put: …" on stderr; CMD_REFUSED. */
int cmd_refuse(struct cmd *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints an error of client.h; the exit code for it. */
int cmd_fail(struct cmd *, int err);

/* Prints `what`, and the STATUS and DETAIL of an item; CMD_REFUSED. */
int cmd_refused(struct cmd *, const char *what, const struct sw_item *);

/* Opens the client, if it is not open. */
int cmd_link(struct cmd *) __attribute__((warn_unused_result));

/* Sends a request to the broker and waits for the reply. */
int cmd_call(struct cmd *, struct sw_buf *request, struct sw_msg *reply)
	__attribute__((warn_unused_result));

/* The same, and takes the first item of the reply, which must have one. */
int cmd_call_item(struct cmd *, struct sw_buf *request, struct sw_msg *reply,
	struct sw_item *) __attribute__((warn_unused_result));

/* A small request, so that a missing broker is found before a long one. */
int cmd_probe(struct cmd *) __attribute__((warn_unused_result));

/* Begins a request in the command's own buffer. */
struct sw_buf cmd_begin(struct cmd *, int op, unsigned flags);

/* Read an option's value, if it is given; else leave *value as it is. */
int cmd_opt_number(struct cmd *, enum cmd_opt_id, int64_t min, int64_t max,
	int64_t *) __attribute__((warn_unused_result));
int cmd_opt_duration(struct cmd *, enum cmd_opt_id, int64_t *)
	__attribute__((warn_unused_result));

/* lines.c: puts the lines of --lines; `fields` are the same for all jobs. */
int put_lines(struct cmd *, int64_t chunk, struct bytes fields);

/*
 * blob.c: blobs, for bodies that are too large for a job
 */

/* Opens the blob store, if it is not open. */
int cmd_blobs(struct cmd *) __attribute__((warn_unused_result));

/* Prints `what` and the store's last error; CMD_REFUSED. */
int cmd_blob_fail(struct cmd *, const char *what);

/* Puts a blob of `head` and the rest of `f` (or NULL); `name` is for errors. */
int cmd_blob_put_all(struct cmd *, struct bytes head, FILE *f, const char *name,
	struct blob_ref *) __attribute__((warn_unused_result));

/* Puts a file as a blob; "-" is stdin. */
int cmd_blob_put_file(struct cmd *, const char *path, struct blob_ref *)
	__attribute__((warn_unused_result));

/* The verbs. */
int cmd_put(struct cmd *);
int cmd_get(struct cmd *);
int cmd_wait(struct cmd *);
int cmd_cancel(struct cmd *);
int cmd_why(struct cmd *);
int cmd_run(struct cmd *);
int cmd_move(struct cmd *);
int cmd_bury(struct cmd *);
int cmd_list(struct cmd *);
int cmd_queues(struct cmd *);
int cmd_queue_show(struct cmd *);
int cmd_queue_set(struct cmd *);
int cmd_queue_delete(struct cmd *);
int cmd_pause(struct cmd *);
int cmd_resume(struct cmd *);
int cmd_dead_list(struct cmd *);
int cmd_dead_show(struct cmd *);
int cmd_dead_redrive(struct cmd *);
int cmd_dead_purge(struct cmd *);
int cmd_purge(struct cmd *);
int cmd_blob_put(struct cmd *);
int cmd_blob_get(struct cmd *);
int cmd_blob_ls(struct cmd *);
int cmd_blob_gc(struct cmd *);
int cmd_workers(struct cmd *);
int cmd_stats(struct cmd *);
int cmd_backup(struct cmd *);
int cmd_export(struct cmd *);
int cmd_import(struct cmd *);
int cmd_top(struct cmd *);
int cmd_help(struct cmd *);
int cmd_completion(struct cmd *);

/* Prints a job with its history for people. */
void cmd_job_show(struct cmd *, const struct sw_item *);

/* Deletes all jobs of a queue but those that run; adds their number. */
int cmd_queue_purge(struct cmd *, const char *queue, int64_t *deleted);

/* Waits for the end of a job and prints its result. */
int cmd_job_wait(struct cmd *, const struct sw_id *, int64_t timeout_ms);

/* dead.c: cancels the jobs that the command's words select. */
int cmd_cancel_all(struct cmd *);

struct selector;

/* Parses the command's words as a selector. */
int cmd_selector(struct cmd *, struct selector *)
	__attribute__((warn_unused_result));

/*
 * Calls `fn` for each item of QUEUES or WORKERS; `queue` NULL: all of them.
 * Items are borrowed until `fn` returns.
 */
typedef void page_fn(void *arg, const struct sw_item *);
int cmd_pages(struct cmd *, int op, const char *queue, page_fn *, void *arg);

#endif
