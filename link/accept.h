/* SPDX-License-Identifier: MIT */
/*
 * accept.h - refusing a connection when the process is out of descriptors
 *
 * On EMFILE libzmq 4.3.4 calls accept4() again for ever (tcp://) or aborts
 * (ipc://).  A program that links accept.c has an accept4() that closes a
 * reserved descriptor instead, accepts the connection and closes it.
 */
#ifndef LINK_ACCEPT_H
#define LINK_ACCEPT_H

/* Opens the reserved descriptor.  Without one, also after a failure, new peers
 * have to wait. */
void accept_open(void);
void accept_close(void);

/* How many peers were refused so far; from any thread. */
unsigned long accept_refused(void);

#endif
