/* SPDX-License-Identifier: MIT */
/*
 * site.h - the front's configuration: an INI file
 *
 *	[front]
 *	listen = 127.0.0.1:8080
 *
 *	[route /signup]
 *	module = /usr/lib/spillway/signup.so
 *	set.FROM = news@example.org
 *
 * Keys of the first table stand in [front] alone; those of the second in
 * [route PATH] too, where they override what [front] says for that route.
 */
#ifndef FRONT_SITE_H
#define FRONT_SITE_H

#include <stddef.h>
#include <stdint.h>

/* X(name, default, least, most, text) */
#define FRONT_NUMBERS(X)                                                       \
	X(max_connections, 10000, 1, 1000000, "clients at once")               \
	X(max_headers, 16384, 256, 1048576, "bytes of a request's headers")    \
	X(max_body, 1048576, 0, 16777216, "bytes of a request's body")         \
	X(idle_s, 60, 1, 86400, "a connection may be silent for")              \
	X(request_s, 20, 1, 86400, "a request may take to arrive")             \
	X(put_ms, 5000, 1, 600000, "a job may take to be confirmed")           \
	X(uploads, 16, 1, 10000, "bodies that go into the blobs at once")      \
	X(upload_s, 300, 1, 86400,                                             \
		"a body that has come may take to be stored")                  \
	X(stats_s, 60, 0, 86400, "between lines of accounting, 0: none")
#define ROUTE_NUMBERS(X)                                                       \
	X(isolates, 2, 1, 1024, "processes: requests at once")                 \
	X(queue, 256, 0, 1000000, "requests that wait for one")                \
	X(requests, 10000, 0, 1000000000,                                      \
		"then an isolate is renewed, 0: never")                        \
	X(budget_us, 10000, 100, 60000000, "of CPU for a request")             \
	X(wall_ms, 1000, 1, 600000, "for a request, by the clock on the wall") \
	X(memory, 134217728, 1048576, 1099511627776, "bytes for a handler")    \
	X(max_answer, 1048576, 1024, 67108864, "bytes of an answer's body")    \
	X(blob, 0, 0, 1, "1: a request's body goes into the blobs")            \
	X(max_blob, 1073741824, 1, 1099511627776, "bytes of such a body")      \
	X(sandbox, 1, 0, 1, "0: a handler may do what the front may")

enum front_number {
#define X(name, def, min, max, text) FRONT_##name,
	FRONT_NUMBERS(X)
#undef X
		FRONT_NUMBERS_N
};

enum route_number {
#define X(name, def, min, max, text) ROUTE_##name,
	ROUTE_NUMBERS(X)
#undef X
		ROUTE_NUMBERS_N
};

enum { LISTEN_MAX = 16, ROUTES_MAX = 256, VALUES_MAX = 64 };

struct route_config {
	char *path, *module;
	char *values[VALUES_MAX + 1]; /* "NAME=text" …, then NULL */
	int64_t n[ROUTE_NUMBERS_N];
	int line; /* where it begins */
};

struct site {
	const char *file;
	char *listen[LISTEN_MAX]; /* ADDRESS:PORT or unix:PATH */
	size_t listen_n;
	char *broker;	  /* NULL: the usual place */
	char *access_log; /* a path; "-": stdout; NULL: none */
	char *stats;	  /* ADDRESS:PORT or unix:PATH; NULL: none */
	char *perf;	  /* auto, no, must */
	char *blobs;	  /* a URI (docs/blobs.md); NULL: none */
	int64_t n[FRONT_NUMBERS_N];
	struct route_config *routes;
	size_t routes_n;
};

/* Reads `file`; 0, or -1 and a line on stderr says what is wrong and where. */
int
site_read(struct site *, const char *file) __attribute__((warn_unused_result));
void site_fini(struct site *);

/* The keys with their defaults, for --help. */
void site_help(void);

#endif
