/* SPDX-License-Identifier: MIT */
#include "tests/lib/blob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/chance.h"
#include "tests/lib/folder.h"

static struct {
	pid_t pid;
	int port, rooms;
} server;

int
server_up(void **state)
{
	char line[16] = "";
	FILE *f;
	int p[2];

	(void)state;
	if (pipe(p) != 0)
		return -1;
	server.pid = fork();
	if (server.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(p[1], 1);
		execlp("python3", "python3", "tests/servers/s3_server.py",
			(char *)NULL);
		_exit(127);
	}
	close(p[1]);
	f = fdopen(p[0], "r");
	if (f == NULL || fgets(line, sizeof(line), f) == NULL)
		return -1;
	(void)fclose(f);
	server.port = atoi(line);
	setenv("AWS_ACCESS_KEY_ID", "tester", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "tester/secret+key", 1);
	setenv("AWS_REGION", "test-1", 1);
	unsetenv("AWS_SESSION_TOKEN");
	unsetenv("AWS_ENDPOINT_URL");
	return server.port > 0 ? 0 : -1;
}

int
server_down(void **state)
{
	(void)state;
	(void)kill(server.pid, SIGKILL);
	(void)waitpid(server.pid, NULL, 0);
	return 0;
}

const char *
bucket_uri(const char *place, const char *more)
{
	static char uri[512];

	(void)snprintf(uri, sizeof(uri),
		"s3://%s?endpoint=http://127.0.0.1:%d&backoff=1%s", place,
		server.port, more);
	return uri;
}

/* A request without a signature, for the server itself; its answer. */
static int
server_tell(const char *method, const char *path)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)server.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	union {
		const struct sockaddr_in *in;
		const struct sockaddr *any;
	} to = {&a};
	char text[1024], *body;
	size_t len = 0;
	ssize_t n;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, to.any, sizeof(a)), 0);
	dprintf(fd, "%s %s HTTP/1.1\r\nConnection: close\r\n\r\n", method,
		path);
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	body = strstr(text, "\r\n\r\n");
	assert_non_null(body);
	return atoi(body);
}

int
server_seen(void)
{
	return server_tell("GET", "/_seen");
}

struct blobs *
blobs_at(const char *uri)
{
	struct blobs *s = NULL;
	char why[BLOB_WHY] = "";

	if (blobs_open(&s, uri, why) < 0)
		fail_msg("%s: %s", uri, why);
	return s;
}

static struct blob_room *
room_new(const char *driver)
{
	struct blob_room *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->driver = driver;
	folder_make(r->dir);
	return r;
}

int
room_dir(void **state)
{
	struct blob_room *r = room_new("dir");
	char uri[128];

	(void)snprintf(uri, sizeof(uri), "dir:%s/store", r->dir);
	r->s = blobs_at(uri);
	*state = r;
	return 0;
}

/* A prefix for each room, so that they do not see each other. */
int
room_s3(void **state)
{
	struct blob_room *r = room_new("s3");
	char place[64];

	(void)snprintf(place, sizeof(place), "good/a-%d/b", server.rooms++);
	r->s = blobs_at(bucket_uri(place, ""));
	*state = r;
	return 0;
}

int
room_down(void **state)
{
	struct blob_room *r = *state;

	blobs_close(r->s);
	folder_remove(r->dir);
	free(r);
	return 0;
}

void
room_path(const struct blob_room *r, const struct blob_ref *ref, char path[256])
{
	char name[BLOB_NAME];

	blob_name_write(&ref->hash, name);
	(void)snprintf(
		path, 256, "%s/store/%.2s/%s", r->dir, name + 7, name + 7);
}

static int age_by;

static int
path_age(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	struct timespec t[2] = {st->st_mtim, st->st_mtim};

	(void)f;
	t[0].tv_sec -= age_by;
	t[1].tv_sec -= age_by;
	if (kind == FTW_F)
		assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
	return 0;
}

static int
path_flip(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	char c;
	int fd;

	(void)f;
	if (kind != FTW_F || st->st_size == 0)
		return 0;
	assert_int_equal(chmod(path, 0600), 0);
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, &c, 1, st->st_size - 1), 1);
	c = (char)(c ^ 1);
	assert_int_equal(pwrite(fd, &c, 1, st->st_size - 1), 1);
	close(fd);
	return 0;
}

void
room_age(struct blob_room *r, int seconds)
{
	char path[64];

	age_by = seconds;
	(void)snprintf(path, sizeof(path), "/_age?%d", seconds);
	if (strcmp(r->driver, "dir") == 0)
		(void)nftw(r->dir, path_age, 16, FTW_PHYS);
	else
		(void)server_tell("POST", path);
}

void
room_flip(struct blob_room *r)
{
	if (strcmp(r->driver, "dir") == 0)
		(void)nftw(r->dir, path_flip, 16, FTW_PHYS);
	else
		(void)server_tell("POST", "/_flip");
}

uint8_t *
noise(unsigned seed, size_t len)
{
	uint8_t *p = malloc(len + 8);
	uint64_t chance = seed;

	assert_non_null(p);
	for (size_t i = 0; i < len; i += 8)
		le_set(p + i, 8, chance_draw(&chance));
	return p;
}

int
put_noise(struct blobs *s, unsigned seed, size_t len, struct blob_ref *ref)
{
	uint8_t *p = noise(seed, len);
	struct blob_put *put = NULL;
	int err = blob_put_begin(s, &put);

	for (size_t at = 0; err == 0 && at < len;) {
		size_t n = len - at < 77777 ? len - at : 77777;

		err = blob_put_write(put, p + at, n);
		at += n;
	}
	free(p);
	if (err == 0)
		return blob_put_finish(put, ref);
	blob_put_abort(put);
	return err;
}

int
get_noise(struct blobs *s, unsigned seed, const struct blob_ref *ref)
{
	uint8_t *want = noise(seed, (size_t)ref->size), got[9999];
	struct blob_get *g = NULL;
	int err = blob_get_open(s, &ref->hash, &g);
	size_t at = 0;
	ssize_t n;
	int same = 1;

	if (err == 0)
		assert_int_equal(blob_get_size(g), ref->size);
	while (err == 0 && (n = blob_get_read(g, got, sizeof(got))) != 0) {
		err = n < 0 ? (int)n : 0;
		if (n > 0 && memcmp(got, want + at, (size_t)n) != 0)
			same = 0;
		at += n > 0 ? (size_t)n : 0;
	}
	/* Other bytes may come, but never to an end without an error. */
	assert_true(same || err < 0);
	if (err == 0)
		assert_int_equal(at, ref->size);
	blob_get_close(g);
	free(want);
	return err;
}

static int
count_one(void *arg, const struct blob_info *info)
{
	(void)info;
	++*(int *)arg;
	return 0;
}

int
blob_count(struct blobs *s)
{
	int n = 0;

	assert_int_equal(blobs_each(s, count_one, &n), 0);
	return n;
}
