/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the time in milliseconds
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/*
 * `which` is CLOCK_MONOTONIC or CLOCK_BOOTTIME for intervals, CLOCK_REALTIME
 * for times that are stored or shown.
 */
static inline int64_t
clock_now_ms(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A random number of this boot of the machine; 0: the kernel does not say. */
static inline uint64_t
clock_boot_id(void)
{
	enum { UUID_TEXT = 36, DIGITS = 16 /* of a number of 64 bits */ };
	char text[UUID_TEXT + 1] = "", *to = text;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, UUID_TEXT);

	if (fd >= 0)
		close(fd);
	if (n != UUID_TEXT)
		return 0;
	for (const char *p = text; *p != '\0'; p++) /* without the dashes */
		if (*p != '-')
			*to++ = *p;
	text[DIGITS] = '\0';
	return strtoull(text, NULL, 16);
}

#endif
