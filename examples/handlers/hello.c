/* SPDX-License-Identifier: MIT */
/* hello.c - the smallest handler */
#include <spillway-handler.h>

static int
handle(const struct sw_request *req, struct sw_response *res,
	struct sw_env *env)
{
	const char *whom = env->value(env, "WHOM");

	(void)req;
	res->header(res, "Content-Type", "text/plain");
	return res->print(res, "hello, %s\n", whom != NULL ? whom : "world");
}

SW_HANDLER(handle);
