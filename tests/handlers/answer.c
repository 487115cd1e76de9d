/* SPDX-License-Identifier: MIT */
/* answer.c - answers of each kind: as long as asked, empty, with a Date */
#include <spillway-handler.h>
#include <stdlib.h>
#include <string.h>

static int
handle(const struct sw_request *req, struct sw_response *res,
	struct sw_env *env)
{
	static const char line[] = "a line of a long answer\n";
	const char *what = strrchr(req->path, '/') + 1;

	(void)env;
	if (strcmp(what, "empty") == 0)
		res->status = 204;
	if (strcmp(what, "dated") == 0)
		res->header(res, "Date", "Thu, 01 Jan 1970 00:00:00 GMT");
	if (strcmp(what, "interim") == 0)
		res->status = 101;
	if (strcmp(what, "odd") == 0)
		res->status = 299;
	for (long n = strtol(req->query, NULL, 10); n > 0; n--)
		if (res->write(res, line, sizeof(line) - 1) != 0)
			return -1;
	return 0;
}

SW_HANDLER(handle);
