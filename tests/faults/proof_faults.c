/* SPDX-License-Identifier: MIT */
/*
 * proof_faults.c - modules within this process, with calls that fail
 *
 * To be run under preload_fault.so: tests/proof/faults.sh does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "broker/config.h"
#include "broker/store/store.h"
#include "producer/spillway.h"
#include "tests/faults/sweep.h"
#include "tests/lib/folder.h"
#include "tests/lib/local.h"

/* --- the store ----------------------------------------------------------- */

enum {
	BATCHES = 12,
	BIG = 7,      /* this one is larger than the journal */
	BIG_OPS = 10, /* ... by so many values */
	BIG_LEN = 128 * 1024,
	GONE = 3, /* a batch deletes what the one so long before it wrote */
	OPS_MAX = 2 + BIG_OPS,
};

enum outcome { UNTRIED, STORED, REFUSED, UNKNOWN };

struct scene { /* shared by the processes of one point */
	char dir[64];
	enum outcome outcome[BATCHES];
	uint64_t epoch;
	int from, to; /* the batches to be tried now */
	int kill;     /* ends without closing */
	int how;      /* the fault, as in struct fault_block */
};

static struct scene *scene;
static uint8_t big[BIG_LEN];

struct batch_room {
	struct store_op ops[OPS_MAX];
	char key[16], val[16], gone[16];
	char bigs[BIG_OPS][16];
	size_t n;
};

static void
op_put(struct batch_room *b, const char *key, struct bytes val)
{
	b->ops[b->n++] = (struct store_op){STORE_PUT, bytes_str(key), val};
}

static void
batch_make(struct batch_room *b, int i)
{
	b->n = 0;
	(void)snprintf(b->key, sizeof(b->key), "k%02d", i);
	(void)snprintf(b->val, sizeof(b->val), "v%02d", i);
	(void)snprintf(b->gone, sizeof(b->gone), "k%02d", i - GONE);
	op_put(b, b->key, bytes_str(b->val));
	if (i >= GONE)
		b->ops[b->n++] = (struct store_op){
			.kind = STORE_DELETE, .key = bytes_str(b->gone)};
	for (int n = 0; i == BIG && n < BIG_OPS; n++) {
		(void)snprintf(b->bigs[n], sizeof(b->bigs[n]), "big%02d", n);
		op_put(b, b->bigs[n], bytes_of(big, sizeof(big)));
	}
}

static void
told(void *arg, int err)
{
	*(int *)arg = err;
}

static int
batch_commit(struct store *s, const struct claim *c, int i)
{
	struct batch_room b;
	int said = 1, err;

	batch_make(&b, i);
	err = s->driver->commit(s, c, b.ops, b.n, told, &said);
	return err < 0 ? err : said;
}

struct rows {
	int at[BATCHES], bigs, strange;
};

static int
row_see(void *arg, struct bytes key, struct bytes val)
{
	struct rows *r = arg;
	const char *k = key.p, *v = val.p;
	int i = key.len >= 3
			? (k[key.len - 2] - '0') * 10 + k[key.len - 1] - '0'
			: -1;

	if (key.len == 5 && memcmp(k, "big", 3) == 0 && val.len == BIG_LEN &&
		memcmp(v, big, BIG_LEN) == 0)
		r->bigs++;
	else if (key.len == 3 && *k == 'k' && i >= 0 && i < BATCHES &&
		 val.len == 3 && *v == 'v' && memcmp(k + 1, v + 1, 2) == 0)
		r->at[i]++;
	else
		r->strange++;
	return 0;
}

/* What the rows must be when the batches of unknown outcome are in, or out. */
static int
rows_right(const struct rows *r, int unknown_in)
{
	struct rows want = {0};

	for (int i = 0; i < BATCHES; i++) {
		if (scene->outcome[i] != STORED &&
			!(unknown_in && scene->outcome[i] == UNKNOWN))
			continue;
		want.at[i] = 1;
		if (i >= GONE)
			want.at[i - GONE] = 0;
		if (i == BIG)
			want.bigs = BIG_OPS;
	}
	return memcmp(&want, r, sizeof(want)) == 0;
}

