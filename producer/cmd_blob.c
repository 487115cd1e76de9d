/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "cmd_json.h"
#include "cmd_time.h"
#include "error.h"
#include "proto.h"

enum {
	HEX = 64,
	GC_OLDER_MS = 24 * 3600 * 1000,
	GC_LEAST_MS = 3600 * 1000, /* a job has so long to follow its blob */
};

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
		return cmd_usage(c, "where are the blobs? --blobs or " BLOBS_ENV
				    " is wanted");
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

/* One that comes just before a read does not end it: so it comes again. */
static void
stop(int sig)
{
	stopped = sig;
	(void)alarm(1);
}

/* Who is stopped in the middle has put nothing, and leaves nothing behind. */
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

	stop_set(stop, stop);
	while (rc == CMD_OK && !stopped &&
		(n = fread(buf, 1, BLOB_CHUNK, f)) > 0)
		if (blob_put_write(p, buf, n) < 0)
			rc = cmd_blob_fail(c, name);
	stop_set(SIG_DFL, SIG_IGN);
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
	if (blob_put_begin(c->blobs, &p) < 0)
		return cmd_blob_fail(c, name);
	if (blob_put_write(p, head.p, head.len) < 0)
		rc = cmd_blob_fail(c, name);
	if (rc == CMD_OK && f != NULL)
		rc = stream_put(c, f, name, p);
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

static cJSON *
blob_json(const struct blob_hash *hash, int64_t size)
{
	struct blob_ref ref = {*hash, size};
	char name[BLOB_NAME], text[BLOB_REF];
	cJSON *j = cJSON_CreateObject();

	blob_name_write(hash, name);
	blob_ref_write(&ref, text);
	(void)cJSON_AddStringToObject(j, "name", name);
	(void)cJSON_AddNumberToObject(j, "size", (double)size);
	(void)cJSON_AddStringToObject(j, "blob", text);
	return j;
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

static int
stream_get(struct cmd *c, struct blob_get *g, FILE *f)
{
	char *buf = malloc(BLOB_CHUNK);
	int rc = buf == NULL ? cmd_refuse(c, "out of memory") : CMD_OK;
	ssize_t n;

	while (rc == CMD_OK && (n = blob_get_read(g, buf, BLOB_CHUNK)) != 0)
		if (n < 0)
			rc = cmd_blob_fail(c, "");
		else if (fwrite(buf, 1, (size_t)n, f) != (size_t)n)
			rc = cmd_refuse(c, "cannot write: %s", strerror(errno));
	free(buf);
	return rc;
}

/* The file is there whole and checked, or as it was. */
static int
file_get(struct cmd *c, struct blob_get *g, const char *path)
{
	mode_t mask = umask(0);
	char *tmp = NULL;
	int fd, rc = CMD_OK;

	(void)umask(mask);
	if (asprintf(&tmp, "%s.XXXXXX", path) < 0)
		return cmd_refuse(c, "out of memory");
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd >= 0 && blob_get_copy(g, fd) < 0)
		rc = cmd_blob_fail(c, path);
	else if (fd < 0 || fchmod(fd, 0666 & ~mask) != 0 ||
		 rename(tmp, path) != 0)
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
	struct bytes name = bytes_of(word, strcspn(word, ";"));
	struct blob_hash hash;
	struct blob_get *g;
	int rc;

	if (blob_name_parse(name, &hash) < 0)
		return cmd_usage(c,
			"'%.100s': sha256: and 64 hex digits are wanted", word);
	if (path == NULL && c->out.tty)
		return cmd_usage(c, "this is a terminal: --output is wanted");
	rc = cmd_blobs(c);
	if (rc != CMD_OK)
		return rc;
	if (blob_get_open(c->blobs, &hash, &g) < 0)
		return cmd_blob_fail(c, "");
	rc = path != NULL ? file_get(c, g, path) : stream_get(c, g, c->out.f);
	blob_get_close(g);
	return rc;
}

/* --- ls ------------------------------------------------------------------ */

struct ls {
	struct cmd *c;
	struct table table;
};

