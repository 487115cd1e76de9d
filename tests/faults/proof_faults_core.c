/* SPDX-License-Identifier: MIT */
/*
 * proof_faults_core.c - the core when memory runs out
 *
 * To be run under preload_fault.so: tests/proof/faults.sh does.
 */
#include <errno.h>
#include <stdlib.h>

#include "broker/core/core.h"
#include "base/error.h"
#include "tests/faults/sweep.h"

enum { NOW_MS = 1000000 };

struct scene {
	struct core core;
	struct store *store;
	struct claim claim;
	struct sw_id id;
	uint8_t request[1024];
	struct sw_buf b;
};

static void
told(void *arg, int err)
{
	*(int *)arg = err;
}

static size_t
say(struct scene *s, int op, int with_id)
{
	size_t mark;

	s->b = (struct sw_buf){.p = s->request, .cap = sizeof(s->request)};
	sw_msg_begin(&s->b, op, 0, 1);
	mark = sw_item_begin(&s->b);
	if (with_id)
		sw_put_id(&s->b, &s->id);
	return mark;
}

/* The last answer's status; 1: there is none. */
static int
answer(const struct core *c)
{
	struct sw_msg m;
	struct sw_item it;

	if (c->outs_n == 0 || sw_msg_open(c->outs[c->outs_n - 1].frame, &m) < 0 ||
		!sw_msg_next(&m, &it))
		return 1;
	return (int)sw_int(&it, SW_F_STATUS, 1);
}

/* A turn of the request; what it was answered with. */
static int
turn(struct scene *s, size_t mark)
{
	struct peer p = {.b = {1}, .len = 5};
	struct core *c = &s->core;
	int err = 0, status;

	sw_item_end(&s->b, mark);
	core_begin(c, NOW_MS, NOW_MS);
	core_take(c, &p, sw_buf_bytes(&s->b));
	core_tick(c);
	core_hand_out(c);
	core_close(c);
	if (store_mem.commit(s->store, &s->claim, c->batch.ops, c->batch.n, told,
		    &err) < 0 ||
		err < 0)
		abort();
	core_committed(c);
	status = answer(c);
	core_end(c);
	return status;
}

static int
put(struct scene *s)
{
	size_t mark = say(s, SW_OP_PUT, 1);

	sw_put_text(&s->b, SW_F_QUEUE, "q");
	sw_put_text(&s->b, SW_F_BODY, "body");
	return turn(s, mark);
}

static int
hello(struct scene *s)
{
	size_t mark = say(s, SW_OP_HELLO, 0);

	sw_put_text(&s->b, SW_F_WORKER, "w");
	sw_item_end(&s->b, mark);
	mark = sw_item_begin(&s->b);
	sw_put_text(&s->b, SW_F_QUEUE, "q");
	return turn(s, mark);
}

static int
is_there(struct scene *s)
{
	return turn(s, say(s, SW_OP_GET, 1)) == 0;
}

/* No answer is one: the job has not ended. */
static int
wait_for(struct scene *s)
{
	int status = turn(s, say(s, SW_OP_WAIT, 1));

	return status == 1 ? 0 : status;
}

/* Done, or refused by name. */
static int
is_well(const char *what, int status)
{
	if (status == 0 || status == SW_EBUSY)
		return 1;
	(void)sweep_wrong("%s: %s", what, sw_strerror(status));
	return 0;
}

/* With memory again, all that was confirmed is there. */
static int
afterwards(struct scene *s, int put_said)
{
	if (core_init(&s->core, s->store, &s->claim, NOW_MS, NOW_MS) < 0)
		return sweep_wrong("does not start again");
	if (put_said == 0 && !is_there(s))
		return sweep_wrong("a confirmed job is lost");
	core_fini(&s->core);
	return 0;
}

static int
core_use(void *arg)
{
	static struct scene s = {.id = {{1}}};
	int put_said = SW_EBUSY, err = store_open(&s.store, "mem:", NULL);

	(void)arg;
	if (err < 0)
		return err == -ENOMEM ? 0 : sweep_wrong("open: %d", err);
	if (store_mem.claim(s.store, 0, 0, &s.claim) < 0)
		abort();
	err = core_init(&s.core, s.store, &s.claim, NOW_MS, NOW_MS);
	if (err == 0) {
		put_said = put(&s);
		if (!is_well("put", put_said) || !is_well("hello", hello(&s)) ||
			(put_said == 0 && !is_well("wait", wait_for(&s))))
			return 1;
		err = core_reload(&s.core, 0);
	}
	if (err == 0)
		core_fini(&s.core);
	else if (err != -ENOMEM)
		return sweep_wrong("start: %s", sw_strerror(err));
	sweep_pause();
	err = afterwards(&s, put_said);
	store_mem.close(s.store);
	return err;
}

static int
core_play(const struct sweep *sw, struct fault_block *plan)
{
	(void)sw;
	return sweep_fork(core_use, NULL, plan);
}

static const struct sweep_case cases[] = {
	{.group = FAULT_ALLOC, .how = ENOMEM},
	{.group = FAULT_ALLOC, .how = ENOMEM, .on = 1},
};

static const struct sweep sweeps[] = {
	{"core", core_play, cases, 2, 0},
};

int
main(void)
{
	return sweep_run("the core", sweeps, 1, 5);
}
