/* SPDX-License-Identifier: MIT */
#include "base/boot.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"

enum { UUID_TEXT = 36, DIGITS = 16 }; /* of a number of 64 bits */

uint64_t
boot_number(void)
{
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
