/* SPDX-License-Identifier: MIT */
#include "worker/process/fault.h"

#include <errno.h>
#include <string.h>

int
fault_note(struct fault *f, const char *step, int error, int64_t now_ms)
{
	int first = f->pause_ms == 0;
	int other = first || f->error != error || strcmp(f->step, step) != 0;

	f->step = step;
	f->error = error;
	if (!first && !f->trying)
		return other;
	f->pause_ms = first ? FAULT_FIRST_MS : f->pause_ms * 2;
	if (f->pause_ms > FAULT_MOST_MS)
		f->pause_ms = FAULT_MOST_MS;
	f->retry_ms = now_ms + f->pause_ms;
	f->trying = 0;
	return other;
}

int
fault_try(struct fault *f, int64_t now_ms)
{
	if (f->pause_ms == 0 || f->trying || now_ms < f->retry_ms)
		return 0;
	f->trying = 1;
	return 1;
}

int
fault_over(struct fault *f)
{
	int was = f->pause_ms != 0;

	*f = (struct fault){0};
	return was;
}

const char *
fault_step_name(uint32_t step)
{
	static const char *const names[SPAWN_STEPS] = {
#define X(symbol, name) [symbol] = name,
		SPAWN_STEP_MAP(X)
#undef X
	};

	return step < SPAWN_STEPS ? names[step] : "?";
}

/* Of execve(2): what a machine lacks for a while, not what a command is. */
int
fault_is_of_route(uint32_t step, int error, int limited)
{
	if (step != SPAWN_EXEC)
		return 0;
	switch (-error) {
	case ENOMEM:
		return limited;
	case EAGAIN:
	case EMFILE:
	case ENFILE:
		return 0;
	default:
		return 1;
	}
}

int
fault_may_pass(int error)
{
	switch (-error) {
	case EINVAL:
	case ENAMETOOLONG:
	case ENOTDIR:
		return 0;
	default:
		return 1;
	}
}
