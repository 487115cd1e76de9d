/* SPDX-License-Identifier: MIT */
/*
 * proof_faults_run.c - the real programs, one of them with calls that fail
 *
 * A broker starts on an empty folder, the command puts jobs, a worker runs
 * them, the command lists them, all stop, and a last broker starts on the
 * folder.  Whoever dies of the fault is started again without it, as a
 * service manager would.  Then whatever was confirmed must have been done.
 *
 * Called as a job, with --job, it is the job.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "producer/spillway.h"
#include "tests/faults/sweep.h"
#include "tests/lib/deadline.h"
#include "tests/lib/folder.h"
#include "tests/lib/proc.h"

enum { LINES = 5, IDS_MAX = 64, STEP_MS = 20, STARTS = 3 };

/* Shorter than the scene, longer than a busy machine needs. */
#define TIMEOUT_OPTION "--broker-timeout=30s"

enum target { BROKER, WORKER, LINES_PUT, PUT, LIST, TABLE, TARGETS };

static const char *const target_names[TARGETS + 1] = {
	"broker", "worker", "lines", "put", "list", "table", "list"};

struct confirmed {
	struct sw_id id;
	int body; /* the job has one, and is to make it its result */
};

static struct scene {
	enum target target;
	struct fault_block *plan;
	int faulty_ran; /* the target was started with the fault */
	int starts;	/* that the worker could not make, when it was killed */
	double since;	/* the worker's start */
	int wrong;
	time_t until;
	char dir[64], endpoint[96], lines[96], conf[96], data[96];
	struct confirmed ids[IDS_MAX];
	int ids_n;
	struct sw_client *client;
} sc;

static struct proc broker, worker, command;
static struct proc *const all[] = {&broker, &worker, &command};
static const char *argv0;
static char preload_env[4200], block_env[64];
static struct fault_block *block; /* shared with the target */
static pid_t block_of;
static unsigned *zmq_aborts;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- programs ------------------------------------------------------------ */

static int
wrong(const struct proc *p, const char *who, const char *what)
{
	sc.wrong = 1;
	if (block->died[0] != '\0')
		(void)sweep_wrong("a death at %s", block->died);
	return sweep_wrong("%s %s; it said: %.*s%s", who, what,
		p != NULL ? 1000 : 0, p != NULL ? p->said[1] : "",
		p != NULL && p->n[1] == 0 ? "(nothing)" : "");
}

/* libzmq, or what it stands on, ends the process where it finds no memory. */
static int
is_zmq_death(void)
{
	static const char *const names[] = {
		"libzmq", "libstdc++", "libpgm", "libgcc_s"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(block->died, names[i], strlen(names[i])) == 0)
			return 1;
	return 0;
}

/* The target has ended: by an exit that says why, or with its work done. */
static void
end_check(const struct proc *p, const char *who)
{
	if (strstr(p->said[1], "Sanitizer") != NULL ||
		strstr(p->said[1], "runtime error:") != NULL)
		(void)wrong(p, who, "has a sanitizer's report");
	else if (WIFSIGNALED(p->status) && is_zmq_death())
		(void)__atomic_add_fetch(zmq_aborts, 1, __ATOMIC_RELAXED);
	else if (WIFSIGNALED(p->status))
		(void)wrong(p, who, strsignal(WTERMSIG(p->status)));
	else if (WEXITSTATUS(p->status) != 0 && p->n[1] == 0 &&
		 sc.plan->group != FAULT_WRITE)
		(void)wrong(p, who, "ended without a word");
}

/* With the fault, the first time, if it is the one to have it. */
static void
start(struct proc *p, enum target who, const char *const *argv)
{
	const char *const faulty[] = {preload_env, block_env, NULL};
	int has = sc.target == who && !sc.faulty_ran;

	sc.faulty_ran |= has;
	proc_start(p, argv, has ? faulty : NULL);
}

static void
broker_start(void)
{
	const char *const argv[] = {"spillway-broker", "--config", sc.conf,
		"--data", sc.data, "--listen", sc.endpoint, NULL};

	start(&broker, BROKER, argv);
}

static void
worker_start(void)
{
	static char job[4200];
	const char *const argv[] = {"spillway-worker", "--name", "w", "--slots",
		"2", "--queue", "work=noop", "--queue", job, NULL};

	(void)snprintf(job, sizeof(job), "sh=exec:%s --job", argv0);
	sc.since = now();
	start(&worker, WORKER, argv);
}

/*
 * A worker that can start nothing tries again, and not as fast as it can;
 * having seen that, it is replaced.
 */
