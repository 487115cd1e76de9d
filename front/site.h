/* SPDX-License-Identifier: MIT */
/*
 * site.h - the front's configuration, from the command line and a file
 *
 *	[front]
 *	listen = 127.0.0.1:8080
 *
 *	[route /signup]
 *	module = /usr/lib/spillway/signup.so
 *	set.FROM = news@example.org
 *
 * Keys of the first table are in [front] alone; those of the second are in
 * [route PATH] too, where they override what [front] says for that route.
 */
#ifndef FRONT_SITE_H
#define FRONT_SITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/options.h"

/* clang-format off */
/* X(name, type, least, most, default, text) */
#define FRONT_NUMBERS(X)                                                                         \
	X(max_connections, CONFIG_COUNT, 1, 1000000, "10000", "clients at once")                 \
	X(max_headers, CONFIG_BYTES, 256, 1048576, "16k", "bytes of a request's headers")        \
	X(max_body, CONFIG_BYTES, 0, 16777216, "1m", "bytes of a request's body")                \
	X(idle_s, CONFIG_S, 1, 86400, "1m", "silence after which a connection is closed")        \
	X(request_s, CONFIG_S, 1, 86400, "20s", "time that a request may take to arrive")        \
	X(put_ms, CONFIG_MS, 1, 600000, "5s", "time that a job may take to be confirmed")        \
	X(uploads, CONFIG_COUNT, 1, 10000, "16", "bodies that go into the blobs at once")        \
	X(upload_s, CONFIG_S, 1, 86400, "5m", "time that a whole body may take to be stored")    \
	X(stats_s, CONFIG_S, 0, 86400, "1m", "time between lines of accounting; 0: none")
#define ROUTE_NUMBERS(X)                                                                         \
	X(isolates, CONFIG_COUNT, 1, 1024, "2", "processes: requests at once")                   \
	X(queue, CONFIG_COUNT, 0, 1000000, "256", "requests that wait for a process")            \
	X(requests, CONFIG_COUNT, 0, 1000000000, "10000", "requests of an isolate; 0: no limit") \
	X(budget_us, CONFIG_US, 100, 60000000, "10ms", "CPU time of a request")                  \
	X(wall_ms, CONFIG_MS, 1, 600000, "1s", "time of a request by the clock on the wall")     \
	X(memory, CONFIG_BYTES, 1048576, 1099511627776, "128m", "memory of a handler")           \
	X(max_answer, CONFIG_BYTES, 1024, 67108864, "1m", "bytes of an answer's body")           \
	X(blob, CONFIG_FLAG, 0, 1, "no", "put a request's body into the blobs")                  \
	X(max_blob, CONFIG_BYTES, 1, 1099511627776, "1g", "bytes of a body for the blobs")       \
	X(sandbox, CONFIG_FLAG, 0, 1, "yes", "run handlers in a sandbox")
/* clang-format on */

enum front_number {
#define X(name, type, min, max, def, text) FRONT_##name,
	FRONT_NUMBERS(X)
#undef X
		FRONT_NUMBERS_N
};

enum route_number {
#define X(name, type, min, max, def, text) ROUTE_##name,
	ROUTE_NUMBERS(X)
#undef X
		ROUTE_NUMBERS_N
};

enum { LISTEN_MAX = 16, ROUTES_MAX = 256, VALUES_MAX = 64 };

/* The texts are borrowed from the site's options; the values are its own. */
struct route_config {
	const char *path, *module;
	char *values[VALUES_MAX + 1]; /* "NAME=text" …, then NULL */
	int64_t n[ROUTE_NUMBERS_N];
};

struct site {
	const char *file;
	const char *listen[LISTEN_MAX]; /* ADDRESS:PORT or unix:PATH */
	size_t listen_n;
	const char *broker;	/* NULL: the default */
	const char *access_log; /* a path; "-": stdout; NULL: none */
	const char *stats;	/* ADDRESS:PORT or unix:PATH; NULL: none */
	const char *perf;	/* auto, no, must */
	const char *blobs;	/* a URI (docs/blobs.md); NULL: none */
	int64_t n[FRONT_NUMBERS_N];
	struct route_config *routes;
	size_t routes_n;
	struct options options;
};

/* The command line, read anew for each site but the first. */
struct site_source {
	int argc;
	char **argv;
	struct options first; /* read by main(); the first site takes it */
};

extern const struct program front_program;

/*
 * Reads the command line and its file: 0; or -1, with file, line and cause on
 * stderr.  site_fini() in both cases.
 */
int site_read(struct site *, struct site_source *)
	__attribute__((warn_unused_result));
void site_fini(struct site *);

#endif
