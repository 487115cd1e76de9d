/* SPDX-License-Identifier: MIT */
/*
 * The folder of blobs.  An operation is a put or, now and then, a deletion;
 * of a blob that is put a second time the first must not be lost.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/must.h"
#include "tests/faults/sweep.h"
#include "tests/lib/blob.h"
#include "tests/lib/folder.h"
#include "tests/power/power.h"

enum { BLOBS = 7 };

static const size_t lens[BLOBS] = {0, 1, 511, 5000, 20000, 70000, 300000};

static int
is_deletion(int op)
{
	return op >= BLOBS && op % 3 == 2;
}

static unsigned
blob_of(int op)
{
	return (unsigned)(is_deletion(op) ? op * 5 : op) % BLOBS;
}

static struct blobs *
opened(const char *root)
{
	char dir[256], why[BLOB_WHY];
	struct blobs *s;

	(void)snprintf(dir, sizeof(dir), "%s/blobs", root);
	if (blobs_open(&s, dir, why) < 0)
		power_wrong("does not open: %s", why);
	return s;
}

static int
is_whole(struct blobs *s, unsigned blob, const struct blob_ref *ref)
{
	struct blob_info info;

	return blobs_stat(s, &ref->hash, &info) == 0 &&
	       info.size == ref->size && get_noise(s, blob, ref) == 0;
}

static struct blob_ref
put(struct blobs *s, unsigned blob)
{
	struct blob_ref ref;

	if (put_noise(s, blob, lens[blob], &ref) < 0)
		power_wrong("blob %u: %s", blob, blobs_why(s));
	return ref;
}

/* The references follow from the content. */
static void *
prepare(const struct power_scene *sc, const struct power_story *end)
{
	struct blob_ref *refs = calloc(BLOBS, sizeof(*refs));
	char root[64];
	struct blobs *s;

	(void)sc;
	(void)end;
	must(refs != NULL);
	folder_make_fast(root);
	s = opened(root);
	for (unsigned b = 0; b < BLOBS; b++)
		refs[b] = put(s, b);
	blobs_close(s);
	folder_remove(root);
	return refs;
}

static void delete (struct blobs *s, unsigned blob, const struct blob_ref *refs)
{
	int err = blobs_delete(s, &refs[blob].hash, 0);

	if (err < 0 && err != -ENOENT)
		power_wrong("deleting %u: %s", blob, blobs_why(s));
}

static void
live(const struct power_scene *sc, const char *root, struct power_story *st,
	int more, int orderly)
{
	struct blob_ref *refs = prepare(sc, st);
	struct blobs *s = opened(root);

	for (int i = st->next, end = i + more; i < end; i++) {
		power_say(st, i, POWER_BEGUN);
		if (is_deletion(i))
			delete (s, blob_of(i), refs);
		else
			(void)put(s, blob_of(i));
		power_say(st, i, POWER_STORED);
	}
	if (orderly)
		blobs_close(s);
	free(refs);
}

/* A deletion is not promised to last. */
static int
must_be_there(const struct power_story *st, unsigned blob)
{
	int there = 0;

	for (int i = 0; i < st->next; i++) {
		if (blob_of(i) != blob)
			continue;
		if (is_deletion(i))
			there = 0;
		else if (st->outcome[i] == POWER_STORED)
			there = 1;
	}
	return there;
}

struct seen {
	struct blobs *s;
	const struct blob_ref *refs;
};

/* Whatever has a blob's name is that blob, whole. */
static int
each_look(void *arg, const struct blob_info *info)
{
	const struct seen *seen = arg;

	for (unsigned b = 0; b < BLOBS; b++)
		if (memcmp(&info->hash, &seen->refs[b].hash, BLOB_HASH) == 0 &&
			is_whole(seen->s, b, &seen->refs[b]))
			return 0;
	power_wrong("a blob is not what its name says: %s", blobs_why(seen->s));
}

static void
look(const struct power_scene *sc, const char *root,
	const struct power_story *st, const void *known)
{
	const struct blob_ref *refs = known;
	struct seen seen = {opened(root), refs};
	int err;

	(void)sc;
	for (unsigned b = 0; b < BLOBS; b++)
		if (must_be_there(st, b) && !is_whole(seen.s, b, &refs[b]))
			power_wrong("blob %u is not there, whole: %s", b,
				blobs_why(seen.s));
	err = blobs_each(seen.s, each_look, &seen);
	if (err < 0 && err != -ENODEV)
		power_wrong("listing: %s", blobs_why(seen.s));
	(void)put(seen.s, 3);
	if (!is_whole(seen.s, 3, &refs[3]))
		power_wrong("takes no more: %s", blobs_why(seen.s));
	blobs_close(seen.s);
}

const struct power_kind power_blobs = {0, live, look, prepare};
