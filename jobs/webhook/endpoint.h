/* SPDX-License-Identifier: MIT */
/*
 * endpoint.h - the receiver of a webhook: its URL, secrets and limits
 *
 * The job's header endpoint=NAME chooses [webhook NAME] of the configuration;
 * its header url=https://... chooses [webhook], if that has any_url = yes.  A
 * key that [webhook NAME] does not set has the value of [webhook], but for URL,
 * secrets and headers, which each NAME has of its own.
 */
#ifndef JOBS_WEBHOOK_ENDPOINT_H
#define JOBS_WEBHOOK_ENDPOINT_H

/* First: curl's <limits.h> finds wire/limits.h, which breaks stdlib.h. */
#include <stdlib.h>

#include <curl/curl.h>

#include "jobs/job.h"

enum {
	ENDPOINT_SECTION = 128,
	ENDPOINT_PLACE = 300,
	ENDPOINT_SECRETS = 1024,
	ENDPOINT_HEADER = 1024,
	ENDPOINT_WHY = 512,
};

struct webhook_endpoint {
	const struct config *conf;
	char section[ENDPOINT_SECTION];
	CURLU *url;
	int https_only;
	char place[ENDPOINT_PLACE];	/* scheme://host[:port], for errors */
	char secrets[ENDPOINT_SECRETS]; /* "": webhooks go unsigned */
};

extern const struct config_key endpoint_keys[], endpoint_profile_keys[];

/*
 * Finds the job's endpoint.  0, or an error with one line without secrets in
 * `why`: SW_EINVAL if the job is at fault, any other if the configuration or
 * the machine is.  The caller calls endpoint_close() in any case.
 */
int endpoint_open(struct webhook_endpoint *, const struct job *,
	char why[ENDPOINT_WHY]) __attribute__((warn_unused_result));
void endpoint_close(struct webhook_endpoint *);

/* The key's value in the section, else in [webhook], else NULL and 0. */
const char *endpoint_text(const struct webhook_endpoint *, const char *key);
int64_t endpoint_number(const struct webhook_endpoint *, const char *key);

/* Writes the n-th configured header: 1; 0: no more; SW_EINVAL: malformed. */
int endpoint_header(const struct webhook_endpoint *, size_t n,
	char header[ENDPOINT_HEADER]) __attribute__((warn_unused_result));

/* Checks all sections when the worker starts, as of struct job_type (job.h). */
int endpoint_check(const struct config *, char *why, size_t cap)
	__attribute__((warn_unused_result));

/* Writes scheme://host[:port] and, `with_path`, the path; never a query. */
void endpoint_place(CURLU *, int with_path, char to[ENDPOINT_PLACE]);

#endif
