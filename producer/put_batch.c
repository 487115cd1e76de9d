/* SPDX-License-Identifier: MIT */
#include "producer/put_batch.h"

#include <stdlib.h>

struct put_batch *
put_batch_new(struct sw_client *owner)
{
	struct put_batch *p = malloc(sizeof(*p));

	if (p == NULL)
		return NULL;
	*p = (struct put_batch){.owner = owner};
	if (sw_batch_init(&p->jobs) == 0)
		return p;
	free(p);
	return NULL;
}

void
put_batch_free(struct put_batch *p)
{
	if (p == NULL)
		return;
	sw_batch_fini(&p->jobs);
	free(p);
}

int
put_batch_add(struct put_batch *p, const struct sw_job *j,
	const struct put_slot *slot, char *why)
{
	int err = sw_batch_add(&p->jobs, j, why);

	if (err == 0)
		p->slots[p->jobs.n - 1] = *slot;
	return err;
}
