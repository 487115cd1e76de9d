/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/time.h"
#include "wire/proto.h"

enum {
	HEX = 64,
	GC_OLDER_MS = 24 * 3600 * 1000,
	GC_LEAST_MS = 3600 * 1000, /* time to put the job of a new blob */
};

/* The blobs that jobs name, sorted; then the blobs to delete. */
struct blob_gc {
	struct cmd *c;
	struct blob_hash *marks;
	size_t marks_n, marks_cap;
	struct blob_info *olds;
	size_t olds_n, olds_cap;
	int64_t older_ms, begun_ms;
	int64_t kept, deleted, bytes;
	int partial;
};

/* Makes room for one more element at *p: 1; 0: no memory. */
static int
array_grow(void **p, size_t *cap, size_t n, size_t each)
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

static int
mark_add(struct blob_gc *g, const struct blob_hash *h)
{
	void *p = g->marks;

	if (!array_grow(&p, &g->marks_cap, g->marks_n, sizeof(*h)))
		return cmd_refuse(g->c, "out of memory");
	g->marks = p;
	g->marks[g->marks_n++] = *h;
	return CMD_OK;
}

/* Marks every blob name in a text. */
static int
marks_in(struct blob_gc *g, struct bytes raw)
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

/* A name may cross the end of a chunk: the last bytes are searched again. */
static int
manifest_read(struct blob_gc *g, struct blob_get *get, char *buf, size_t cap)
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

/* Marks the names in a manifest; a manifest that is gone has none. */
static int
manifest_marks(struct blob_gc *g, struct bytes name)
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

/* Marks the names in all headers of a job, and in its manifest. */
static int
marks_of(struct blob_gc *g, const struct sw_item *job)
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
mark_page(struct blob_gc *g, uint8_t *cursor, size_t *len)
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
	rc = cmd_call_item(g->c, &b, &reply, &it);
	if (rc != CMD_OK)
		return rc;
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
 * Walks over the jobs of all states, in the order of their ids: a job that
 * changes its state meanwhile is not missed.
 */
static int
marks_collect(struct blob_gc *g)
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

/* --older, counted back from the begin of the marking: jobs put later have
 * younger blobs. */
static int64_t
age_least(const struct blob_gc *g)
{
	return g->older_ms + (clock_now_ms(CLOCK_BOOTTIME) - g->begun_ms);
}

static int
old_add(void *arg, const struct blob_info *b)
{
	struct blob_gc *g = arg;
	void *p = g->olds;

	if (b->age_ms < age_least(g) ||
		(g->marks_n > 0 && bsearch(&b->hash, g->marks, g->marks_n,
					   sizeof(*g->marks), hash_order))) {
		g->kept++;
		return 0;
	}
	if (!array_grow(&p, &g->olds_cap, g->olds_n, sizeof(*b)))
		return -ENOMEM;
	g->olds = p;
	g->olds[g->olds_n++] = *b;
	return 0;
}

static int
blobs_sweep(struct blob_gc *g, int dry)
{
	struct blobs *s = g->c->blobs;
	int err = blobs_each(s, old_add, g);

	if (err == -ENOMEM)
		return cmd_refuse(g->c, "out of memory");
	for (size_t i = 0; err == 0 && i < g->olds_n; i++) {
		if (!dry)
			err = blobs_delete(s, &g->olds[i].hash, age_least(g));
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
gc_print(const struct blob_gc *g, int dry)
{
	char n[HUMAN_TEXT], size[HUMAN_TEXT], kept[HUMAN_TEXT];

	if (g->c->value[CMD_O_JSON] == NULL) {
		(void)fprintf(g->c->out.f,
			"%s%s blobs, %s, and %d half-written; %s kept\n",
			dry ? "would delete " : "deleted ",
			human_count(n, g->deleted), human_bytes(size, g->bytes),
			g->partial, human_count(kept, g->kept));
		return;
	}
	json_print(&g->c->out,
		json_pack("{s:I,s:I,s:i,s:I,s:b}", "deleted",
			(json_int_t)g->deleted, "bytes", (json_int_t)g->bytes,
			"partial", g->partial, "kept", (json_int_t)g->kept,
			"dry_run", dry));
}

int
cmd_blob_gc(struct cmd *c)
{
	struct blob_gc g = {.c = c,
		.older_ms = GC_OLDER_MS,
		.begun_ms = clock_now_ms(CLOCK_BOOTTIME)};
	int dry = c->value[CMD_O_DRY_RUN] != NULL;
	int rc = cmd_opt_duration(c, CMD_O_OLDER, &g.older_ms);

	if (rc == CMD_OK && g.older_ms < GC_LEAST_MS &&
		c->value[CMD_O_FORCE] == NULL)
		rc = cmd_usage(c,
			"--older must be at least 1h, or a blob could go "
			"before its job is put (--force allows less)");
	if (rc == CMD_OK)
		rc = cmd_blobs(c);
	if (rc == CMD_OK)
		rc = marks_collect(&g);
	if (rc == CMD_OK)
		rc = blobs_sweep(&g, dry);
	if (rc == CMD_OK)
		gc_print(&g, dry);
	free(g.marks);
	free(g.olds);
	return rc;
}
