/* SPDX-License-Identifier: MIT */
#include "jobs/webhook/endpoint.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "jobs/config.h"
#include "jobs/secret.h"
#include "jobs/webhook/address.h"
#include "jobs/webhook/sign.h"

#define TYPE "webhook"
#define DAY  (24LL * 3600 * 1000)

/* clang-format off */
/* Keys of [webhook] and of [webhook NAME]; only the former have defaults. */
#define OWN_KEYS                                                                                  \
	{"secret", CONFIG_TEXT, 0, 0, NULL, "the secrets, whsec_..., several while they change"},           \
	{"secret_file", CONFIG_FILE, 0, 0, NULL, "a private file with the secrets, read for each job"},    \
	{"unsigned", CONFIG_FLAG, 0, 1, "no", "post without a signature"}
#define COMMON_KEYS(timeout, connect, answer, retry, type)                                        \
	{"timeout", CONFIG_MS, 100, 600000, timeout, "longest wait for the answer"},           \
	{"connect_timeout", CONFIG_MS, 100, 600000, connect, "longest wait for the connection"},  \
	{"max_answer", CONFIG_BYTES, 1024, 16 << 20, answer, "bytes of an answer that are read"},  \
	{"retry_after_max", CONFIG_MS, 1000, 30 * DAY, retry, "longest Retry-After that counts"},          \
	{"content_type", CONFIG_TEXT, 0, 0, type, "content type of jobs that have none"},                   \
	{"allow", CONFIG_TEXT, 0, 0, NULL, "networks that are not public and allowed: 10.0.0.0/8 ::1"},    \
	{"ca_file", CONFIG_FILE, 0, 0, NULL, "certificates to trust instead of the system's, PEM"}

const struct config_key endpoint_keys[] = {
	{"any_url", CONFIG_FLAG, 0, 1, "no", "let jobs name their URL (header url=https://...)"},
	OWN_KEYS,
	COMMON_KEYS("15s", "5s", "64k", "1d", "application/json"),
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};
const struct config_key endpoint_profile_keys[] = {
	{"url", CONFIG_URI, 0, 0, NULL, "where the jobs are posted to, http or https"},
	{"headers", CONFIG_TEXT, 0, 0, NULL, "more headers: Name: value | Name: value"},
	OWN_KEYS,
	COMMON_KEYS(NULL, NULL, NULL, NULL, NULL),
	{NULL, CONFIG_TEXT, 0, 0, NULL, NULL},
};

/* Headers that the job sets itself; the first is a prefix. */
static const char *const reserved[] = {
	"webhook-", "content-length", "content-type", "transfer-encoding",
	"connection", "host", "expect",
};
/* clang-format on */

static int why_set(char *why, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int
why_set(char *why, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, ENDPOINT_WHY, fmt, ap);
	va_end(ap);
	return err;
}

/* --- the configuration --------------------------------------------------- */

const char *
endpoint_text(const struct webhook_endpoint *e, const char *key)
{
	const char *text = config_text(e->conf, e->section, key);

	return text != NULL ? text : config_text(e->conf, TYPE, key);
}

int64_t
endpoint_number(const struct webhook_endpoint *e, const char *key)
{
	int64_t n = config_number(e->conf, e->section, key);

	return n != 0 ? n : config_number(e->conf, TYPE, key);
}

static int
is_profile(const struct webhook_endpoint *e)
{
	return strcmp(e->section, TYPE) != 0;
}

static int
header_check(const char *h)
{
	size_t name = strspn(h, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	if (name == 0 || h[name] != ':' ||
		h[name + 1 + strspn(h + name + 1, " ")] == '\0')
		return SW_EINVAL;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		size_t len = strlen(reserved[i]);

		if (strncasecmp(h, reserved[i], len) == 0 &&
			(i == 0 || len == name))
			return SW_EINVAL;
	}
	for (; *h != '\0'; h++)
		if ((unsigned char)*h < 0x20 || *h == 0x7f)
			return SW_EINVAL;
	return 1;
}

int
endpoint_header(const struct webhook_endpoint *e, size_t n,
	char header[ENDPOINT_HEADER])
{
	const char *p = NULL;
	size_t len;

	if (is_profile(e))
		p = config_text(e->conf, e->section, "headers");
	for (; p != NULL && n > 0; n--) {
		p = strchr(p, '|');
		p = p != NULL ? p + 1 : NULL;
	}
	if (p == NULL)
		return 0;
	p += strspn(p, " \t");
	len = strcspn(p, "|");
	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	if (len >= ENDPOINT_HEADER)
		return SW_EINVAL;
	memcpy(header, p, len);
	header[len] = '\0';
	return header_check(header);
}

