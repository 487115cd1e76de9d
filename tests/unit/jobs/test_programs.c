/* SPDX-License-Identifier: MIT */
/*
 * The programs of the built-in jobs as a worker keeps them: ready, a good job,
 * a job that fails and a good one after it, a cancel, input that is wrong, and
 * a worker that is gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <signal.h>

#include "base/bytes.h"
#include "blob/blob.h"
#include "tests/lib/blob.h"
#include "tests/lib/deadline.h"
#include "tests/lib/folder.h"
#include "tests/lib/jobs.h"

#define ID "0190163d-8694-739b-aea5-966c26f8ad91"

enum { ENV_MAX = 8, ENV_LEN = 256 };

static char folder[FOLDER_PATH], env_text[ENV_MAX][ENV_LEN];
static const char *env[ENV_MAX + 1];
static struct kept_end end;

static void env_add(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void
env_add(const char *fmt, ...)
{
	va_list ap;
	int n = 0;

	while (env[n] != NULL)
		n++;
	assert_true(n < ENV_MAX);
	va_start(ap, fmt);
	(void)vsnprintf(env_text[n], ENV_LEN, fmt, ap);
	va_end(ap);
	env[n] = env_text[n];
}

static int
begin(void **state)
{
	(void)state;
	(void)alarm(deadline_s());
	folder_make(folder);
	memset(env, 0, sizeof(env));
	env_add("SPILLWAY_TMP=%s/tmp", folder);
	env_add("SPILLWAY_BLOBS=dir:%s/blobs", folder);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	folder_remove(folder);
	return 0;
}

/* Starts a program with that text as its configuration. */
static void
program_start(struct kept_process *p, const char *name, const char *conf)
{
	const char *const argv[] = {name, NULL};
	char path[FOLDER_FILE];

	folder_file(folder, "jobs.conf", conf, path);
	env_add("SPILLWAY_JOBS=%s", path);
	kept_start(p, argv, env);
}

static void
assert_fails(struct kept_process *p, const char *body, const char *why)
{
	kept_run(p, ID, NULL, bytes_str(body), &end);
	assert_string_equal(end.word, "fail");
	if (strstr(end.error, why) == NULL)
		fail_msg("'%s' has no '%s'", end.error, why);
}

/* A cancel of a job that has ended is skipped; then the worker goes. */
static void
assert_ends_well(struct kept_process *p)
{
	static const char cancel[] = "0 cancel " ID "\n5 unknown\nbytes";

	kept_send(p, cancel, sizeof(cancel) - 1);
	assert_int_equal(kept_close(p), 0);
	assert_string_equal(p->said, "");
}

/* --- servers ---------------------------------------------------------------
 */

typedef void serve_fn(FILE *in, FILE *out);

/* Serves one connection after the other in a process that ends with ours. */
static pid_t
server_start(serve_fn *serve, int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) /* also where the test fails */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (pid == 0) {
		int c = accept(fd, NULL, NULL);
		FILE *in = fdopen(c, "r"), *out = fdopen(dup(c), "w");

		if (in == NULL || out == NULL)
			_exit(1);
		serve(in, out);
		(void)fclose(in);
		(void)fclose(out);
	}
	(void)close(fd);
	return pid;
}

static void
server_end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void
reply(FILE *out, const char *text)
{
	(void)fputs(text, out);
	(void)fflush(out);
}

/* RFC 5321, as far as a client without extensions goes. */
static void
mail_serve(FILE *in, FILE *out)
{
	char line[2048];
	int data = 0;

	reply(out, "220 here\r\n");
	while (fgets(line, sizeof(line), in) != NULL) {
		if (data && strcmp(line, ".\r\n") != 0)
			continue;
		data = strncmp(line, "DATA", 4) == 0;
		reply(out, data ? "354 go on\r\n" : "250 fine\r\n");
	}
}

/* Answers 410 to a body with "gone", else 200. */
static void
http_serve(FILE *in, FILE *out)
{
	char line[2048], body[64] = "";
	size_t len = 0;

	while (fgets(line, sizeof(line), in) != NULL && line[0] != '\r')
		if (strncasecmp(line, "content-length:", 15) == 0)
			len = strtoul(line + 15, NULL, 10);
	if (len < sizeof(body) && fread(body, 1, len, in) == len)
		reply(out,
			strstr(body, "gone") != NULL
				? "HTTP/1.1 410 Gone\r\nConnection: close\r\n"
				  "Content-Length: 0\r\n\r\n"
				: "HTTP/1.1 200 OK\r\nConnection: close\r\n"
				  "Content-Length: 0\r\n\r\n");
}

