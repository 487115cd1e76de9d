/* SPDX-License-Identifier: MIT */
/*
 * kept.h - the protocol between a worker and a process that it keeps
 *
 * A kept process runs one job after another.  It and its worker talk over a
 * stream socket, descriptor KEPT_FD of the process.  Every message, in both
 * directions, is a line and the bytes that the line announces:
 *
 *	LENGTH WORD [ARGUMENT ...]\n	and then LENGTH bytes
 *
 * LENGTH is decimal, at most KEPT_BYTES_MAX.  WORD and arguments are printable
 * ASCII, one blank before each.  A receiver skips a message whose word it does
 * not know, and takes no notice of arguments behind those that it knows.
 *
 * From the process:
 *
 *	0 ready VERSION [AT_ONCE]    its set-up is right; jobs at once, 1
 *	0 begun ID                   before the first step of a job
 *	N progress ID PERCENT        the bytes are a text
 *	N result ID                  the last one counts
 *	N put ID QUEUE HEADERS       a further job: headers, then body
 *	N alarm                      the set-up is at fault; 0: no more
 *	0 done ID [CPU RSS]          the end; CPU in ms and RSS in KB
 *	N retry ID [MS|- [CPU RSS]]  the bytes are the error; MS a delay
 *	N fail ID [CPU RSS]          the bytes are the error
 *
 * From the worker:
 *
 *	N job ID QUEUE ATTEMPT MAX TIMEOUT_MS HEADERS
 *	0 cancel ID                  optional to heed: signals follow
 *
 * ID is the worker's name of the job: the process sends it back as it is.
 * HEADERS is the length of a block at the start of the bytes: NAME=VALUE and
 * a NUL for each header, a job's content type first as "content-type=VALUE".
 * What follows the block is the body.
 *
 * This decoder accepts any bytes, and needs neither memory nor system calls.
 */
#ifndef WIRE_KEPT_H
#define WIRE_KEPT_H

#include <sys/types.h>

#include "base/bytes.h"
#include "wire/limits.h"

enum {
	KEPT_FD = 3,
	KEPT_VERSION = 1,
	KEPT_LINE_MAX = 255,	 /* bytes of a line without its end */
	KEPT_BYTES_MAX = 139264, /* bytes behind a line: headers and body */
	KEPT_ARGS = 8,		 /* further ones are skipped */

	/*
	 * What one job reports: the bytes of its last result and of all its
	 * puts, as a kit counts them; and as the worker counts them, encoded,
	 * with an id, a queue and lengths for each put.  The difference is
	 * KEPT_FOLLOW_MAX and more for each of SW_FOLLOWS_MAX puts: what a kit
	 * lets through has room, unless most of it is very short headers.
	 */
	KEPT_REPORTS_MAX = 320 * 1024,
	KEPT_FIELDS_MAX = 512 * 1024,
	KEPT_FOLLOW_MAX = 192,
};

_Static_assert(
	KEPT_FIELDS_MAX - KEPT_REPORTS_MAX >= SW_FOLLOWS_MAX * KEPT_FOLLOW_MAX,
	"the worker has room for what a kit lets through");

/* Errors of a job that says it is done, from the kit or else the worker. */
#define KEPT_RESULT_TOOBIG  "the result is larger than 64 KB: put it into a blob"
#define KEPT_REPORTS_TOOBIG "the worker has no room for what the job reported"

/* The first header of a block, if the job has a content type. */
#define KEPT_CONTENT_TYPE "content-type="

/* All of it is borrowed from the input. */
struct kept_message {
	struct bytes word, args[KEPT_ARGS], bytes;
	int args_n;
};

/*
 * Reads the first message of `in`.  Returns its length in bytes.  0: the
 * message is not complete; *need is then its length, or 0 as long as the end
 * of its line is missing.  -EBADMSG: `in` cannot become a message, whatever
 * follows.  Writes only what the returned value says.
 */
ssize_t kept_parse(struct bytes in, struct kept_message *, size_t *need)
	__attribute__((warn_unused_result));

/*
 * Writes the line of a message with `len` bytes behind it: LENGTH, a blank,
 * the formatted words, a newline and a NUL.  Returns the line's length without
 * the NUL, or -EMSGSIZE: line or bytes would be too long; `line` is then
 * undefined.  The caller's words must be of the grammar above.
 */
int kept_line(char line[KEPT_LINE_MAX + 2], size_t len, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), warn_unused_result));

/* Whether the message's word is `word`. */
int kept_is(const struct kept_message *, const char *word);

/*
 * Reads argument `i` as a number without a sign, 0 to `max`: 0; -EINVAL: the
 * message has no such argument, or it is no such number.
 */
int kept_int(const struct kept_message *, int i, int64_t max, int64_t *value)
	__attribute__((warn_unused_result));

/*
 * Copies argument `i` with a NUL: 0; -EINVAL: the message has no such
 * argument, or it needs more than `cap` bytes.
 */
int kept_text(const struct kept_message *, int i, char *to, size_t cap)
	__attribute__((warn_unused_result));

/*
 * Splits the message's bytes by argument `i`, the length of the header block:
 * 0; -EINVAL: there is no such length, or the block is not NAME=VALUE and a
 * NUL each with a NAME of at least one byte.
 */
int kept_headers(const struct kept_message *, int i, struct bytes *headers,
	struct bytes *body) __attribute__((warn_unused_result));

/*
 * Walks a checked block; *at is 0 at first.  1: *header is NAME=VALUE, and a
 * NUL follows its bytes; 0: there is no further one.
 */
int kept_header_next(struct bytes headers, size_t *at, struct bytes *header);

#endif
