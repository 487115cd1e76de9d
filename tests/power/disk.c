/* SPDX-License-Identifier: MIT */
#include "tests/power/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/must.h"
#include "tests/lib/chance.h"
#include "tests/power/image.h"

enum {
	NAME = 80,
	PATH = 512,
	FDS = 1024,
};

struct entry {
	char name[NAME];
	int node;
};

struct entries {
	struct entry *all;
	size_t n, cap;
};

struct node {
	int is_folder, parent;
	char name[NAME];	  /* the last one */
	struct entries now, sure; /* of a folder */
	struct image bytes;	  /* of a file: those that are sure */
};

enum change_kind { BYTES, LENGTH, AT_LEAST, NAMED, UNNAMED };
enum outcome { LOST, KEPT, TORN };

struct change { /* that is not durable */
	enum change_kind kind;
	int node;
	uint64_t id;
	uint64_t after; /* the change that this one waits for, or 0 */
	size_t at, len;
	const uint8_t *from;
	char name[NAME];
	int target;
	int sure; /* it is, but stands behind others that are not */
	enum outcome outcome;
};

struct disk {
	char root[PATH];
	struct node *nodes; /* the first is the root */
	size_t nodes_n, nodes_cap;
	struct change *changes;
	size_t changes_n, changes_cap;
	uint64_t ids;
	int fds[FDS];
	struct image scratch;
};

static void *
grown(void *p, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return p;
	*cap = *cap * 2 + 16;
	p = realloc(p, *cap * size);
	must(p != NULL);
	return p;
}

/* --- bytes --------------------------------------------------------------- */

static void
bytes_change(struct image *b, const struct change *c)
{
	if (c->kind == BYTES)
		image_write(b, c->at, c->from, c->len);
	else if (c->kind == LENGTH || c->len > b->size)
		image_size(b, c->len);
}

/* --- names --------------------------------------------------------------- */

static struct entry *
entry_find(const struct entries *e, const char *name)
{
	for (size_t i = 0; i < e->n; i++)
		if (strcmp(e->all[i].name, name) == 0)
			return &e->all[i];
	return NULL;
}

static void
entry_set(struct entries *e, const char *name, int node)
{
	struct entry *old = entry_find(e, name);

	if (old == NULL) {
		e->all = grown(e->all, e->n, &e->cap, sizeof(*e->all));
		old = &e->all[e->n++];
		strcpy(old->name, name);
	}
	old->node = node;
}

static void
entry_delete(struct entries *e, const char *name)
{
	struct entry *old = entry_find(e, name);

	if (old != NULL)
		*old = e->all[--e->n];
}

static void
entry_change(struct entries *e, const struct change *c)
{
	if (c->kind == NAMED)
		entry_set(e, c->name, c->target);
	else
		entry_delete(e, c->name);
}

/* The folder that `path` is in, and its last part; "" for the root itself. */
static int
folder_of(const struct disk *d, const char *path, char name[NAME])
{
	const char *at = path + strlen(d->root);
	int node = 0;

	must(strncmp(path, d->root, strlen(d->root)) == 0);
	name[0] = '\0';
	while (*at == '/') {
		const struct entry *e;
		size_t n = strcspn(++at, "/");

		if (name[0] != '\0') {
			e = entry_find(&d->nodes[node].now, name);
			must(e != NULL);
			node = e->node;
		}
		must(n > 0 && n < NAME);
		memcpy(name, at, n);
		name[n] = '\0';
		at += n;
		if (strcmp(name, "..") == 0) {
			node = d->nodes[node].parent;
			name[0] = '\0';
		}
	}
	return node;
}

static int
node_new(struct disk *d, int parent, const char *name, int is_folder)
{
	d->nodes = grown(
		d->nodes, d->nodes_n, &d->nodes_cap, sizeof(*d->nodes));
	d->nodes[d->nodes_n] = (struct node){
		.is_folder = is_folder, .parent = parent};
	strcpy(d->nodes[d->nodes_n].name, name);
	return (int)d->nodes_n++;
}

/* --- changes ------------------------------------------------------------- */

static uint64_t
change_add(struct disk *d, struct change c)
{
	d->changes = grown(
		d->changes, d->changes_n, &d->changes_cap, sizeof(c));
	c.id = ++d->ids;
	d->changes[d->changes_n++] = c;
	return c.id;
}

