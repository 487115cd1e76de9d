/* SPDX-License-Identifier: MIT */
/* Compares what the broker counts and limits in each queue with the model. */
#include "tests/sim/model.h"

static void
rate_judge(struct sim *w, struct sim_shelf *s, const struct queue *q)
{
	static const double slack = 0.001;
	double dt = (double)(w->core->mono_ms - s->level_at) / 1000;
	double per_s = (double)q->set[SW_S_rate] / UNIT_RATE_SECOND;
	double full = (double)q->set[SW_S_burst] + per_s * QUEUE_LATE_MS / 1000;

	if (s->rate != q->set[SW_S_rate] || s->burst != q->set[SW_S_burst])
		s->level = full;
	s->rate = q->set[SW_S_rate];
	s->burst = q->set[SW_S_burst];
	s->level += dt * per_s;
	if (s->level > full)
		s->level = full;
	s->level_at = w->core->mono_ms;
	if (s->rate == 0)
		return;
	s->level -= s->given;
	if (s->level < -slack)
		sim_fail(w, "queue %s starts more jobs than its rate", q->name);
}

static void
limits_judge(struct sim *w, const struct sim_shelf *s, const struct queue *q)
{
	int64_t most = q->set[SW_S_concurrency], jobs = q->set[SW_S_max_jobs];
	int64_t bytes = q->set[SW_S_max_bytes];

	if (s->given > 0 && most > 0 && s->count[SW_LEASED] > most)
		sim_fail(w, "queue %s runs %lld jobs of at most %lld", q->name,
			(long long)s->count[SW_LEASED], (long long)most);
	if (s->stored == 0 || w->model->set)
		return;
	if (jobs > 0 && s->count[SW_DELAYED] + s->count[SW_READY] +
					s->count[SW_LEASED] +
					s->count[SW_DEAD] >
				jobs)
		sim_fail(w, "queue %s holds more than %lld jobs", q->name,
			(long long)jobs);
	if (bytes > 0 && s->bytes > bytes)
		sim_fail(w, "queue %s holds more than %lld bytes", q->name,
			(long long)bytes);
}

/* A queue is removed only without jobs. */
static void
shelf_gone_judge(struct sim *w, const struct sim_shelf *s)
{
	for (int st = SW_DELAYED; st < SW_STATES; st++)
		if (s->count[st] != 0)
			sim_fail(w, "a queue was removed with its jobs");
}

/* The counters are those of the batch just stored. */
void
sim_judge_queues(struct sim *w)
{
	for (unsigned i = 0; i < SIM_QUEUES_MAX; i++) {
		const struct queue *q = core_queue_of(w->core, i);
		struct sim_shelf *s = &w->model->shelf[i];

		if (q == NULL) {
			shelf_gone_judge(w, s);
			continue;
		}
		for (int st = SW_DELAYED; st < SW_STATES; st++)
			if (q->count[st] != s->count[st])
				sim_fail(w,
					"queue %s counts %lld jobs as %s, "
					"there are %lld",
					q->name, (long long)q->count[st],
					sw_state_name(st),
					(long long)s->count[st]);
		if (q->total[TOTAL_BYTES] != s->bytes)
			sim_fail(w, "queue %s counts %lld bytes, not %lld",
				q->name, (long long)q->total[TOTAL_BYTES],
				(long long)s->bytes);
		rate_judge(w, s, q);
		limits_judge(w, s, q);
		s->given = s->stored = 0;
	}
}
