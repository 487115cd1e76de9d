/* SPDX-License-Identifier: MIT */
#include "tests/lib/logs.h"
#include "report/show.h"
#include "tests/lib/folder.h"
#include "tests/lib/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct lt_said lt_said;

static void
on_result(struct job *job, struct bytes b)
{
	(void)job;
	assert_true(b.len < sizeof(lt_said.result));
	memcpy(lt_said.result, b.p, b.len);
	lt_said.result[b.len] = '\0';
}

__attribute__((format(printf, 2, 3))) static void
on_error(struct job *job, const char *fmt, ...)
{
	va_list ap;

	(void)job;
	va_start(ap, fmt);
	(void)vsnprintf(lt_said.error, sizeof(lt_said.error), fmt, ap);
	va_end(ap);
}

static void
on_alarm(struct job *job, const char *text)
{
	(void)job;
	(void)snprintf(lt_said.alarm, sizeof(lt_said.alarm), "%s", text);
}

static const char *
id_of(unsigned n)
{
	static char text[SW_ID_TEXT];
	struct sw_id id = {{0}};

	be_set(id.b + 8, 8, n);
	sw_id_format(&id, text);
	return text;
}

const struct config *
lt_conf(const char *file)
{
	static struct config *conf;
	char why[512] = "";

	if (conf == NULL || file != NULL) {
		config_free(conf);
		if (job_type_config_read(
			    &conf, file, &logs_type, why, sizeof(why)) < 0)
			fail_msg("%s", why);
	}
	return conf;
}

static enum job_disposition
run(struct job *job, unsigned id)
{
	job->id = id_of(id);
	job->conf = lt_conf(NULL);
	job->queue = "logs";
	job->attempt = 1;
	job->max_attempts = 3;
	job->result = on_result;
	job->error = on_error;
	job->alarm = on_alarm;
	memset(&lt_said, 0, sizeof(lt_said));
	return logs_run(job);
}

enum job_disposition
lt_run(unsigned id, const void *text, size_t len)
{
	struct job job = {.body = {text, len}};

	return run(&job, id);
}

static void
put(struct blobs *s, const char *path, struct blob_ref *ref)
{
	FILE *f = fopen(path, "r");
	struct blob_put *p;
	char part[4096];
	size_t n;

	assert_non_null(f);
	assert_int_equal(blob_put_begin(s, &p), 0);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		assert_int_equal(blob_put_write(p, part, n), 0);
	assert_int_equal(blob_put_finish(p, ref), 0);
	(void)fclose(f);
}

static void
flip(struct blobs *s, const struct blob_ref *ref, off_t at)
{
	char path[512], c;
	int fd;

	assert_int_equal(blobs_fetch(s, ref, "", path, sizeof(path)), 0);
	assert_int_equal(chmod(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

enum job_disposition
lt_run_flipped(unsigned id, const char *path, off_t at)
{
	char dir[FOLDER_PATH], why[BLOB_WHY];
	enum job_disposition verdict;
	struct job job = {0};
	struct blob_ref ref;
	struct blobs *s;

	folder_make(dir);
	assert_int_equal(blobs_open(&s, dir, why), 0);
	put(s, path, &ref);
	if (at >= 0)
		flip(s, &ref, at);
	assert_int_equal(blob_get_open_ref(s, &ref, &job.blob.stream), 0);
	verdict = run(&job, id);
	blob_get_close(job.blob.stream);
	blobs_close(s);
	folder_remove(dir);
	return verdict;
}

enum job_disposition
lt_run_blob(unsigned id, const char *path)
{
	return lt_run_flipped(id, path, -1);
}

enum job_disposition
lt_run_text(unsigned id, const char *text)
{
	return lt_run(id, text, strlen(text));
}

int
lt_make(void **state)
{
	struct lt_place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	folder_make(p->dir);
	(void)snprintf(p->db, sizeof(p->db), "%s/report.db", p->dir);
	assert_int_equal(setenv(LOGS_DB_ENV, p->db, 1), 0);
	*state = p;
	return 0;
}

void
lt_file_drop(const char *db)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
	char name[128];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", db, ends[i]);
		(void)unlink(name);
	}
}

int
lt_drop(void **state)
{
	static const char *const others[] = {"answer", "conf", "log", "log.gz",
		"log.zst", "out", "second.db"};
	struct lt_place *p = *state;
	char name[96];
	int err;

	lt_file_drop(p->db);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		(void)snprintf(name, sizeof(name), "%s/%s", p->dir, others[i]);
		lt_file_drop(name);
	}
	err = rmdir(p->dir);
	free(p);
	return err;
}

void
lt_look(const struct lt_place *p, struct report_view *v)
{
	assert_int_equal(view_init(v, p->db), 0);
}

/* What programs are shown of it; to be freed. */
static char *
totals(const struct report_view *v)
{
	struct report_view all = *v;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	all.n_samples = all.jobs = 0;
	show_json(f, &all);
	assert_int_equal(fclose(f), 0);
	return text;
}

void
lt_same_totals(const struct report_view *a, const struct report_view *b)
{
	char *one = totals(a), *two = totals(b);

	assert_string_equal(one, two);
	assert_true(fabs(a->visitors - b->visitors) < 1e-9);
	free(one);
	free(two);
}

/* The exit status of a shell command. */
int
lt_shell(const char *fmt, ...)
{
	char command[2048];
	va_list ap;
	int n, st;

	va_start(ap, fmt);
	n = vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	assert_in_range(n, 1, sizeof(command) - 1);
	st = system(command);
	assert_true(WIFEXITED(st));
	return WEXITSTATUS(st);
}

/* A whole file, with a NUL behind it. */
char *
lt_slurp(const char *dir, const char *name, size_t *len)
{
	char path[128], *text;
	struct stat st;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	*len = (size_t)st.st_size;
	text = malloc(*len + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, *len, f), *len);
	text[*len] = '\0';
	(void)fclose(f);
	return text;
}
