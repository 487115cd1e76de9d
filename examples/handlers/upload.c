/* SPDX-License-Identifier: MIT */
/*
 * upload.c - takes a video and hands its transcoding over
 *
 * The route says "blob = yes": the body, whatever its size, has gone into the
 * blobs before the handler runs, and the handler gets the name of the blob.
 */
#include <spillway-handler.h>
#include <stdio.h>

static int
handle(const struct sw_request *req, struct sw_response *res,
	struct sw_env *env)
{
	const char *profile = env->value(env, "PROFILE");
	char header[160], body[256], id[SW_ID_TEXT];
	const char *headers[] = {header, NULL};
	struct sw_job job = {.queue = "transcode",
		.headers = headers,
		.body = body,
		.content_type = "application/json"};

	if (req->blob == NULL)
		return 400;
	snprintf(header, sizeof(header), "blob=%s", req->blob);
	job.body_len = (size_t)snprintf(body, sizeof(body),
		"{\"profile\":\"%s\"}", profile != NULL ? profile : "hls");
	if (env->queue->put(env, &job, 1) < 0)
		return 500;
	env->id_text(&job.id, id);
	res->status = 202;
	res->header(res, "Content-Type", "application/json");
	return res->print(
		res, "{\"job\": \"%s\", \"blob\": \"%s\"}\n", id, req->blob);
}

SW_HANDLER(handle);
