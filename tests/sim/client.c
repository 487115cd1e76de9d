/* SPDX-License-Identifier: MIT */
#include "tests/sim/link.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/must.h"
#include "link/dial.h"

/* --- the link, as dial.h has it ----------------------------------------- */

/* `sock` is the end it stands for, `mon` the message at hand. */
static int
end_of(const struct dial *d)
{
	return (int)((struct sim_end *)d->sock - sim_here->ends);
}

int
dial_open(struct dial *d, const char *endpoint)
{
	*d = (struct dial){.sock = &sim_here->ends[atoi(endpoint)]};
	return 0;
}

void
dial_close(struct dial *d)
{
	free(d->mon);
	free(d->ctx);
	*d = (struct dial){0};
}

int
dial_foreign(const struct dial *d)
{
	(void)d;
	return 0;
}

int
dial_watch(struct dial *d)
{
	const struct sim_end *e = d->sock;
	int up = e->link != 0, news = up != d->up || d->epoch != e->links;

	d->up = up;
	d->epoch = e->links;
	return news;
}

int
dial_send(struct dial *d, struct bytes frame)
{
	const struct sim_end *e = d->sock;

	if (e->link == 0)
		return -EAGAIN;
	sim_say(sim_here, end_of(d), frame);
	return 0;
}

int
dial_recv(struct dial *d, struct bytes *frame)
{
	struct sim_end *e = d->sock;
	struct sim_frame *f = sim_fifo_take(&e->in);

	if (f == NULL)
		return -EAGAIN;
	free(d->mon);
	d->mon = f;
	sim_trace_frame(sim_here, f->end, "* hears ", bytes_of(f->b, f->len));
	*frame = bytes_of(f->b, f->len);
	return 0;
}

void
dial_keep(struct dial *d)
{
	free(d->ctx);
	d->ctx = d->mon;
	d->mon = NULL;
}

int
dial_wait(struct dial *d, int64_t wait_ms, int out)
{
	(void)d;
	(void)wait_ms;
	(void)out;
	return -EINTR; /* the world turns elsewhere */
}

int
dial_fd(struct dial *d)
{
	(void)d;
	return -EMFILE;
}

void
dial_arm(struct dial *d, int64_t at_ms)
{
	if (at_ms != INT64_MAX)
		sim_wake(sim_here, end_of(d), at_ms);
}

void
dial_settle(struct dial *d, int64_t at_ms, int out)
{
	(void)out;
	const struct sim_end *e = d->sock;

	dial_arm(d, e->in.first != NULL ? 0 : at_ms);
}

/* --- what ships --------------------------------------------------------- */

/* base/clock.h too is first included below this line. */
#define clock_gettime sim_clock
#include "producer/client.c"
#include "producer/inside.c"
#include "producer/open.c"
#include "producer/put.c"
#include "producer/submit.c"