static int
secrets_read(struct webhook_endpoint *e, const char *path, char *why)
{
	char text[ENDPOINT_WHY - ENDPOINT_SECTION - 16];
	int fd = secret_open(path, text, sizeof(text)), err = 0;
	ssize_t n;

	if (fd < 0)
		return why_set(
			why, fd, "[%s] secret_file %s", e->section, text);
	n = read(fd, e->secrets, sizeof(e->secrets) - 1);
	if (n < 0)
		err = -errno;
	else if (n == sizeof(e->secrets) - 1)
		err = -EFBIG;
	else
		e->secrets[n] = '\0';
	close(fd);
	if (err < 0)
		return why_set(why, err, "[%s] secret_file %s: %s", e->section,
			path, strerror(-err));
	return 0;
}

static int
secrets_take(struct webhook_endpoint *e, char *why)
{
	const char *text = config_text(e->conf, e->section, "secret");
	const char *path = config_text(e->conf, e->section, "secret_file");
	int n = 0;

	if (text != NULL && path != NULL)
		return why_set(why, -EINVAL, "[%s] has secret and secret_file",
			e->section);
	if (text != NULL)
		n = snprintf(e->secrets, sizeof(e->secrets), "%s", text);
	else if (path != NULL)
		n = secrets_read(e, path, why);
	if (n < 0)
		return n;
	if ((size_t)n >= sizeof(e->secrets) || sign_check(e->secrets) < 0)
		return why_set(why, -EINVAL,
			"[%s] secret%s: must be 1 to %d secrets, each whsec_ "
			"and the base64 of 24 to 64 bytes",
			e->section, path != NULL ? "_file" : "", SIGN_SECRETS);
	if (sign_check(e->secrets) == 0 &&
		!config_number(e->conf, e->section, "unsigned"))
		return why_set(why, -EINVAL,
			"[%s] has no secret and no unsigned = yes", e->section);
	return 0;
}

/* --- URLs ---------------------------------------------------------------- */

void
endpoint_place(CURLU *url, int with_path, char to[ENDPOINT_PLACE])
{
	CURLU *u = curl_url_dup(url);
	char *text = NULL;

	if (u != NULL) {
		(void)curl_url_set(u, CURLUPART_USER, NULL, 0);
		(void)curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
		(void)curl_url_set(u, CURLUPART_OPTIONS, NULL, 0);
		(void)curl_url_set(u, CURLUPART_QUERY, NULL, 0);
		(void)curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
		if (!with_path)
			(void)curl_url_set(u, CURLUPART_PATH, "/", 0);
		if (curl_url_get(u, CURLUPART_URL, &text, 0) != CURLUE_OK)
			text = NULL;
	}
	(void)snprintf(to, ENDPOINT_PLACE, "%s", text != NULL ? text : "?");
	if (!with_path && text != NULL && to[strlen(to) - 1] == '/')
		to[strlen(to) - 1] = '\0';
	curl_free(text);
	curl_url_cleanup(u);
}

