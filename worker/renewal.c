/* SPDX-License-Identifier: MIT */
#include "worker/renewal.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

static void
configs_swap(struct renewal *r, enum renewal_config a, enum renewal_config b)
{
	struct worker_config *c = r->config[a];

	r->config[a] = r->config[b];
	r->config[b] = c;
}

/* --- the environment ------------------------------------------------------ */

/* The worker sets the variable for its jobs: readers see that of the start. */
static int
blobs_set(const char *uri)
{
	int n = uri != NULL ? setenv("SPILLWAY_BLOBS", uri, 1)
			    : unsetenv("SPILLWAY_BLOBS");

	return n == 0 ? 0 : -errno;
}

static const char *
blobs_now(const struct renewal *r)
{
	const char *uri = r->config[RENEWAL_NOW]->worker.run.limits.blobs;

	return uri != NULL ? uri : r->blobs;
}

/* --- checking ------------------------------------------------------------- */

static int
files_set(posix_spawn_file_actions_t *f)
{
	int err = posix_spawn_file_actions_addopen(
		f, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (err == 0)
		err = posix_spawn_file_actions_addopen(
			f, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	return err;
}

static int
program_start(char **argv, pid_t *pid)
{
	static const char self[] = "/proc/self/exe";
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none;
	int err = posix_spawn_file_actions_init(&files);

	if (err != 0)
		return -err;
	err = posix_spawnattr_init(&attributes);
	if (err == 0) {
		sigemptyset(&none);
		err = posix_spawnattr_setflags(
			&attributes, POSIX_SPAWN_SETSIGMASK);
		if (err == 0)
			err = posix_spawnattr_setsigmask(&attributes, &none);
		if (err == 0)
			err = files_set(&files);
		if (err == 0)
			err = posix_spawn(
				pid, self, &files, &attributes, argv, environ);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&files);
	return -err;
}

/* Runs this program with the same command line and --check-config. */
static int
check_start(const struct worker_config *cfg, pid_t *pid)
{
	static char option[] = "--check-config";
	char **argv = calloc((size_t)cfg->argc + 2, sizeof(*argv));
	int err;

	if (argv == NULL)
		return -ENOMEM;
	argv[0] = cfg->argv[0];
	argv[1] = option; /* before any "--" */
	for (int i = 1; i < cfg->argc; i++)
		argv[i + 1] = cfg->argv[i];
	err = program_start(argv, pid);
	free(argv);
	return err;
}

/* SIGHUP has come. */
static void
reload_begin(void *arg, struct worker *w)
{
	struct renewal *r = arg;
	struct worker_config *draft = r->config[RENEWAL_DRAFT];
	int err;

	if (w->drain_ms != 0)
		return;
	if (w->running.helper.pid != 0) {
		r->again = 1;
		return;
	}
	worker_config_fini(draft);
	err = blobs_set(r->blobs);
	if (err == 0 &&
		worker_config_again(draft, r->config[RENEWAL_NOW]) != 0) {
		options_reload_refused(draft->why);
	} else {
		if (err == 0)
			err = check_start(draft, &w->running.helper.pid);
		if (err < 0)
			options_reload_refused(strerror(-err));
	}
	(void)blobs_set(blobs_now(r));
}

/* --- taking over ---------------------------------------------------------- */

static int
has_kept(const struct worker_config *cfg)
{
	for (int i = 0; i < cfg->worker.run.routes_n; i++)
		if (cfg->routes[i].kind == ROUTE_KEEP)
			return 1;
	return 0;
}

static void
change_log(void *arg, const struct options_change *ch)
{
	int *renew = arg, live = worker_config_is_live(ch->key);

	options_change_log(
		ch, live ? NULL : "when the running jobs have ended");
	*renew |= !live;
}

static void
options_swap(struct worker_config *a, struct worker_config *b)
{
	struct options o = a->options;

	a->options = b->options;
	b->options = o;
}

static void
take_over(struct renewal *r, struct worker *w)
{
	struct worker_config
		*draft = r->config[RENEWAL_DRAFT],
		*now = r->config[w->renewing ? RENEWAL_NEXT : RENEWAL_NOW];
	int renew = w->renewing || has_kept(now) || has_kept(draft);
	int changes = options_changes(
		now->options.config, draft->options.config, change_log, &renew);

	worker_change(w, &draft->worker);
	sw_log_set(draft->verbose ? SW_LOG_DEBUG : SW_LOG_INFO);
	options_reload_done(draft->options.file, changes);
	if (!renew) {
		options_swap(now, draft);
		now->worker.grace_ms = draft->worker.grace_ms;
		now->worker.run.limits.memory = draft->worker.run.limits.memory;
		now->worker.run.limits.log_output =
			draft->worker.run.limits.log_output;
		now->verbose = draft->verbose;
		return;
	}
	configs_swap(r, RENEWAL_NEXT, RENEWAL_DRAFT);
	r->has_earlier = 0;
	worker_renew(w);
}

/* The check has ended. */
static void
reload_checked(void *arg, struct worker *w)
{
	struct renewal *r = arg;
	int status = w->running.helper.status;
	char why[INI_WHY];

	w->running.helper.ended = 0;
	(void)snprintf(why, sizeof(why),
		"spillway-worker --check-config: %s %d; its line is above",
		WIFEXITED(status) ? "exit status" : "signal",
		WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	if (w->drain_ms != 0)
		return;
	if (status != 0)
		options_reload_refused(why);
	else
		take_over(r, w);
	if (r->again) {
		r->again = 0;
		reload_begin(r, w);
	}
}

/* --- workers, one after another ------------------------------------------- */

/* 0: a signal has ended it; 1: there is another configuration; or an error. */
static int
worker_serve(struct renewal *r, enum exit_status *status)
{
	static struct worker w;
	struct worker_config *cfg = r->config[RENEWAL_NOW];
	int err = blobs_set(blobs_now(r));

	cfg->worker.hooks = (struct worker_hooks){
		reload_begin, reload_checked, r};
	sw_log_set(cfg->verbose ? SW_LOG_DEBUG : SW_LOG_INFO);
	*status = EXIT_AGAIN;
	if (err == 0)
		err = worker_open(&w, &cfg->worker, status);
	if (err == 0)
		err = worker_run(&w);
	worker_close(&w);
	return err;
}

enum exit_status
renewal_run(struct renewal *r)
{
	enum exit_status status;
	int got;

	while ((got = worker_serve(r, &status)) != 0) {
		if (got < 0 && !r->has_earlier)
			return status;
		if (got < 0)
			options_reload_refused(
				"the worker could not open with it");
		configs_swap(r, RENEWAL_NOW, RENEWAL_NEXT);
		r->has_earlier = got > 0;
	}
	return EXIT_OK;
}

int
renewal_init(struct renewal *r, int argc, char **argv, enum exit_status *status)
{
	struct worker_config *cfg = &r->all[RENEWAL_NOW];
	const char *blobs = getenv("SPILLWAY_BLOBS");
	int ended;

	for (int i = 0; i < RENEWAL_CONFIGS; i++)
		r->config[i] = &r->all[i];
	if (blobs != NULL)
		r->blobs = strdup(blobs);
	ended = worker_config_read(cfg, argc, argv) != 0 || cfg->check_only;
	*status = cfg->status;
	return ended;
}

void
renewal_fini(struct renewal *r)
{
	for (int i = 0; i < RENEWAL_CONFIGS; i++)
		worker_config_fini(&r->all[i]);
	free(r->blobs);
}
