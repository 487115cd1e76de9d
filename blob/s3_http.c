/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "blob/s3.h"

enum { CONNECT_S = 10, STALL_S = 30, PAUSE_MAX_MS = 20000 };

/* --- what libcurl calls -------------------------------------------------- */

static size_t
body_take(char *p, size_t size, size_t n, void *arg)
{
	struct s3_request *r = arg;

	n *= size;
	if (n > r->cap - r->len)
		return 0; /* more than was requested: ends the transfer */
	memcpy(r->body + r->len, p, n);
	r->len += n;
	return n;
}

static size_t
file_give(char *p, size_t size, size_t n, void *arg)
{
	struct s3_request *r = arg;
	ssize_t got = pread(r->fd, p, size * n, r->sent);

	if (got < 0)
		return CURL_READFUNC_ABORT;
	r->sent += got;
	return (size_t)got;
}

static int
file_seek(void *arg, curl_off_t offset, int whence)
{
	struct s3_request *r = arg;

	if (whence != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	r->sent = offset;
	return CURL_SEEKFUNC_OK;
}

/* Reads the server's clock, which ages are measured by. */
static size_t
header_take(char *p, size_t size, size_t n, void *arg)
{
	struct s3_request *r = arg;
	char text[64];

	n *= size;
	if (n > 6 && n < sizeof(text) && strncasecmp(p, "date: ", 6) == 0) {
		memcpy(text, p + 6, n - 6);
		text[n - 6] = '\0';
		r->clock_s = (int64_t)curl_getdate(text, NULL);
	}
	return n;
}

/* --- one try ------------------------------------------------------------- */

static const char *
payload_hash(const struct s3_request *r, char hex[BLOB_HEX])
{
	if (r->ref == NULL)
		return "e3b0c44298fc1c149afbf4c8996fb924"
		       "27ae41e4649b934ca495991b7852b855"; /* of nothing */
	blob_hex_write(&r->ref->hash, hex);
	return hex;
}

static struct curl_slist *
headers_make(const struct s3_bucket *x, const struct s3_request *r)
{
	char text[sizeof(x->token) + 64], hex[BLOB_HEX];
	struct curl_slist *all, *more;

	(void)snprintf(text, sizeof(text), "x-amz-content-sha256: %s",
		payload_hash(r, hex));
	all = curl_slist_append(NULL, text);
	if (all == NULL || x->token[0] == '\0')
		return all;
	(void)snprintf(
		text, sizeof(text), "x-amz-security-token: %s", x->token);
	more = curl_slist_append(all, text);
	if (more == NULL)
		curl_slist_free_all(all);
	return more;
}

static void
method_set(CURL *c, struct s3_request *r)
{
	char range[64];

	if (strcmp(r->method, "PUT") == 0) {
		curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(c, CURLOPT_READFUNCTION, file_give);
		curl_easy_setopt(c, CURLOPT_READDATA, r);
		curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, file_seek);
		curl_easy_setopt(c, CURLOPT_SEEKDATA, r);
		curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
		curl_easy_setopt(
			c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->ref->size);
	} else if (strcmp(r->method, "HEAD") == 0) {
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	} else if (strcmp(r->method, "DELETE") == 0) {
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, "DELETE");
	} else if (r->from >= 0) {
		(void)snprintf(range, sizeof(range), "%" PRId64 "-%" PRId64,
			r->from, r->from + (int64_t)r->cap - 1);
		curl_easy_setopt(c, CURLOPT_RANGE, range);
	}
}

static void
options_set(const struct s3_bucket *x, struct s3_request *r, const char *url)
{
	CURL *c = x->curl;
	char sign[96];

	(void)snprintf(sign, sizeof(sign), "aws:amz:%s:s3", x->region);
	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_AWS_SIGV4, sign);
	curl_easy_setopt(c, CURLOPT_USERPWD, x->user);
	curl_easy_setopt(c, CURLOPT_FILETIME, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 512L * 1024);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, header_take);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, r);
	method_set(c, r);
}

