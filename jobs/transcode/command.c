/* SPDX-License-Identifier: MIT */
#include "jobs/transcode/command.h"

#include <stdarg.h>
#include <stdio.h>

/* --- words --------------------------------------------------------------- */

static void word_add(struct ffmpeg_command *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void
word_add(struct ffmpeg_command *c, const char *fmt, ...)
{
	size_t room = sizeof(c->room) - c->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(c->room + c->used, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room || c->n == COMMAND_WORDS) {
		c->full = 1;
		return;
	}
	c->argv[c->n++] = c->room + c->used;
	c->argv[c->n] = NULL;
	c->used += (size_t)n + 1;
}

static void
words_add(struct ffmpeg_command *c, const char *const *words)
{
	for (; *words != NULL; words++)
		word_add(c, "%s", *words);
}

#define ADD(c, ...) words_add(c, (const char *const[]){__VA_ARGS__, NULL})

static void
ms_add(struct ffmpeg_command *c, const char *option, int64_t ms)
{
	word_add(c, "%s", option);
	word_add(c, "%lld.%03lld", (long long)(ms / 1000),
		(long long)(ms % 1000));
}

/* --- the input ----------------------------------------------------------- */

/*
 * A playlist could name any file and host.  The list of formats has none that
 * can; should a configuration add one, ffmpeg opens nothing but files, and the
 * sandbox denies it all other files.
 */
static void
input_guard(struct ffmpeg_command *c, const struct config *conf)
{
	ADD(c, "-protocol_whitelist", "file", "-format_whitelist");
	word_add(c, "%s", config_text(conf, "transcode", "formats"));
	word_add(c, "-max_pixels");
	word_add(c, "%lld",
		(long long)config_number(conf, "transcode", "max_pixels"));
}

void
command_probe(
	struct ffmpeg_command *c, const struct config *conf, const char *input)
{
	c->n = c->full = 0;
	c->used = 0;
	word_add(c, "%s", config_text(conf, "transcode", "ffprobe"));
	ADD(c, "-v", "error", "-hide_banner");
	input_guard(c, conf);
	ADD(c, "-print_format", "json=compact=1", "-show_entries",
		"format=format_name,duration:stream=index,codec_type,width,"
		"height:stream_disposition=attached_pic:"
		"stream_side_data=rotation",
		"-i");
	word_add(c, "file:%s", input);
}

static void
threads_add(struct ffmpeg_command *c, const struct config *conf)
{
	int64_t threads = config_number(conf, "transcode", "threads");

	if (threads == 0)
		return;
	word_add(c, "-threads");
	word_add(c, "%lld", (long long)threads);
}

int64_t
command_at_ms(const struct ffmpeg_task *t)
{
	if (t->at_ms >= 0)
		return t->at_ms;
	return t->probe->duration_ms * t->profile->at_percent / 100;
}

static void
input_add(struct ffmpeg_command *c, const struct ffmpeg_task *t)
{
	word_add(c, "%s", config_text(t->conf, "transcode", "ffmpeg"));
	ADD(c, "-nostdin", "-hide_banner", "-v", "error", "-y", "-nostats",
		"-progress", "pipe:1", "-stats_period", "0.5");
	input_guard(c, t->conf);
	threads_add(c, t->conf);
	if (t->profile->kind == PROFILE_IMAGE)
		ms_add(c, "-ss", command_at_ms(t));
	word_add(c, "-i");
	word_add(c, "file:%s", t->input);
}

/* --- pictures and sound -------------------------------------------------- */

int
command_rungs(
	const struct ffmpeg_task *t, struct transcode_rung rungs[PROFILE_RUNGS])
{
	const struct transcode_profile *p = t->profile;
	int w = t->probe->width, h = t->probe->height;
	int source = w < h ? w : h, n = 0;

	for (int i = 0; i < p->rungs_n; i++)
		if (p->rungs[i].height <= source)
			rungs[n++] = p->rungs[i];
	if (n > 0)
		return n;
	rungs[0] = p->rungs[p->rungs_n - 1];
	rungs[0].height = source > 2 ? source & ~1 : 2;
	return 1;
}

/* Scales the shorter side to `height` and the other side to an even number. */
static const char *
scale_text(const struct ffmpeg_task *t, int height, char text[32])
{
	if (t->probe->width < t->probe->height)
		(void)snprintf(text, 32, "scale=%d:-2", height);
	else
		(void)snprintf(text, 32, "scale=-2:%d", height);
	return text;
}

static void
preset_add(struct ffmpeg_command *c, const struct transcode_profile *p)
{
	const char *encoder = p->codec->encoder;

	if (strcmp(encoder, "libvpx-vp9") == 0) {
		ADD(c, "-deadline", "good", "-row-mt", "1", "-cpu-used");
		word_add(c, "%d", p->preset->vp9);
		return;
	}
	word_add(c, "-preset");
	if (strcmp(encoder, "libsvtav1") == 0)
		word_add(c, "%d", p->preset->av1);
	else
		word_add(c, "%s", p->preset->name);
	if (strcmp(encoder, "libx265") == 0)
		ADD(c, "-x265-params", "log-level=error", "-tag:v", "hvc1");
}

/* Constant quality up to a bit rate; `v` is "v", or "v:0" of several. */
static void
rate_add(struct ffmpeg_command *c, const struct transcode_profile *p,
	const char *v, int kbit)
{
	word_add(c, "-crf");
	word_add(c, "%d", p->crf);
	if (strcmp(p->codec->encoder, "libsvtav1") == 0)
		return; /* libsvtav1 refuses a bit rate beside the quality */
	if (strcmp(p->codec->encoder, "libvpx-vp9") == 0) {
		word_add(c, "-b:%s", v);
		word_add(c, "%dk", kbit);
		return;
	}
	word_add(c, "-maxrate:%s", v);
	word_add(c, "%dk", kbit);
	word_add(c, "-bufsize:%s", v);
	word_add(c, "%dk", 2 * kbit);
}

static int
has_audio(const struct ffmpeg_task *t)
{
	return t->probe->audio >= 0 && t->profile->audio != NULL;
}

static void
audio_add(struct ffmpeg_command *c, const struct ffmpeg_task *t,
	const struct transcode_codec *codec)
{
	word_add(c, "-map");
	word_add(c, "0:%d", t->probe->audio);
	word_add(c, "-c:a");
	word_add(c, "%s", codec->encoder);
	word_add(c, "-b:a");
	word_add(c, "%dk", t->profile->audio_kbit);
	ADD(c, "-ac", "2"); /* stereo: every encoder and browser supports it */
}

/* Drops names, places, chapters, subtitles; limits the length. */
static void
common_add(struct ffmpeg_command *c, const struct ffmpeg_task *t)
{
	ADD(c, "-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn");
	threads_add(c, t->conf);
	ms_add(c, "-t", config_number(t->conf, "transcode", "max_duration"));
}

/* --- one for each kind --------------------------------------------------- */

static void
split_add(struct ffmpeg_command *c, const struct ffmpeg_task *t,
	const struct transcode_rung *r, int n)
{
	char text[1024], one[32];
	size_t at;

	at = (size_t)snprintf(
		text, sizeof(text), "[0:%d]split=%d", t->probe->video, n);
	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(
			text + at, sizeof(text) - at, "[s%d]", i);
	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
			";[s%d]%s[v%d]", i, scale_text(t, r[i].height, one), i);
	word_add(c, "-filter_complex");
	word_add(c, "%s", text);
}