static int
rows_check(struct store *s, const char *when)
{
	struct rows r = {0};
	int err = s->driver->scan(
		s, 0, bytes_of(NULL, 0), bytes_of(NULL, 0), 1000, row_see, &r);

	if (err < 0)
		return err;
	if (rows_right(&r, 0) || rows_right(&r, 1))
		return 0;
	(void)sweep_wrong("%s: %d strange, %d big", when, r.strange, r.bigs);
	for (int i = 0; i < BATCHES; i++)
		(void)sweep_wrong("batch %d: outcome %d, %d rows", i,
			(int)scene->outcome[i], r.at[i]);
	_exit(1);
}

/* As the broker: what is refused for want of room is said, all else ends. */
static int
batches_try(struct store *s, const struct claim *c)
{
	struct store_usage u;

	for (int i = scene->from; i < scene->to; i++) {
		int err;

		scene->outcome[i] = UNKNOWN;
		err = batch_commit(s, c, i);
		if (err < 0 && err != SW_EFULL)
			return err;
		scene->outcome[i] = err == 0 ? STORED : REFUSED;
		err = rows_check(s, "while open");
		if (err == 0)
			err = s->driver->usage(s, &u);
		if (err < 0)
			return err;
	}
	return 0;
}

static int
store_begin(struct store **s, struct claim *c)
{
	static const struct store_options o = {.map_size = 16 << 20};
	int err = store_open(s, scene->dir, &o);

	if (err == 0)
		err = (*s)->driver->claim(*s, 0, 0, c);
	if (err == 0 && c->epoch <= scene->epoch)
		_exit(sweep_wrong(
			"epoch %llu came again", (unsigned long long)c->epoch));
	if (err == 0)
		scene->epoch = c->epoch;
	if (scene->how > 0 && (err == SW_ECORRUPT || err == SW_EFORMAT))
		_exit(sweep_wrong("%s is said to be damage: %s",
			strerror(scene->how), *s != NULL ? (*s)->why : ""));
	return err;
}

static int
store_use(void *arg)
{
	struct store *s = NULL;
	struct claim c;
	int err = store_begin(&s, &c);

	(void)arg;
	if (err == 0)
		err = rows_check(s, "at open");
	if (err == 0)
		err = batches_try(s, &c);
	(void)err; /* an error is an answer */
	if (scene->kill)
		_exit(0);
	if (s != NULL)
		s->driver->close(s);
	return 0;
}

/* With nothing failing any more, all must be well. */
static int
store_look(void *arg)
{
	struct store *s = NULL;
	struct claim c;
	int err = store_begin(&s, &c);

	(void)arg;
	if (err < 0)
		return sweep_wrong("does not open again: %s: %s",
			sw_strerror(err), s != NULL ? s->why : "");
	if (rows_check(s, "after it") < 0 || batches_try(s, &c) < 0)
		return sweep_wrong("does not go on: %s", s->why);
	s->driver->close(s);
	return 0;
}

/* arg: how many batches there are before the faults begin. */
static int
store_play(const struct sweep *sw, struct fault_block *plan)
{
	static struct sweep_own own;
	int bad = 0;

	scene = sweep_own(&own, sizeof(*scene));
	*scene = (struct scene){.to = sw->arg, .kill = 1};
	folder_make_fast(scene->dir);
	if (sw->arg > 0)
		bad = sweep_fork(store_use, NULL, NULL);
	scene->from = sw->arg;
	scene->to = BATCHES - 1;
	scene->kill = plan->at % 2;
	scene->how = plan->how;
	bad |= sweep_fork(store_use, NULL, plan);
	scene->from = BATCHES - 1;
	scene->to = BATCHES;
	scene->how = 0;
	bad |= sweep_fork(store_look, NULL, NULL);
	folder_remove(scene->dir);
	return bad;
}