static uint64_t
name_change(struct disk *d, enum change_kind kind, int folder, const char *name,
	int target, uint64_t after)
{
	struct change c = {
		.kind = kind, .node = folder, .target = target, .after = after};

	strcpy(c.name, name);
	entry_change(&d->nodes[folder].now, &c);
	return change_add(d, c);
}

static int
made(struct disk *d, const char *path, int is_folder)
{
	char name[NAME];
	int folder = folder_of(d, path, name);
	int node = node_new(d, folder, name, is_folder);

	(void)name_change(d, NAMED, folder, name, node, 0);
	return node;
}

static void
node_sync(struct disk *d, int node)
{
	struct node *n = &d->nodes[node];
	size_t left = 0;

	for (size_t i = 0; i < d->changes_n; i++) {
		const struct change *c = &d->changes[i];

		if (c->node != node)
			d->changes[left++] = *c;
		else if (n->is_folder)
			entry_change(&n->sure, c);
		else
			bytes_change(&n->bytes, c);
	}
	d->changes_n = left;
}

static void
range_sync(struct disk *d, int node, uint64_t at, uint64_t len)
{
	for (size_t i = 0; i < d->changes_n; i++) {
		struct change *c = &d->changes[i];

		if (c->node == node && c->kind == BYTES && c->at >= at &&
			c->at + c->len <= at + len)
			c->sure = 1;
	}
}

/* --- records ------------------------------------------------------------- */

static void
step_open(struct disk *d, const struct trace_rec *r, const char *path)
{
	char name[NAME];
	int folder = folder_of(d, path, name);
	const struct entry *e = entry_find(&d->nodes[folder].now, name);
	int node = name[0] == '\0' ? folder : e != NULL ? e->node : -1;

	if (node < 0) {
		must(r->arg & O_CREAT);
		node = made(d, path, 0);
	} else if (r->arg & O_TRUNC) {
		(void)change_add(
			d, (struct change){.kind = LENGTH, .node = node});
	}
	d->fds[r->fd] = node;
}

static void
step_rename(struct disk *d, const char *from)
{
	char old[NAME], name[NAME];
	int there = folder_of(d, from, old);
	int here = folder_of(d, from + strlen(from) + 1, name);
	const struct entry *e = entry_find(&d->nodes[there].now, old);
	uint64_t id;

	must(e != NULL);
	strcpy(d->nodes[e->node].name, name);
	id = name_change(d, NAMED, here, name, e->node, 0);
	(void)name_change(d, UNNAMED, there, old, 0, id);
}

static void
step_path(struct disk *d, const struct trace_rec *r, const char *path)
{
	char name[NAME];
	int folder = folder_of(d, path, name);
	const struct entry *e = entry_find(&d->nodes[folder].now, name);

	if (r->kind == TRACE_MKDIR) {
		(void)made(d, path, 1);
		return;
	}
	must(e != NULL);
	if (r->kind == TRACE_UNLINK)
		(void)name_change(d, UNNAMED, folder, name, 0, 0);
	else
		(void)change_add(d, (struct change){.kind = LENGTH,
					    .node = e->node,
					    .len = r->arg});
}

static void
step_fd(struct disk *d, const struct trace_rec *r, const uint8_t *data)
{
	struct change c = {.node = d->fds[r->fd], .len = r->arg};

	must(c.node >= 0);
	if (r->kind == TRACE_WRITE) {
		c.kind = BYTES;
		c.at = r->at;
		c.len = r->len;
		c.from = data;
	} else {
		c.kind = r->kind == TRACE_SIZE ? LENGTH : AT_LEAST;
	}
	(void)change_add(d, c);
}

void
disk_step(struct disk *d, const struct trace_rec *r, int lie)
{
	union {
		const struct trace_rec *r;
		const char *text;
		const uint8_t *data;
	} behind = {r + 1};

	switch ((enum trace_kind)r->kind) {
	case TRACE_LIFE:
		memset(d->fds, -1, sizeof(d->fds));
		break;
	case TRACE_OPEN:
		step_open(d, r, behind.text);
		break;
	case TRACE_WRITE:
	case TRACE_SIZE:
	case TRACE_GROW:
		step_fd(d, r, behind.data);
		break;
	case TRACE_SYNC:
		if (!lie)
			node_sync(d, d->fds[r->fd]);
		break;
	case TRACE_SYNC_RANGE:
		if (!lie)
			range_sync(d, d->fds[r->fd], r->at, r->arg);
		break;
	case TRACE_RENAME:
		step_rename(d, behind.text);
		break;
	case TRACE_CUT:
	case TRACE_UNLINK:
	case TRACE_MKDIR:
		step_path(d, r, behind.text);
		break;
	case TRACE_MARK:
		break;
	}
}