/* --- the programs ----------------------------------------------------------
 */

static void
noop_does_nothing_well(void **state)
{
	struct kept_process p;

	(void)state;
	program_start(&p, "spillway-job-noop", "[noop]\n[email]\nany = x\n");
	kept_ready(&p);
	for (int i = 0; i < 3; i++) {
		kept_run(&p, ID, NULL, bytes_str("{}"), &end);
		assert_string_equal(end.word, "done");
	}
	assert_ends_well(&p);
}

static void
email_sends_a_mail(void **state)
{
	static const char mail[] = "{\"to\": \"ann@example.org\", "
				   "\"subject\": \"s\", \"text\": \"t\"}";
	struct kept_process p;
	char conf[256];
	int port;
	pid_t server = server_start(mail_serve, &port);

	(void)state;
	(void)snprintf(conf, sizeof(conf),
		"[logs]\nany = x\n[email]\nserver = 127.0.0.1:%d\n"
		"tls = none\nfrom = shop@example.org\n",
		port);
	program_start(&p, "spillway-job-email", conf);
	kept_ready(&p);
	kept_run(&p, ID, NULL, bytes_str(mail), &end);
	assert_string_equal(end.error, "");
	assert_string_equal(end.word, "done");
	assert_non_null(strstr(end.result, ID));
	assert_fails(&p, "{\"too\": 1}", "too");
	assert_fails(&p, "\xff", "UTF-8");
	kept_run(&p, ID, NULL, bytes_str(mail), &end);
	assert_string_equal(end.word, "done");
	server_end(server);
	kept_run(&p, ID, NULL, bytes_str(mail), &end);
	assert_string_equal(end.word, "retry");
	assert_true(end.error[0] != '\0');
	assert_ends_well(&p);
}

static void
webhook_posts_a_body(void **state)
{
	static const char *const headers[] = {
		"content-type=text/plain", "endpoint=ann", NULL};
	struct kept_process p;
	char conf[256];
	int port;
	pid_t server = server_start(http_serve, &port);

	(void)state;
	(void)snprintf(conf, sizeof(conf),
		"[webhook]\nallow = 127.0.0.0/8\n"
		"[webhook ann]\nunsigned = yes\nurl = http://127.0.0.1:%d/\n",
		port);
	program_start(&p, "spillway-job-webhook", conf);
	kept_ready(&p);
	kept_run(&p, ID, headers, bytes_str("hello"), &end);
	assert_string_equal(end.error, "");
	assert_string_equal(end.word, "done");
	kept_run(&p, ID, headers, bytes_str("gone"), &end);
	assert_string_equal(end.word, "fail");
	assert_non_null(strstr(end.error, "410"));
	assert_fails(&p, "no endpoint", "endpoint");
	kept_run(&p, ID, headers, bytes_str("hello"), &end);
	assert_string_equal(end.word, "done");
	server_end(server);
	assert_ends_well(&p);
}

static void
logs_adds_to_a_report(void **state)
{
	static const char line[] =
		"192.0.2.1 - - [22/Apr/2009:18:52:51 +0000] \"GET / HTTP/1.1\" "
		"200 123 \"-\" \"curl/7.68\"\n";
	struct kept_process p;
	char path[ENV_LEN];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/report.db", folder);
	env_add("SPILLWAY_LOGS_DB=%s", path);
	program_start(&p, "spillway-job-logs", "[logs]\n[worker]\nx = y\n");
	kept_ready(&p);
	kept_run(&p, ID, NULL, bytes_str(line), &end);
	assert_string_equal(end.error, "");
	assert_string_equal(end.word, "done");
	assert_int_equal(access(path, F_OK), 0);
	assert_fails(&p, "no log line\n", "");
	kept_run(&p, "no-uuid", NULL, bytes_str(line), &end);
	assert_string_equal(end.word, "fail");
	kept_run(&p, ID, NULL, bytes_str(line), &end);
	assert_string_equal(end.word, "done");
	assert_ends_well(&p);
}

/* Puts a blob; its header. */
static void
blob_put(const void *data, size_t len, char header[BLOB_REF + 8])
{
	char uri[ENV_LEN], text[BLOB_REF];
	struct blob_put *put;
	struct blob_ref ref;
	struct blobs *s;

	(void)snprintf(uri, sizeof(uri), "dir:%s/blobs", folder);
	(void)mkdir(uri + 4, 0700);
	s = blobs_at(uri);
	assert_int_equal(blob_put_begin(s, &put), 0);
	assert_int_equal(blob_put_write(put, data, len), 0);
	assert_int_equal(blob_put_finish(put, &ref), 0);
	blobs_close(s);
	blob_ref_write(&ref, text);
	(void)snprintf(header, BLOB_REF + 8, "blob=%s", text);
}