/* The sound is encoded once, in a group that all rungs refer to. */
static void
variants_add(struct ffmpeg_command *c, const struct ffmpeg_task *t,
	const struct transcode_rung *r, int n)
{
	const char *sound = has_audio(t) ? ",agroup:a" : "";
	char text[1024];
	size_t at = 0;

	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
			"%sv:%d%s,name:%dp", i > 0 ? " " : "", i, sound,
			r[i].height);
	if (has_audio(t))
		(void)snprintf(text + at, sizeof(text) - at,
			" a:0,agroup:a,default:yes,name:audio");
	word_add(c, "-var_stream_map");
	word_add(c, "%s", text);
}

static void
hls_add(struct ffmpeg_command *c, const struct ffmpeg_task *t)
{
	const struct transcode_profile *p = t->profile;
	struct transcode_rung rungs[PROFILE_RUNGS];
	int n = command_rungs(t, rungs);
	char v[16];

	split_add(c, t, rungs, n);
	for (int i = 0; i < n; i++) {
		word_add(c, "-map");
		word_add(c, "[v%d]", i);
		(void)snprintf(v, sizeof(v), "v:%d", i);
		rate_add(c, p, v, rungs[i].kbit);
	}
	word_add(c, "-c:v");
	word_add(c, "%s", p->codec->encoder);
	preset_add(c, p);
	ADD(c, "-pix_fmt", "yuv420p", "-force_key_frames");
	word_add(c, "expr:gte(t,n_forced*%d.%03d)", p->segment_ms / 1000,
		p->segment_ms % 1000);
	if (has_audio(t))
		audio_add(c, t, p->audio);
	common_add(c, t);
	ADD(c, "-f", "hls", "-hls_playlist_type", "vod", "-hls_list_size", "0",
		"-hls_flags", "independent_segments");
	ms_add(c, "-hls_time", p->segment_ms);
	ADD(c, "-hls_segment_filename", "%v_%05d.ts", "-master_pl_name",
		COMMAND_MASTER);
	variants_add(c, t, rungs, n);
	word_add(c, "%%v.m3u8");
}

