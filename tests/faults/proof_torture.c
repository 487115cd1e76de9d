/* SPDX-License-Identifier: MIT */
/*
 * proof_torture.c - the producer and the job of `make torture`
 *
 *	proof_torture produce JOURNAL SEED NUMBER
 *	proof_torture job EFFECTS
 *	proof_torture plans
 *
 * All that a job does follows from the last byte of its id, and all that a
 * producer says of a job from the seed, the producer's number and the job's.
 * So a put that is repeated is the same put, and the checker, which reads
 * the plans from here, knows how each job must have ended.
 *
 * Journal and effects are lines, each one write to a file opened to append:
 * a process that is killed leaves whole lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "producer/spillway.h"
#include "tests/lib/chance.h"

enum {
	BATCH = 24,
	PENDING_MAX = 4 * BATCH,
	BATCHES_AHEAD = 5, /* that may be unfinished: the backlog is bounded */
	KEYS = 16,	   /* unique keys that the producers compete for */
	BIG = 120 * 1024,
	TIMEOUT_MS = 1500,
	AGAIN = 8, /* one batch in so many is put a second time */
};

/* --- plans --------------------------------------------------------------- */

struct plan {
	const char *name;
	int share;	  /* of SHARES */
	const char *ends; /* done, dead, either; then the cause of "dead" */
	int max_attempts; /* 0: the queue's, which is as good as no limit */
	int timeout_ms;
	int exit_code;
	int bad_attempts; /* which end with exit_code, or by a signal if 0 */
	int run_ms, later_ms; /* the first attempt, and all others */
	int follows;
	size_t body_len;
};

enum { SHARES = 32, ALWAYS = 1000000 };

static const struct plan plans[] = {
	{"plain", 4, "done -", .follows = 0},
	{"big", 3, "done -", .body_len = BIG},
	{"retried", 4, "done -", .exit_code = EX_TEMPFAIL, .bad_attempts = 1},
	{"failing", 1, "done -", .exit_code = 1, .bad_attempts = 2},
	{"crashing", 1, "done -", .bad_attempts = 1},
	{"refused", 1, "dead permanent", .exit_code = EX_DATAERR,
		.bad_attempts = ALWAYS},
	{"spent", 1, "dead error", .max_attempts = 3, .exit_code = EX_TEMPFAIL,
		.bad_attempts = ALWAYS},
	{"poison", 1, "dead oom", .max_attempts = 2, .bad_attempts = ALWAYS},
	{"hanging", 1, "dead timeout", .max_attempts = 2, .timeout_ms = 150,
		.run_ms = 60000, .later_ms = 60000},
	{"slow", 1, "done -", .run_ms = 1400, .later_ms = 1400, .follows = 1},
	/* A late report of its first attempt meets the lease of the second. */
	{"lagging", 4, "done -", .run_ms = 700, .later_ms = 2500, .follows = 1},
	{"parent", 3, "done -", .follows = 1},
	{"family", 2, "done -", .exit_code = EX_TEMPFAIL, .bad_attempts = 1,
		.follows = 3},
	{"fragile", 4, "either lost", .max_attempts = 2},
	{"onlyonce", 1, "either lost", .max_attempts = 1, .run_ms = 200},
};

static const struct plan *
plan_of(const struct sw_id *id)
{
	int at = id->b[SW_ID_LEN - 1] % SHARES;
	const struct plan *p = plans;

	while (at >= p->share)
		at -= p++->share;
	return p;
}

static int
plans_print(void)
{
	for (int i = 0; i < SHARES; i++) {
		struct sw_id id = {.b = {[SW_ID_LEN - 1] = (uint8_t)i}};
		const struct plan *p = plan_of(&id);

		printf("%d %s %s %d %d\n", i, p->name, p->ends, p->max_attempts,
			p->follows);
	}
	return EXIT_SUCCESS;
}

/* --- lines --------------------------------------------------------------- */

static int
lines_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0) {
		perror(path);
		exit(EX_IOERR);
	}
	return fd;
}

static void
line_add(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
line_add(int fd, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line) ||
		write(fd, line, (size_t)n) != n) {
		perror("line");
		exit(EX_IOERR);
	}
}

