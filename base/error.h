/* SPDX-License-Identifier: MIT */
/*
 * error.h - the errors of Spillway: one list for numbers, names and texts
 *
 * A function returns 0, one of these or -errno.  The numbers are part of the
 * protocol: append, never renumber; errno never goes on the wire.  Each text
 * is a clause that stands alone behind "spillway: ".
 */
#ifndef SW_ERROR_H
#define SW_ERROR_H

/* X(name, number, text) */
#define SW_ERR_MAP(X)                                                          \
	X(SW_ENOJOB, -5001, "no such job")                                     \
	X(SW_ESTALE, -5002,                                                    \
		"the lease is over or has passed to another worker")           \
	X(SW_ESTATE, -5003, "the job's state does not allow this")             \
	X(SW_EFULL, -5004, "the store is full, try again later")               \
	X(SW_EMAXJOBS, -5005, "the queue has reached its max_jobs")            \
	X(SW_EMAXBYTES, -5006, "the queue has reached its max_bytes")          \
	X(SW_EINVAL, -5007, "the request is malformed or a value is invalid")  \
	X(SW_ETOOBIG, -5008, "a value is larger than its limit")               \
	X(SW_EUNIQUE, -5009, "another job holds this unique key")              \
	X(SW_EQUEUE, -5010, "a queue name must be 1 to 63 of [a-z0-9_-]")      \
	X(SW_ESETTING, -5011, "unknown setting or invalid value")              \
	X(SW_EVERSION, -5012, "unknown protocol version")                      \
	X(SW_EOP, -5013, "unknown operation")                                  \
	X(SW_EBUSY, -5014, "the broker is at a limit")                         \
	X(SW_ESESSION, -5015, "the worker must say hello first")               \
	X(SW_ECORRUPT, -5016, "data in the store is corrupt")                  \
	X(SW_EFENCED, -5017, "another broker has claimed the store")           \
	X(SW_EUNKNOWN, -5018, "the outcome is unknown")                        \
	X(SW_ETIMEOUT, -5019, "the broker did not answer in time")             \
	X(SW_ELINK, -5020, "no connection to the broker")                      \
	X(SW_EFORMAT, -5021, "not a Spillway store, or one of a newer format") \
	X(SW_EID, -5022, "malformed id: must be a UUID")                       \
	X(SW_ECANCEL, -5023, "a cancel of the job was requested")              \
	X(SW_ENOQUEUE, -5024, "no such queue")                                 \
	X(SW_ECONFLICT, -5025, "another job has this id")                      \
	X(SW_EQUEUES, -5026, "the broker has its largest number of queues")    \
	X(SW_EINUSE, -5027, "the queue is in use")                             \
	X(SW_EWAITS, -5028, "too many waits at a time")                        \
	X(SW_EBACKUP, -5030, "the backup was not made")

enum sw_error {
#define X(name, num, text) name = num,
	SW_ERR_MAP(X)
#undef X
};

/* The text of 0, an SW_E… or a -errno; static, never NULL. */
const char *sw_strerror(int err);

/* The name, such as "SW_EFULL"; "OK" for 0, "errno" for any other number. */
const char *sw_errname(int err);

#endif
