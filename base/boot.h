/* SPDX-License-Identifier: MIT */
/*
 * boot.h - which boot of the machine this is
 */
#ifndef BASE_BOOT_H
#define BASE_BOOT_H

#include <stdint.h>

/* A random number of this boot; 0: the kernel does not say. */
uint64_t boot_number(void);

#endif
