/* SPDX-License-Identifier: MIT */
/* echo.c - says what arrived: method, path, query, body's length, headers */
#include <spillway-handler.h>

static int
handle(const struct sw_request *req, struct sw_response *res,
	struct sw_env *env)
{
	(void)env;
	res->print(res, "%s %s?%s %zu\n", req->method, req->path, req->query,
		req->body_len);
	for (size_t i = 0; i < req->headers_n; i++)
		res->print(res, "%s: %s\n", req->headers[i].name,
			req->headers[i].value);
	return 0;
}

SW_HANDLER(handle);
