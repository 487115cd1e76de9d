/* SPDX-License-Identifier: MIT */
#include "jobs/webhook/post.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "jobs/webhook/address.h"
#include "jobs/webhook/sign.h"

/* The child process's handle, which keeps connections open between jobs. */
static CURL *kept;

/* A post that is in progress. */
struct post_transfer {
	struct webhook_post *p;
	int64_t read_len;  /* bytes of the answer, head and body */
	int headed;	   /* the answer's head is complete */
	int permitted;	   /* an address was permitted */
	int cut;	   /* the answer was longer than max_answer */
	char refused[128]; /* the last: "10.0.0.1 (private)", or "" */
	char error[CURL_ERROR_SIZE];
};

/* --- permitted addresses ------------------------------------------------- */

static int
is_permitted(
	struct post_transfer *f, const struct sockaddr *a, const char *text)
{
	const char *kind = address_kind(a);
	const char *allow = endpoint_text(f->p->to, "allow");

	if (kind == NULL || (allow != NULL && address_listed(a, allow) == 1)) {
		f->permitted = 1;
		return 1;
	}
	(void)snprintf(f->refused, sizeof(f->refused), "%s (%s)", text, kind);
	return 0;
}

/* Checks the address to connect to, which no later DNS answer can change. */
static curl_socket_t
socket_permit(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	char text[64] = "?";
	struct sockaddr_storage sa = {0};

	(void)purpose;
	if (a->addrlen > sizeof(sa))
		return CURL_SOCKET_BAD;
	memcpy(&sa, &a->addr, a->addrlen);
	(void)getnameinfo((struct sockaddr *)&sa, a->addrlen, text,
		sizeof(text), NULL, 0, NI_NUMERICHOST);
	if (!is_permitted(arg, (struct sockaddr *)&sa, text))
		return CURL_SOCKET_BAD;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/*
 * Checks every request: an open connection may be that of an earlier job, to an
 * endpoint with another `allow`.
 */
static int
request_permit(void *arg, char *ip, char *local, int port, /* NOLINT: curl's */
	int local_port)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_storage sa = {0};

	(void)local;
	(void)port;
	(void)local_port;
	if (inet_pton(AF_INET, ip, &four.sin_addr) == 1)
		memcpy(&sa, &four, sizeof(four));
	else if (inet_pton(AF_INET6, ip, &six.sin6_addr) == 1)
		memcpy(&sa, &six, sizeof(six));
	return is_permitted(arg, (struct sockaddr *)&sa, ip)
		       ? CURL_PREREQFUNC_OK
		       : CURL_PREREQFUNC_ABORT;
}

/* --- the answer ----------------------------------------------------- */

int64_t
post_retry_after_s(const char *text, int64_t now_s)
{
	size_t digits = strspn(text, "0123456789");
	int64_t s = 0;

	if (digits == 0 || text[digits] != '\0') /* -1: not a date */
		s = (int64_t)curl_getdate(text, NULL) - now_s;
	else
		for (; *text != '\0' && s <= POST_AFTER_MAX_S; text++)
			s = s * 10 + (*text - '0');
	if (s < 0)
		return 0;
	return s < POST_AFTER_MAX_S ? s : POST_AFTER_MAX_S;
}

/* n, or 0, which ends the transfer: the answer exceeds max_answer. */
static size_t
answer_count(struct post_transfer *f, size_t n)
{
	f->read_len += (int64_t)n;
	f->cut = f->read_len > endpoint_number(f->p->to, "max_answer");
	return f->cut ? 0 : n;
}

/* Notes the head's end line by line: libcurl accepts a head without one. */
static size_t
head_take(char *b, size_t size, size_t n, void *arg) /* NOLINT: curl's type */
{
	struct post_transfer *f = arg;
	size_t len = size * n;

	if (len >= 5 && memcmp(b, "HTTP/", 5) == 0)
		f->headed = 0; /* an answer of 1xx may precede it */
	else if (len > 0 && (b[0] == '\r' || b[0] == '\n'))
		f->headed = 1;
	return answer_count(f, len);
}

static size_t
body_take(char *b, size_t size, size_t n, void *arg)
{
	struct post_transfer *f = arg;
	struct webhook_post *p = f->p;
	size_t room = sizeof(p->answer) - p->answer_len;
	size_t kept_n = size * n < room ? size * n : room;

	memcpy(p->answer + p->answer_len, b, kept_n);
	p->answer_len += kept_n;
	return answer_count(f, size * n);
}

static void
location_read(CURL *c, struct webhook_post *p)
{
	CURLU *u = curl_url();
	char *url = NULL;

	curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &url);
	if (u != NULL && url != NULL &&
		curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) ==
			CURLUE_OK)
		endpoint_place(u, 1, p->location);
	curl_url_cleanup(u);
}

