/* SPDX-License-Identifier: MIT */
#include "jobs/email/mime.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "jobs/email/head.h"

/* --- the header ---------------------------------------------------------- */

static void
addresses_put(
	FILE *f, const char *name, const struct email_address *all, size_t n)
{
	struct email_head h;

	if (n == 0)
		return;
	email_head_begin(&h, f, name);
	for (size_t i = 0; i < n; i++)
		email_head_address(&h, &all[i], i + 1 < n ? "," : "");
	email_head_end(&h);
}

static void
text_put(FILE *f, const char *name, const char *text)
{
	struct email_head h;

	email_head_begin(&h, f, name);
	email_head_text(&h, text);
	email_head_end(&h);
}

/* Names of days and months must not depend on a locale. */
static void
date_put(FILE *f, int64_t at_s)
{
	static const char *const days[] = {
		"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t t = (time_t)at_s;
	struct tm tm;

	gmtime_r(&t, &tm);
	(void)fprintf(f, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n",
		days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
		tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* List-Unsubscribe (RFC 2369); an https link adds one click (RFC 8058). */
static void
links_put(FILE *f, const struct email *e)
{
	char word[EMAIL_WORD_MAX + 8];
	struct email_head h;
	int page = 0;

	if (e->links_n == 0)
		return;
	email_head_begin(&h, f, "List-Unsubscribe");
	for (size_t i = 0; i < e->links_n; i++) {
		(void)snprintf(word, sizeof(word), "<%s>%s", e->links[i],
			i + 1 < e->links_n ? "," : "");
		email_head_word(&h, word);
		page |= strncmp(e->links[i], "https:", 6) == 0;
	}
	email_head_end(&h);
	if (page)
		(void)fputs("List-Unsubscribe-Post: "
			    "List-Unsubscribe=One-Click\r\n",
			f);
}

static void
head_put(FILE *f, const struct email *e, const char *id, int64_t at_s)
{
	date_put(f, at_s);
	addresses_put(f, "From", &e->from, 1);
	addresses_put(f, "To", e->to, e->to_n);
	addresses_put(f, "Cc", e->cc, e->cc_n);
	addresses_put(f, "Reply-To", &e->reply_to, (size_t)e->has_reply_to);
	(void)fprintf(f, "Message-ID: %s\r\n", id);
	text_put(f, "Subject", e->subject);
	links_put(f, e);
	for (size_t i = 0; i < e->fields_n; i++)
		text_put(f, e->fields[i].name, e->fields[i].value);
	(void)fputs("MIME-Version: 1.0\r\n", f);
}

/* --- the tree of parts --------------------------------------------------- */

/*
 * The parts are written in order; the header of a multipart opens it, a closing
 * boundary behind its last part ends it:
 *
 *	mixed( related( alternative( text, html ), files with a cid ), files )
 *
 * A multipart with a single part is left out.  A boundary contains "=_", which
 * neither quoted-printable nor base64 can contain; the line end before a
 * boundary belongs to the boundary.
 */
enum { MIXED, RELATED, ALTERNATIVE, LEVELS };

static const char *const subtypes[] = {"mixed", "related", "alternative"};

struct mime_tree {
	struct email_mail *m;
	const struct email *e;
	FILE *head, *body;
	FILE *part; /* receives the header of the current part */
	char boundary[SW_ID_TEXT];
	int open[LEVELS];
	int first; /* the next part is the first of a multipart */
};

static int
level_of(const struct mime_tree *t)
{
	for (int i = LEVELS - 1; i >= 0; i--)
		if (t->open[i])
			return i;
	return -1;
}

static void
part_begin(struct mime_tree *t)
{
	int level = level_of(t);

	t->part = level < 0 ? t->head : t->body;
	if (level >= 0)
		(void)fprintf(t->body, "%s--=_%d_%s\r\n",
			t->first ? "" : "\r\n", level, t->boundary);
	t->first = 0;
}

/* Ends a part's header; email_source_read() ends that of the mail. */
static void
part_text(struct mime_tree *t)
{
	if (t->part == t->body)
		(void)fputs("\r\n", t->body);
}

static void
multi_begin(struct mime_tree *t, int level)
{
	part_begin(t);
	(void)fprintf(t->part,
		"Content-Type: multipart/%s;\r\n boundary=\"=_%d_%s\"\r\n",
		subtypes[level], level, t->boundary);
	part_text(t);
	t->open[level] = t->first = 1;
}

static void
multi_end(struct mime_tree *t, int level)
{
	if (t->open[level])
		(void)fprintf(
			t->body, "\r\n--=_%d_%s--\r\n", level, t->boundary);
	t->open[level] = 0;
}

static void
text_part(struct mime_tree *t, const char *subtype, const char *text)
{
	if (text == NULL)
		return;
	part_begin(t);
	(void)fprintf(t->part,
		"Content-Type: text/%s; charset=utf-8\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n",
		subtype);
	part_text(t);
	email_quoted(t->body, text);
}

static void
file_head(struct mime_tree *t, const struct email_file *file)
{
	struct email_head h;

	email_head_begin(&h, t->part, "Content-Type");
	email_head_word(&h, file->type);
	if (file->name != NULL)
		email_head_param(&h, "name", file->name);
	email_head_end(&h);
	email_head_begin(&h, t->part, "Content-Disposition");
	email_head_word(&h, file->cid != NULL ? "inline" : "attachment");
	if (file->name != NULL)
		email_head_param(&h, "filename", file->name);
	email_head_end(&h);
	if (file->cid != NULL)
		(void)fprintf(t->part, "Content-ID: <%s>\r\n", file->cid);
	(void)fputs("Content-Transfer-Encoding: base64\r\n", t->part);
}

static void
content_put(FILE *f, const char *text)
{
	char line[EMAIL_B64_OUT] = "";
	size_t len = strlen(text), n;

	for (; len > 0; text += n, len -= n) {
		n = len < EMAIL_B64_IN ? len : EMAIL_B64_IN;
		(void)fwrite(line, 1, email_base64_lines(text, n, line), f);
	}
}

/* Ends the current piece of the body and adds the file, then a new piece. */
static void
file_piece(struct mime_tree *t, const struct email_file *file)
{
	struct email_mail *m = t->m;
	size_t at = (size_t)ftell(t->body);

	m->pieces[m->pieces_n - 1].to = at;
	m->pieces[m->pieces_n++] = (struct email_piece){.file = file};
	m->pieces[m->pieces_n++] = (struct email_piece){.from = at};
}

static void
files_put(struct mime_tree *t, int with_cid)
{
	for (size_t i = 0; i < t->e->files_n; i++) {
		const struct email_file *file = &t->e->files[i];

		if ((file->cid != NULL) != with_cid)
			continue;
		part_begin(t);
		file_head(t, file);
		part_text(t);
		if (file->content != NULL)
			content_put(t->body, file->content);
		else
			file_piece(t, file);
	}
}

static void
tree_put(struct mime_tree *t)
{
	const struct email *e = t->e;
	size_t with_cid = 0;

	for (size_t i = 0; i < e->files_n; i++)
		with_cid += e->files[i].cid != NULL;
	if (e->files_n > with_cid)
		multi_begin(t, MIXED);
	if (with_cid > 0)
		multi_begin(t, RELATED);
	if (e->text != NULL && e->html != NULL)
		multi_begin(t, ALTERNATIVE);
	text_part(t, "plain", e->text);
	text_part(t, "html", e->html);
	multi_end(t, ALTERNATIVE);
	files_put(t, 1);
	multi_end(t, RELATED);
	files_put(t, 0);
	multi_end(t, MIXED);
}

/* --- attachments --------------------------------------------------------- */

static int
blob_fail(const struct email_store *s, int err, struct email_why *why)
{
	return blob_is_final(err) ? email_refuse(why, "attachment: %s",
					    blobs_why(s->blobs))
				  : email_later(why, "attachment: %s",
					    blobs_why(s->blobs));
}

/* Tells a wrong size in the reference from a damaged blob. */
static int
ref_judge(const struct email_store *s, const struct blob_ref *ref)
{
	struct blob_get *g = NULL;
	int err = blob_get_open_ref(s->blobs, ref, &g);

	blob_get_close(g);
	return err;
}

static int
file_size(const struct email_store *s, struct email_piece *p,
	struct email_why *why)
{
	const struct blob_ref *ref = &p->file->ref;
	struct blob_info info;
	struct stat st;
	int err;

	if (!p->file->has_ref) {
		if (s->own == NULL)
			return email_refuse(why,
				"an attachment has no 'blob' and no 'content', "
				"and the job refers to no blob");
		if (stat(s->own, &st) != 0)
			return email_later(
				why, "%s: %s", s->own, strerror(errno));
		p->size = st.st_size;
		return 0;
	}
	if (s->blobs == NULL)
		return email_alarm(why, "an attachment is a blob, and this "
					"worker was given no --blobs");
	err = blobs_stat(s->blobs, &ref->hash, &info);
	if (err == 0 && info.size != ref->size)
		err = ref_judge(s, ref);
	if (err < 0)
		return blob_fail(s, err, why);
	p->size = ref->size;
	return 0;
}

int64_t
email_mail_size(const struct email_mail *m)
{
	int64_t n = (int64_t)(strlen(m->sign) + m->head_len + 2 + m->body_len);

	for (size_t i = 0; i < m->pieces_n; i++)
		if (m->pieces[i].file != NULL)
			n += email_base64_size(m->pieces[i].size);
	return n;
}

static int
compose(struct email_mail *m, const struct email *e, const char *id,
	int64_t at_s)
{
	struct mime_tree t = {.m = m, .e = e};
	int bad = 0;

	(void)snprintf(t.boundary, sizeof(t.boundary), "%s", id);
	t.head = open_memstream(&m->head, &m->head_len);
	t.body = open_memstream(&m->body, &m->body_len);
	if (t.head != NULL && t.body != NULL) {
		head_put(t.head, e, m->id, at_s);
		m->pieces[m->pieces_n++] = (struct email_piece){0};
		tree_put(&t);
	}
	bad |= t.head == NULL || fclose(t.head) != 0;
	bad |= t.body == NULL || fclose(t.body) != 0;
	if (!bad)
		m->pieces[m->pieces_n - 1].to = m->body_len;
	return bad ? -ENOMEM : 0;
}

int
email_mail_init(struct email_mail *m, const struct email *e,
	const struct email_options *o, struct email_why *why)
{
	int err = 0;

	memset(m, 0, sizeof(*m));
	m->store = o->store;
	(void)snprintf(m->id, sizeof(m->id), "<%s@%s>", o->id, o->host);
	if (compose(m, e, o->id, o->at_s) < 0)
		return email_later(why, "out of memory");
	for (size_t i = 0; i < m->pieces_n && err == 0; i++)
		if (m->pieces[i].file != NULL)
			err = file_size(&m->store, &m->pieces[i], why);
	if (err == 0 && email_mail_size(m) > o->max)
		err = email_refuse(why,
			"the mail is %lld bytes; max_size in [email] is %lld",
			(long long)email_mail_size(m), (long long)o->max);
	return err;
}

void
email_mail_fini(struct email_mail *m)
{
	free(m->head);
	free(m->body);
	m->head = m->body = NULL;
}