static void
pause_ms(int ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

/* --- the job ------------------------------------------------------------- */

static int
stdin_read(char *p, size_t cap)
{
	size_t len = 0;
	ssize_t n;

	while (len < cap - 1 && (n = read(0, p + len, cap - 1 - len)) > 0)
		len += (size_t)n;
	p[len] = '\0';
	return (int)len;
}

/* The body of a producer's job is its id, then one letter to the end. */
static int
body_is_good(const char *body, int len, const char *id, const struct plan *p)
{
	size_t head = strlen(id), want = head + 1 + p->body_len;

	return (size_t)len == want && memcmp(body, id, head) == 0 &&
	       strspn(body + head + 1, "x") == p->body_len;
}

static void
bad_end(const struct plan *p)
{
	if (p->exit_code != 0)
		_exit(p->exit_code);
	(void)kill(getpid(), SIGKILL);
}

static int
job_run(int effects, const struct plan *p, const char *id, int attempt)
{
	int run_ms = attempt == 1 ? p->run_ms : p->later_ms;

	if (attempt <= p->bad_attempts)
		bad_end(p);
	if (run_ms > 0) {
		dprintf(3, "progress 50 half of %s\n", id);
		pause_ms(run_ms);
	}
	for (int i = 0; i < p->follows; i++)
		dprintf(3, "put next %s %d\n", id, i);
	dprintf(3, "result %s %d\n", id, attempt);
	line_add(effects, "end %s %d\n", id, attempt);
	return EXIT_SUCCESS;
}

static int
follow_up_run(int effects, const char *id, int attempt, const char *body)
{
	dprintf(3, "result %s %d %s\n", id, attempt, body);
	line_add(effects, "end %s %d\n", id, attempt);
	return EXIT_SUCCESS;
}

static int
job(const char *path)
{
	static char body[BIG + 128], room[4096];
	const char *text = getenv("SPILLWAY_JOB_ID");
	const char *queue = getenv("SPILLWAY_QUEUE");
	const char *tried = getenv("SPILLWAY_ATTEMPT");
	int effects = lines_open(path), len, attempt;
	const struct plan *p;
	struct sw_id id;

	if (text == NULL || queue == NULL || tried == NULL ||
		sw_id_read(text, &id) < 0)
		return EX_USAGE;
	attempt = atoi(tried);
	p = plan_of(&id);
	len = stdin_read(body, sizeof(body));
	if (getcwd(room, sizeof(room)) != NULL)
		dprintf(1, "%s\n", room);
	line_add(effects, "run %s %d %s\n", text, attempt, room);
	if (strcmp(queue, "next") == 0)
		return follow_up_run(effects, text, attempt, body);
	if (!body_is_good(body, len, text, p)) {
		line_add(effects, "body %s %d\n", text, attempt);
		return EX_DATAERR;
	}
	return job_run(effects, p, text, attempt);
}

/* --- the producer -------------------------------------------------------- */

struct item {
	struct sw_id id;
	uint64_t number;
	struct sw_put_result result;
};

struct producer {
	struct sw_client *client;
	int journal;
	uint64_t seed, who, next, chance;
	struct item todo[PENDING_MAX]; /* tried and not confirmed */
	size_t todo_n;
	struct item mark[BATCHES_AHEAD]; /* a confirmed job of each batch */
	size_t marks;
};

static volatile sig_atomic_t stopped;

static void
on_stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static uint64_t
mix(uint64_t x)
{
	return chance_draw(&x);
}

/* The job's own chance: the same whenever it is asked. */
static uint64_t
chance_of(const struct producer *p, uint64_t number, uint64_t what)
{
	return mix(mix(mix(p->seed) + p->who) + (number << 8) + what);
}

/* A UUID of version 7, so that the ids of a producer grow as real ones do. */
static struct sw_id
id_of(const struct producer *p, uint64_t number)
{
	uint64_t time = 0x019400000000u + number, low = chance_of(p, number, 0);
	struct sw_id id;

	for (size_t i = 0; i < 6; i++)
		id.b[i] = (uint8_t)(time >> (40 - 8 * i));
	id.b[6] = 0x70;
	id.b[7] = (uint8_t)p->who;
	for (size_t i = 0; i < 8; i++)
		id.b[8 + i] = (uint8_t)(low >> (56 - 8 * i));
	id.b[8] = 0x80 | (id.b[8] & 0x3f);
	return id;
}

struct text { /* what a sw_job points to */
	char unique[16], fair[16], body[BIG + 64];
};

static struct sw_job
job_of(const struct producer *p, uint64_t number, struct text *t)
{
	uint64_t r = chance_of(p, number, 1);
	struct sw_job job = {.id = id_of(p, number), .queue = "work"};
	const struct plan *plan = plan_of(&job.id);
	char text[SW_ID_TEXT];
	int n;

	sw_id_write(&job.id, text);
	n = snprintf(t->body, sizeof(t->body), "%s ", text);
	memset(t->body + n, 'x', plan->body_len);
	job.body = t->body;
	job.body_len = (size_t)n + plan->body_len;
	job.max_attempts = plan->max_attempts;
	job.timeout_ms = plan->timeout_ms;
	job.priority = (int)(r % 11) - 1;
	if (r >> 8 & 1)
		job.delay_ms = (int64_t)(r >> 16 & 1023);
	(void)snprintf(
		t->unique, sizeof(t->unique), "k%" PRIu64, (r >> 32) % KEYS);
	if ((r >> 9 & 7) == 0)
		job.unique = t->unique;
	(void)snprintf(t->fair, sizeof(t->fair), "t%" PRIu64, (r >> 40) % 5);
	if (r >> 12 & 1)
		job.fair = t->fair;
	return job;
}

static int
outcome_is_open(int status)
{
	return status == SW_ETIMEOUT || status == SW_ELINK ||
	       status == SW_EUNKNOWN;
}

/* Writes down what an answer says; whether the job is settled. */
static int
settle(struct producer *p, const struct item *it)
{
	char id[SW_ID_TEXT], holder[SW_ID_TEXT];

	if (outcome_is_open(it->result.status))
		return 0;
	sw_id_write(&it->id, id);
	sw_id_write(&it->result.id, holder);
	if (it->result.status == 0)
		line_add(p->journal, "ok %s\n", id);
	else if (it->result.status == SW_EUNIQUE)
		line_add(p->journal, "taken %s %s\n", id, holder);
	else
		line_add(p->journal, "bad %s %d\n", id, it->result.status);
	return 1;
}

static void
on_done(void *arg, const struct sw_put_result *result)
{
	struct item *it = arg;

	it->result = *result;
}

/* One message for all, or each by itself without waiting in between. */
static void
batch_send(struct producer *p, struct item *items, size_t n, int submit)
{
	static struct text texts[BATCH];
	static struct sw_job jobs[BATCH];
	static struct sw_put_result results[BATCH];

	for (size_t i = 0; i < n; i++) {
		jobs[i] = job_of(p, items[i].number, &texts[i]);
		items[i].result = (struct sw_put_result){.status = SW_EUNKNOWN};
		results[i] = items[i].result;
	}
	if (!submit) {
		(void)sw_put_many(p->client, jobs, n, TIMEOUT_MS, results);
		for (size_t i = 0; i < n; i++)
			items[i].result = results[i];
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (sw_submit(p->client, &jobs[i], on_done, &items[i]) < 0)
			items[i].result.status = SW_ELINK;
	/* The timeout ends each of them; none may outlive its item. */
	while (sw_flush(p->client, TIMEOUT_MS) < 0)
		;
}

/* A confirmed job that is put again is known; it is not stored anew. */
static void
again(struct producer *p, struct item *items, size_t n)
{
	struct item copy[BATCH];
	char id[SW_ID_TEXT];
	size_t good = 0;

	for (size_t i = 0; i < n; i++)
		if (items[i].result.status == 0)
			copy[good++] = items[i];
	if (good == 0)
		return;
	batch_send(p, copy, good, 0);
	for (size_t i = 0; i < good; i++) {
		sw_id_write(&copy[i].id, id);
		if (copy[i].result.status == 0 &&
			copy[i].result.state == SW_NONE)
			line_add(p->journal, "twice %s\n", id);
		else if (copy[i].result.status != 0 &&
			 !outcome_is_open(copy[i].result.status))
			line_add(p->journal, "bad %s %d\n", id,
				copy[i].result.status);
	}
}

/* Sends the first of what is to do and keeps what has no answer. */
static void
batch_put(struct producer *p)
{
	size_t n = p->todo_n < BATCH ? p->todo_n : BATCH, left = 0;
	struct item sent[BATCH];

	memcpy(sent, p->todo, n * sizeof(sent[0]));
	batch_send(p, sent, n, p->chance & 1);
	for (size_t i = 0; i < n; i++) {
		if (!settle(p, &sent[i]))
			p->todo[left++] = sent[i];
		else if (sent[i].result.status == 0)
			p->mark[p->marks % BATCHES_AHEAD] = sent[i];
	}
	memmove(p->todo + left, p->todo + n,
		(p->todo_n - n) * sizeof(p->todo[0]));
	p->todo_n -= n - left;
	if (p->chance / 2 % AGAIN == 0)
		again(p, sent, n);
	p->marks++;
}

static void
batch_make(struct producer *p)
{
	size_t n = 1 + p->chance / 64 % BATCH;
	char id[SW_ID_TEXT];

	while (n-- > 0) {
		struct item it = {.number = p->next++};

		it.id = id_of(p, it.number);
		sw_id_write(&it.id, id);
		line_add(p->journal, "try %s %" PRIu64 "\n", id, it.number);
		p->todo[p->todo_n++] = it;
	}
}

/*
 * So that the backlog stays short: an early batch's job must have ended.
 * To put that one again is no new job either.
 */
static void
mark_wait(struct producer *p)
{
	struct item *mark = &p->mark[p->marks % BATCHES_AHEAD];
	char text[SW_ID_TEXT];
	struct sw_info info;
	int err = SW_ETIMEOUT;

	if (mark->number == 0)
		return;
	while (outcome_is_open(err) && !stopped)
		err = sw_wait(p->client, &mark->id, TIMEOUT_MS, &info);
	sw_id_write(&mark->id, text);
	if (err == SW_ENOJOB)
		line_add(p->journal, "gone %s\n", text);
	else if (err == 0)
		again(p, mark, 1);
	else if (!outcome_is_open(err))
		line_add(p->journal, "bad %s %d\n", text, err);
	mark->number = 0;
}

static void
todo_remove(struct producer *p, const struct sw_id *id)
{
	for (size_t i = 0; i < p->todo_n; i++)
		if (memcmp(&p->todo[i].id, id, sizeof(*id)) == 0) {
			p->todo[i] = p->todo[--p->todo_n];
			return;
		}
}

/* What an earlier life has tried and what it knows of it. */
static void
journal_read(struct producer *p, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[256], word[16], text[SW_ID_TEXT];
	struct item it = {0};

	p->next = 1;
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		int n = sscanf(
			line, "%15s %36s %" SCNu64, word, text, &it.number);

		if (n < 2 || sw_id_read(text, &it.id) < 0)
			continue;
		if (strcmp(word, "try") == 0 && n == 3) {
			p->next = it.number + 1;
			if (p->todo_n == PENDING_MAX)
				exit(EX_SOFTWARE);
			p->todo[p->todo_n++] = it;
		} else if (strcmp(word, "ok") == 0 ||
			   strcmp(word, "taken") == 0) {
			todo_remove(p, &it.id);
		}
	}
	if (f != NULL)
		(void)fclose(f);
}

static int
produce(const char *path, const char *seed, const char *who)
{
	static struct producer p;
	struct sigaction stop = {.sa_handler = on_stop};

	(void)sigaction(SIGTERM, &stop, NULL);
	p.seed = strtoull(seed, NULL, 10);
	p.who = strtoull(who, NULL, 10);
	journal_read(&p, path);
	p.journal = lines_open(path);
	line_add(p.journal, "start %d\n", getpid());
	if (sw_open(&p.client, NULL) < 0)
		return EX_UNAVAILABLE;
	sw_timeout_set(p.client, TIMEOUT_MS);
	while (!stopped || p.todo_n > 0) {
		p.chance = chance_of(&p, p.next + p.marks, 2);
		if (p.todo_n == 0)
			batch_make(&p);
		batch_put(&p);
		mark_wait(&p);
	}
	sw_close(p.client);
	line_add(p.journal, "finished %d\n", getpid());
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "plans") == 0)
		return plans_print();
	if (argc == 3 && strcmp(argv[1], "job") == 0)
		return job(argv[2]);
	if (argc == 5 && strcmp(argv[1], "produce") == 0)
		return produce(argv[2], argv[3], argv[4]);
	(void)fputs("usage: proof_torture produce JOURNAL SEED NUMBER | "
		    "job EFFECTS | plans\n",
		stderr);
	return EX_USAGE;
}
