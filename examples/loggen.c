/* SPDX-License-Identifier: MIT */
/*
 * loggen - writes an access log whose right answer is known
 *
 *	loggen --lines 500000 --seed 7 --bad-every 10000 --answer answer.json
 *
 * Lines of the combined format go to stdout, the answer to the file named:
 * what a report on that log must say, counted here by other means than the
 * report's (everything exact, by sorting).  The same seed gives the same
 * log.  A visitor keeps to one user agent, and each path to a pace of its own
 * (nginx's $request_time ends the line).  Paths and visitors are spread as on a
 * real site (Zipf), sizes are log-normal, addresses of both families; user
 * agents have escaped quotes, some requests are malformed, and so is every Nth
 * line, in one of several ways.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

enum { PATHS = 3000, VISITORS = 60000, TOP = 10, LINE_MAX_LEN = 1024 };
enum { CLASSES = 6, AGENTS = 7, LINES_MAX = 100 * 1000 * 1000 };
enum { DAY_S = 86400, GAP_S = 30 * 60 }; /* a longer gap ends a session */

/* 2026-03-01 00:00:00 UTC */
#define START_S INT64_C(1772323200)

struct zipf {
	double *sums;
	size_t n;
};

/* A request, for the days. */
struct hit {
	uint32_t who, size;
	int64_t at_s;
};

struct gen {
	uint64_t random;
	uint64_t lines, bad_every;
	int64_t now_s;
	struct zipf paths, visitors;
	/* The answer. */
	uint64_t requests, bad, bytes;
	uint64_t classes[CLASSES];     /* [0]: other */
	uint64_t path_n[PATHS + 1];    /* the last: no valid request */
	uint64_t errors[2][PATHS + 1]; /* 4xx, 5xx */
	uint64_t bot_requests, bot_bytes;
	struct hit *hits; /* one for each request, as the next */
	uint32_t *sizes;
	unsigned char *seen; /* by visitor */
	int64_t first_s, last_s;
};

static const char *const agents[AGENTS] = {
	"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 "
	"Firefox/128.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
	"(KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) "
	"AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148",
	"curl/7.88.1",
	"-",
	"a \\\"quoted\\\" agent\\\\",
	"Mozilla/5.0 (compatible; Crawler/2.1; +http://crawler.example/bot)",
};

static const unsigned char is_bot[AGENTS] = {[3] = 1, [6] = 1};

static const char *const referers[] = {
	"-",
	"https://www.example.org/",
	"https://search.example/?q=queue+\\\"durable\\\"",
	"http://forum.example/thread/1234?page=7",
};