/* A second of silence: WAVE, PCM, mono, 8 bit, 8 kHz. */
static void
wave_make(uint8_t wave[44 + 8000])
{
	memset(wave, 0x80, 44 + 8000);
	memcpy(wave, "RIFF", 4);
	le_set(wave + 4, 4, 36 + 8000);
	memcpy(wave + 8, "WAVEfmt ", 8);
	le_set(wave + 16, 4, 16);
	le_set(wave + 20, 2, 1);
	le_set(wave + 22, 2, 1);
	le_set(wave + 24, 4, 8000);
	le_set(wave + 28, 4, 8000);
	le_set(wave + 32, 2, 1);
	le_set(wave + 34, 2, 8);
	memcpy(wave + 36, "data", 4);
	le_set(wave + 40, 4, 8000);
}

static int
tmp_is_empty(void)
{
	char path[ENV_LEN];

	(void)snprintf(path, sizeof(path), "%s/tmp", folder);
	return rmdir(path) == 0;
}

static void
transcode_makes_files_of_a_blob(void **state)
{
	char header[BLOB_REF + 8], bad[BLOB_REF + 8];
	const char *headers[] = {header, NULL}, *bad_headers[] = {bad, NULL};
	static uint8_t wave[44 + 8000];
	struct kept_process p;

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	print_message("skipped: transcode: a sanitizer's own address space is "
		      "beyond any limit\n");
	return;
#endif
	wave_make(wave);
	blob_put(wave, sizeof(wave), header);
	blob_put("no video", 8, bad);
	program_start(&p, "spillway-job-transcode",
		"[transcode]\nlandlock = no\n[email]\nx = y\n");
	kept_ready(&p);
	assert_int_equal(access(env_text[0] + strlen("SPILLWAY_TMP="), F_OK),
		-1); /* made when a job needs it */
	kept_run(&p, ID, headers, bytes_str("{\"profile\":\"audio\"}"), &end);
	assert_string_equal(end.error, "");
	assert_string_equal(end.word, "done");
	assert_non_null(strstr(end.result, "sha256:"));
	assert_true(end.rss_kb > 0);
	assert_true(tmp_is_empty());
	kept_run(&p, ID, bad_headers, bytes_str("{\"profile\":\"audio\"}"),
		&end);
	assert_string_equal(end.word, "fail");
	assert_true(end.error[0] != '\0');
	assert_fails(&p, "{\"profile\":\"audio\"}", "blob");
	assert_fails(&p, "{\"profil\":\"audio\"}", "profil");
	kept_run(&p, ID, headers, bytes_str("{\"profile\":\"audio\"}"), &end);
	assert_string_equal(end.word, "done");
	assert_true(tmp_is_empty());
	assert_ends_well(&p);
}

static void
a_job_whose_blob_is_missing_fails_for_good(void **state)
{
	static const char *const headers[] = {
		"blob=its own", "blob=sha256:x", NULL};
	struct kept_process p;
	char header[BLOB_REF + 8], hash[BLOB_REF + 8];
	const char *gone[] = {hash, NULL};

	(void)state;
	blob_put("", 0, header);
	(void)snprintf(hash, sizeof(hash), "%s", header);
	hash[strlen("blob=sha256:")] ^= 1;
	env_add("SPILLWAY_LOGS_DB=%s/report.db", folder);
	program_start(&p, "spillway-job-logs", "");
	kept_ready(&p);
	kept_run(&p, ID, headers, bytes_str(""), &end);
	assert_string_equal(end.word, "fail");
	assert_non_null(strstr(end.error, "sha256:HEX64"));
	kept_run(&p, ID, gone, bytes_str(""), &end);
	assert_string_equal(end.word, "fail");
	assert_non_null(strstr(end.error, "blob: "));
	assert_ends_well(&p);
}

/* --- the end of a worker ---------------------------------------------------
 */