static const struct sweep_case store_cases[] = {
	{.group = FAULT_WRITE, .how = EIO},
	{.group = FAULT_WRITE, .how = ENOSPC},
	{.group = FAULT_WRITE, .how = ENOSPC, .on = 1},
	{.group = FAULT_WRITE, .how = EINTR},
	{.group = FAULT_WRITE, .how = FAULT_SHORT},
	{.group = FAULT_SYNC, .how = EIO},
	{.group = FAULT_SYNC, .how = ENOSPC},
	{.group = FAULT_OPEN, .how = EMFILE},
	{.group = FAULT_OPEN, .how = EIO},
	{.group = FAULT_ALLOC, .how = ENOMEM},
	{.group = FAULT_ALLOC, .how = ENOMEM, .on = 1},
	{.group = FAULT_READ, .how = EIO},
	{.group = FAULT_READ, .how = EINTR},
	{.group = FAULT_READ, .how = FAULT_SHORT},
	{.group = FAULT_MAP, .how = ENOMEM},
	{.group = FAULT_SPACE, .how = ENOSPC},
	{.group = FAULT_SPACE, .how = ENOSPC, .on = 1},
	{.group = FAULT_SPACE, .how = EIO},
	{.group = FAULT_PATH, .how = EIO},
	{.group = FAULT_PATH, .how = EACCES},
};

#define CASES(list) list, sizeof(list) / sizeof(list[0])

/* --- the library --------------------------------------------------------- */

enum { SUBMITTED = 3, MANY = 3, TIMEOUT_MS = 5000 };

struct call { /* of a submitted job */
	int calls, status;
	struct sw_id id;
};

static void
called(void *arg, const struct sw_put_result *r)
{
	struct call *c = arg;

	c->calls++;
	c->status = r->status;
	c->id = r->id;
}

static struct sw_job
job_of(int i)
{
	static const char *const headers[] = {"who=me", NULL};

	return (struct sw_job){.queue = "email",
		.body = big,
		.body_len = (size_t)i * 40000,
		.headers = headers};
}

/* What was said to be on disk is: the broker has seen it. */
static int
stored_check(struct local *broker, int status, const struct sw_id *id,
	const char *by)
{
	if (status == 0 && !local_has(broker, id))
		return sweep_wrong(
			"%s: a job was confirmed and never sent", by);
	return 0;
}

static int
many_put(struct sw_client *c, struct local *broker)
{
	struct sw_job jobs[MANY];
	struct sw_put_result r[MANY] = {0};
	int err, bad = 0;

	for (int i = 0; i < MANY; i++)
		jobs[i] = job_of(i);
	err = sw_put_many(c, jobs, MANY, TIMEOUT_MS, r);
	sweep_pause();
	for (int i = 0; i < MANY; i++) {
		bad |= stored_check(
			broker, r[i].status, &r[i].id, "sw_put_many");
		if (err == 0 && r[i].status != 0)
			bad = sweep_wrong("sw_put_many: 0, but not for all");
	}
	sweep_go_on();
	return bad;
}

static int
all_submit(struct sw_client *c, struct call calls[SUBMITTED], int taken[])
{
	for (int i = 0; i < SUBMITTED; i++) {
		struct sw_job job = job_of(i);

		taken[i] = sw_submit(c, &job, called, &calls[i]) == 0;
	}
	return sw_fd(c) >= 0 ? sw_flush(c, TIMEOUT_MS) : 0;
}

/* Whatever fails, each job that was taken is called back once. */
static int
calls_check(struct local *broker, const struct call calls[], const int taken[])
{
	int bad = 0;

	for (int i = 0; i < SUBMITTED; i++) {
		if (calls[i].calls != taken[i])
			bad = sweep_wrong("sw_submit: %d calls, not %d",
				calls[i].calls, taken[i]);
		if (calls[i].calls > 0)
			bad |= stored_check(broker, calls[i].status,
				&calls[i].id, "sw_submit");
	}
	return bad;
}

static int
library_use(void *arg)
{
	struct call calls[SUBMITTED] = {0};
	int taken[SUBMITTED] = {0}, bad = 0;
	struct sw_put_result r = {0};
	struct sw_client *c = NULL;
	struct sw_job job = job_of(1);
	struct local *broker;

	(void)arg;
	sweep_pause();
	broker = local_start(1);
	sweep_go_on();
	if (sw_open(&c, local_endpoint(broker)) == 0) {
		int err = sw_put(c, &job, TIMEOUT_MS, &r);

		sweep_pause();
		bad |= stored_check(broker, err, &job.id, "sw_put");
		sweep_go_on();
		bad |= many_put(c, broker);
		(void)all_submit(c, calls, taken);
		sw_close(c);
	}
	sweep_pause();
	bad |= calls_check(broker, calls, taken);
	local_stop(broker);
	return bad;
}

static int
library_play(const struct sweep *sw, struct fault_block *plan)
{
	(void)sw;
	return sweep_fork(library_use, NULL, plan);
}

