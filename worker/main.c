/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "blob/blob.h"
#include "link/endpoint.h"
#include "base/error.h"
#include "base/log.h"
#include "wire/setting.h"
#include "worker/worker.h"

struct settings {
	struct worker_options o;
	struct route routes[SW_QUEUES_PER_WORKER];
	char endpoint[4096], blobs[BLOB_URI], name[SW_NAME_MAX + 1];
	const char *jobs;
	struct conf *conf;
};

static int
wrong(const char *option, const char *what)
{
	fprintf(stderr, "spillway-worker: --%s: %s\n", option, what);
	return -1;
}

static int
set_queue(struct settings *s, const char *arg)
{
	char why[256];

	if (s->o.routes_n == SW_QUEUES_PER_WORKER)
		return wrong("queue", "there are too many");
	if (route_parse(&s->routes[s->o.routes_n], arg, job_types, why,
		    sizeof(why)) < 0)
		return wrong("queue", why);
	s->o.routes_n++;
	return 0;
}

static int
set_slots(struct settings *s, const char *arg)
{
	char *end;
	long n = strtol(arg, &end, 10);

	if (*arg == '\0' || *end != '\0' || n < 1 || n > LEASE_SLOTS_MAX)
		return wrong("slots", "a number from 1 to 1024 is wanted");
	s->o.slots = (int)n;
	return 0;
}

static int
set_broker(struct settings *s, const char *arg)
{
	if (strlen(arg) >= sizeof(s->endpoint))
		return wrong("broker", "too long");
	strcpy(s->endpoint, arg);
	return 0;
}

static int
set_name(struct settings *s, const char *arg)
{
	if (*arg == '\0' || strlen(arg) >= sizeof(s->name))
		return wrong("name", "1 to 127 characters are wanted");
	strcpy(s->name, arg);
	return 0;
}

static int
set_grace(struct settings *s, const char *arg)
{
	if (unit_parse(UNIT_MS, arg, &s->o.grace_ms) < 0 || s->o.grace_ms < 0)
		return wrong("grace", "a duration such as 30s is wanted");
	return 0;
}

static int
set_memory(struct settings *s, const char *arg)
{
	if (unit_parse(UNIT_BYTES, arg, &s->o.limits.memory) < 0 ||
		s->o.limits.memory < 1)
		return wrong("memory", "bytes are wanted, or 512m, 2g");
	return 0;
}

/* Opened once to see now, not with each job, what is wrong with it. */
static int
set_blobs(struct settings *s, const char *arg)
{
	struct blobs *b;
	char why[BLOB_WHY];

	if (blobs_open(&b, arg, why) < 0)
		return wrong("blobs", why);
	blobs_close(b);
	strcpy(s->blobs, arg);
	s->o.limits.blobs = s->blobs;
	return 0;
}

static int
set_jobs(struct settings *s, const char *arg)
{
	s->jobs = arg;
	return 0;
}

static int
set_verbose(struct settings *s, const char *arg)
{
	(void)s;
	(void)arg;
	sw_log_set(SW_LOG_DEBUG);
	return 0;
}

/* clang-format off */
static const struct {
	const char *name, *arg;
	int (*set)(struct settings *, const char *);
	const char *text;
} options[] = {
	{"queue", "NAME[*WEIGHT]=JOB", set_queue, "serve NAME with JOB; may be repeated"},
	{"slots", "N", set_slots, "jobs that run at once (the number of processors)"},
	{"broker", "ENDPOINT", set_broker, "where the broker is (else $SPILLWAY_BROKER)"},
	{"name", "NAME", set_name, "what people see (host:pid)"},
	{"grace", "DURATION", set_grace, "after SIGTERM running jobs have so long (30s)"},
	{"memory", "BYTES", set_memory, "address space of a job: 512m, 2g (no limit)"},
	{"blobs", "URI", set_blobs, "the store of blobs (else $SPILLWAY_BLOBS)"},
	{"jobs", "FILE", set_jobs, "what built-in jobs need to know (else $SPILLWAY_JOBS)"},
	{"verbose", NULL, set_verbose, "log more"},
	{"help", NULL, NULL, "print this"},
	{"version", NULL, NULL, "print the version"},
};
/* clang-format on */

enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

static void
help_print(void)
{
	puts("usage: spillway-worker --queue NAME=JOB ... [options]\n");
	for (size_t i = 0; i < OPTIONS; i++)
		printf("  --%s %-*s %s\n", options[i].name,
			(int)(26 - strlen(options[i].name)),
			options[i].arg != NULL ? options[i].arg : "",
			options[i].text);
	puts("\nJOB is one of\n\n  exec:COMMAND  any command: body on stdin, "
	     "exit 0 is done, 75 retry,\n                other 64-78 never "
	     "again, anything else retry");
	for (const struct job_type *t = job_types; t->name != NULL; t++)
		printf("  %-13s %s\n", t->name, t->text);
	conf_help(stdout, job_types);
}

/* 0; 1: there is nothing more to do; -1: one line said what is wrong. */
static int
arguments_read(struct settings *s, int argc, char **argv)
{
	struct option longs[OPTIONS + 1] = {0};
	int at, c;

	for (size_t i = 0; i < OPTIONS; i++)
		longs[i] = (struct option){
			options[i].name, options[i].arg != NULL, NULL, 0};
	while ((c = getopt_long(argc, argv, "", longs, &at)) != -1) {
		if (c == '?')
			return -1;
		if (options[at].set == NULL) {
			if (strcmp(options[at].name, "help") == 0)
				help_print();
			else
				puts("spillway-worker " SPILLWAY_VERSION);
			return 1;
		}
		if (options[at].set(s, optarg) < 0)
			return -1;
	}
	if (optind < argc)
		return wrong(argv[optind], "no such option");
	if (s->o.routes_n == 0)
		return wrong("queue", "at least one is wanted (see --help)");
	return 0;
}

static int
defaults_set(struct settings *s)
{
	const char *broker = getenv("SPILLWAY_BROKER");
	const char *blobs = getenv(BLOBS_ENV);
	char host[64] = "";
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(s->name, sizeof(s->name), "%s:%d", host, (int)getpid());
	s->o = (struct worker_options){.routes = s->routes,
		.slots = n > 0 ? (int)n : 1,
		.endpoint = s->endpoint,
		.name = s->name,
		.grace_ms = 30000};
	if (blobs != NULL && blobs[0] != '\0' && set_blobs(s, blobs) < 0)
		return -1;
	s->jobs = getenv("SPILLWAY_JOBS");
	if (s->jobs != NULL && s->jobs[0] == '\0')
		s->jobs = NULL;
	if (broker != NULL)
		return set_broker(s, broker);
	if (sw_endpoint_default(s->endpoint, sizeof(s->endpoint)) < 0)
		s->endpoint[0] = '\0';
	return 0;
}

/* Of the jobs that this worker serves: others may lack their secrets here. */
static int
conf_check(const struct settings *s, char *why, size_t cap)
{
	int err = 0;

	for (int i = 0; i < s->o.routes_n && err == 0; i++) {
		const struct job_type *t = s->routes[i].type;

		if (t != NULL && t->check != NULL)
			err = t->check(s->conf, why, cap);
	}
	return err;
}

static int
conf_open(struct settings *s)
{
	char why[512];
	int err = conf_read(&s->conf, s->jobs, job_types, why, sizeof(why));

	if (err == 0)
		err = conf_check(s, why, sizeof(why));
	if (err < 0)
		fprintf(stderr, "spillway-worker: %s\n", why);
	s->o.limits.conf = s->conf;
	return err;
}

int
main(int argc, char **argv)
{
	static struct settings s;
	static struct worker w;
	int err = defaults_set(&s);

	if (err == 0)
		err = arguments_read(&s, argc, argv);
	if (err == 0 && s.endpoint[0] == '\0')
		err = wrong("broker", "no default without XDG_RUNTIME_DIR");
	if (err == 0)
		err = conf_open(&s);
	if (err != 0)
		return err < 0 ? EX_USAGE : 0;
	err = worker_open(&w, &s.o);
	if (err == 0)
		err = worker_run(&w);
	worker_close(&w);
	conf_free(s.conf);
	return err < 0 ? EX_USAGE : 0;
}