static void
a_job_that_runs_ends_with_its_worker(void **state)
{
	static const char *const headers[] = {"endpoint=ann", NULL};
	struct kept_process p;
	char conf[256];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	struct kept_message m;

	(void)state;
	/* A receiver that accepts, and never answers. */
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	(void)snprintf(conf, sizeof(conf),
		"[webhook]\nallow = 127.0.0.0/8\n"
		"[webhook ann]\nunsigned = yes\ntimeout = 1s\nurl = "
		"http://127.0.0.1:%d/\n",
		ntohs(a.sin_port));
	program_start(&p, "spillway-job-webhook", conf);
	kept_ready(&p);
	kept_job(&p, ID, headers, bytes_str("hello"));
	m = kept_receive(&p);
	assert_true(kept_is(&m, "begun"));
	assert_int_equal(kept_close(&p), 0);
	(void)close(fd);
}

static void
check_config_checks_and_runs_nothing(void **state)
{
	static const char *const programs[] = {
		"email", "exec", "logs", "noop", "transcode", "webhook"};
	char name[64], path[FOLDER_FILE];
	struct kept_process p;

	(void)state;
	folder_file(folder, "jobs.conf",
		"[email]\nserver = localhost\n[webhook]\nany_url = yes\n"
		"unsigned = yes\n",
		path);
	env_add("SPILLWAY_JOBS=%s", path);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		const char *const argv[] = {name, "--check-config", NULL};

		(void)snprintf(
			name, sizeof(name), "spillway-job-%s", programs[i]);
		kept_start(&p, argv, env);
		if (kept_wait(&p) != 0)
			fail_msg("%s: %s", name, p.said);
		assert_string_equal(p.said, "");
	}
}

/* --- spillway-job-exec -----------------------------------------------------
 */

/* Its exit status; what it and its command wrote to stderr is p->said. */
static int
exec_run(struct kept_process *p, const char *const *argv)
{
	int status;

	kept_start(p, argv, env);
	status = kept_wait(p);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
exec_becomes_the_command_with_its_blob(void **state)
{
	static const char *const argv[] = {"spillway-job-exec", "/bin/sh", "-c",
		"exec >&2; cat \"$SPILLWAY_BLOB\"; echo \" "
		"$SPILLWAY_BLOB_SIZE\"; exit 7",
		NULL};
	static const char *const bare[] = {"spillway-job-exec", "/bin/sh", "-c",
		"echo \"${SPILLWAY_BLOB-none}\" >&2", NULL};
	char header[BLOB_REF + 8];
	struct kept_process p;

	(void)state;
	blob_put("in the blob", 11, header);
	env_add("SPILLWAY_BLOB=/stale");
	assert_int_equal(exec_run(&p, bare), 0);
	assert_string_equal(p.said, "none\n");
	env_add("SPILLWAY_HEADER_BLOB=%s", header + strlen("blob="));
	assert_int_equal(exec_run(&p, argv), 7);
	assert_string_equal(p.said, "in the blob 11\n");
}

static void
exec_says_what_cannot_be_had(void **state)
{
	static const char *const none[] = {"spillway-job-exec", NULL};
	static const char *const missing[] = {
		"spillway-job-exec", "/none/at/all", NULL};
	static const char *const good[] = {
		"spillway-job-exec", "/bin/true", NULL};
	char header[BLOB_REF + 8], text[64];
	struct kept_process p;

	(void)state;
	assert_int_equal(exec_run(&p, none), EX_USAGE);
	kept_start(&p, missing, env);
	assert_int_equal(recv(p.sock, text, sizeof(text), 0), 10);
	assert_memory_equal(text, "not-run 2\n", 10);
	assert_int_equal(kept_wait(&p), 127 << 8);
	assert_string_equal(
		p.said, "/none/at/all: No such file or directory\n");
	blob_put("", 0, header);
	header[strlen("blob=sha256:")] ^= 1;
	env_add("SPILLWAY_HEADER_BLOB=%s", header + strlen("blob="));
	assert_int_equal(exec_run(&p, good), EX_NOINPUT);
	assert_int_equal(strncmp(p.said, "blob: ", 6), 0);
	env[1] = "SPILLWAY_BLOBS=";
	assert_int_equal(exec_run(&p, good), EX_TEMPFAIL);
	assert_non_null(strstr(p.said, "--blobs"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(noop_does_nothing_well),
		CASE(email_sends_a_mail),
		CASE(webhook_posts_a_body),
		CASE(logs_adds_to_a_report),
		CASE(transcode_makes_files_of_a_blob),
		CASE(a_job_whose_blob_is_missing_fails_for_good),
		CASE(a_job_that_runs_ends_with_its_worker),
		CASE(check_config_checks_and_runs_nothing),
		CASE(exec_becomes_the_command_with_its_blob),
		CASE(exec_says_what_cannot_be_had),
	};

	return cmocka_run_group_tests_name("programs", tests, NULL, NULL);
}
