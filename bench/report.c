/* SPDX-License-Identifier: MIT */
#include "bench/report.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { CYCLE_32 = 1, LONE = 5, BATCHES = 9 }; /* in bench_figures */

#define TIMES_PEER   3.0
#define BATCH_PER_S  200000.0
#define ANON_MB	     64.0
#define KEPT	     0.8
#define SYNC_TIMES   1.5
#define SYNC_PLUS_US 200.0

static const char *const value_names[] = {
#define X(name, text) #name,
	BENCH_VALUE_MAP(X)
#undef X
};

static const char *const big_names[] = {"few", "many", "drained"};

void
result_median(const struct bench_result *r, size_t n, struct bench_result *out)
{
	for (size_t v = 0; v < BENCH_VALUES; v++) {
		double all[ROUNDS_MAX];

		for (size_t i = 0; i < n; i++)
			all[i] = r[i].v[v];
		out->v[v] = median(all, n);
	}
}

static int
shown(const struct bench_report *r, size_t system, size_t figure)
{
	return r->have[system] &&
	       (system == 0 || !bench_figures[figure].alone) &&
	       r->of[system][figure].v[BENCH_per_s] > 0;
}

static int
shown_any(const struct bench_report *r, size_t figure)
{
	int any = 0;

	for (size_t s = 0; s < SYSTEMS; s++)
		any |= shown(r, s, figure);
	return any;
}

static void
heading(const struct bench_report *r, FILE *f, const char *text)
{
	fprintf(f, "\n%-34s", text);
	for (size_t s = 0; s < SYSTEMS; s++)
		if (r->have[s])
			fprintf(f, " %19s", bench_systems[s]->label);
	fputc('\n', f);
}

static void
rows_rate(const struct bench_report *r, FILE *f)
{
	heading(r, f, "jobs a second");
	for (size_t i = 0; i < FIGURES; i++) {
		if (!shown_any(r, i))
			continue;
		fprintf(f, "%-34s", bench_figures[i].label);
		for (size_t s = 0; s < SYSTEMS; s++)
			if (shown(r, s, i))
				fprintf(f, " %19.0f",
					r->of[s][i].v[BENCH_per_s]);
			else if (r->have[s])
				fprintf(f, " %19s", "-");
		if (r->times_peer[i] > 0 && shown(r, 0, i))
			fprintf(f, "   %.2fx the better peer",
				r->times_peer[i]);
		fputc('\n', f);
	}
}

static void
rows_latency(const struct bench_report *r, FILE *f)
{
	heading(r, f, "latency p50 / p99, ms");
	for (size_t i = 0; i < FIGURES; i++) {
		if (!shown_any(r, i))
			continue;
		fprintf(f, "%-34s", bench_figures[i].label);
		for (size_t s = 0; s < SYSTEMS; s++)
			if (shown(r, s, i))
				fprintf(f, " %9.2f / %7.2f",
					r->of[s][i].v[BENCH_p50_us] / 1000,
					r->of[s][i].v[BENCH_p99_us] / 1000);
			else if (r->have[s])
				fprintf(f, " %19s", "-");
		fputc('\n', f);
	}
}

static void
rows_use(const struct bench_report *r, FILE *f)
{
	heading(r, f, "CPU us a job; resident MB");
	for (size_t i = 0; i < FIGURES; i++) {
		if (!shown_any(r, i))
			continue;
		fprintf(f, "%-34s", bench_figures[i].label);
		for (size_t s = 0; s < SYSTEMS; s++)
			if (shown(r, s, i))
				fprintf(f, " %9.1f ; %7.1f",
					r->of[s][i].v[BENCH_cpu_us],
					r->of[s][i].v[BENCH_rss_mb]);
			else if (r->have[s])
				fprintf(f, " %19s", "-");
		fputc('\n', f);
	}
}

