/* SPDX-License-Identifier: MIT */
#include "worker/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link/endpoint.h"
#include "wire/limits.h"
#include "worker/check.h"

#define SECTION "worker"

/* clang-format off */
static const struct config_key worker_keys[] = {
	{"queue", CONFIG_PAIR | CONFIG_MANY, 0, 0, NULL,
		"serve the queue NAME, or NAME*WEIGHT, with a job"},
	{"slots", CONFIG_COUNT, 1, LEASE_SLOTS_MAX, NULL,
		"jobs that run at once (else the number of processors)"},
	{"broker", CONFIG_ENDPOINT, 0, 0, NULL,
		"where the broker is (else $SPILLWAY_BROKER)"},
	{"name", CONFIG_TEXT, 0, 0, NULL, "name in listings (else HOST:PID)"},
	{"grace", CONFIG_MS, 0, INT64_MAX, "30s",
		"time that running jobs have after SIGTERM"},
	{"memory", CONFIG_BYTES, SW_JOB_MEMORY_MIN, INT64_MAX, NULL,
		"address space of a job (else no limit)"},
	{"log_output", CONFIG_FLAG, 0, 1, "no",
		"log each line that a job writes to stdout or stderr"},
	{"blobs", CONFIG_URI, 0, 0, NULL,
		"the store of blobs (else $SPILLWAY_BLOBS)"},
	{"verbose", CONFIG_FLAG, 0, 1, "no", "log more"},
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};
/* clang-format on */

static int
text_check(const struct config_key *k, const char *value, char why[INI_WHY])
{
	static struct worker_route scratch;

	if (strcmp(k->name, "queue") == 0)
		return route_parse(&scratch, value, why, INI_WHY);
	if (strcmp(k->name, "broker") == 0)
		return sw_endpoint_check(value, why, INI_WHY);
	if (strcmp(k->name, "name") != 0 ||
		(*value != '\0' && strlen(value) <= SW_NAME_MAX))
		return 0;
	(void)snprintf(why, INI_WHY, "must be 1 to %d bytes", SW_NAME_MAX);
	return -EINVAL;
}

static const struct config_group groups[] = {
	{SECTION, NULL, "the worker itself; every key is an option too",
		worker_keys, NULL, text_check},
	{NULL, NULL, NULL, NULL, NULL, NULL},
};

/* A section that no program reads is a typing mistake. */
static int
section_check(const char *name, char why[INI_WHY])
{
	char path[COMMAND_PATH];
	int err = route_program_find(name, path);

	if (strcmp(name, "exec") == 0)
		(void)snprintf(why, INI_WHY,
			"exec: jobs have no section, but settings of their "
			"queue (spillway queue set) and keys of [" SECTION "]");
	else if (err == -ENOENT || err == -EINVAL)
		(void)snprintf(why, INI_WHY,
			"there is no program " ROUTE_PROGRAM "%.64s to read it",
			name);
	else if (err < 0)
		(void)snprintf(why, INI_WHY, ROUTE_PROGRAM "%.64s: %s", name,
			strerror(-err));
	return err;
}

static void
jobs_help(void)
{
	puts("\nA job is one of\n\n"
	     "  exec:COMMAND  a process for each job: body on stdin, exit 0 is "
	     "done, 75 retry,\n"
	     "                other 64-78 never again, anything else retry\n"
	     "  keep:COMMAND  a process that runs one job after another "
	     "(spillway-job.h)\n"
	     "  NAME          keep:" ROUTE_PROGRAM "NAME, the programs that "
	     "come with Spillway:\n"
	     "                email, logs, noop, transcode, webhook; their "
	     "--help has their keys");
}

static const struct option_variable variables[] = {
	{"broker", "SPILLWAY_BROKER"},
	{"blobs", "SPILLWAY_BLOBS"},
	{NULL, NULL},
};

static const struct program program = {
	.name = "spillway-worker",
	.usage = "--queue NAME=JOB ... [options]",
	.page = "spillway-jobs.conf",
	.page_of = "spillway-worker and its job programs",
	.file_option = "jobs",
	.file_text = "read [worker] of FILE, and have job programs read "
		     "theirs (else of $SPILLWAY_JOBS)",
	.file_env = "SPILLWAY_JOBS",
	.groups = groups,
	.variables = variables,
	.others = section_check,
	.help_more = jobs_help,
};

