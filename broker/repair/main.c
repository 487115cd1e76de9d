/* SPDX-License-Identifier: MIT */
/*
 * main.c - spillway-repair: checks the consistency of a store, and repairs it
 */
#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "broker/repair/copy.h"
#include "broker/repair/lmdb.h"
#include "broker/repair/verify.h"
#include "broker/store/lmdb.h"

enum { SHARD = 0 };

struct repair_task {
	const char *data;    /* the folder */
	const char *copy_to; /* NULL: no copy */
	struct store_options options;
	int rebuild, compact;
	int lost; /* the store was opened without its journal */
};

/* --- the command line ---------------------------------------------------- */

#define SECTION "repair"

static const struct config_key keys[] = {
	{"data", CONFIG_FOLDER, 0, 0, NULL, "the data folder of the broker"},
	{"rebuild", CONFIG_FLAG, 0, 1, "no",
		"repair from the records, then check again"},
	{"without_journal", CONFIG_FLAG, 0, 1, "no",
		"go on with a journal that is missing or broken"},
	{"compact", CONFIG_FLAG, 0, 1, "no",
		"give the disk back what deleted jobs have left, then check"},
	{"copy_to", CONFIG_FOLDER, 0, 0, NULL,
		"copy the last checkpoint, beside a broker, then check it"},
	{"map_size", CONFIG_BYTES, SW_MAP_MIN, SW_MAP_MAX, "64g",
		"largest size of the store, as for the broker"},
	{"force", CONFIG_FLAG, 0, 1, "no",
		"accept a network or overlay file system"},
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};

static const struct config_group groups[] = {
	{SECTION, NULL, "what is checked", keys, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL, NULL},
};

static void
more_help(void)
{
	puts("\nChecks the consistency of a store that no broker has open.  "
	     "Nothing\nis changed without --rebuild or --compact.  The broker "
	     "starts --copy-to for\nspillway backup, which see.\n\n"
	     "Exit status: 0 in order; 64 wrong command line; 65 not in "
	     "order, or not a\nstore; 66 no store in FOLDER, or a file cannot "
	     "be opened; 70 refused, or the\noutcome of a write is unknown; "
	     "71 out of memory or of open files; 74 an error\nwhile reading "
	     "or writing; 75 another process has the store open.");
}

static const struct program program = {
	.name = "spillway-repair",
	.usage = "--data FOLDER [options]",
	.groups = groups,
	.help_more = more_help,
};

/* 0; or 1: the caller must exit with o->status. */
static int
task_read(struct repair_task *t, struct options *o, int argc, char **argv)
{
	if (options_start(o, &program, argc, argv) != 0)
		return 1;
	t->data = config_text(o->config, SECTION, "data");
	t->rebuild = (int)config_number(o->config, SECTION, "rebuild");
	t->compact = (int)config_number(o->config, SECTION, "compact");
	t->copy_to = config_text(o->config, SECTION, "copy_to");
	t->options.map_size = (uint64_t)config_number(
		o->config, SECTION, "map_size");
	t->options.without_journal = (int)config_number(
		o->config, SECTION, "without_journal");
	t->options.force = (int)config_number(o->config, SECTION, "force");
	if (t->data == NULL)
		o->status = program_fail(
			&program, EXIT_USE, "--data FOLDER: missing option");
	else if (t->rebuild + t->compact + (t->copy_to != NULL) > 1)
		o->status = program_fail(&program, EXIT_USE,
			"--rebuild, --compact and --copy-to exclude each "
			"other");
	else
		return 0;
	return 1;
}

/* --- the store ----------------------------------------------------------- */

static int
status_of(int err)
{
	switch (err) {
	case -EBUSY:
		return EXIT_AGAIN;
	case SW_ECORRUPT:
	case SW_EFORMAT:
		return EXIT_DATA;
	case -ENOENT:
	case -EEXIST:
	case -ENOTDIR:
	case -EISDIR:
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return EXIT_INPUT;
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
		return EXIT_OS;
	case -EIO:
	case -ENOSPC:
	case -EDQUOT:
	case SW_EFULL:
		return EXIT_IO;
	default:
		return EXIT_SOFTWARE;
	}
}