static void
rows_commits(const struct bench_report *r, FILE *f)
{
	if (!r->have[0])
		return;
	fprintf(f, "\n%-34s %19s %19s %19s %19s\n", "Spillway's store",
		"commits/s", "jobs a commit", "operations a commit",
		"one fdatasync, us");
	for (size_t i = 0; i < FIGURES; i++) {
		const double *v = r->of[0][i].v;

		if (v[BENCH_commits_s] > 0)
			fprintf(f, "%-34s %19.0f %19.1f %19.1f %19.0f\n",
				bench_figures[i].label, v[BENCH_commits_s],
				v[BENCH_per_s] / v[BENCH_commits_s],
				v[BENCH_ops_commit], r->sync_us[i]);
	}
}

static void
rows_big(const struct bench_report *r, FILE *f)
{
	static const char *const texts[] = {
		"waiting", "waiting", "waiting, after the drain"};
	uint64_t jobs[] = {r->big_few, r->big_many, r->big_few};

	if (!r->have_big)
		return;
	fprintf(f, "\n%-34s %11s %15s %8s %8s %10s\n",
		"Spillway with a backlog", "cycle/s", "p50 / p99, ms", "RSS MB",
		"own MB", "commits/s");
	for (size_t i = 0; i < BIG_STEPS; i++) {
		const double *v = r->big[i].v;
		char label[64];

		(void)snprintf(label, sizeof(label), "%llu %s",
			(unsigned long long)jobs[i], texts[i]);
		fprintf(f, "%-34s %11.0f %6.2f / %6.2f %8.0f %8.1f %10.0f\n",
			label, v[BENCH_per_s], v[BENCH_p50_us] / 1000,
			v[BENCH_p99_us] / 1000, v[BENCH_rss_mb],
			v[BENCH_anon_mb], v[BENCH_commits_s]);
	}
	fprintf(f, "filled at %.0f/s, drained at %.0f/s\n",
		r->put.v[BENCH_per_s], r->drain.v[BENCH_per_s]);
}

/* ok: 1 reached, 0 missed. */
static void
target(FILE *f, const char *what, double is, const char *unit, int ok)
{
	fprintf(f, "%-6s %-56s %10.*f %s\n", ok ? "yes" : "NO", what,
		is < 100 ? 2 : 0, is, unit);
}

static void
targets_big(const struct bench_report *r, FILE *f)
{
	double anon = r->big[BIG_MANY].v[BENCH_anon_mb];
	double many = r->big_kept[BIG_MANY];
	double drained = r->big_kept[BIG_DRAINED];

	if (!r->have_big)
		return;
	target(f, "own memory with many waiting, under 64 MB", anon, "MB",
		anon < ANON_MB);
	target(f, "cycle/s with many waiting, >= 0.8 of that with few", many,
		"", many >= KEPT);
	target(f, "cycle/s after the drain, >= 0.8 of that with few", drained,
		"", drained >= KEPT);
}

static void
rows_target(const struct bench_report *r, FILE *f)
{
	double peer = r->times_peer[CYCLE_32];
	double lone = r->of[0][LONE].v[BENCH_p50_us];

	fprintf(f, "\n%-6s %-56s %10s\n", "met?", "target", "is");
	if (peer > 0 && shown(r, 0, CYCLE_32))
		target(f, "cycle/s at 32 in flight, >= 3 times the better peer",
			peer, "times", peer >= TIMES_PEER);
	if (shown(r, 0, BATCHES)) {
		double is = r->of[0][BATCHES].v[BENCH_per_s];

		target(f, "puts in batches of 100, >= 200000 a second", is,
			"/s", is >= BATCH_PER_S);
	}
	targets_big(r, f);
	if (shown(r, 0, LONE)) {
		double most = SYNC_TIMES * r->sync_us[LONE] + SYNC_PLUS_US;
		char text[80];

		(void)snprintf(text, sizeof(text),
			"a lone put, us; 1.5 fdatasync (%.0f us) + 200 = %.0f",
			r->sync_us[LONE], most);
		target(f, text, lone, "us", lone <= most);
	}
}

