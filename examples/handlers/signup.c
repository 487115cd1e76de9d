/* SPDX-License-Identifier: MIT */
/*
 * signup.c - takes {"email": …} and hands a welcome mail over
 *
 * The job is one for docs/email.md; the environment's FROM, or else the mail
 * worker's configuration, is the sender.  The answer is sent when the mail's
 * job is on disk.  The address is the unique key, so an address that signs up
 * twice while the first mail waits gets one mail.
 */
#define _GNU_SOURCE
#include <spillway-handler.h>
#include <stdio.h>
#include <string.h>

enum { ADDRESS_MAX = 254 };

/* The value of "email" in a flat object; addresses need no escapes. */
static int
address_find(const struct sw_request *req, char address[ADDRESS_MAX + 1])
{
	const char *p = memmem(req->body, req->body_len, "\"email\"", 7);
	const char *end = (const char *)req->body + req->body_len;
	size_t n = 0;

	if (p == NULL)
		return 0;
	for (p += 7; p < end && strchr(" \t\r\n:", *p) != NULL; p++)
		;
	if (p == end || *p++ != '"')
		return 0;
	for (; p < end && *p != '"' && n < ADDRESS_MAX; p++) {
		if (*p <= ' ' || *p == '\\' || *p == 127)
			return 0;
		address[n++] = *p;
	}
	address[n] = '\0';
	return p < end && *p == '"' && strchr(address, '@') != NULL;
}

static int
handle(const struct sw_request *req, struct sw_response *res,
	struct sw_env *env)
{
	char address[ADDRESS_MAX + 1], body[1024], id[SW_ID_TEXT];
	const char *from = env->value(env, "FROM");
	struct sw_job job = {.queue = "email",
		.body = body,
		.unique = address,
		.content_type = "application/json"};
	int n;

	if (strcmp(req->method, "POST") != 0)
		return 405;
	if (!address_find(req, address))
		return 400;
	n = snprintf(body, sizeof(body),
		"{%s%s%s\"to\": \"%s\", \"subject\": \"Welcome\", "
		"\"text\": \"Glad that you are here.\"}\n",
		from != NULL ? "\"from\": \"" : "", from != NULL ? from : "",
		from != NULL ? "\", " : "", address);
	job.body_len = (size_t)n;
	if (env->queue->put(env, &job, 1) < 0)
		return 500;
	env->id_text(&job.id, id);
	res->status = 202;
	res->header(res, "Content-Type", "application/json");
	return res->print(res, "{\"job\": \"%s\"}\n", id);
}

SW_HANDLER(handle);
