/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/time.h"

int
cmd_blobs(struct cmd *c)
{
	const char *uri = c->value[CMD_O_BLOBS];
	char why[BLOB_WHY];
	int err;

	if (c->blobs != NULL)
		return CMD_OK;
	if (uri == NULL)
		uri = getenv(BLOBS_ENV);
	if (uri == NULL || uri[0] == '\0')
		return cmd_usage(c,
			"missing argument: --blobs URI, and " BLOBS_ENV
			" is not set");
	err = blobs_open(&c->blobs, uri, why);
	if (err == SW_EINVAL)
		return cmd_usage(c, "blobs: %s", why);
	return err < 0 ? cmd_refuse(c, "blobs: %s", why) : CMD_OK;
}

int
cmd_blob_fail(struct cmd *c, const char *what)
{
	return cmd_refuse(c, "%s%s%s", what, what[0] == '\0' ? "" : ": ",
		blobs_why(c->blobs));
}

/* --- put ----------------------------------------------------------------- */

static volatile sig_atomic_t stopped;

/* A signal just before a read does not end the read: SIGALRM repeats it. */
static void
on_stop(int sig)
{
	stopped = sig;
	(void)alarm(1);
}

/* Signals end a put cleanly: no blob and no partial file stay. */
static void
stop_set(void (*handler)(int), void (*again)(int))
{
	const struct sigaction first = {.sa_handler = handler}; /* reads end */
	const struct sigaction more = {.sa_handler = again};

	(void)sigaction(SIGALRM, &more, NULL);
	(void)sigaction(SIGTERM, &first, NULL);
	(void)sigaction(SIGINT, &first, NULL);
}

static int
stream_put(struct cmd *c, FILE *f, const char *name, struct blob_put *p)
{
	char *buf = malloc(BLOB_CHUNK);
	int rc = buf == NULL ? cmd_refuse(c, "out of memory") : CMD_OK;
	size_t n;

	while (rc == CMD_OK && !stopped &&
		(n = fread(buf, 1, BLOB_CHUNK, f)) > 0)
		if (blob_put_write(p, buf, n) < 0)
			rc = cmd_blob_fail(c, name);
	if (rc == CMD_OK && stopped)
		rc = cmd_refuse(c, "%s: stopped, nothing was put", name);
	if (rc == CMD_OK && ferror(f))
		rc = cmd_refuse(c, "%s: %s", name, strerror(errno));
	free(buf);
	return rc;
}

int
cmd_blob_put_all(struct cmd *c, struct bytes head, FILE *f, const char *name,
	struct blob_ref *ref)
{
	struct blob_put *p;
	int rc = cmd_blobs(c);

	if (rc != CMD_OK)
		return rc;
	stop_set(on_stop, on_stop); /* before there is a partial file */
	if (blob_put_begin(c->blobs, &p) < 0) {
		stop_set(SIG_DFL, SIG_IGN);
		return cmd_blob_fail(c, name);
	}
	if (blob_put_write(p, head.p, head.len) < 0)
		rc = cmd_blob_fail(c, name);
	if (rc == CMD_OK && f != NULL)
		rc = stream_put(c, f, name, p);
	stop_set(SIG_DFL, SIG_IGN);
	if (rc != CMD_OK)
		blob_put_abort(p);
	else if (blob_put_finish(p, ref) < 0)
		rc = cmd_blob_fail(c, name);
	return rc;
}

int
cmd_blob_put_file(struct cmd *c, const char *path, struct blob_ref *ref)
{
	struct bytes none = {"", 0};
	FILE *f;
	int rc;

	if (strcmp(path, "-") == 0)
		return cmd_blob_put_all(c, none, c->in, "stdin", ref);
	f = fopen(path, "re");
	if (f == NULL)
		return cmd_refuse(c, "%s: %s", path, strerror(errno));
	rc = cmd_blob_put_all(c, none, f, path, ref);
	(void)fclose(f);
	return rc;
}