void
report_table(const struct bench_report *r, FILE *f)
{
	fprintf(f,
		"\n%d-byte bodies, durable before confirmed; medians of %d "
		"rounds of %.1f s; %s, all on unix sockets\n"
		"cycle = put, lease and ack of a job, all confirmed\n",
		BENCH_BODY, r->rounds, r->seconds, r->fs);
	if (r->have[0] || r->have[1] || r->have[2]) {
		rows_rate(r, f);
		rows_latency(r, f);
		rows_use(r, f);
		rows_commits(r, f);
	}
	rows_big(r, f);
	rows_target(r, f);
}

static void
number_add(json_t *o, const char *name, double v)
{
	(void)json_object_set_new(o, name,
		v == trunc(v) && fabs(v) < 1e15 ? json_integer((json_int_t)v)
						: json_real(v));
}

static json_t *
object_add(json_t *o, const char *name)
{
	json_t *made = json_object();

	(void)json_object_set_new(o, name, made);
	return made;
}

static json_t *
json_result(const struct bench_result *r)
{
	json_t *o = json_object();

	for (size_t i = 0; i < BENCH_VALUES; i++)
		number_add(o, value_names[i], r->v[i]);
	return o;
}

static void
json_machine(const struct bench_report *r, json_t *o)
{
	struct utsname u;

	if (uname(&u) == 0)
		(void)json_object_set_new(o, "kernel", json_string(u.release));
	number_add(o, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
	(void)json_object_set_new(o, "file_system", json_string(r->fs));
	number_add(o, "body_bytes", BENCH_BODY);
	number_add(o, "seconds", r->seconds);
	number_add(o, "rounds", r->rounds);
}

static void
json_systems(const struct bench_report *r, json_t *root)
{
	json_t *all = object_add(root, "systems");

	for (size_t s = 0; s < SYSTEMS; s++) {
		json_t *o;

		if (!r->have[s])
			continue;
		o = object_add(all, bench_systems[s]->name);
		for (size_t i = 0; i < FIGURES; i++)
			if (shown(r, s, i))
				(void)json_object_set_new(o,
					bench_figures[i].name,
					json_result(&r->of[s][i]));
	}
}

/* What goes with a figure rather than with a system. */
static void
json_figures(const struct bench_report *r, json_t *root)
{
	json_t *times = object_add(root, "times_better_peer");
	json_t *sync = object_add(root, "fdatasync_us");

	for (size_t i = 0; i < FIGURES; i++) {
		const char *name = bench_figures[i].name;

		if (r->times_peer[i] > 0)
			number_add(times, name, r->times_peer[i]);
		if (r->sync_us[i] > 0)
			number_add(sync, name, r->sync_us[i]);
	}
}

static void
json_big(const struct bench_report *r, json_t *root)
{
	json_t *o = object_add(root, "backlog");

	number_add(o, "few_jobs", (double)r->big_few);
	number_add(o, "many_jobs", (double)r->big_many);
	for (size_t i = 0; i < BIG_STEPS; i++) {
		json_t *step = json_result(&r->big[i]);

		if (i != BIG_FEW)
			number_add(step, "times_few", r->big_kept[i]);
		(void)json_object_set_new(o, big_names[i], step);
	}
	(void)json_object_set_new(o, "fill", json_result(&r->put));
	(void)json_object_set_new(o, "drain", json_result(&r->drain));
}

int
report_json(const struct bench_report *r, const char *path)
{
	json_t *root = json_object();
	char *text;
	FILE *f;
	int err = 0;

	json_machine(r, root);
	json_systems(r, root);
	if (r->have_big)
		json_big(r, root);
	json_figures(r, root);
	text = json_dumps(root, JSON_INDENT(8) | JSON_REAL_PRECISION(15));
	json_decref(root);
	if (text == NULL)
		return bench_fail(-ENOMEM, "no memory");
	f = fopen(path, "we");
	if (f == NULL || fprintf(f, "%s\n", text) < 0)
		err = -errno;
	if (f != NULL && fclose(f) != 0 && err == 0)
		err = -errno;
	free(text);
	return err < 0 ? bench_fail(err, "%s: %s", path, strerror(-err)) : 0;
}
