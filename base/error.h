/* SPDX-License-Identifier: MIT */
/*
 * error.h - the errors, one list for the enum, the names and the texts
 *
 * Numbers are part of the protocol: append, never renumber.  errno never
 * goes on the wire.
 */
#ifndef SW_ERROR_H
#define SW_ERROR_H

#define SW_ERR_MAP(X)                                                      \
	X(SW_ENOJOB, -5001, "no such job")                                 \
	X(SW_ESTALE, -5002, "the lease has passed to someone else")        \
	X(SW_ESTATE, -5003, "the job's state does not allow this")         \
	X(SW_EFULL, -5004, "the store is full, try again later")           \
	X(SW_EMAXJOBS, -5005, "the queue holds its maximum of jobs")       \
	X(SW_EMAXBYTES, -5006, "the queue holds its maximum of bytes")     \
	X(SW_EINVAL, -5007, "malformed request")                           \
	X(SW_ETOOBIG, -5008, "too large")                                  \
	X(SW_EUNIQUE, -5009, "another job holds this unique key")          \
	X(SW_EQUEUE, -5010, "bad queue name: 1-63 of [a-z0-9_-]")          \
	X(SW_ESETTING, -5011, "unknown setting or bad value")              \
	X(SW_EVERSION, -5012, "unknown protocol version")                  \
	X(SW_EOP, -5013, "unknown operation")                              \
	X(SW_EBUSY, -5014, "a table of the broker is full")                \
	X(SW_ESESSION, -5015, "no session: say hello first")               \
	X(SW_ECORRUPT, -5016, "a stored record fails its checksum")        \
	X(SW_EFENCED, -5017, "another broker has taken the store")         \
	X(SW_EUNKNOWN, -5018, "the outcome is unknown")                    \
	X(SW_ETIMEOUT, -5019, "no answer in time")                         \
	X(SW_ELINK, -5020, "no broker there")                              \
	X(SW_EFORMAT, -5021, "not a Spillway store, or of a newer format") \
	X(SW_EID, -5022, "malformed id: must be a UUID")                 \
	X(SW_ECANCEL, -5023, "the job is to be cancelled")                 \
	X(SW_ENOQUEUE, -5024, "no such queue")

enum sw_error {
#define X(name, num, text) name = num,
	SW_ERR_MAP(X)
#undef X
};

/* The text of 0, an SW_E… or a -errno; static, never NULL. */
const char *sw_strerror(int err);

/* "SW_EFULL" and the like; "OK" for 0, "errno" for anything else. */
const char *sw_errname(int err);

#endif