static void
video_add(struct ffmpeg_command *c, const struct ffmpeg_task *t)
{
	const struct transcode_profile *p = t->profile;
	struct transcode_rung rungs[PROFILE_RUNGS];
	char text[32];

	(void)command_rungs(t, rungs);
	word_add(c, "-map");
	word_add(c, "0:%d", t->probe->video);
	word_add(c, "-vf");
	word_add(c, "%s", scale_text(t, rungs[0].height, text));
	word_add(c, "-c:v");
	word_add(c, "%s", p->codec->encoder);
	preset_add(c, p);
	rate_add(c, p, "v", rungs[0].kbit);
	ADD(c, "-pix_fmt", "yuv420p");
	if (has_audio(t))
		audio_add(c, t, p->audio);
	common_add(c, t);
	if (strcmp(p->ext, "mp4") == 0)
		ADD(c, "-movflags", "+faststart");
	word_add(c, "video.%s", p->ext);
}

static void
sound_add(struct ffmpeg_command *c, const struct ffmpeg_task *t)
{
	word_add(c, "-vn");
	audio_add(c, t, t->profile->codec);
	common_add(c, t);
	if (strcmp(t->profile->ext, "m4a") == 0)
		ADD(c, "-movflags", "+faststart");
	word_add(c, "audio.%s", t->profile->ext);
}

static void
image_add(struct ffmpeg_command *c, const struct ffmpeg_task *t)
{
	int width = t->profile->width, tall = COMMAND_TALL * width;

	word_add(c, "-map");
	word_add(c, "0:%d", t->probe->video);
	word_add(c, "-an");
	word_add(c, "-vf");
	/*
	 * An image has square pixels, so the filter scales others.  It bounds
	 * width and height in the same step: the input's aspect ratios (sar of
	 * pixels, dar of the picture) must not make a huge or an empty image.
	 */
	word_add(c,
		"scale=w='max(2,min(min(%d,iw*sar),%d*dar))':"
		"h='max(2,min(%d,2*round(ow/dar/2)))':flags=lanczos,setsar=1",
		width, tall, tall);
	ADD(c, "-frames:v", "1", "-c:v");
	word_add(c, "%s", t->profile->codec->encoder);
	if (strcmp(t->profile->ext, "jpg") == 0)
		ADD(c, "-q:v", "3", "-pix_fmt", "yuvj420p");
	common_add(c, t);
	ADD(c, "-f", "image2", "-update", "1");
	word_add(c, "image.%s", t->profile->ext);
}

void
command_make(struct ffmpeg_command *c, const struct ffmpeg_task *t)
{
	static void (*const kinds[])(
		struct ffmpeg_command *, const struct ffmpeg_task *) = {
		[PROFILE_HLS] = hls_add,
		[PROFILE_VIDEO] = video_add,
		[PROFILE_AUDIO] = sound_add,
		[PROFILE_IMAGE] = image_add,
	};

	c->n = c->full = 0;
	c->used = 0;
	input_add(c, t);
	kinds[t->profile->kind](c, t);
}