static int
ls_row(void *arg, const struct blob_info *b)
{
	struct ls *l = arg;
	char name[BLOB_NAME], text[HUMAN_TEXT];

	if (l->c->value[CMD_O_JSON] != NULL) {
		cJSON *j = blob_json(&b->hash, b->size);

		(void)cJSON_AddNumberToObject(j, "age_ms", (double)b->age_ms);
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
	struct ls l = {.c = c};
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

/* --- gc ------------------------------------------------------------------ */

/* What jobs name, sorted; then the blobs that may go. */
struct gc {
	struct cmd *c;
	struct blob_hash *marks;
	size_t marks_n, marks_cap;
	struct blob_info *olds;
	size_t olds_n, olds_cap;
	int64_t older_ms, begun_ms;
	int64_t kept, deleted, bytes;
	int partial;
};

/* Room for one more at *p; 0 when there is none. */
static int
grow(void **p, size_t *cap, size_t n, size_t each)
{
	size_t more = *cap == 0 ? 256 : *cap * 2;
	void *q;

	if (n < *cap)
		return 1;
	q = reallocarray(*p, more, each);
	if (q == NULL)
		return 0;
	*p = q;
	*cap = more;
	return 1;
}

static int64_t
mono_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
mark_add(struct gc *g, const struct blob_hash *h)
{
	void *p = g->marks;

	if (!grow(&p, &g->marks_cap, g->marks_n, sizeof(*h)))
		return cmd_refuse(g->c, "out of memory");
	g->marks = p;
	g->marks[g->marks_n++] = *h;
	return CMD_OK;
}

/* All names in a text. */
static int
marks_in(struct gc *g, struct bytes raw)
{
	static const char word[] = "sha256:";
	const size_t n = sizeof(word) - 1;
	const char *p = raw.p, *end = p + raw.len;
	int rc = CMD_OK;

	while (rc == CMD_OK &&
		(p = memmem(p, (size_t)(end - p), word, n)) != NULL) {
		struct blob_hash h;

		if ((size_t)(end - p) >= n + HEX &&
			blob_name_parse(bytes_of(p, n + HEX), &h) == 0)
			rc = mark_add(g, &h);
		p += n;
	}
	return rc;
}

/* A name may be cut by the end of a piece: its last bytes are read again. */
static int
manifest_read(struct gc *g, struct blob_get *get, char *buf, size_t cap)
{
	size_t kept = 0;
	int rc = CMD_OK;
	ssize_t n;

	while (rc == CMD_OK &&
		(n = blob_get_read(get, buf + kept, cap - kept)) != 0) {
		size_t len = kept + (size_t)(n > 0 ? n : 0);

		if (n < 0)
			return cmd_blob_fail(g->c, "manifest");
		rc = marks_in(g, bytes_of(buf, len));
		kept = len < BLOB_NAME ? len : BLOB_NAME;
		memmove(buf, buf + len - kept, kept);
	}
	return rc;
}

/* One that is gone keeps nothing. */
static int
manifest_marks(struct gc *g, struct bytes name)
{
	struct blob_hash h;
	struct blob_get *get;
	char *buf;
	int rc;

	if (blob_name_parse(name, &h) < 0)
		return CMD_OK;
	rc = blob_get_open(g->c->blobs, &h, &get);
	if (rc == -ENOENT)
		return CMD_OK;
	if (rc < 0)
		return cmd_blob_fail(g->c, "manifest");
	buf = malloc(BLOB_CHUNK);
	rc = buf == NULL ? cmd_refuse(g->c, "out of memory")
			 : manifest_read(g, get, buf, BLOB_CHUNK);
	free(buf);
	blob_get_close(get);
	return rc;
}

/* All names in a header, whatever that is called, and in a manifest. */
static int
marks_of(struct gc *g, const struct sw_item *job)
{
	static const char manifest[] = MANIFEST_HEADER "=sha256:";
	const size_t key = strlen(MANIFEST_HEADER "=");
	struct bytes h;
	size_t at = 0;
	int rc = CMD_OK;

	while (rc == CMD_OK && sw_item_each(job, SW_F_HEADER, &at, &h)) {
		const char *p = h.p;

		rc = marks_in(g, h);
		if (rc == CMD_OK && h.len >= key + BLOB_NAME - 1 &&
			memcmp(p, manifest, sizeof(manifest) - 1) == 0)
			rc = manifest_marks(
				g, bytes_of(p + key, BLOB_NAME - 1));
	}
	return rc;
}

static int
mark_page(struct gc *g, uint8_t *cursor, size_t *len)
{
	struct sw_buf b = cmd_begin(g->c, SW_OP_LIST, 0);
	size_t mark = sw_item_begin(&b);
	struct sw_msg reply;
	struct sw_item it;
	int rc;

	sw_put_int(&b, SW_F_STATE, SW_NONE);
	if (*len > 0)
		sw_put_bytes(&b, SW_F_CURSOR, bytes_of(cursor, *len));
	sw_item_end(&b, mark);
	rc = cmd_call(g->c, &b, &reply);
	if (rc != CMD_OK)
		return rc;
	if (!sw_msg_next(&reply, &it))
		return cmd_fail(g->c, SW_EUNKNOWN);
	if (sw_int(&it, SW_F_STATUS, SW_EUNKNOWN) != 0)
		return cmd_refused(g->c, "list", &it);
	*len = sw_bytes(&it, SW_F_CURSOR).len;
	memcpy(cursor, sw_bytes(&it, SW_F_CURSOR).p, *len);
	while (rc == CMD_OK && sw_msg_next(&reply, &it))
		rc = marks_of(g, &it);
	return rc;
}

static int
hash_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct blob_hash));
}

