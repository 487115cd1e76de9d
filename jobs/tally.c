/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <errno.h>
#include <stdlib.h>

static void
bad_line(struct tally *t, const struct scan_line *l)
{
	t->bad++;
	if (t->n_samples == TALLY_SAMPLES)
		return;
	t->samples[t->n_samples++] = (struct tally_sample){l->raw, l->why};
}

static int
good_line(struct tally *t, const struct scan_line *l)
{
	t->requests++;
	t->bytes += l->bytes;
	t->status[l->status]++;
	if (l->at_s != SCAN_NO_TIME) {
		if (t->first_s == SCAN_NO_TIME || l->at_s < t->first_s)
			t->first_s = l->at_s;
		if (t->last_s == SCAN_NO_TIME || l->at_s > t->last_s)
			t->last_s = l->at_s;
	}
	hll_add(&t->visitors, l->client);
	hist_add(&t->sizes, l->bytes);
	return topk_add(&t->paths, l->path);
}

int
tally_init(struct tally *t, struct bytes text)
{
	struct scan_line line;
	enum scan_kind kind;
	struct scan s;
	int err = 0;

	memset(t, 0, sizeof(*t));
	t->first_s = t->last_s = SCAN_NO_TIME;
	if (text.len == 0)
		return 0;
	t->scratch = malloc(text.len);
	if (t->scratch == NULL)
		return -ENOMEM;
	scan_init(&s, text, t->scratch, text.len);
	while (err == 0 && (kind = scan_next(&s, &line)) != SCAN_END) {
		if (kind == SCAN_GOOD)
			err = good_line(t, &line);
		else
			bad_line(t, &line);
	}
	return err;
}

void
tally_fini(struct tally *t)
{
	topk_fini(&t->paths);
	free(t->scratch);
	t->scratch = NULL;
}