static CURLcode
try_once(const struct s3_bucket *x, struct s3_request *r, const char *url)
{
	struct curl_slist *headers = headers_make(x, r);
	curl_off_t size = -1, modified = -1;
	CURLcode code;

	if (headers == NULL)
		return CURLE_OUT_OF_MEMORY;
	r->len = 0;
	r->status = 0;
	r->sent = 0;
	r->clock_s = -1;
	options_set(x, r, url);
	curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, headers);
	code = curl_easy_perform(x->curl);
	curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &r->status);
	curl_easy_getinfo(x->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
	curl_easy_getinfo(x->curl, CURLINFO_FILETIME_T, &modified);
	r->size = size;
	r->modified_s = modified;
	curl_slist_free_all(headers);
	return code;
}

/* --- retries ------------------------------------------------------------- */

static int
worth_again(CURLcode code, const struct s3_request *r)
{
	if (code != CURLE_OK)
		return code != CURLE_OUT_OF_MEMORY &&
		       code != CURLE_URL_MALFORMAT &&
		       code != CURLE_UNSUPPORTED_PROTOCOL &&
		       code != CURLE_PEER_FAILED_VERIFICATION &&
		       code != CURLE_ABORTED_BY_CALLBACK;
	return r->status >= 500 || r->status == 429 || r->status == 408;
}

/* Half to all of the back-off, so that clients do not retry in step. */
static void
pause_before(const struct s3_bucket *x, int tried)
{
	int64_t ms = x->backoff_ms << (tried - 1), seed;
	struct timespec t;

	if (ms > PAUSE_MAX_MS)
		ms = PAUSE_MAX_MS;
	clock_gettime(CLOCK_MONOTONIC, &t);
	seed = t.tv_nsec / 1000;
	ms = ms / 2 + (ms > 1 ? seed % (ms / 2 + 1) : 0);
	t = (struct timespec){ms / 1000, ms % 1000 * 1000000};
	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

/* The error code of the answer's XML, for the error line. */
static void
code_find(const struct s3_request *r, char *to, size_t cap)
{
	static const char open[] = "<Code>";
	const char *p, *end;

	to[0] = '\0';
	p = memmem(r->body != NULL ? r->body : (const uint8_t *)"", r->len,
		open, sizeof(open) - 1);
	if (p == NULL)
		return;
	p += sizeof(open) - 1;
	end = memchr(p, '<', r->len - (size_t)(p - (const char *)r->body));
	if (end != NULL)
		(void)snprintf(to, cap, " %.*s", (int)(end - p), p);
}

static int
answer_judge(struct blobs *s, const struct s3_request *r)
{
	char code[64];
	int err = r->status == 404			 ? -ENOENT
		  : r->status == 401 || r->status == 403 ? -EACCES
							 : -EIO;

	if (r->status >= 200 && r->status < 300)
		return 0;
	code_find(r, code, sizeof(code));
	return blob_fail(s, err, "%s %.200s: status %ld%s", r->method, r->path,
		r->status, code);
}

static int
failure_judge(struct blobs *s, const struct s3_request *r, CURLcode code)
{
	const struct s3_bucket *x = s->priv;
	int err = code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT
		  : code == CURLE_COULDNT_CONNECT  ? -ECONNREFUSED
						   : -EIO;

	return blob_fail(s, err, "%s %.150s%.150s: %s", r->method, x->endpoint,
		r->path, curl_easy_strerror(code));
}

int
s3_do(struct blobs *s, struct s3_request *r)
{
	struct s3_bucket *x = s->priv;
	char url[S3_TEXT + S3_PATH + 4 * S3_TOKEN];
	CURLcode code;
	int n = snprintf(url, sizeof(url), "%s%s", x->endpoint, r->path);

	if (n < 0 || (size_t)n >= sizeof(url))
		return blob_fail(s, -ENAMETOOLONG, "the URL is too long");
	for (int tried = 1;; tried++) {
		code = try_once(x, r, url);
		if (tried >= x->tries || !worth_again(code, r))
			break;
		pause_before(x, tried);
	}
	return code != CURLE_OK ? failure_judge(s, r, code)
				: answer_judge(s, r);
}