static int
scheme_is_right(const struct webhook_endpoint *e)
{
	char *scheme = NULL;
	int right;

	if (curl_url_get(e->url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return 0;
	right = strcmp(scheme, "https") == 0 ||
		(!e->https_only && strcmp(scheme, "http") == 0);
	curl_free(scheme);
	return right;
}

static int
has_user(CURLU *url)
{
	char *user = NULL, *password = NULL;
	int has = curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK;

	has |= curl_url_get(url, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK;
	curl_free(user);
	curl_free(password);
	return has;
}

/* No error contains the URL itself, for a URL may contain a secret. */
static int
url_parse(struct webhook_endpoint *e, const char *text, char *why)
{
	CURLUcode code;

	e->url = curl_url();
	if (e->url == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	code = curl_url_set(e->url, CURLUPART_URL, text, 0);
	if (code == CURLUE_OUT_OF_MEMORY)
		return why_set(why, -ENOMEM, "out of memory");
	if (code != CURLUE_OK)
		return why_set(
			why, SW_EINVAL, "url: %s", curl_url_strerror(code));
	if (!scheme_is_right(e))
		return why_set(why, SW_EINVAL, "url: must be %shttps://",
			e->https_only ? "" : "http:// or ");
	if (e->https_only && has_user(e->url))
		return why_set(why, SW_EINVAL, "url: must not contain a user");
	endpoint_place(e->url, 0, e->place);
	return 0;
}

/* --- one endpoint -------------------------------------------------------- */

static int
profile_take(struct webhook_endpoint *e, const char *name, char *why)
{
	const char *url;
	char inner[ENDPOINT_WHY];
	int n = snprintf(e->section, sizeof(e->section), TYPE " %s", name);
	int err;

	if (n >= (int)sizeof(e->section) || name[0] == '\0' ||
		!config_has(e->conf, e->section))
		return why_set(why, SW_EINVAL,
			"endpoint=%.60s: no such section in the file of --jobs",
			name);
	url = config_text(e->conf, e->section, "url");
	err = url_parse(e, url != NULL ? url : "", inner);
	return err < 0 ? why_set(why, -EINVAL, "[%s] %.400s", e->section, inner)
		       : 0;
}

static int
any_take(struct webhook_endpoint *e, const char *url, char *why)
{
	strcpy(e->section, TYPE);
	if (!config_number(e->conf, TYPE, "any_url"))
		return why_set(why, SW_EINVAL,
			"header url: [" TYPE "] has no any_url = yes");
	e->https_only = 1;
	return url_parse(e, url, why);
}

int
endpoint_open(struct webhook_endpoint *e, const struct job *job,
	char why[ENDPOINT_WHY])
{
	char name[ENDPOINT_SECTION] = "";
	const char *h = job->header(job, "endpoint");
	int named = h != NULL, err;

	*e = (struct webhook_endpoint){.conf = job->conf};
	if (named)
		(void)snprintf(name, sizeof(name), "%s", h);
	h = job->header(job, "url");
	if (named == (h != NULL))
		return why_set(why, SW_EINVAL,
			"the job must have one header of endpoint=NAME and "
			"url=URL");
	err = named ? profile_take(e, name, why) : any_take(e, h, why);
	return err < 0 ? err : secrets_take(e, why);
}

void
endpoint_close(struct webhook_endpoint *e)
{
	curl_url_cleanup(e->url);
	e->url = NULL;
	OPENSSL_cleanse(e->secrets, sizeof(e->secrets));
}

/* --- all of them, at the start ------------------------------------------- */

static int
section_check(struct webhook_endpoint *e, char *why)
{
	const char *allow = endpoint_text(e, "allow");
	char header[ENDPOINT_HEADER];
	int got;

	if (allow != NULL && address_listed(NULL, allow) < 0)
		return why_set(why, -EINVAL,
			"[%s] allow: must be networks such as 10.0.0.0/8",
			e->section);
	for (size_t n = 0; (got = endpoint_header(e, n, header)) != 0; n++)
		if (got < 0)
			return why_set(why, -EINVAL,
				"[%s] headers: must be 'Name: value | Name: "
				"value', without those that a webhook sets",
				e->section);
	return job_file_check(
		e->conf, e->section, "ca_file", R_OK, why, ENDPOINT_WHY);
}

/* Checks [webhook] or [webhook NAME]; skips the sections of other types. */
static int
named_check(struct webhook_endpoint *e, const char *name, char *why)
{
	static const char profile[] = TYPE " ";
	int err = 0;

	if (strncmp(name, profile, sizeof(profile) - 1) == 0)
		err = profile_take(e, name + sizeof(profile) - 1, why);
	else if (strcmp(name, TYPE) == 0)
		strcpy(e->section, TYPE);
	else
		return 0;
	if (err == 0 &&
		(is_profile(e) || config_number(e->conf, TYPE, "any_url")))
		err = secrets_take(e, why);
	return err < 0 ? err : section_check(e, why);
}

int
endpoint_check(const struct config *c, char *why, size_t cap)
{
	char line[ENDPOINT_WHY] = "";
	int some = config_number(c, TYPE, "any_url") != 0, err = 0;
	const char *name;

	for (size_t i = 0; err == 0 && (name = config_section(c, i)) != NULL;
		i++) {
		struct webhook_endpoint e = {.conf = c};

		err = named_check(&e, name, line);
		some |= e.url != NULL;
		endpoint_close(&e);
	}
	if (err == 0 && !some)
		err = why_set(line, -EINVAL,
			"no [" TYPE " NAME] and no any_url = yes: there is no "
			"receiver (see --jobs)");
	if (err < 0)
		(void)snprintf(why, cap, "%s", line);
	return err;
}
