/* SPDX-License-Identifier: MIT */
/* The parts of the job `webhook`: addresses, signatures, endpoints, verdicts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/error.h"
#include "jobs/webhook/address.h"
#include "jobs/webhook/post.h"
#include "jobs/webhook/sign.h"
#include "jobs/webhook/webhook.h"
#include "tests/lib/folder.h"
#include "tests/lib/jobs.h"

static const char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/* --- addresses ----------------------------------------------------------- */

static void
sockaddr_of(const char *text, struct sockaddr_storage *sa)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};

	memset(sa, 0, sizeof(*sa));
	if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		memcpy(sa, &four, sizeof(four));
	else if (inet_pton(AF_INET6, text, &six.sin6_addr) == 1)
		memcpy(sa, &six, sizeof(six));
	else
		fail_msg("%s is no address", text);
}

static const struct {
	const char *address, *kind;
} addresses[] = {
	{"0.0.0.0", "local"},
	{"0.255.255.255", "local"},
	{"1.0.0.0", NULL},
	{"9.255.255.255", NULL},
	{"10.0.0.0", "private"},
	{"10.255.255.255", "private"},
	{"11.0.0.0", NULL},
	{"100.63.255.255", NULL},
	{"100.64.0.0", "carrier-private"},
	{"100.100.100.200", "carrier-private"},
	{"100.127.255.255", "carrier-private"},
	{"100.128.0.0", NULL},
	{"126.255.255.255", NULL},
	{"127.0.0.1", "loopback"},
	{"127.255.255.255", "loopback"},
	{"128.0.0.0", NULL},
	{"168.63.129.15", NULL},
	{"168.63.129.16", "cloud metadata"},
	{"168.63.129.17", NULL},
	{"169.253.255.255", NULL},
	{"169.254.169.254", "link-local"},
	{"169.255.0.0", NULL},
	{"172.15.255.255", NULL},
	{"172.16.0.0", "private"},
	{"172.31.255.255", "private"},
	{"172.32.0.0", NULL},
	{"192.0.0.192", "reserved"},
	{"192.0.1.0", NULL},
	{"192.0.2.7", "documentation"},
	{"192.88.99.1", "reserved"},
	{"192.167.255.255", NULL},
	{"192.168.0.0", "private"},
	{"192.169.0.0", NULL},
	{"198.17.255.255", NULL},
	{"198.18.0.0", "benchmark"},
	{"198.19.255.255", "benchmark"},
	{"198.20.0.0", NULL},
	{"198.51.100.1", "documentation"},
	{"203.0.113.1", "documentation"},
	{"223.255.255.255", NULL},
	{"224.0.0.1", "multicast"},
	{"239.255.255.255", "multicast"},
	{"240.0.0.0", "reserved"},
	{"255.255.255.255", "reserved"},
	{"::", "local"},
	{"::1", "loopback"},
	{"::2", "reserved"},
	{"::127.0.0.1", "reserved"},
	{"::ffff:127.0.0.1", "loopback"},
	{"::ffff:8.8.8.8", NULL},
	{"::ffff:0:127.0.0.1", "reserved"},
	{"64:ff9b::10.0.0.1", "private"},
	{"64:ff9b::8.8.8.8", NULL},
	{"64:ff9b:1::8.8.8.8", "reserved"},
	{"100::1", "reserved"},
	{"2001::1", "reserved"},
	{"2001:1ff:ffff::", "reserved"},
	{"2001:200::1", NULL},
	{"2001:db8::1", "documentation"},
	{"2001:4860:4860::8888", NULL},
	{"2002:7f00:1::1", "loopback"},
	{"2002:a9fe:a9fe::", "link-local"},
	{"2002:808:808::", NULL},
	{"2606:4700::1111", NULL},
	{"3fff:fff::1", "documentation"},
	{"3fff:1000::1", NULL},
	{"4000::1", "reserved"},
	{"fc00::1", "private"},
	{"fd00:ec2::254", "private"},
	{"fe80::1", "link-local"},
	{"febf::1", "link-local"},
	{"fec0::1", "private"},
	{"ff02::1", "multicast"},
};