const char *
disk_name(const struct disk *d, int fd)
{
	return d->nodes[d->fds[fd]].name;
}

/* --- the power goes ------------------------------------------------------ */

static void
outcomes_draw(struct disk *d, const struct disk_luck *luck, uint64_t *seed)
{
	for (size_t i = 0; i < d->changes_n; i++) {
		struct change *c = &d->changes[i];

		c->outcome = chance_draw(seed) % 100 >= luck->keep ? LOST
			     : c->kind == BYTES && chance_draw(seed) % 100 <
							   luck->tear
				     ? TORN
				     : KEPT;
		if (c->sure)
			c->outcome = KEPT;
	}
	for (size_t i = 0; i < d->changes_n; i++)
		for (size_t k = 0; k < i && d->changes[i].after != 0; k++)
			if (d->changes[k].id == d->changes[i].after &&
				d->changes[k].outcome == LOST)
				d->changes[i].outcome = LOST;
}

static void
file_leave(struct disk *d, int node, const char *path, uint64_t *seed)
{
	const struct image *sure = &d->nodes[node].bytes;
	struct image *b = &d->scratch;

	image_size(b, sure->used);
	if (sure->used > 0)
		image_write(b, 0, sure->p, sure->used);
	b->size = sure->size;
	for (size_t i = 0; i < d->changes_n; i++) {
		const struct change *c = &d->changes[i];

		if (c->node == node && c->outcome == KEPT)
			bytes_change(b, c);
		else if (c->node == node && c->outcome == TORN)
			image_tear(b, c->at, c->from, c->len, seed);
	}
	image_save(b, path);
}

static void
folder_leave(struct disk *d, int node, const char *path, uint64_t *seed)
{
	const struct entries *sure = &d->nodes[node].sure;
	struct entries e = {0};
	char below[PATH];

	must(mkdir(path, 0700) == 0);
	for (size_t i = 0; i < sure->n; i++)
		entry_set(&e, sure->all[i].name, sure->all[i].node);
	for (size_t i = 0; i < d->changes_n; i++)
		if (d->changes[i].node == node && d->changes[i].outcome == KEPT)
			entry_change(&e, &d->changes[i]);
	for (size_t i = 0; i < e.n; i++) {
		int child = e.all[i].node;

		must(snprintf(below, sizeof(below), "%s/%s", path,
			     e.all[i].name) < (int)sizeof(below));
		if (d->nodes[child].is_folder)
			folder_leave(d, child, below, seed);
		else
			file_leave(d, child, below, seed);
	}
	free(e.all);
}

void
disk_fail(struct disk *d, const struct disk_luck *luck, const char *to)
{
	uint64_t seed = luck->seed;

	outcomes_draw(d, luck, &seed);
	folder_leave(d, 0, to, &seed);
}

/* --- life ---------------------------------------------------------------- */

struct disk *
disk_new(const char *root)
{
	struct disk *d = calloc(1, sizeof(*d));

	must(d != NULL && strlen(root) < sizeof(d->root));
	strcpy(d->root, root);
	memset(d->fds, -1, sizeof(d->fds));
	(void)node_new(d, 0, "", 1);
	return d;
}

static void
folder_load(struct disk *d, int folder, const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;
	char below[PATH];

	must(dir != NULL);
	while ((e = readdir(dir)) != NULL) {
		int node;

		if (e->d_name[0] == '.')
			continue;
		must(snprintf(below, sizeof(below), "%s/%s", path, e->d_name) <
			(int)sizeof(below));
		node = node_new(d, folder, e->d_name, e->d_type == DT_DIR);
		entry_set(&d->nodes[folder].now, e->d_name, node);
		entry_set(&d->nodes[folder].sure, e->d_name, node);
		if (e->d_type == DT_DIR)
			folder_load(d, node, below);
		else
			image_load(&d->nodes[node].bytes, below);
	}
	closedir(dir);
}

void
disk_load(struct disk *d, const char *from)
{
	folder_load(d, 0, from);
}

void
disk_free(struct disk *d)
{
	for (size_t i = 0; i < d->nodes_n; i++) {
		free(d->nodes[i].now.all);
		free(d->nodes[i].sure.all);
		image_free(&d->nodes[i].bytes);
	}
	free(d->nodes);
	free(d->changes);
	image_free(&d->scratch);
	free(d);
}