static void
answer_read(CURL *c, struct webhook_post *p)
{
	struct curl_header *after;
	long status = 0;

	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	p->status = (int)status;
	if (curl_easy_header(c, "Retry-After", 0, CURLH_HEADER, -1, &after) ==
		CURLHE_OK)
		p->retry_after_s = post_retry_after_s(
			after->value, (int64_t)time(NULL));
	location_read(c, p);
}

/* --- the request --------------------------------------------------------- */

static int
header_add(struct curl_slist **all, const char *text)
{
	struct curl_slist *more = curl_slist_append(*all, text);

	if (more == NULL)
		return -ENOMEM;
	*all = more;
	return 0;
}

static int
signature_add(const struct webhook_post *p, struct curl_slist **all)
{
	char sign[SIGN_MAX], text[SIGN_MAX + 64];
	int err = sign_write(p->to->secrets, p->id, p->at_s, p->body, sign);

	if (err < 0)
		return err;
	(void)snprintf(text, sizeof(text), "webhook-signature: %s", sign);
	return header_add(all, text);
}

static int
headers_make(const struct webhook_post *p, struct curl_slist **all)
{
	char text[ENDPOINT_HEADER];
	int err;

	(void)snprintf(text, sizeof(text), "Content-Type: %s", p->type);
	err = header_add(all, text);
	if (err == 0)
		err = header_add(all, "Expect:"); /* no wait for a 100 */
	(void)snprintf(text, sizeof(text), "webhook-id: %s", p->id);
	if (err == 0)
		err = header_add(all, text);
	(void)snprintf(
		text, sizeof(text), "webhook-timestamp: %" PRId64, p->at_s);
	if (err == 0)
		err = header_add(all, text);
	if (err == 0 && p->to->secrets[0] != '\0')
		err = signature_add(p, all);
	for (size_t n = 0; err == 0; n++) {
		err = endpoint_header(p->to, n, text);
		if (err <= 0)
			break;
		err = header_add(all, text);
	}
	return err;
}

static void
limits_set(CURL *c, struct post_transfer *f)
{
	const struct webhook_endpoint *to = f->p->to;

	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)f->p->timeout_ms);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
		(long)endpoint_number(to, "connect_timeout"));
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR,
		to->https_only ? "https" : "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, socket_permit);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, f);
	curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, request_permit);
	curl_easy_setopt(c, CURLOPT_PREREQDATA, f);
}

static void
options_set(CURL *c, struct post_transfer *f, struct curl_slist *headers)
{
	const struct webhook_post *p = f->p;
	const char *ca = endpoint_text(p->to, "ca_file");

	curl_easy_reset(c);
	limits_set(c, f);
	curl_easy_setopt(c, CURLOPT_CURLU, p->to->url);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "Spillway/" SPILLWAY_VERSION);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_POST, 1L);
	curl_easy_setopt(
		c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)p->body.len);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS,
		p->body.len > 0 ? p->body.p : (const void *)"");
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (ca != NULL) {
		curl_easy_setopt(c, CURLOPT_CAINFO, ca);
		curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, head_take);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, f);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, f);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, f->error);
}

/* An answer cut at max_answer counts, for its status came first. */
static int
transfer_judge(const struct post_transfer *f, CURLcode code, char *why)
{
	const struct webhook_post *p = f->p;

	if ((code == CURLE_OK && f->headed) || (f->cut && p->status != 0))
		return 0;
	if (f->refused[0] != '\0' && !f->permitted) {
		(void)snprintf(why, ENDPOINT_WHY,
			"%s is refused; `allow` in [%s] lists permitted "
			"networks",
			f->refused, p->to->section);
		return SW_EINVAL;
	}
	(void)snprintf(why, ENDPOINT_WHY, "%s",
		code == CURLE_OK
			? "the answer ended before its head was complete"
		: f->error[0] != '\0' ? f->error
				      : curl_easy_strerror(code));
	return -EIO;
}

int
post_send(struct webhook_post *p, char why[ENDPOINT_WHY])
{
	struct curl_slist *headers = NULL;
	struct post_transfer f = {.p = p};
	CURLcode code;
	int err = headers_make(p, &headers);

	if (kept == NULL)
		kept = curl_easy_init();
	if (kept == NULL)
		err = -ENOMEM;
	if (err < 0) {
		(void)snprintf(why, ENDPOINT_WHY, "%s", sw_strerror(err));
		err = -EIO;
	} else {
		options_set(kept, &f, headers);
		code = curl_easy_perform(kept);
		answer_read(kept, p);
		err = transfer_judge(&f, code, why);
		curl_easy_reset(kept); /* its options point into this frame */
	}
	curl_slist_free_all(headers);
	return err;
}