static json_t *
blob_json(const struct blob_hash *hash, int64_t size)
{
	struct blob_ref ref = {*hash, size};
	char name[BLOB_NAME], text[BLOB_REF];

	blob_name_write(hash, name);
	blob_ref_write(&ref, text);
	return json_pack("{s:s,s:I,s:s}", "name", name, "size",
		(json_int_t)size, "blob", text);
}

int
cmd_blob_put(struct cmd *c)
{
	int rc = CMD_OK;

	for (int i = 0; i < c->n_words && rc == CMD_OK; i++) {
		struct blob_ref ref = {0};
		char text[BLOB_REF];

		rc = cmd_blob_put_file(c, c->words[i], &ref);
		if (rc != CMD_OK)
			break;
		blob_ref_write(&ref, text);
		if (c->value[CMD_O_JSON] != NULL)
			json_print(&c->out, blob_json(&ref.hash, ref.size));
		else
			(void)fprintf(c->out.f, "%s\n", text);
	}
	return rc;
}

/* --- get ----------------------------------------------------------------- */

/* The bytes of --range, both ends included; the whole blob without it. */
struct blob_range {
	int64_t from, to; /* from -1: the last `to` bytes */
};

/* Takes an offset off the front of *s. */
static int
offset_take(const char **s, int64_t *at)
{
	char *end;

	if (**s < '0' || **s > '9')
		return SW_EINVAL;
	errno = 0;
	*at = strtoll(*s, &end, 10);
	*s = end;
	return errno == 0 ? 0 : SW_EINVAL;
}

/* Parses the forms of HTTP and curl -r: FROM-TO, FROM-, -LAST. */
static int
range_parse(const char *text, struct blob_range *r)
{
	struct blob_range got = {-1, INT64_MAX};
	const char *s = text;

	if (*s != '-' && offset_take(&s, &got.from) < 0)
		return SW_EINVAL;
	if (*s++ != '-')
		return SW_EINVAL;
	if ((*s != '\0' || got.from < 0) && offset_take(&s, &got.to) < 0)
		return SW_EINVAL;
	if (*s != '\0' || got.to < got.from)
		return SW_EINVAL;
	*r = got;
	return 0;
}

/* Moves to the begin of the range; *n: its bytes within this blob. */
static int
range_begin(struct cmd *c, struct blob_range r, struct blob_get *g, int64_t *n)
{
	int64_t size = blob_get_size(g);

	if (r.from < 0)
		r = (struct blob_range){
			size > r.to ? size - r.to : 0, size - 1};
	if (r.to > size - 1)
		r.to = size - 1;
	if (r.from > r.to && c->value[CMD_O_RANGE] != NULL)
		return cmd_refuse(c,
			"--range '%.60s' has nothing, the blob has "
			"%" PRId64 " bytes",
			c->value[CMD_O_RANGE], size);
	if (r.from > 0)
		blob_get_seek(g, r.from); /* gives up the check at the end */
	*n = r.to + 1 - r.from;
	return CMD_OK;
}

/* Reads to the end of file: the last read of a whole blob checks its hash. */
static int
stream_get(struct cmd *c, struct blob_get *g, int64_t left, FILE *f)
{
	char *buf = malloc(BLOB_CHUNK);
	int rc = buf == NULL ? cmd_refuse(c, "out of memory") : CMD_OK;
	ssize_t n;

	while (rc == CMD_OK &&
		(n = blob_get_read(g, buf,
			 left < BLOB_CHUNK ? (size_t)left : BLOB_CHUNK)) != 0) {
		if (n < 0)
			rc = cmd_blob_fail(c, "");
		else if (fwrite(buf, 1, (size_t)n, f) != (size_t)n)
			rc = cmd_refuse(c, "cannot write: %s", strerror(errno));
		left -= n;
	}
	free(buf);
	return rc;
}

/* A part is copied by a stream; blob_get_copy() syncs a whole blob early. */
static int
fd_get(struct cmd *c, struct blob_get *g, int64_t n, int fd, const char *path)
{
	FILE *f;
	int rc;

	if (c->value[CMD_O_RANGE] == NULL)
		return blob_get_copy(g, fd) < 0 ? cmd_blob_fail(c, path)
						: CMD_OK;
	f = fdopen(dup(fd), "w");
	if (f == NULL)
		return cmd_refuse(c, "%s: %s", path, strerror(errno));
	rc = stream_get(c, g, n, f);
	if ((fclose(f) != 0 || fsync(fd) != 0) && rc == CMD_OK)
		rc = cmd_refuse(c, "%s: %s", path, strerror(errno));
	return rc;
}

