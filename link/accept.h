/* SPDX-License-Identifier: MIT */
/*
 * accept.h - saying no to a peer when no file can be opened
 *
 * libzmq 4.3.4 knows no answer to EMFILE: on tcp:// it tries again for ever,
 * on ipc:// it aborts.  So accept4 is ours: a file kept in reserve makes
 * room to take the connection and hang up.
 */
#ifndef BROKER_ACCEPT_H
#define BROKER_ACCEPT_H

/* Takes the reserve; before it, and without it, peers wait. */
void accept_open(void);
void accept_close(void);

#endif