static void
stuck_check(void)
{
	const char *at = worker.said[1];

	if (worker.pid == 0 || sc.plan->n == 1 || sc.starts > 0)
		return;
	for (sc.starts = 0; (at = strstr(at, "ev=start")) != NULL; at++)
		sc.starts++;
	if (sc.starts < STARTS) {
		sc.starts = 0;
		return;
	}
	if (now() - sc.since < STARTS - 2)
		(void)wrong(&worker, "the worker", "tries without a pause");
	proc_signal(&worker, SIGKILL);
}

/* Who has ended unasked is checked and started again. */
static void
tend(int ms)
{
	int had_broker = broker.pid != 0, had_worker = worker.pid != 0;

	proc_watch(all, 3, ms);
	stuck_check();
	if (had_broker && broker.pid == 0) {
		if (sc.target != BROKER)
			(void)wrong(&broker, "the broker", "ended");
		end_check(&broker, "the broker");
		broker_start();
	}
	if (had_worker && worker.pid == 0) {
		if (sc.target != WORKER)
			(void)wrong(&worker, "the worker", "ended");
		if (sc.starts == 0)
			end_check(&worker, "the worker");
		worker_start();
	}
	if (time(NULL) > sc.until && !sc.wrong)
		(void)wrong(&broker, "the scene", "hangs; the broker");
}

/* Runs the command to its end; its exit status, or -1. */
static int
command_run(enum target who, const char *const *argv)
{
	start(&command, who, argv);
	while (command.pid != 0 && !sc.wrong)
		tend(STEP_MS);
	end_check(&command, target_names[who]);
	return WIFEXITED(command.status) ? WEXITSTATUS(command.status) : -1;
}

/* --- the scene ----------------------------------------------------------- */

static void
file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

static void
room_make(void)
{
	char text[1024];

	folder_make_fast(sc.dir);
	(void)snprintf(sc.endpoint, sizeof(sc.endpoint), "ipc://%s/s", sc.dir);
	(void)snprintf(sc.lines, sizeof(sc.lines), "%s/lines", sc.dir);
	(void)snprintf(sc.conf, sizeof(sc.conf), "%s/conf", sc.dir);
	(void)snprintf(sc.data, sizeof(sc.data), "%s/data", sc.dir);
	(void)snprintf(text, sizeof(text),
		"[broker]\nmap_size = 16m\n"
		"[queue work]\nbackoff_ms = 1\nlease_ms = 1000\n"
		"max_attempts = 1000\nmax_crashes = 1000\n"
		"[queue sh]\nbackoff_ms = 1\nlease_ms = 1000\n"
		"max_attempts = 1000\nmax_crashes = 1000\n");
	file_write(sc.conf, text);
	file_write(sc.lines, "line 1\nline 2\nline 3\nline 4\nline 5\n");
	(void)setenv("SPILLWAY_BROKER", sc.endpoint, 1);
}

/* What is a line of its own on stdout is a job that was confirmed. */
static int
ids_take(int body)
{
	char *save = NULL;
	int n = 0;

	for (char *l = strtok_r(command.said[0], "\n", &save); l != NULL;
		l = strtok_r(NULL, "\n", &save)) {
		struct confirmed *c = &sc.ids[sc.ids_n];

		if (sw_id_read(l, &c->id) < 0 || sc.ids_n == IDS_MAX - 1)
			continue;
		c->body = body;
		sc.ids_n++;
		n++;
	}
	return n;
}

/* Again until it goes well, as whoever has work to hand over would. */
static void
put_all(enum target who, const char *const *argv, int jobs)
{
	while (!sc.wrong) {
		int status = command_run(who, argv);
		int n = ids_take(who == PUT);

		if (status == 0 && n == jobs)
			return;
		if (status == 0)
			(void)wrong(
				&command, target_names[who], "told of too few");
		if (sc.target != who && sc.target != BROKER)
			(void)wrong(&command, target_names[who], "failed");
		tend(STEP_MS);
	}
}

/* Each way of listing that goes well has all that was confirmed. */
static void
list_all(enum target who, const char *const *argv)
{
	char text[SW_ID_TEXT];

	while (!sc.wrong && command_run(who, argv) != 0)
		if (sc.target != who && sc.target != BROKER)
			(void)wrong(&command, target_names[who], "failed");
	for (int i = 0; i < sc.ids_n && !sc.wrong; i++) {
		sw_id_write(&sc.ids[i].id, text);
		if (strstr(command.said[0], text) == NULL)
			(void)wrong(
				&command, target_names[who], "left out a job");
	}
}

