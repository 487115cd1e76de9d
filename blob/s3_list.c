/* SPDX-License-Identifier: MIT */
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "blob/s3.h"

struct s3_list_reader {
	struct s3_page *page;
	char text[S3_TOKEN]; /* of the innermost element */
	size_t len;
	int in_object, more, seen;
	int named, dated; /* the current object has a blob's name, a time */
	struct blob_info info;
};

static void
element_begin(void *arg, const XML_Char *name, const XML_Char **atts)
{
	struct s3_list_reader *r = arg;

	(void)atts;
	r->len = 0;
	if (strcmp(name, "ListBucketResult") == 0)
		r->seen = 1;
	if (strcmp(name, "Contents") != 0)
		return;
	r->in_object = 1;
	r->named = r->dated = 0;
	r->info = (struct blob_info){.size = -1};
}

static void
text_take(void *arg, const XML_Char *s, int len)
{
	struct s3_list_reader *r = arg;
	size_t n = (size_t)len, room = sizeof(r->text) - 1 - r->len;

	if (n > room)
		n = room;
	memcpy(r->text + r->len, s, n);
	r->len += n;
}

/* "2026-01-31T08:00:00.000Z" */
static int
age_read(const char *text, int64_t clock_ms, int64_t *age_ms)
{
	struct tm tm = {.tm_isdst = 0};

	if (strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return 0;
	*age_ms = clock_ms - (int64_t)timegm(&tm) * 1000;
	return 1;
}

/* 1: the key names a blob of this store. */
static int
key_read(const struct s3_page *p, const char *key, struct blob_hash *h)
{
	size_t len = strlen(p->prefix);

	return strncmp(key, p->prefix, len) == 0 &&
	       blob_hex_parse(key + len, strlen(key + len), h) == 0;
}

static void
object_end(struct s3_list_reader *r)
{
	struct s3_page *p = r->page;

	r->in_object = 0;
	if (r->named && r->dated && r->info.size >= 0 && p->n < S3_PAGE)
		p->all[p->n++] = r->info;
}

static void
element_end(void *arg, const XML_Char *name)
{
	struct s3_list_reader *r = arg;
	struct s3_page *p = r->page;

	r->text[r->len] = '\0';
	r->len = 0;
	if (strcmp(name, "Contents") == 0)
		object_end(r);
	else if (r->in_object && strcmp(name, "Key") == 0)
		r->named = key_read(p, r->text, &r->info.hash);
	else if (r->in_object && strcmp(name, "Size") == 0)
		r->info.size = strtoll(r->text, NULL, 10);
	else if (r->in_object && strcmp(name, "LastModified") == 0)
		r->dated = age_read(r->text, p->clock_ms, &r->info.age_ms);
	else if (strcmp(name, "IsTruncated") == 0)
		r->more = strcmp(r->text, "true") == 0;
	else if (strcmp(name, "NextContinuationToken") == 0)
		strcpy(p->next, r->text);
}

int
s3_page_read(struct s3_page *p, struct bytes xml)
{
	XML_Parser x = XML_ParserCreate(NULL);
	struct s3_list_reader *r = calloc(1, sizeof(*r));
	int ok = x != NULL && r != NULL;

	p->n = 0;
	p->next[0] = '\0';
	if (ok) {
		r->page = p;
		XML_SetUserData(x, r);
		XML_SetElementHandler(x, element_begin, element_end);
		XML_SetCharacterDataHandler(x, text_take);
		ok = XML_Parse(x, xml.p, (int)xml.len, 1) == XML_STATUS_OK &&
		     r->seen && (!r->more || p->next[0] != '\0');
		if (!r->more)
			p->next[0] = '\0';
	}
	if (x != NULL)
		XML_ParserFree(x);
	free(r);
	return ok ? 0 : SW_EINVAL;
}