static int
config_fail(struct worker_config *cfg, enum exit_status status, const char *why)
{
	cfg->status = status;
	(void)snprintf(cfg->why, sizeof(cfg->why), "%s", why);
	return 1;
}

/* Says what is wrong with a queue, and where it stands. */
static int
queue_fail(struct worker_config *cfg, const struct config_value *v,
	const char *what)
{
	char why[INI_WHY];

	if (v->line == 0) {
		(void)snprintf(why, sizeof(why), "--queue: %.150s", what);
		return config_fail(cfg, EXIT_USE, why);
	}
	(void)snprintf(why, sizeof(why), "%.300s:%d: queue: %.150s",
		cfg->options.file, v->line, what);
	return config_fail(cfg, EXIT_CONFIG, why);
}

static int
route_add(struct worker_config *cfg, const struct config_value *v)
{
	struct worker_route *r = &cfg->routes[cfg->worker.run.routes_n];
	char why[INI_WHY];

	if (cfg->worker.run.routes_n == SW_QUEUES_PER_WORKER) {
		(void)snprintf(why, sizeof(why),
			"a worker serves at most %d queues",
			SW_QUEUES_PER_WORKER);
		return queue_fail(cfg, v, why);
	}
	if (route_parse(r, v->text, why, sizeof(why)) < 0 ||
		route_resolve(r, why, sizeof(why)) < 0)
		return queue_fail(cfg, v, why);
	for (const struct worker_route *o = cfg->routes; o < r; o++)
		if (strcmp(o->queue, r->queue) == 0) {
			(void)snprintf(why, sizeof(why),
				"the queue '%s' is there twice", r->queue);
			return queue_fail(cfg, v, why);
		}
	r->command = 2 * (uint32_t)cfg->worker.run.routes_n++;
	return 0;
}

static int
routes_set(struct worker_config *cfg)
{
	const struct config_value *v;

	cfg->worker.run.routes = cfg->routes;
	for (size_t i = 0;
		(v = config_value(cfg->options.config, SECTION, i)) != NULL;
		i++)
		if (strcmp(v->key->name, "queue") == 0 &&
			route_add(cfg, v) != 0)
			return 1;
	if (cfg->worker.run.routes_n == 0 && !cfg->check_only)
		return config_fail(cfg, EXIT_USE,
			"--queue: missing, there must be at least one");
	return 0;
}

static int
endpoint_set(struct worker_config *cfg)
{
	const char *given = config_text(cfg->options.config, SECTION, "broker");
	char why[INI_WHY];
	int err = 0;

	cfg->worker.endpoint = cfg->endpoint;
	if (given != NULL && *given != '\0')
		(void)snprintf(
			cfg->endpoint, sizeof(cfg->endpoint), "%s", given);
	else
		err = sw_endpoint_default(cfg->endpoint, sizeof(cfg->endpoint));
	if (err == 0 || cfg->check_only)
		return 0;
	(void)snprintf(
		why, sizeof(why), "--broker: %s", sw_endpoint_default_why(err));
	return config_fail(cfg, EXIT_USE, why);
}

static void
rest_set(struct worker_config *cfg)
{
	const struct config *c = cfg->options.config;
	const char *name = config_text(c, SECTION, "name");
	int64_t slots = config_number(c, SECTION, "slots");
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	char host[64] = "";

	(void)gethostname(host, sizeof(host) - 1);
	if (name != NULL)
		(void)snprintf(cfg->name, sizeof(cfg->name), "%s", name);
	else
		(void)snprintf(cfg->name, sizeof(cfg->name), "%s:%d", host,
			(int)getpid());
	cfg->worker.name = cfg->name;
	cfg->worker.run.slots = slots > 0	 ? (int)slots
				: processors > 0 ? (int)processors
						 : 1;
	cfg->worker.grace_ms = config_number(c, SECTION, "grace");
	cfg->worker.run.limits.memory = config_number(c, SECTION, "memory");
	cfg->worker.run.limits.log_output = (int)config_number(
		c, SECTION, "log_output");
	cfg->verbose = (int)config_number(c, SECTION, "verbose");
}