/* Prints the error, if there is one, and closes the store. */
static int
store_end(const struct repair_task *t, struct store *s, int err)
{
	if (err < 0 && s != NULL && s->why[0] != '\0')
		fprintf(stderr, "spillway-repair: %s\n", s->why);
	else if (err < 0)
		fprintf(stderr, "spillway-repair: %s: %s\n", t->data,
			sw_strerror(err));
	if (s != NULL)
		s->driver->close(s);
	return err;
}

/* Opening a store makes its lock files, and a missing store, so this looks at
 * data.mdb first.  0, or the exit status. */
static int
file_look(const struct repair_task *t)
{
	char path[PATH_MAX + 16];
	struct stat st;
	const char *why = NULL;
	int status = EXIT_INPUT, err;

	(void)snprintf(path, sizeof(path), "%s/data.mdb", t->data);
	if (stat(path, &st) != 0)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		why = "is not a file";
	else if (st.st_size == 0)
		why = "the file is empty";
	else if ((err = lmdb_file_check(path, &why)) < 0)
		status = status_of(err);
	else
		return 0;
	fprintf(stderr, "spillway-repair: %s: %s\n", path, why);
	return status;
}

static void
time_print(uint64_t unix_ms)
{
	time_t at = (time_t)(unix_ms / 1000);
	struct tm tm;
	char text[32] = "an unknown time";

	if (unix_ms > 0 && gmtime_r(&at, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%FT%TZ", &tm);
	(void)fputs(text, stdout);
}

/* Says what the store may lack if it was opened without its journal. */
static void
loss_print(struct repair_task *t, struct store *s)
{
	const struct lmdb_loss *loss = &((struct lmdb *)s)->loss;

	if (loss->numbers) {
		t->lost = 1;
		puts("the numbers in data.mdb that the journal needs are "
		     "corrupt; what was confirmed after the last checkpoint "
		     "may be lost");
		return;
	}
	if (loss->journal == LMDB_WHOLE)
		return;
	t->lost = 1;
	printf("the journal is %s; data.mdb has all that was confirmed until ",
		loss->journal == LMDB_MISSING ? "missing" : "broken");
	time_print(loss->checkpoint_ms);
	printf(" (start %llu of the broker)", (unsigned long long)loss->epoch);
	if (loss->applied > 0)
		printf(", and %llu batches after that",
			(unsigned long long)loss->applied);
	puts(loss->closed ? ", when the broker stopped in order"
			: "; what was confirmed later is lost");
}

/* Makes the file safe to write to, before single rows are repaired. */
static int
file_rebuild(struct repair_task *t)
{
	struct store *s = NULL;
	uint64_t corrupt = 0;
	int err = store_lmdb.open(&s, t->data, &t->options);

	if (err == 0)
		loss_print(t, s);
	if (err == 0)
		err = lmdb_rebuild(s, &corrupt);
	if (err == 0 && corrupt > 0)
		printf("data.mdb rebuilt: %llu rows had a corrupt length or "
		       "were out of order\n",
			(unsigned long long)corrupt);
	return store_end(t, s, err);
}

static int
file_compact(struct repair_task *t)
{
	struct store *s = NULL;
	uint64_t pages[2];
	int err = store_lmdb.open(&s, t->data, &t->options);

	if (err == 0)
		loss_print(t, s);
	if (err == 0)
		err = lmdb_compact(s, pages);
	if (err == 0)
		printf("data.mdb compacted: %llu pages, before %llu\n",
			(unsigned long long)pages[1],
			(unsigned long long)pages[0]);
	return store_end(t, s, err);
}

static int
core_open(struct core *c, struct store *s, int repair)
{
	struct claim claim = {.shard = SHARD};
	struct core_start at = {.boot_ms = clock_now_ms(CLOCK_BOOTTIME),
		.wall_ms = clock_now_ms(CLOCK_REALTIME),
		.boot_id = clock_boot_id()};
	int err = 0;

	if (repair)
		err = s->driver->claim(s, SHARD, 0, &claim);
	if (err == 0)
		err = core_init_any(c, s, &claim, &at);
	return err;
}

/* A repair converts the rows; a check writes nothing, so it can only say what
 * to do. */
static int
format_look(const struct repair_task *t, struct core *c, int repair)
{
	if (c->format >= STORE_FORMAT)
		return 0;
	if (repair)
		return core_convert(c);
	(void)snprintf(c->store->why, sizeof(c->store->why),
		"%s: the rows have format %llu; a start of spillway-broker "
		"converts them to format %d, and so does --rebuild",
		t->data, (unsigned long long)c->format, STORE_FORMAT);
	return SW_EFORMAT;
}

/* Checks, or repairs, the whole store once. */
static int
pass_run(struct repair_task *t, struct verify *v)
{
	static struct core core;
	struct store_options options = t->options;
	struct store *s = NULL;
	int err;

	options.read_only = !v->repair;
	err = store_lmdb.open(&s, t->data, &options);
	if (err == 0)
		loss_print(t, s);
	if (err == 0)
		err = core_open(&core, s, v->repair);
	if (err == 0) {
		v->core = &core;
		err = format_look(t, &core, v->repair);
		if (err == 0)
			err = verify_run(v);
		core_fini(&core);
	}
	return store_end(t, s, err);
}

/* --- output -------------------------------------------------------------- */

static void
line_print(void *arg, const char *line)
{
	(void)arg;
	puts(line);
}

static int
in_order(const struct verify *v)
{
	for (int i = 0; i < VERIFY_KINDS; i++)
		if (v->found[i] > 0)
			return 0;
	return 1;
}

static void
summary_print(const struct verify *v, const char *what)
{
	printf("%s%llu jobs, %llu rows", what, (unsigned long long)v->jobs,
		(unsigned long long)v->rows);
	for (int i = 0; i < VERIFY_KINDS; i++)
		if (v->found[i] > 0)
			printf(", %llu %s", (unsigned long long)v->found[i],
				verify_text((enum verify_kind)i));
	puts(in_order(v) ? ": all in order" : "");
}

/* Checks again after a repair, which cannot repair everything. */
static int
store_verify(struct repair_task *t)
{
	struct verify v = {.repair = t->rebuild,
		.file_check = lmdb_check,
		.report = line_print};
	int err = t->rebuild   ? file_rebuild(t)
		  : t->compact ? file_compact(t)
			       : 0;

	if (err == 0)
		err = pass_run(t, &v);
	if (err == 0)
		summary_print(&v, "");
	if (err == 0 && t->rebuild && !in_order(&v)) {
		v.repair = 0;
		err = pass_run(t, &v);
		if (err == 0)
			summary_print(&v, "repaired: ");
	}
	if (err < 0)
		return status_of(err);
	return in_order(&v) && (t->rebuild || !t->lost) ? EXIT_OK : EXIT_DATA;
}

/* --- the copy ------------------------------------------------------------ */

/* Checks the copy as any store. */
static int
copy_verify(const struct repair_task *t, uint64_t *jobs)
{
	struct repair_task copied = {.data = t->copy_to,
		.options = {.map_size = t->options.map_size,
			.force = 1,
			.unfinished = 1}};
	struct verify v = {.file_check = lmdb_check, .report = line_print};
	int err = pass_run(&copied, &v);

	*jobs = v.jobs;
	if (err < 0 || in_order(&v))
		return err;
	fputs("spillway-repair: the copy is not in order, and so is the store: "
	      "stop the broker and run spillway-repair --rebuild\n",
		stderr);
	return SW_ECORRUPT;
}

/* The broker reads the last line, of stdout or stderr. */
static int
store_copy(const struct repair_task *t)
{
	struct copy_result r = {.bytes = 0};
	uint64_t jobs = 0;
	int err;

	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* in order with stderr */
	err = copy_begin(t->data, t->copy_to, t->options.map_size, &r);

	if (err == 0)
		err = copy_verify(t, &jobs);
	if (err == 0)
		err = copy_end(&r);
	if (err == 0) {
		printf("jobs=%llu bytes=%llu\n", (unsigned long long)jobs,
			(unsigned long long)r.bytes);
		return EXIT_OK;
	}
	copy_drop();
	if (r.why[0] != '\0')
		fprintf(stderr, "spillway-repair: %s\n", r.why);
	return status_of(err);
}

int
main(int argc, char **argv)
{
	struct repair_task t = {.data = NULL};
	struct options o;
	int status;

	if (task_read(&t, &o, argc, argv) != 0) {
		status = o.status;
	} else {
		umask(077);
		status = file_look(&t);
		if (status == EXIT_OK)
			status = t.copy_to != NULL ? store_copy(&t)
						   : store_verify(&t);
	}
	options_fini(&o);
	return status;
}
