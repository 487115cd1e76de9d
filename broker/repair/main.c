/* SPDX-License-Identifier: MIT */
/*
 * spillway-repair: checks the consistency of a store, and repairs it
 */
#include <errno.h>
#include <getopt.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/error.h"
#include "broker/repair/lmdb.h"
#include "broker/repair/verify.h"
#include "base/units.h"

enum { SHARD = 0 };

struct task {
	const char *data; /* the folder */
	struct store_options options;
	int rebuild;
};

/* --- the command line ---------------------------------------------------- */

static const char help[] =
	"usage: spillway-repair --data DIR [options]\n"
	"\n"
	"Checks the consistency of a store that no broker has open.  Nothing\n"
	"is changed without --rebuild.\n"
	"\n"
	"  --data DIR        the data folder of the broker\n"
	"  --rebuild         repair what the records tell, then check again\n"
	"  --map-size BYTES  as the broker has it (64g); k, m, g are "
	"understood\n"
	"  --force           accept a network or overlay file system\n"
	"  --help            print this\n"
	"  --version         print the version\n"
	"\n"
	"Exit status: 0 in order, 65 not in order, 66 no store there, 75 a\n"
	"broker has the store open.\n";

static int
usage_fail(const char *what, const char *why)
{
	fprintf(stderr, "spillway-repair: %s: %s\n", what, why);
	return EX_USAGE;
}

static int
map_size_read(struct task *t, const char *text)
{
	int64_t bytes;

	if (unit_parse(UNIT_BYTES, text, &bytes) < 0 || bytes <= 0)
		return usage_fail("--map-size", "must be a size, at least 1");
	t->options.map_size = (uint64_t)bytes;
	return 0;
}

static int
option_take(struct task *t, int option)
{
	switch (option) {
	case 'd':
		t->data = optarg;
		return 0;
	case 'r':
		t->rebuild = 1;
		return 0;
	case 'm':
		return map_size_read(t, optarg);
	case 'f':
		t->options.force = 1;
		return 0;
	default:
		return EX_USAGE; /* getopt has said why */
	}
}

/* 0: go on; -1: all is printed; else the exit status. */
static int
options_read(struct task *t, int argc, char **argv)
{
	static const struct option longs[] = {
		{"data", required_argument, NULL, 'd'},
		{"rebuild", no_argument, NULL, 'r'},
		{"map-size", required_argument, NULL, 'm'},
		{"force", no_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{0},
	};
	int c, status = 0;

	while (status == 0 &&
		(c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'h' || c == 'v') {
			fputs(c == 'h' ? help
				       : "spillway-repair " SPILLWAY_VERSION
					 "\n",
				stdout);
			return -1;
		}
		status = option_take(t, c);
	}
	if (status == 0 && optind < argc)
		return usage_fail("unexpected argument", argv[optind]);
	if (status == 0 && t->data == NULL)
		return usage_fail("missing option", "--data DIR");
	return status;
}

/* --- the store ----------------------------------------------------------- */

static int
status_of(int err)
{
	switch (err) {
	case SW_EBUSY:
		return EX_TEMPFAIL;
	case SW_ECORRUPT:
	case SW_EFORMAT:
		return EX_DATAERR;
	case -ENOMEM:
		return EX_OSERR;
	default:
		return EX_SOFTWARE;
	}
}

/* Prints what the store says of its error, and closes it. */
static int
store_end(const struct task *t, struct store *s, int err)
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

/* To open a store that is not there would make it. */
static int
store_missing(const struct task *t)
{
	char path[PATH_MAX + 16];
	struct stat st;
	const char *why;

	(void)snprintf(path, sizeof(path), "%s/data.mdb", t->data);
	if (stat(path, &st) != 0)
		why = strerror(errno);
	else if (st.st_size == 0)
		why = "the file is empty";
	else
		return 0;
	fprintf(stderr, "spillway-repair: %s: %s\n", path, why);
	return 1;
}

/* Before rows are repaired the file must be one that can be written to. */
static int
file_rebuild(const struct task *t)
{
	struct store *s = NULL;
	uint64_t corrupt = 0;
	int err = store_lmdb.open(&s, t->data, &t->options);

	if (err == 0)
		err = lmdb_rebuild(s, &corrupt);
	if (err == 0 && corrupt > 0)
		printf("data.mdb rebuilt: %llu rows had a corrupt length or "
		       "were out of order\n",
			(unsigned long long)corrupt);
	return store_end(t, s, err);
}

static int
core_open(struct core *c, struct store *s, int repair)
{
	struct claim claim = {.shard = SHARD};
	int err = 0;

	if (repair)
		err = s->driver->claim(s, SHARD, 0, &claim);
	if (err == 0)
		err = core_init_any(c, s, &claim, clock_now_ms(CLOCK_REALTIME),
			clock_now_ms(CLOCK_BOOTTIME));
	return err;
}

/* One walk over the whole store. */
static int
pass_run(const struct task *t, struct verify *v)
{
	static struct core core;
	struct store_options options = t->options;
	struct store *s = NULL;
	int err;

	options.read_only = !v->repair;
	err = store_lmdb.open(&s, t->data, &options);
	if (err == 0)
		err = core_open(&core, s, v->repair);
	if (err == 0) {
		v->core = &core;
		err = verify_run(v);
		core_fini(&core);
	}
	return store_end(t, s, err);
}

/* --- what is printed ----------------------------------------------------- */

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

/* After a repair the store is checked again, for not all can be repaired. */
static int
store_verify(const struct task *t)
{
	struct verify v = {.repair = t->rebuild,
		.file_check = lmdb_check,
		.say = line_print};
	int err = t->rebuild ? file_rebuild(t) : 0;

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
	return in_order(&v) ? EX_OK : EX_DATAERR;
}

int
main(int argc, char **argv)
{
	struct task t = {.data = NULL};
	int status = options_read(&t, argc, argv);

	if (status != 0)
		return status < 0 ? EX_OK : status;
	umask(077);
	if (store_missing(&t))
		return EX_NOINPUT;
	return store_verify(&t);
}