static void
an_address_is_told_from_the_public_ones(void **state)
{
	struct sockaddr_storage sa;

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		const char *kind;

		sockaddr_of(addresses[i].address, &sa);
		kind = address_kind((struct sockaddr *)&sa);
		if ((kind == NULL) != (addresses[i].kind == NULL) ||
			(kind != NULL && strcmp(kind, addresses[i].kind) != 0))
			fail_msg("%s is %s", addresses[i].address,
				kind != NULL ? kind : "public");
	}
	sa = (struct sockaddr_storage){.ss_family = AF_UNIX};
	assert_string_equal(address_kind((struct sockaddr *)&sa), "unknown");
}

static void
a_network_that_is_allowed_is_no_larger_than_it_says(void **state)
{
	static const struct {
		const char *address, *networks;
		int listed;
	} rows[] = {
		{"10.1.2.3", "", 0},
		{"10.1.2.3", "10.0.0.0/8", 1},
		{"10.1.2.3", " ::1  10.1.2.3\t", 1},
		{"10.1.2.4", "10.1.2.3", 0},
		{"10.1.2.3", "10.1.2.0/31", 0},
		{"10.1.2.3", "10.1.2.2/31", 1},
		{"127.0.0.1", "0.0.0.0/0", 1},
		{"::1", "0.0.0.0/0", 0},
		{"::1", "::/0", 1},
		{"::ffff:10.0.0.1", "10.0.0.1", 1},
		{"2002:a00:1::", "10.0.0.1/32", 1},
		{"fd00::1", "fd00::/127", 1},
		{"fd00::2", "fd00::/127", 0},
		{"::1", "10.0.0.0/33", SW_EINVAL},
		{"::1", "::/129", SW_EINVAL},
		{"::1", "::1/", SW_EINVAL},
		{"::1", "::1/-1", SW_EINVAL},
		{"::1", "::1/0x8", SW_EINVAL},
		{"::1", "::1, ::2", SW_EINVAL},
		{"::1", "localhost", SW_EINVAL},
		{"::1", "::1 1.2.3", SW_EINVAL},
		{"::1",
			"1111111111111111111111111111111111111111111111111111"
			"11111111111",
			SW_EINVAL},
	};
	struct sockaddr_storage sa;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sockaddr_of(rows[i].address, &sa);
		if (address_listed((struct sockaddr *)&sa, rows[i].networks) !=
			rows[i].listed)
			fail_msg("%s in %s is not %d", rows[i].address,
				rows[i].networks, rows[i].listed);
	}
}

/* --- signatures ---------------------------------------------------------- */