/* Statuses, as often as they are in this list. */
static const int statuses[] = {200, 200, 200, 200, 200, 200, 200, 200, 200, 200,
	200, 200, 200, 200, 200, 200, 206, 204, 301, 302, 304, 304, 304, 400,
	403, 404, 404, 499, 500, 502, 503, 101};

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", 2014. */
static uint64_t
next(struct gen *g)
{
	uint64_t z = g->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t
below(struct gen *g, uint64_t n)
{
	return next(g) % n;
}

static double
unit(struct gen *g)
{
	return (double)(next(g) >> 11) * 0x1p-53;
}

#define PICK(g, of) ((of)[below(g, sizeof(of) / sizeof((of)[0]))])

static void *
or_die(void *p)
{
	if (p == NULL) {
		(void)fputs("loggen: out of memory\n", stderr);
		exit(EX_OSERR);
	}
	return p;
}

static void
zipf_init(struct zipf *z, size_t n)
{
	double sum = 0;

	z->sums = or_die(calloc(n, sizeof(*z->sums)));
	z->n = n;
	for (size_t i = 0; i < n; i++)
		z->sums[i] = sum += 1 / pow((double)i + 2, 0.9);
}

static size_t
zipf_pick(struct gen *g, const struct zipf *z)
{
	double want = unit(g) * z->sums[z->n - 1];
	size_t lo = 0, hi = z->n - 1;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (z->sums[mid] < want)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
path_text(char *out, size_t cap, size_t i)
{
	static const struct {
		const char *head, *tail;
	} kinds[] = {{"/articles/", ".html"}, {"/img/photo-", ".jpg"},
		{"/static/app.", ".js"}, {"/api/v1/items/", ""},
		{"/caf\303\251/", "/men%C3%BC"}};
	size_t kind = i % (sizeof(kinds) / sizeof(kinds[0]));

	if (i == 0)
		(void)snprintf(out, cap, "/");
	else
		(void)snprintf(out, cap, "%s%zu%s", kinds[kind].head, i,
			kinds[kind].tail);
}

/* Each visitor has an address of its own: the number is all in it. */
static void
address_text(char *out, size_t cap, size_t i)
{
	unsigned long long mixed = (i * 2654435761u) & 0xffffffffu;

	if (i % 4 == 3)
		(void)snprintf(out, cap, "2001:db8:%llx:%llx::%zx", mixed >> 16,
			mixed & 0xffff, i + 1);
	else
		(void)snprintf(out, cap, "%llu.%llu.%llu.%llu", mixed >> 24,
			mixed >> 16 & 255, mixed >> 8 & 255, mixed & 255);
}

static void
time_text(char *out, size_t cap, int64_t at_s, int east)
{
	time_t t = (time_t)(at_s + (east ? 7200 : 0));
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	(void)strftime(out, cap,
		east ? "%d/%b/%Y:%H:%M:%S +0200" : "%d/%b/%Y:%H:%M:%S +0000",
		&tm);
}

/* Log-normal: e to the power of a sum of uniforms, which is nearly normal. */
static uint32_t
size_pick(struct gen *g, int status)
{
	double z = -6, v;

	if (status == 304 || status == 204 || status == 101)
		return 0;
	for (int i = 0; i < 12; i++)
		z += unit(g);
	v = exp(8.3 + 1.6 * z);
	return (uint32_t)(v < 4e9 ? v : 4e9);
}

/* Seconds; each path has a pace of its own. */
static double
took_pick(struct gen *g, size_t path)
{
	return (double)(1 + path * 7919 % 97) * (0.5 + unit(g)) / 1000;
}

/* A malformed request, as servers log them. */
static void
junk_request(struct gen *g, char *out, size_t cap)
{
	static const char *const junk[] = {
		"-", "\\x16\\x03\\x01\\x02", "", "get lower", "GET"};

	(void)snprintf(out, cap, "%s", PICK(g, junk));
}

static size_t
request_text(struct gen *g, char *out, size_t cap)
{
	static const char *const methods[] = {
		"GET", "GET", "GET", "GET", "GET", "POST", "HEAD", "PUT"};
	static const char *const versions[] = {" HTTP/1.1", " HTTP/1.1",
		" HTTP/1.0", " HTTP/2", " HTTP/2.0", ""};
	static const char *const queries[] = {
		"", "", "", "?page=2", "?q=a+b&x=%22", "?"};
	char path[128];
	size_t i = zipf_pick(g, &g->paths);

	if (below(g, 500) == 0) {
		junk_request(g, out, cap);
		return PATHS;
	}
	path_text(path, sizeof(path), i);
	(void)snprintf(out, cap, "%s %s%s%s", PICK(g, methods), path,
		PICK(g, queries), PICK(g, versions));
	return i;
}

static void
count(struct gen *g, size_t visitor, int common, size_t path, int status,
	uint32_t size)
{
	/* A line without its agent counts as another visitor's. */
	g->hits[g->requests] = (struct hit){
		(uint32_t)(2 * visitor) + (common != 0), size, g->now_s};
	g->sizes[g->requests++] = size;
	if (status >= 400 && status < 600)
		g->errors[status >= 500][path]++;
	if (!common && is_bot[visitor % AGENTS]) {
		g->bot_requests++;
		g->bot_bytes += size;
	}
	g->bytes += size;
	g->classes[status >= 100 && status < 600 ? status / 100 : 0]++;
	g->path_n[path]++;
	g->seen[visitor] = 1;
	if (g->requests == 1)
		g->first_s = g->now_s;
	g->last_s = g->now_s;
}

static void
good_line(struct gen *g)
{
	char address[64], when[64], request[256], size_of[16];
	size_t visitor = zipf_pick(g, &g->visitors);
	int common, status = below(g, 5000) == 0 ? 0 : PICK(g, statuses);
	size_t path = request_text(g, request, sizeof(request));
	uint32_t size = path == PATHS ? 0 : size_pick(g, status);

	common = below(g, 50) == 0;
	address_text(address, sizeof(address), visitor);
	time_text(when, sizeof(when), g->now_s, below(g, 64) == 0);
	(void)snprintf(size_of, sizeof(size_of), "%" PRIu32, size);
	if (size == 0 && below(g, 2) == 0)
		(void)strcpy(size_of, "-");
	if (printf("%s - %s [%s] \"%s\" %03d %s", address,
		    below(g, 40) == 0 ? "jo [x] doe" : "-", when, request,
		    status, size_of) < 0)
		return;
	if (!common)
		(void)printf(" \"%s\" \"%s\"%s %.3f", PICK(g, referers),
			agents[visitor % AGENTS],
			below(g, 20) == 0 ? " \"-\"" : "", took_pick(g, path));
	(void)puts(below(g, 100) == 0 ? "\r" : "");
	count(g, visitor, common, path, status, size);
}

/* Not one of these is a line of the format. */
static void
bad_line(struct gen *g)
{
	static const char *const lines[] = {
		"not a log line at all",
		"192.0.2.1 - - [01/Mar/2026:00:00:00 +0000] \"GET / HTTP/1.1",
		"192.0.2.1 - - [01/Mar/2026:00:00:00 +0000] \"GET /\" 200",
		"192.0.2.1 - - [01/Mar/2026:00:00:00 +0000] \"GET /\" 2x0 17",
		"192.0.2.1 - - [01/Mar/2026:00:00:00 +0000] \"GET /\" 200 1 "
		"\"-",
		"192.0.2.1 - - [31/Feb/2026:00:00:00 +0000] \"GET /\" 200 17",
		"192.0.2.1 - - [01/Mar/2026:24:00:00 +0000] \"GET /\" 200 17",
		"192.0.2.1 - - \"GET / HTTP/1.1\" 200 17 \"-\" \"-\"",
		"192.0.2.1 - - [01/Mar/2026:00:00:00 +0000] \"GET /\" 200 -17",
		"{\"remote_addr\":\"192.0.2.1\",\"status\":200,\"uri\":\"/",
		"\033[2J\a\x01 \xff\xfe a terminal's nightmare",
		" ",
	};

	(void)puts(PICK(g, lines));
	g->bad++;
}

static void
lines_write(struct gen *g)
{
	for (uint64_t i = 1; i <= g->lines && !ferror(stdout); i++) {
		g->now_s += (int64_t)below(g, 3);
		if (g->bad_every > 0 && i % g->bad_every == 0)
			bad_line(g);
		else
			good_line(g);
	}
}

static int
compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int
by_size(const void *a, const void *b)
{
	return compare(*(const uint32_t *)a, *(const uint32_t *)b);
}

/* Nearest rank, in a sorted array. */
static uint32_t
quantile(const struct gen *g, unsigned percent)
{
	uint64_t rank = (g->requests * percent + 99) / 100;

	return g->requests == 0 ? 0 : g->sizes[rank == 0 ? 0 : rank - 1];
}

static void
path_of(char *out, size_t cap, size_t i)
{
	out[0] = '\0';
	if (i < PATHS)
		path_text(out, cap, i);
}

/* The greatest count that is not taken yet, ties by path; PATHS + 1: none. */
static size_t
path_best(const uint64_t *n, const unsigned char *taken)
{
	size_t best = PATHS + 1;
	char a[128], b[128];

	for (size_t i = 0; i <= PATHS; i++) {
		if (taken[i] || n[i] == 0 || (best <= PATHS && n[i] < n[best]))
			continue;
		if (best <= PATHS && n[i] == n[best]) {
			path_of(a, sizeof(a), i);
			path_of(b, sizeof(b), best);
			if (strcmp(a, b) > 0)
				continue;
		}
		best = i;
	}
	return best;
}

static void
paths_write(FILE *f, const char *list, const char *count_of, const uint64_t *n)
{
	unsigned char taken[PATHS + 1] = {0};
	char path[128];

	(void)fprintf(f, ",\"%s\":[", list);
	for (int k = 0; k < TOP; k++) {
		size_t best = path_best(n, taken);

		if (best > PATHS)
			break;
		taken[best] = 1;
		path_of(path, sizeof(path), best);
		(void)fprintf(f, "%s{\"path\":\"%s\",\"%s\":%" PRIu64 "}",
			k > 0 ? "," : "", path, count_of, n[best]);
	}
	(void)fputs("]", f);
}

static int
by_day(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;
	int day = compare(x->at_s / DAY_S, y->at_s / DAY_S);
	int who = compare(x->who, y->who);

	return day != 0 ? day : who != 0 ? who : compare(x->at_s, y->at_s);
}

/* The day that begins at g->hits[i]; where the next one does. */
static size_t
day_write(const struct gen *g, size_t i, FILE *f)
{
	int64_t day = g->hits[i].at_s / DAY_S;
	uint64_t bytes = 0, sessions = 0, visitors = 0;
	time_t t = (time_t)g->hits[i].at_s;
	size_t from = i;
	char text[16];
	struct tm tm;

	for (; i < g->requests && g->hits[i].at_s / DAY_S == day; i++) {
		const struct hit *h = &g->hits[i];
		int new = i == from || h[-1].who != h->who;

		bytes += h->size;
		visitors += (uint64_t) new;
		sessions += new || h->at_s - h[-1].at_s > GAP_S;
	}
	(void)gmtime_r(&t, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%d", &tm);
	(void)fprintf(f,
		"%s{\"day\":\"%s\",\"requests\":%zu,\"bytes\":%" PRIu64
		",\"sessions\":%" PRIu64 ",\"visitors\":%" PRIu64 "}",
		from > 0 ? "," : "", text, i - from, bytes, sessions, visitors);
	return i;
}

static void
lists_write(struct gen *g, FILE *f)
{
	uint64_t n = 0;

	for (size_t i = 0; i <= PATHS; i++)
		n += g->path_n[i] > 0;
	(void)fprintf(f, "\"paths\":%" PRIu64, n);
	paths_write(f, "top_paths", "requests", g->path_n);
	paths_write(f, "errors_4xx", "errors", g->errors[0]);
	paths_write(f, "errors_5xx", "errors", g->errors[1]);
	(void)fprintf(f,
		",\"bots\":{\"requests\":%" PRIu64 ",\"bytes\":%" PRIu64
		"},\"days\":[",
		g->bot_requests, g->bot_bytes);
	qsort(g->hits, g->requests, sizeof(*g->hits), by_day);
	for (size_t i = 0; i < g->requests;)
		i = day_write(g, i, f);
	(void)fputs("]}\n", f);
}

static void
time_write(FILE *f, const char *name, int64_t at_s, int known)
{
	time_t t = (time_t)at_s;
	char text[32] = "";
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (known)
		(void)fprintf(f, "\"%s\":\"%s\",", name, text);
	else
		(void)fprintf(f, "\"%s\":null,", name);
}

static void
answer_write(struct gen *g, FILE *f)
{
	uint64_t visitors = 0;

	for (size_t i = 0; i < VISITORS; i++)
		visitors += g->seen[i];
	qsort(g->sizes, g->requests, sizeof(*g->sizes), by_size);
	(void)fprintf(f,
		"{\"requests\":%" PRIu64 ",\"bad\":%" PRIu64
		",\"bytes\":%" PRIu64 ",\"status\":{\"1xx\":%" PRIu64
		",\"2xx\":%" PRIu64 ",\"3xx\":%" PRIu64 ",\"4xx\":%" PRIu64
		",\"5xx\":%" PRIu64 ",\"other\":%" PRIu64 "},"
		"\"visitors\":%" PRIu64 ",\"p50_exact\":%" PRIu32
		",\"p99_exact\":%" PRIu32 ",",
		g->requests, g->bad, g->bytes, g->classes[1], g->classes[2],
		g->classes[3], g->classes[4], g->classes[5], g->classes[0],
		visitors, quantile(g, 50), quantile(g, 99));
	time_write(f, "first", g->first_s, g->requests > 0);
	time_write(f, "last", g->last_s, g->requests > 0);
	lists_write(g, f);
}

static int
answer_save(struct gen *g, const char *path)
{
	FILE *f = fopen(path, "w");

	if (f != NULL) {
		int bad;

		answer_write(g, f);
		bad = ferror(f);
		if (fclose(f) == 0 && !bad)
			return EX_OK;
	}
	(void)fprintf(stderr, "loggen: %s: %s\n", path, strerror(errno));
	return EX_CANTCREAT;
}

static const char usage[] = "usage: loggen [--lines N] [--seed N] [--bad-every "
			    "N] [--answer FILE]\n";

static uint64_t
number(const char *text, const char *what, uint64_t max)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' &&
		n <= max)
		return n;
	(void)fprintf(stderr,
		"loggen: --%s: not a number up to %" PRIu64 ": %s\n", what, max,
		text);
	exit(EX_USAGE);
}

static const char *
arguments(struct gen *g, int argc, char **argv)
{
	static const struct option options[] = {
		{"lines", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},
		{"bad-every", required_argument, NULL, 'b'},
		{"answer", required_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *answer = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n')
			g->lines = number(optarg, "lines", LINES_MAX);
		else if (c == 's')
			g->random = number(optarg, "seed", UINT64_MAX);
		else if (c == 'b')
			g->bad_every = number(optarg, "bad-every", UINT64_MAX);
		else if (c == 'a')
			answer = optarg;
		else {
			(void)fputs(usage, c == 'h' ? stdout : stderr);
			exit(c == 'h' ? EX_OK : EX_USAGE);
		}
	}
	if (optind < argc) {
		(void)fputs(usage, stderr);
		exit(EX_USAGE);
	}
	return answer;
}

int
main(int argc, char **argv)
{
	static struct gen g = {.lines = 1000, .random = 1, .now_s = START_S};
	const char *answer = arguments(&g, argc, argv);
	int rc = EX_OK;

	zipf_init(&g.paths, PATHS);
	zipf_init(&g.visitors, VISITORS);
	g.sizes = or_die(calloc(g.lines + 1, sizeof(*g.sizes)));
	g.hits = or_die(calloc(g.lines + 1, sizeof(*g.hits)));
	g.seen = or_die(calloc(VISITORS, 1));
	lines_write(&g);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)fprintf(stderr, "loggen: stdout: %s\n", strerror(errno));
		rc = EX_IOERR;
	}
	if (rc == EX_OK && answer != NULL)
		rc = answer_save(&g, answer);
	free(g.paths.sums);
	free(g.visitors.sums);
	free(g.sizes);
	free(g.hits);
	free(g.seen);
	return rc;
}
