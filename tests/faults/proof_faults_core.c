/* SPDX-License-Identifier: MIT */
/*
 * proof_faults_core.c - the core when memory runs out
 *
 * To be run under preload_fault.so: tests/proof/faults.sh does.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "tests/faults/sweep.h"
#include "tests/lib/rig.h"

enum { NOW_MS = 1000000 };

static struct core core;
static struct rig rig = {.core = &core, .now_ms = NOW_MS, .mono_ms = NOW_MS};
static int status; /* of the last answer; 1: there is none */

static int
status_see(void *arg, const struct out *o)
{
	struct sw_msg m;
	struct sw_item it;

	(void)arg;
	status = sw_msg_open(o->frame, &m) < 0 || !sw_msg_next(&m, &it)
			 ? 1
			 : (int)sw_int(&it, SW_F_STATUS, 1);
	return 1;
}

/* A turn of the request; what it was answered with. */
static int
turn(size_t mark)
{
	struct peer p = rig_peer(1);

	sw_item_end(&rig.b, mark);
	status = 1;
	if (rig_turn(&rig, &p, sw_buf_bytes(&rig.b)) < 0)
		abort();
	return status;
}

static int
put(void)
{
	size_t mark = rig_say(&rig, SW_OP_PUT, 1);

	sw_put_text(&rig.b, SW_F_QUEUE, "q");
	sw_put_text(&rig.b, SW_F_BODY, "body");
	return turn(mark);
}

static int
hello(void)
{
	size_t mark = rig_say(&rig, SW_OP_HELLO, 0);

	sw_put_text(&rig.b, SW_F_WORKER, "w");
	sw_item_end(&rig.b, mark);
	mark = sw_item_begin(&rig.b);
	sw_put_text(&rig.b, SW_F_QUEUE, "q");
	return turn(mark);
}

static int
is_there(void)
{
	return turn(rig_say(&rig, SW_OP_GET, 1)) == 0;
}

/* No answer is one: the job has not ended. */
static int
wait_for(void)
{
	int said = turn(rig_say(&rig, SW_OP_WAIT, 1));

	return said == 1 ? 0 : said;
}

/* Done, or refused by name. */
static int
is_well(const char *what, int said)
{
	if (said == 0 || said == SW_EBUSY)
		return 1;
	(void)sweep_wrong("%s: %s", what, sw_strerror(said));
	return 0;
}

/* With memory again, all that was confirmed is there. */
static int
afterwards(int put_said)
{
	struct core_start at = rig_now(&rig);

	if (core_init(&core, rig.store, &rig.claim, &at) < 0)
		return sweep_wrong("does not start again");
	if (put_said == 0 && !is_there())
		return sweep_wrong("a confirmed job is lost");
	core_fini(&core);
	return 0;
}

static int
core_use(void *arg)
{
	int put_said = SW_EBUSY, err;

	(void)arg;
	rig.on_out = status_see;
	err = rig_start(&rig, "mem:", NULL, core_init);
	if (rig.store == NULL)
		return err == -ENOMEM ? 0 : sweep_wrong("open: %d", err);
	if (err == 0) {
		put_said = put();
		if (!is_well("put", put_said) || !is_well("hello", hello()) ||
			(put_said == 0 && !is_well("wait", wait_for())))
			return 1;
		err = core_reload(&core, 0);
	}
	if (err == 0)
		core_fini(&core);
	else if (err != -ENOMEM)
		return sweep_wrong("start: %s", sw_strerror(err));
	sweep_pause();
	err = afterwards(put_said);
	store_mem.close(rig.store);
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