/*
 * Jobs run in folders of their own: a file's path is made absolute, and that
 * of a folder of blobs ("dir:PATH" or PATH, blob/blob.h).
 */
static int
path_set(char to[COMMAND_PATH], const char *path)
{
	size_t scheme = strncmp(path, "dir:", 4) == 0 ? 4 : 0;
	char here[COMMAND_PATH] = "";
	int n;

	if (path[scheme] != '/' && strstr(path, "://") == NULL &&
		getcwd(here, sizeof(here)) == NULL)
		return -errno;
	n = snprintf(to, COMMAND_PATH, "%.*s%s%s%s", (int)scheme, path, here,
		here[0] != '\0' ? "/" : "", path + scheme);
	return n < COMMAND_PATH ? 0 : -ENAMETOOLONG;
}

static int
paths_set(struct worker_config *cfg)
{
	const char *blobs = config_text(cfg->options.config, SECTION, "blobs");
	int err = 0;

	if (cfg->options.file != NULL) {
		err = path_set(cfg->file, cfg->options.file);
		cfg->worker.run.file = cfg->file;
	}
	if (err == 0 && blobs != NULL) {
		err = path_set(cfg->blobs, blobs);
		cfg->worker.run.limits.blobs = cfg->blobs;
	}
	return err < 0 ? config_fail(cfg, EXIT_CONFIG, strerror(-err)) : 0;
}

/* Where the folders of jobs are made, if the environment names a place. */
static int
folder_check(struct worker_config *cfg)
{
	const char *tmp = getenv("TMPDIR");
	char path[PATH_MAX], why[INI_WHY];
	int err;

	if (tmp == NULL || tmp[0] == '\0')
		return 0;
	err = snprintf(path, sizeof(path), "%s/new", tmp) < (int)sizeof(path)
		      ? options_file_check(path)
		      : -ENAMETOOLONG;
	if (err == 0)
		return 0;
	(void)snprintf(
		why, sizeof(why), "$TMPDIR: %.300s: %s", tmp, strerror(-err));
	return config_fail(cfg, EXIT_USE, why);
}

/*
 * Has the programs check their configuration: the one that fetches blobs, if
 * there is a store, and for --check-config those of the named jobs.  A worker
 * that starts asks these by starting them.
 */
static int
programs_check(struct worker_config *cfg)
{
	const struct running_options *run = &cfg->worker.run;
	const struct check_env env = {run->file, run->limits.blobs};
	int err = 0;

	if (run->limits.blobs != NULL)
		err = check_program("exec", &env);
	for (int i = 0; err == 0 && cfg->check_only && i < run->routes_n; i++)
		if (cfg->routes[i].name != NULL)
			err = check_program(cfg->routes[i].name, &env);
	if (err != 0)
		cfg->status = EXIT_CONFIG;
	return err != 0;
}

static int
values_take(struct worker_config *cfg)
{
	if (routes_set(cfg) != 0 || endpoint_set(cfg) != 0)
		return 1;
	rest_set(cfg);
	return paths_set(cfg);
}

int
worker_config_read(struct worker_config *cfg, int argc, char **argv)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->argc = argc;
	cfg->argv = argv;
	if (options_start(&cfg->options, &program, argc, argv) != 0) {
		cfg->status = cfg->options.status;
		return 1;
	}
	cfg->check_only = cfg->options.action != NULL;
	if (values_take(cfg) == 0 &&
		(!cfg->check_only || folder_check(cfg) == 0))
		return programs_check(cfg);
	(void)program_fail(&program, cfg->status, cfg->why);
	return 1;
}

int
worker_config_again(struct worker_config *to, const struct worker_config *first)
{
	memset(to, 0, sizeof(*to));
	to->argc = first->argc;
	to->argv = first->argv;
	return options_read(
		       &to->options, &program, to->argc, to->argv, to->why) < 0
		       ? 1
		       : values_take(to);
}

int
worker_config_is_live(const struct config_key *k)
{
	static const char *const live[] = {
		"grace", "memory", "log_output", "verbose"};

	for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++)
		if (strcmp(k->name, live[i]) == 0)
			return 1;
	return 0;
}

void
worker_config_fini(struct worker_config *cfg)
{
	options_fini(&cfg->options);
}