static void
the_example_of_the_specification_has_its_signature(void **state)
{
	char two[128], sign[SIGN_MAX];

	(void)state;
	assert_int_equal(
		sign_write(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
			bytes_str("{\"test\": 2432232314}"), sign),
		0);
	assert_string_equal(
		sign, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	(void)snprintf(two, sizeof(two), " %s\r\n%s ",
		"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", secret);
	assert_int_equal(
		sign_write(two, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
			bytes_str("{\"test\": 2432232314}"), sign),
		0);
	assert_string_equal(strchr(sign, ' '),
		" v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void
a_secret_that_is_none_is_refused(void **state)
{
#define S8 "AAAAAAAA"
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{"", 0},
		{" \n", 0},
		{"whsec_" S8 S8 S8 S8, 1},
		{"whsec_" S8 S8 S8 S8 "AAA=", 1},
		{"whsec_" S8 S8 S8 S8 S8 S8 S8 S8 S8 S8 "AAAAAA==",
			1}, /* 64 bytes */
		{"whsec_" S8 S8 S8 S8 S8 S8 S8 S8 S8 S8 "AAAAAAA=", SW_EINVAL},
		{"whsec_" S8 S8 S8 S8 S8 S8 S8 S8 S8 S8 S8 S8, SW_EINVAL},
		{"whsec_" S8 S8 S8 "AAAA", SW_EINVAL}, /* 21 bytes */
		{"whsec_" S8 S8 S8 S8 "A", SW_EINVAL},
		{"whsec_" S8 S8 S8 S8 "A=AA", SW_EINVAL},
		{"whsec_" S8 S8 S8 S8 "A===", SW_EINVAL},
		{"whsec_" S8 S8 S8 S8 "A_-A", SW_EINVAL},
		{"whsec_", SW_EINVAL},
		{S8 S8 S8 S8, SW_EINVAL},
		{"whsk_" S8 S8 S8 S8, SW_EINVAL},
		{"whsec_" S8 S8 S8 S8 ",whsec_" S8 S8 S8 S8, SW_EINVAL},
		{"whsec_" S8 S8 S8 S8 " x", SW_EINVAL},
	};
	char many[SIGN_MAX * 2] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (sign_check(rows[i].text) != rows[i].want)
			fail_msg("'%s' is not %d", rows[i].text, rows[i].want);
	for (int i = 0; i < SIGN_SECRETS; i++)
		(void)snprintf(many + strlen(many), sizeof(many) - strlen(many),
			"%s ", secret);
	assert_int_equal(sign_check(many), SIGN_SECRETS);
	strcat(many, secret);
	assert_int_equal(sign_check(many), SW_ETOOBIG);
}

/* --- dispositions -------------------------------------------------------- */

static void
each_status_has_its_verdict(void **state)
{
	static const int retried[] = {-1, 0, 100, 199, 408, 425, 429, 500, 501,
		502, 503, 504, 511, 599, 600, 999, 1000};
	static const int failed[] = {300, 301, 302, 303, 304, 307, 308, 399,
		400, 401, 403, 404, 409, 410, 413, 422, 426, 428, 430, 451,
		499};
	const char *why;

	(void)state;
	for (int s = 200; s < 300; s++)
		assert_int_equal(webhook_disposition(s, &why), JOB_ACK);
	for (size_t i = 0; i < sizeof(retried) / sizeof(retried[0]); i++)
		assert_int_equal(
			webhook_disposition(retried[i], &why), JOB_RETRY);
	for (size_t i = 0; i < sizeof(failed) / sizeof(failed[0]); i++)
		assert_int_equal(
			webhook_disposition(failed[i], &why), JOB_FAIL);
}

static void
retry_after_is_seconds_or_a_date(void **state)
{
	static const struct {
		const char *text;
		int64_t want_s;
	} rows[] = {
		{"0", 0},
		{"120", 120},
		{"007", 7},
		{"31622400", POST_AFTER_MAX_S},
		{"31622401", POST_AFTER_MAX_S},
		{"99999999999999999999999999", POST_AFTER_MAX_S},
		{"Sun, 06 Nov 1994 08:49:37 GMT", 37},
		{"Sunday, 06-Nov-94 08:49:37 GMT", 37},
		{"Sun Nov  6 08:49:37 1994", 37},
		{"Sun, 06 Nov 1994 08:49:00 GMT", 0},
		{"Sun, 06 Nov 1994 08:48:59 GMT", 0},
		{"Sun, 06 Nov 1993 08:49:37 GMT", 0},
		{"", 0},
		{"soon", 0},
		{"-120", 0},
		{"12 s", 0},
		{"1e9", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t s = post_retry_after_s(rows[i].text, 784111740);

		if (s != rows[i].want_s)
			fail_msg("'%s' is %lld", rows[i].text, (long long)s);
	}
}

/* --- configuration ------------------------------------------------------- */

static int
check_text(const char *text, char *why, size_t cap)
{
	char dir[FOLDER_PATH], path[FOLDER_FILE];
	struct config *c = NULL;
	int err;

	folder_make(dir);
	folder_file(dir, "jobs.conf", text, path);
	err = job_type_config_read(&c, path, &webhook_type, why, cap);
	if (err == 0)
		err = endpoint_check(c, why, cap);
	config_free(c);
	folder_remove(dir);
	return err;
}

#define URL    "[webhook a]\nurl = https://u:pw@example.org/x?token\n"
#define SECRET "secret = whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"

static void
what_is_wrong_with_an_endpoint_is_said_at_the_start(void **state)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
		{"", "there is no receiver"},
		{URL, "[webhook a] has no secret and no unsigned"},
		{URL "secret = hunter2\n",
			"[webhook a] secret: must be 1 to 4"},
		{URL "secret_file = /nonexistent\n",
			"secret_file /nonexistent: No such file"},
		{URL SECRET "secret_file = /x\n", "has secret and secret_file"},
		{"[webhook a]\n" SECRET, "[webhook a] url: "},
		{"[webhook a]\nurl = ftp://x/\n" SECRET,
			"must be http:// or https://"},
		{"[webhook a]\nurl = file:///etc/passwd\n" SECRET,
			"must be http:// or https://"},
		{URL SECRET "allow = 10.0.0.0\n", NULL},
		{URL SECRET "allow = everything\n", "[webhook a] allow: "},
		{URL SECRET "headers = A: b | C-d: e\n", NULL},
		{URL SECRET "headers = A: b |\n", "[webhook a] headers: "},
		{URL SECRET "headers = A b: c\n", "[webhook a] headers: "},
		{URL SECRET "headers = A:\n", "[webhook a] headers: "},
		{URL SECRET "headers = Webhook-Id: 1\n", "] headers: "},
		{URL SECRET "headers = HOST: x\n", "[webhook a] headers: "},
		{URL SECRET "headers = Hosted: x\n", NULL},
		{URL SECRET "headers = A: b\177\n", "[webhook a] headers: "},
		{URL "unsigned = yes\n", NULL},
		{"[webhook]\nany_url = yes\n", "[webhook] has no secret"},
		{"[webhook]\nany_url = yes\n" SECRET, NULL},
		{"[webhook]\n" SECRET URL, "[webhook a] has no secret"},
		{"[webhook]\nallow = 1\n" URL SECRET, "] allow: "},
	};
	char why[ENDPOINT_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err;

		why[0] = '\0';
		err = check_text(rows[i].text, why, sizeof(why));
		if ((err == 0) != (rows[i].said == NULL) ||
			(err < 0 && strstr(why, rows[i].said) == NULL))
			fail_msg("%zu: %d '%s'", i, err, why);
		assert_null(strstr(why, "hunter2"));
		assert_null(strstr(why, "token"));
	}
}

static void
the_example_is_a_configuration(void **state)
{
	char why[512] = "";
	struct config *c;

	(void)state;
	if (job_type_config_read(&c, "examples/jobs.conf", &webhook_type, why,
		    sizeof(why)) < 0)
		fail_msg("%s", why);
	assert_string_equal(config_text(c, "webhook ann", "secret_file"),
		"/etc/spillway/ann.secret");
	config_free(c);
}

static void
a_place_has_no_user_and_no_query(void **state)
{
	CURLU *u = curl_url();
	char place[ENDPOINT_PLACE];

	(void)state;
	assert_int_equal(
		curl_url_set(u, CURLUPART_URL,
			"https://u:pw@example.org:8443/a/b?token#c", 0),
		CURLUE_OK);
	endpoint_place(u, 1, place);
	assert_string_equal(place, "https://example.org:8443/a/b");
	endpoint_place(u, 0, place);
	assert_string_equal(place, "https://example.org:8443");
	curl_url_cleanup(u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_told_from_the_public_ones),
		cmocka_unit_test(
			a_network_that_is_allowed_is_no_larger_than_it_says),
		cmocka_unit_test(
			the_example_of_the_specification_has_its_signature),
		cmocka_unit_test(a_secret_that_is_none_is_refused),
		cmocka_unit_test(each_status_has_its_verdict),
		cmocka_unit_test(retry_after_is_seconds_or_a_date),
		cmocka_unit_test(
			what_is_wrong_with_an_endpoint_is_said_at_the_start),
		cmocka_unit_test(the_example_is_a_configuration),
		cmocka_unit_test(a_place_has_no_user_and_no_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
