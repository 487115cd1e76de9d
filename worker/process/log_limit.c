/* SPDX-License-Identifier: MIT */
#include "worker/process/log_limit.h"

static int
window_is_over(const struct log_limit *l, int64_t now_ms)
{
	return now_ms - l->window_ms >= l->every_ms;
}

int
log_limit_has_room(const struct log_limit *l, int64_t now_ms)
{
	return l->lines < l->most || window_is_over(l, now_ms);
}

int
log_limit_take(struct log_limit *l, int64_t now_ms)
{
	if (l->lines == 0 || window_is_over(l, now_ms)) {
		l->window_ms = now_ms;
		l->lines = 0;
	}
	if (l->lines == l->most) {
		l->left_out++;
		return 0;
	}
	l->lines++;
	return 1;
}

int64_t
log_limit_left_out(struct log_limit *l, int64_t now_ms)
{
	int64_t n = l->left_out;

	if (!window_is_over(l, now_ms))
		return 0;
	l->left_out = 0;
	return n;
}
