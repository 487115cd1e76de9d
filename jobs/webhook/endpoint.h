/* SPDX-License-Identifier: MIT */
/*
 * webhook_endpoint.h - where a webhook goes, and what is agreed with it
 *
 * The job's header endpoint=NAME chooses [webhook NAME] of the configuration;
 * its header url=https://... takes [webhook], if that has any_url = yes.
 * What a NAME leaves open stands in [webhook], but for what is its own: URL,
 * secrets, headers.
 */
#ifndef JOBS_WEBHOOK_ENDPOINT_H
#define JOBS_WEBHOOK_ENDPOINT_H

/* First, for curl's <limits.h> finds ours, and then stdlib.h complains. */
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
	char place[ENDPOINT_PLACE];	/* scheme://host[:port], for people */
	char secrets[ENDPOINT_SECRETS]; /* "": it is not signed */
};

extern const struct config_key endpoint_keys[], endpoint_profile_keys[];

/*
 * Finds the job's endpoint.  0; SW_EINVAL: the job is wrong and will remain
 * so; other: something else is.  `why` is one line then, without secrets.
 * Call endpoint_close in any case.
 */
int endpoint_open(struct webhook_endpoint *, const struct job *,
	char why[ENDPOINT_WHY]) __attribute__((warn_unused_result));
void endpoint_close(struct webhook_endpoint *);

/* Of the section, or else of [webhook]; NULL and 0: neither has it. */
const char *endpoint_text(const struct webhook_endpoint *, const char *key);
int64_t endpoint_number(const struct webhook_endpoint *, const char *key);

/* The n-th of its own headers; 0: there is none; SW_EINVAL: malformed. */
int endpoint_header(const struct webhook_endpoint *, size_t n,
	char header[ENDPOINT_HEADER]) __attribute__((warn_unused_result));

/* All that can be said without a job (job.h). */
int endpoint_check(const struct config *, char *why, size_t cap)
	__attribute__((warn_unused_result));

/* Writes scheme://host[:port], with its path if wanted; never a query. */
void endpoint_place(CURLU *, int with_path, char to[ENDPOINT_PLACE]);

#endif
