/* SPDX-License-Identifier: MIT */
#include "jobs/transcode/outputs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

static const char *
type_of(const char *name)
{
	static const struct {
		const char *ext, *type;
	} types[] = {
		{".m3u8", "application/vnd.apple.mpegurl"},
		{".ts", "video/mp2t"},
		{".mp4", "video/mp4"},
		{".webm", "video/webm"},
		{".m4a", "audio/mp4"},
		{".ogg", "audio/ogg"},
		{".mp3", "audio/mpeg"},
		{".jpg", "image/jpeg"},
		{".png", "image/png"},
		{".webp", "image/webp"},
	};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]);
		i++)
		if (strcmp(types[i].ext, dot) == 0)
			return types[i].type;
	return "application/octet-stream";
}

struct output_list {
	struct blobs *blobs;
	struct transcode_outputs *o;
	json_t *list; /* borrowed from the manifest */
	int64_t bytes;
};

static int
put_fail(struct output_list *p, const char *what, int err)
{
	(void)snprintf(
		p->o->why, sizeof(p->o->why), "%s: %s", what, sw_strerror(err));
	return err;
}

static int
store_fail(struct output_list *p, const char *what, int err)
{
	(void)snprintf(p->o->why, sizeof(p->o->why), "%.60s: %.400s", what,
		blobs_why(p->blobs));
	return err;
}

/* --- one file ------------------------------------------------------------ */

static int
fd_put(struct output_list *p, int fd, const char *name, struct blob_put *put)
{
	char *buf = malloc(BLOB_CHUNK);
	int err = buf == NULL ? put_fail(p, name, -ENOMEM) : 0;
	ssize_t n;

	while (err == 0 && (n = read(fd, buf, BLOB_CHUNK)) != 0)
		if (n > 0)
			err = blob_put_write(put, buf, (size_t)n);
		else if (errno != EINTR)
			err = put_fail(p, name, -errno);
	free(buf);
	return err;
}

static int
file_put(struct output_list *p, int dir, const char *name, struct blob_ref *ref)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), err;
	struct blob_put *put = NULL;

	if (fd < 0)
		return put_fail(p, name, -errno);
	err = blob_put_begin(p->blobs, &put);
	if (err < 0) {
		close(fd);
		return store_fail(p, name, err);
	}
	err = fd_put(p, fd, name, put);
	close(fd);
	if (err < 0) {
		blob_put_abort(put);
		return err;
	}
	err = blob_put_finish(put, ref);
	return err < 0 ? store_fail(p, name, err) : 0;
}

static int
file_list(struct output_list *p, const char *name, const struct blob_ref *ref)
{
	char text[BLOB_REF];

	blob_ref_write(ref, text);
	if (json_array_append_new(
		    p->list, json_pack("{s:s,s:s,s:s}", "name", name, "type",
				     type_of(name), "blob", text)) != 0)
		return put_fail(p, name, -ENOMEM);
	p->bytes += ref->size;
	return 0;
}

/* --- all of them --------------------------------------------------------- */

static int
is_file(const struct dirent *e)
{
	return e->d_type == DT_REG;
}

static int
files_put(struct output_list *p, const char *folder)
{
	struct dirent **names = NULL;
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	int n = dir < 0 ? -1 : scandirat(dir, ".", &names, is_file, alphasort);
	struct blob_ref ref = {.size = 0};

	if (n < 0)
		err = put_fail(p, folder, -errno);
	else if (n == 0)
		err = put_fail(p, "nothing was made", -ENODATA);
	else if (n > OUTPUTS_MAX)
		err = put_fail(p, "too many files", SW_ETOOBIG);
	for (int i = 0; err == 0 && i < n; i++) {
		err = file_put(p, dir, names[i]->d_name, &ref);
		if (err == 0)
			err = file_list(p, names[i]->d_name, &ref);
	}
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	if (dir >= 0)
		close(dir);
	return err;
}

static int
text_put(struct output_list *p, const char *text, struct blob_ref *ref)
{
	struct blob_put *put = NULL;
	int err = blob_put_begin(p->blobs, &put);

	if (err < 0)
		return store_fail(p, "manifest", err);
	err = blob_put_write(put, text, strlen(text));
	if (err == 0)
		err = blob_put_finish(put, ref);
	else
		blob_put_abort(put);
	return err < 0 ? store_fail(p, "manifest", err) : 0;
}

/* Puts the manifest as a blob and writes the job's result. */
static int
result_make(struct output_list *p, json_t *o)
{
	char *manifest = json_dumps(o, JSON_COMPACT), text[BLOB_REF];
	struct blob_ref ref = {.size = 0};
	size_t len;
	int err;

	if (manifest == NULL)
		return put_fail(p, "manifest", -ENOMEM);
	len = strlen(manifest);
	err = text_put(p, manifest, &ref);
	free(manifest);
	if (err < 0)
		return err;
	blob_ref_write(&ref, text);
	if (len > OUTPUTS_INLINE)
		(void)json_object_del(o, "outputs");
	if (json_object_set_new(o, "manifest", json_string(text)) == 0)
		p->o->json = json_dumps(o, JSON_COMPACT);
	(void)snprintf(p->o->manifest, sizeof(p->o->manifest),
		MANIFEST_HEADER "=%s", text);
	return p->o->json == NULL ? put_fail(p, "result", -ENOMEM) : 0;
}

int
outputs_put(struct transcode_outputs *o, const char *blobs, const char *folder)
{
	struct output_list p = {.o = o, .list = json_array()};
	json_t *all = json_pack("{s:s,s:I,s:o}", "profile", o->profile,
		"duration_ms", (json_int_t)o->duration_ms, "outputs", p.list);
	int err = blobs_open(&p.blobs, blobs, o->why);

	if (err < 0)
		goto out;
	err = all == NULL ? put_fail(&p, "outputs", -ENOMEM)
			  : files_put(&p, folder);
	if (err < 0)
		goto out;
	if (json_object_set_new(all, "files",
		    json_integer((json_int_t)json_array_size(p.list))) != 0 ||
		json_object_set_new(
			all, "bytes", json_integer((json_int_t)p.bytes)) != 0)
		err = put_fail(&p, "outputs", -ENOMEM);
	else
		err = result_make(&p, all);
out:
	json_decref(all);
	blobs_close(p.blobs);
	return err;
}