/* Writes a temporary file and renames it: `path` is complete, or as before. */
static int
file_get(struct cmd *c, struct blob_get *g, int64_t n, const char *path)
{
	mode_t mask = umask(0);
	char *tmp = NULL;
	int fd, rc;

	(void)umask(mask);
	if (asprintf(&tmp, "%s.XXXXXX", path) < 0)
		return cmd_refuse(c, "out of memory");
	fd = mkostemp(tmp, O_CLOEXEC);
	rc = fd >= 0 ? fd_get(c, g, n, fd, path) : CMD_OK;
	if (rc == CMD_OK && (fd < 0 || fchmod(fd, 0666 & ~mask) != 0 ||
				    rename(tmp, path) != 0))
		rc = cmd_refuse(c, "%s: %s", path, strerror(errno));
	if (rc != CMD_OK && fd >= 0)
		(void)unlink(tmp);
	if (fd >= 0)
		close(fd);
	free(tmp);
	return rc;
}

int
cmd_blob_get(struct cmd *c)
{
	const char *word = c->words[0], *path = c->value[CMD_O_OUTPUT];
	const char *range = c->value[CMD_O_RANGE];
	struct bytes name = bytes_of(word, strcspn(word, ";"));
	struct blob_range r = {0, INT64_MAX};
	struct blob_hash hash;
	struct blob_get *g;
	int64_t n = 0;
	int rc;

	if (blob_name_parse(name, &hash) < 0)
		return cmd_usage(c,
			"'%.100s' is not a blob's name: it must be sha256: and "
			"64 hex digits",
			word);
	if (range != NULL && range_parse(range, &r) < 0)
		return cmd_usage(c,
			"--range must be FROM-TO, FROM- or -LAST, not '%.60s'",
			range);
	if (path == NULL && c->out.tty)
		return cmd_usage(c, "missing argument: --output FILE, for "
				    "stdout is a terminal");
	rc = cmd_blobs(c);
	if (rc != CMD_OK)
		return rc;
	if (blob_get_open(c->blobs, &hash, &g) < 0)
		return cmd_blob_fail(c, "");
	rc = range_begin(c, r, g, &n);
	if (rc == CMD_OK)
		rc = path != NULL ? file_get(c, g, n, path)
				  : stream_get(c, g, n, c->out.f);
	blob_get_close(g);
	return rc;
}

/* --- ls ------------------------------------------------------------------ */

struct blob_list {
	struct cmd *c;
	struct out_table table;
};

static int
ls_row(void *arg, const struct blob_info *b)
{
	struct blob_list *l = arg;
	char name[BLOB_NAME], text[HUMAN_TEXT];

	if (l->c->value[CMD_O_JSON] != NULL) {
		json_t *j = blob_json(&b->hash, b->size);

		json_add(j, "age_ms", json_integer(b->age_ms));
		json_print(&l->c->out, j);
		return 0;
	}
	blob_name_write(&b->hash, name);
	table_text(&l->table, name);
	table_text(&l->table, human_bytes(text, b->size));
	table_text(&l->table, human_ms(text, b->age_ms < 0 ? 0 : b->age_ms));
	return 0;
}

int
cmd_blob_ls(struct cmd *c)
{
	static const char *const heads[] = {"NAME", "-SIZE", "-AGE"};
	struct blob_list l = {.c = c};
	int rc = cmd_blobs(c);

	if (rc != CMD_OK)
		return rc;
	table_init(&l.table, heads, 3);
	if (blobs_each(c->blobs, ls_row, &l) < 0)
		rc = cmd_blob_fail(c, "");
	else if (c->value[CMD_O_JSON] == NULL)
		table_print(&l.table, &c->out);
	table_fini(&l.table);
	return rc;
}