/* It says so, unless it is that write which fails. */
static int
is_ready(void)
{
	const char *said = strstr(broker.said[1], "ev=ready");

	if (said != NULL && strstr(said, "queues=0") != NULL)
		(void)wrong(&broker, "the broker", "lost its configuration");
	return said != NULL ||
	       (sc.target == BROKER && sc.plan->group == FAULT_WRITE);
}

static void
ready_wait(void)
{
	while (!sc.wrong && !is_ready())
		tend(STEP_MS);
}

/* What it is now; SW_NONE: there is no telling yet. */
static int
state_look(const struct confirmed *c, struct sw_info *info)
{
	int err = sw_wait(sc.client, &c->id, 2 * STEP_MS, info);

	if (err == SW_ENOJOB)
		(void)wrong(&broker, "the broker", "lost a confirmed job");
	else if (err == SW_ECORRUPT)
		(void)wrong(&broker, "the broker", "has a corrupt job");
	return err == 0 ? info->state : SW_NONE;
}

static void
done_wait(const char *when)
{
	char what[128];

	if (sw_open(&sc.client, sc.endpoint) < 0)
		abort();
	for (int i = 0; i < sc.ids_n && !sc.wrong; i++) {
		const struct confirmed *c = &sc.ids[i];
		struct sw_info info;
		int state;

		while ((state = state_look(c, &info)) == SW_NONE && !sc.wrong)
			tend(0);
		if (sc.wrong)
			break;
		(void)snprintf(what, sizeof(what), "%s: a job is %s (%s)", when,
			sw_state_text(state), info.cause);
		if (state != SW_DONE)
			(void)wrong(&worker, "the worker", what);
		else if (c->body &&
			 (info.result_len != 5 ||
				 memcmp(info.result, "hello", 5) != 0))
			(void)wrong(&worker, "the worker", "lost a result");
	}
	sw_close(sc.client);
}

/* Each job with a body puts one more, in the commit that ends it. */
static void
follow_check(void)
{
	const char *const argv[] = {"spillway", "list", "--json", "queue=next",
		TIMEOUT_OPTION, NULL};
	int bodies = 0, lines = 0;

	for (int i = 0; i < sc.ids_n; i++)
		bodies += sc.ids[i].body;
	if (sc.wrong)
		return;
	if (command_run(TARGETS, argv) != 0)
		(void)wrong(&command, "list", "failed at the end");
	for (const char *p = command.said[0]; *p != '\0'; p++)
		lines += *p == '\n';
	if (lines < bodies)
		(void)wrong(&worker, "the worker", "lost a follow-up");
}

static void
stop(struct proc *p, enum target who, int sig)
{
	proc_signal(p, sig);
	while (p->pid != 0 && !sc.wrong) {
		struct proc *const one[] = {p};

		proc_watch(one, 1, STEP_MS);
		if (time(NULL) > sc.until)
			(void)wrong(p, target_names[who], "does not stop");
	}
	if (sig == SIGKILL || sc.wrong)
		return;
	end_check(p, target_names[who]);
	if (sc.target != who && p->status != 0)
		(void)wrong(p, target_names[who], "stopped badly");
}

static void
scene_play(void)
{
	const char *const lines[] = {"spillway", "put", "work", "--lines",
		sc.lines, "--chunk", "7", "--ids", NULL};
	const char *const put[] = {"spillway", "put", "sh", "hello", "--header",
		"who=me", TIMEOUT_OPTION, NULL};
	const char *const list[] = {
		"spillway", "list", "--json", TIMEOUT_OPTION, NULL};
	const char *const table[] = {"spillway", "list", TIMEOUT_OPTION, NULL};

	broker_start();
	ready_wait();
	put_all(LINES_PUT, lines, LINES);
	put_all(PUT, put, 1);
	list_all(LIST, list);
	list_all(TABLE, table);
	if (sc.target <= WORKER) {
		worker_start();
		done_wait("at work");
		stop(&worker, WORKER, SIGTERM);
	}
	stop(&broker, BROKER, sc.plan->at % 2 ? SIGKILL : SIGTERM);
	if (sc.wrong)
		return;
	sc.faulty_ran = 1;
	broker_start();
	ready_wait();
	if (sc.target <= WORKER) {
		done_wait("at the end");
		follow_check();
	}
	list_all(LIST, list);
}

/* What is wanted and seen, in a file that the target finds. */
static void
block_make(void)
{
	int fd = memfd_create("faults", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, sizeof(*block)) != 0)
		abort();
	block = mmap(NULL, sizeof(*block), PROT_READ | PROT_WRITE, MAP_SHARED,
		fd, 0);
	(void)snprintf(block_env, sizeof(block_env),
		"FAULT_BLOCK=/proc/%d/fd/%d", (int)getpid(), fd);
	block_of = getpid();
}