/*
 * One walk over the jobs of any state, by their ids: a job that moves from
 * state to state meanwhile is seen all the same.
 */
static int
mark(struct gc *g)
{
	uint8_t cursor[SW_CURSOR_MAX];
	size_t len = 0;
	int rc;

	do
		rc = mark_page(g, cursor, &len);
	while (rc == CMD_OK && len > 0);
	if (g->marks_n > 0)
		qsort(g->marks, g->marks_n, sizeof(*g->marks), hash_order);
	return rc;
}

/* As old as that when the marking began: later jobs have younger blobs. */
static int64_t
age_wanted(const struct gc *g)
{
	return g->older_ms + (mono_ms() - g->begun_ms);
}

static int
old_add(void *arg, const struct blob_info *b)
{
	struct gc *g = arg;
	void *p = g->olds;

	if (b->age_ms < age_wanted(g) ||
		(g->marks_n > 0 && bsearch(&b->hash, g->marks, g->marks_n,
					   sizeof(*g->marks), hash_order))) {
		g->kept++;
		return 0;
	}
	if (!grow(&p, &g->olds_cap, g->olds_n, sizeof(*b)))
		return -ENOMEM;
	g->olds = p;
	g->olds[g->olds_n++] = *b;
	return 0;
}

static int
sweep(struct gc *g, int dry)
{
	struct blobs *s = g->c->blobs;
	int err = blobs_each(s, old_add, g);

	if (err == -ENOMEM)
		return cmd_refuse(g->c, "out of memory");
	for (size_t i = 0; err == 0 && i < g->olds_n; i++) {
		if (!dry)
			err = blobs_delete(s, &g->olds[i].hash, age_wanted(g));
		if (err == -EBUSY || err == -ENOENT) {
			g->kept += err == -EBUSY;
			err = 0;
			continue;
		}
		g->deleted += err == 0;
		g->bytes += err == 0 ? g->olds[i].size : 0;
	}
	if (err == 0)
		err = g->partial = blobs_clean(s, g->older_ms, dry);
	return err < 0 ? cmd_blob_fail(g->c, "") : CMD_OK;
}

static void
gc_print(const struct gc *g, int dry)
{
	char n[HUMAN_TEXT], size[HUMAN_TEXT], kept[HUMAN_TEXT];
	cJSON *j;

	if (g->c->value[CMD_O_JSON] == NULL) {
		(void)fprintf(g->c->out.f,
			"%s%s blobs, %s, and %d half-written; %s kept\n",
			dry ? "would delete " : "deleted ",
			human_count(n, g->deleted), human_bytes(size, g->bytes),
			g->partial, human_count(kept, g->kept));
		return;
	}
	j = cJSON_CreateObject();
	(void)cJSON_AddNumberToObject(j, "deleted", (double)g->deleted);
	(void)cJSON_AddNumberToObject(j, "bytes", (double)g->bytes);
	(void)cJSON_AddNumberToObject(j, "partial", g->partial);
	(void)cJSON_AddNumberToObject(j, "kept", (double)g->kept);
	(void)cJSON_AddBoolToObject(j, "dry_run", dry);
	json_print(&g->c->out, j);
}

int
cmd_blob_gc(struct cmd *c)
{
	struct gc g = {.c = c, .older_ms = GC_OLDER_MS, .begun_ms = mono_ms()};
	int dry = c->value[CMD_O_DRY_RUN] != NULL;
	int rc = cmd_opt_duration(c, CMD_O_OLDER, &g.older_ms);

	if (rc == CMD_OK && g.older_ms < GC_LEAST_MS &&
		c->value[CMD_O_FORCE] == NULL)
		rc = cmd_usage(c, "--older below 1h may take a blob whose job "
				  "is not yet put: --force is wanted");
	if (rc == CMD_OK)
		rc = cmd_blobs(c);
	if (rc == CMD_OK)
		rc = mark(&g);
	if (rc == CMD_OK)
		rc = sweep(&g, dry);
	if (rc == CMD_OK)
		gc_print(&g, dry);
	free(g.marks);
	free(g.olds);
	return rc;
}