static const struct sweep_case library_cases[] = {
	{.group = FAULT_ALLOC, .how = ENOMEM},
	{.group = FAULT_ALLOC, .how = ENOMEM, .on = 1},
	{.group = FAULT_OPEN, .how = EMFILE},
	{.group = FAULT_READ, .how = EINTR},
};

/* --- the configuration --------------------------------------------------- */

static const char conf_text[] = "[broker]\nmap_size = 16m\nforce = yes\n"
				"[queue a]\nmax_attempts = 7\n"
				"[queue b]\nlease_ms = 2s\nweight = 3\n";

static int
setting_count(void *arg, const char *queue, const char *setting)
{
	int *n = arg;

	(void)queue;
	return ++*n == 3 ? strcmp(setting, "weight=3") : 0;
}

static int
config_use(void *arg)
{
	static struct broker_config cfg;
	static char name[] = "spillway-broker", option[] = "--config";
	char *argv[] = {name, option, scene->dir, NULL};
	int done, said, null, settings = 0;

	(void)arg;
	sweep_pause();
	said = dup(STDERR_FILENO);
	null = open("/dev/null", O_WRONLY);
	(void)dup2(null, STDERR_FILENO);
	(void)setenv("XDG_RUNTIME_DIR", "/tmp", 1);
	sweep_go_on();
	done = broker_config_read(&cfg, 3, argv);
	sweep_pause();
	(void)dup2(said, STDERR_FILENO);
	if (!done &&
		(broker_config_settings(&cfg, setting_count, &settings) != 0 ||
			settings != 3 || cfg.map_size != 16 << 20 ||
			!cfg.force))
		return sweep_wrong("a part of the configuration was taken");
	broker_config_fini(&cfg);
	return 0;
}

static int
config_play(const struct sweep *sw, struct fault_block *plan)
{
	static struct sweep_own own;
	char dir[64];
	FILE *f;
	int bad;

	(void)sw;
	folder_make_fast(dir);
	scene = sweep_own(&own, sizeof(*scene));
	(void)snprintf(scene->dir, sizeof(scene->dir), "%.50s/conf", dir);
	f = fopen(scene->dir, "we");
	if (f == NULL || fputs(conf_text, f) < 0 || fclose(f) != 0)
		abort();
	bad = sweep_fork(config_use, NULL, plan);
	folder_remove(dir);
	return bad;
}

static const struct sweep_case config_cases[] = {
	{.group = FAULT_ALLOC, .how = ENOMEM},
	{.group = FAULT_OPEN, .how = EMFILE},
	{.group = FAULT_READ, .how = EIO},
};

/* --- all ----------------------------------------------------------------- */

/* A disk that lies must be seen, and so must a missing check for NULL. */
static int
careless(void *arg)
{
	volatile char *p = malloc(1);

	(void)arg;
	*p = 'x';
	free((void *)(uintptr_t)p);
	return 0;
}

static int
careless_play(const struct sweep *sw, struct fault_block *plan)
{
	(void)sw;
	return sweep_fork(careless, NULL, plan);
}

static const struct sweep_case lies[] = {
	{.group = FAULT_WRITE, .how = FAULT_LIE, .on = 1},
};

static const struct sweep_case no_memory[] = {
	{.group = FAULT_ALLOC, .how = ENOMEM},
};

#ifdef __SANITIZE_ADDRESS__
enum { CONTROLS = 1 }; /* without "careless" */
#else
enum { CONTROLS = 2 };
#endif

static const struct sweep controls[] = {
	{"restart", store_play, CASES(lies), 5},
	{"careless", careless_play, CASES(no_memory), 0},
};

static const struct sweep sweeps[] = {
	{"store", store_play, CASES(store_cases), 0},
	{"restart", store_play, CASES(store_cases), 5},
	{"library", library_play, CASES(library_cases), 0},
	{"config", config_play, CASES(config_cases), 0},
};

int
main(void)
{
	memset(big, 'b', sizeof(big));
	if (CONTROLS == 1)
		puts("skipped: careless: a sanitizer's malloc cannot be made "
		     "to fail");
	if (sweep_control(controls, CONTROLS) != 0)
		return 1;
	return sweep_run("in one process", sweeps,
		sizeof(sweeps) / sizeof(sweeps[0]), 11);
}