static int
play(const struct sweep *sw, struct fault_block *plan)
{
	sc = (struct scene){.target = (enum target)sw->arg,
		.plan = plan,
		.until = time(NULL) + deadline_s()};
	if (block_of != getpid())
		block_make();
	*block = *plan;
	room_make();
	scene_play();
	for (int i = 0; i < 3; i++)
		proc_end(all[i]);
	folder_remove(sc.dir);
	*plan = *block;
	return sc.wrong;
}

/* --- the job ------------------------------------------------------------- */

/* Without all that a job is given it says so in its result. */
static int
job_run(void)
{
	static const char *const given[] = {"SPILLWAY_JOB_ID", "SPILLWAY_QUEUE",
		"SPILLWAY_ATTEMPT", "SPILLWAY_DEADLINE_MS",
		"SPILLWAY_HEADER_WHO"};
	char body[64], *cwd = getcwd(NULL, 0);
	size_t n = fread(body, 1, sizeof(body) - 1, stdin);

	body[n] = '\0';
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
		if (getenv(given[i]) == NULL)
			return dprintf(3, "result no %s\n", given[i]) < 0;
	if (cwd == NULL || strstr(cwd, "/spillway-worker.") == NULL)
		return dprintf(3, "result in a strange folder\n") < 0;
	return dprintf(3, "put next %s\nresult %s\n", body, body) < 0;
}

/* clang-format off */
static const struct sweep_case cases[] = {
	{.group = FAULT_WRITE, .how = EIO},
	{.group = FAULT_WRITE, .how = ENOSPC},
	{.group = FAULT_WRITE, .how = EINTR},
	{.group = FAULT_WRITE, .how = FAULT_SHORT},
	{.group = FAULT_SYNC, .how = EIO},
	{.group = FAULT_OPEN, .how = EMFILE},
	{.group = FAULT_ALLOC, .how = ENOMEM},
	{.group = FAULT_READ, .how = EIO},
	{.group = FAULT_READ, .how = EINTR},
	{.group = FAULT_READ, .how = FAULT_SHORT},
	{.group = FAULT_FORK, .how = EAGAIN},
	{.group = FAULT_MAP, .how = ENOMEM},
	{.group = FAULT_SPACE, .how = ENOSPC},
	{.group = FAULT_PATH, .how = EIO},
	{.group = FAULT_ALLOC, .how = ENOMEM, .from = FAULT_ZMQ},
	{.group = FAULT_OPEN, .how = EMFILE, .from = FAULT_ZMQ},
};
/* clang-format on */

#define CASES(list) list, sizeof(list) / sizeof(list[0])

/* For ever, so that the worker can start nothing. */
static const struct sweep_case stays[] = {
	{.group = FAULT_FORK, .how = EAGAIN, .on = 1},
	{.group = FAULT_FORK, .how = ENOMEM, .on = 1},
};

/* A disk that lies, and a crash, must be seen: else nothing is. */
static const struct sweep_case lies[] = {
	{.group = FAULT_WRITE, .how = FAULT_LIE, .on = 1},
	{.group = FAULT_READ, .how = FAULT_CRASH},
};

static const struct sweep controls[] = {
	{"broker", play, CASES(lies), BROKER},
};

static const struct sweep sweeps[] = {
	{"broker", play, CASES(cases), BROKER},
	{"worker", play, CASES(cases), WORKER},
	{"stuck", play, CASES(stays), WORKER},
	{"lines", play, CASES(cases), LINES_PUT},
	{"put", play, CASES(cases), PUT},
	{"list", play, CASES(cases), LIST},
	{"table", play, CASES(cases), TABLE},
};

int
main(int argc, char **argv)
{
	const char *preload = getenv("FAULT_PRELOAD");
	int failed;

	argv0 = realpath("/proc/self/exe", NULL);
	if (argc > 1 && strcmp(argv[1], "--job") == 0)
		_exit(job_run());
	if (preload == NULL)
		return sweep_wrong("to be run by tests/proof/faults.sh");
	(void)snprintf(
		preload_env, sizeof(preload_env), "LD_PRELOAD=%s", preload);
	zmq_aborts = sweep_share(sizeof(*zmq_aborts));
	if (sweep_control(controls, 1) != 0)
		return 1;
	failed = sweep_run("real programs", sweeps,
		sizeof(sweeps) / sizeof(sweeps[0]), 21);
	printf("libzmq ended a process %u times, as it does\n", *zmq_aborts);
	return failed;
}
