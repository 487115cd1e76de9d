/* SPDX-License-Identifier: MIT */
#include "jobs/transcode/profile.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

#define SECTION "transcode "

/* Limits of a ladder; 8K videos are 4320 high. */
enum { HEIGHT_MIN = 16, HEIGHT_MAX = 4320, KBIT_MIN = 10, KBIT_MAX = 1000000 };

/* clang-format off */
const struct config_key transcode_keys[] = {
	{"ffmpeg", CONFIG_FILE, 0, 0, "/usr/bin/ffmpeg", "the program ffmpeg"},
	{"ffprobe", CONFIG_FILE, 0, 0, "/usr/bin/ffprobe", "the program ffprobe"},
	{"formats", CONFIG_TEXT, 0, 0,
	 "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf,flv,"
	 "ogg,mp3,wav,flac,aac", "the containers that are accepted, by ffmpeg's names"},
	{"memory", CONFIG_BYTES, 256LL << 20, 1LL << 40, "6g", "address space of ffmpeg"},
	{"cpu", CONFIG_MS, 1000, 864000000, "4h", "CPU time of ffmpeg, all threads"},
	{"disk", CONFIG_BYTES, 1 << 16, 1LL << 50, "40g", "bytes of all files of a job"},
	{"max_output", CONFIG_BYTES, 1 << 16, 1LL << 50, "20g", "bytes of one file that is made"},
	{"max_duration", CONFIG_MS, 1000, 864000000, "6h", "longest input"},
	{"max_pixels", CONFIG_COUNT, 1 << 12, 1 << 28, "35389440", "largest width times height of the input"},
	{"max_streams", CONFIG_COUNT, 1, 1000, "64", "most streams of the input"},
	{"threads", CONFIG_COUNT, 1, 256, NULL, "threads of each decoder and encoder (else ffmpeg decides)"},
	{"partial", CONFIG_FLAG, 0, 1, "no", "use what can be read of a truncated input"},
	{"landlock", CONFIG_FLAG, 0, 1, "yes", "refuse to work on a kernel without it"},
	{.name = NULL},
};

const struct config_key profile_keys[] = {
	{"base", CONFIG_TEXT, 0, 0, NULL, "of hls, mp4, webm, audio, thumbnail or poster (else its own name)"},
	{"codec", CONFIG_TEXT, 0, 0, NULL, "of h264, h265, av1 (mp4), vp9, av1 (webm); aac, opus, mp3; jpg, png, webp"},
	{"ladder", CONFIG_TEXT, 0, 0, NULL, "HEIGHT:KBIT ..., highest first; one where one file is made"},
	{"crf", CONFIG_COUNT, 1, 63, NULL, "constant quality, lower is better; to 51 for h264 and h265"},
	{"preset", CONFIG_TEXT, 0, 0, NULL, "the encoder's preset, ultrafast to veryslow"},
	{"audio", CONFIG_TEXT, 0, 0, NULL, "the sound beside a picture: aac, opus, mp3 or none"},
	{"audio_kbit", CONFIG_COUNT, 8, 512, NULL, "kbit/s of sound; to 320 for mp3"},
	{"segment", CONFIG_MS, 500, 60000, NULL, "length of a segment of hls"},
	{"width", CONFIG_COUNT, 16, 8192, NULL, "largest width of an image, and a fourth of its largest height"},
	{"at", CONFIG_COUNT, 0, 100, NULL, "where the image is taken, in percent of the length"},
	{.name = NULL},
};
/* clang-format on */

/* --- words --------------------------------------------------------------- */

static const struct transcode_codec codecs[] = {
	{"h264", "libx264", NULL, 51},
	{"h265", "libx265", NULL, 51},
	{"vp9", "libvpx-vp9", NULL, 63},
	{"av1", "libsvtav1", NULL, 63},
	{"aac", "aac", "m4a", 512},
	{"opus", "libopus", "ogg", 512},
	{"mp3", "libmp3lame", "mp3", 320},
	{"jpg", "mjpeg", "jpg", 0},
	{"png", "png", "png", 0},
	{"webp", "libwebp", "webp", 0},
};

static const struct transcode_preset presets[] = {
	{"ultrafast", 8, 12},
	{"superfast", 7, 11},
	{"veryfast", 6, 10},
	{"faster", 5, 9},
	{"fast", 4, 8},
	{"medium", 3, 7},
	{"slow", 2, 6},
	{"slower", 1, 5},
	{"veryslow", 0, 4},
};

enum { H264 = 0, VP9 = 2, AAC = 4, OPUS = 5, JPG = 7, VERYFAST = 2 };

static const struct {
	const char *name;
	struct transcode_profile p;
} bases[] = {
	{"hls", {.kind = PROFILE_HLS,
			.ext = "ts",
			.codecs = "h264",
			.codec = &codecs[H264],
			.audio = &codecs[AAC],
			.preset = &presets[VERYFAST],
			.rungs = {{1080, 5000}, {720, 2800}, {480, 1400},
				{360, 800}},
			.rungs_n = 4,
			.crf = 23,
			.audio_kbit = 128,
			.segment_ms = 6000}},
	{"mp4", {.kind = PROFILE_VIDEO,
			.ext = "mp4",
			.codecs = "h264 h265 av1",
			.codec = &codecs[H264],
			.audio = &codecs[AAC],
			.preset = &presets[VERYFAST],
			.rungs = {{1080, 6000}},
			.rungs_n = 1,
			.crf = 23,
			.audio_kbit = 128}},
	{"webm", {.kind = PROFILE_VIDEO,
			 .ext = "webm",
			 .codecs = "vp9 av1",
			 .codec = &codecs[VP9],
			 .audio = &codecs[OPUS],
			 .preset = &presets[VERYFAST],
			 .rungs = {{1080, 4000}},
			 .rungs_n = 1,
			 .crf = 33,
			 .audio_kbit = 96}},
	{"audio", {.kind = PROFILE_AUDIO,
			  .ext = "m4a",
			  .codecs = "aac opus mp3",
			  .codec = &codecs[AAC],
			  .audio_kbit = 128}},
	{"thumbnail", {.kind = PROFILE_IMAGE,
			      .ext = "jpg",
			      .codecs = "jpg png webp",
			      .codec = &codecs[JPG],
			      .width = 320,
			      .at_percent = 10}},
	{"poster", {.kind = PROFILE_IMAGE,
			   .ext = "jpg",
			   .codecs = "jpg png webp",
			   .codec = &codecs[JPG],
			   .width = 1280,
			   .at_percent = 10}},
};

enum { BASES = sizeof(bases) / sizeof(bases[0]) };

/* Whether `word` is one of the words of `list`. */
static int
word_in(const char *word, const char *list)
{
	size_t len = strlen(word);

	for (const char *at = list; len > 0 && *at != '\0';) {
		size_t n = strcspn(at, " ");

		if (n == len && memcmp(at, word, n) == 0)
			return 1;
		at += n + strspn(at + n, " ");
	}
	return 0;
}

static const struct transcode_codec *
codec_find(const char *word)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
		if (strcmp(codecs[i].name, word) == 0)
			return &codecs[i];
	return NULL;
}

/* --- a section ----------------------------------------------------------- */

struct profile_reader {
	struct transcode_profile *p;
	const struct config *conf;
	char section[PROFILE_NAME + sizeof(SECTION)];
	char *why;
	size_t cap;
};

static int
value_refuse(const struct profile_reader *r, const char *key, const char *value,
	const char *wanted)
{
	(void)snprintf(r->why, r->cap, "[%s] %s = %.60s: must be %s",
		r->section, key, value, wanted);
	return SW_EINVAL;
}

static const char *
value_of(const struct profile_reader *r, const char *key)
{
	return config_text(r->conf, r->section, key);
}

/* Refuses a key that this kind of profile does not use. */
static int
keys_check(const struct profile_reader *r)
{
	static const struct {
		const char *key;
		unsigned kinds;
	} uses[] = {
		{"ladder", 1u << PROFILE_HLS | 1u << PROFILE_VIDEO},
		{"crf", 1u << PROFILE_HLS | 1u << PROFILE_VIDEO},
		{"preset", 1u << PROFILE_HLS | 1u << PROFILE_VIDEO},
		{"audio", 1u << PROFILE_HLS | 1u << PROFILE_VIDEO},
		{"audio_kbit", ~(1u << PROFILE_IMAGE)},
		{"segment", 1u << PROFILE_HLS},
		{"width", 1u << PROFILE_IMAGE},
		{"at", 1u << PROFILE_IMAGE},
	};

	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		if ((uses[i].kinds & 1u << r->p->kind) == 0 &&
			value_of(r, uses[i].key) != NULL) {
			(void)snprintf(r->why, r->cap,
				"[%s]: '%s' does not apply to its base",
				r->section, uses[i].key);
			return SW_EINVAL;
		}
	return 0;
}

static int
codec_set(const struct profile_reader *r)
{
	const char *word = value_of(r, "codec");
	const struct transcode_codec *codec = word != NULL ? codec_find(word)
							   : NULL;

	if (word == NULL)
		return 0;
	if (codec == NULL || !word_in(word, r->p->codecs))
		return value_refuse(r, "codec", word, r->p->codecs);
	r->p->codec = codec;
	if (codec->ext != NULL)
		r->p->ext = codec->ext;
	return 0;
}

static int
audio_set(const struct profile_reader *r)
{
	const char *word = value_of(r, "audio");
	/* The codecs that the container supports. */
	const char *words = r->p->kind == PROFILE_HLS ? "aac none"
			    : strcmp(r->p->ext, "webm") == 0
				    ? "opus none"
				    : "aac opus mp3 none";

	if (word == NULL)
		return 0;
	if (!word_in(word, words))
		return value_refuse(r, "audio", word, words);
	r->p->audio = codec_find(word);
	return 0;
}

static int
preset_set(const struct profile_reader *r)
{
	const char *word = value_of(r, "preset");

	if (word == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
		if (strcmp(presets[i].name, word) == 0) {
			r->p->preset = &presets[i];
			return 0;
		}
	return value_refuse(r, "preset", word, "ultrafast to veryslow");
}

/* "720:2800 480:1400"; 0 or SW_EINVAL. */
static int
ladder_parse(const char *text, struct transcode_profile *p)
{
	const char *at = text;
	long last = HEIGHT_MAX + 1;
	int n = 0;

	for (at += strspn(at, " "); *at != '\0'; at += strspn(at, " ")) {
		char *colon, *end;
		long height = strtol(at, &colon, 10), kbit;

		if (colon == at || *colon != ':' || n == PROFILE_RUNGS)
			return SW_EINVAL;
		kbit = strtol(colon + 1, &end, 10);
		if (end == colon + 1 || (*end != ' ' && *end != '\0') ||
			height < HEIGHT_MIN || height >= last ||
			height % 2 != 0 || kbit < KBIT_MIN || kbit > KBIT_MAX)
			return SW_EINVAL;
		p->rungs[n++] = (struct transcode_rung){(int)height, (int)kbit};
		last = height;
		at = end;
	}
	if (n == 0 || (n > 1 && p->kind != PROFILE_HLS))
		return SW_EINVAL;
	p->rungs_n = n;
	return 0;
}

static int
ladder_set(const struct profile_reader *r)
{
	const char *text = value_of(r, "ladder");
	char wanted[160];

	if (text == NULL || ladder_parse(text, r->p) == 0)
		return 0;
	(void)snprintf(wanted, sizeof(wanted),
		"at most %d HEIGHT:KBIT, of even and falling heights of %d to "
		"%d and of %d to %d kbit/s",
		r->p->kind == PROFILE_HLS ? PROFILE_RUNGS : 1, HEIGHT_MIN,
		HEIGHT_MAX, KBIT_MIN, KBIT_MAX);
	return value_refuse(r, "ladder", text, wanted);
}

static void
numbers_set(const struct profile_reader *r)
{
	const struct {
		const char *key;
		int *to;
	} all[] = {{"crf", &r->p->crf}, {"audio_kbit", &r->p->audio_kbit},
		{"segment", &r->p->segment_ms}, {"width", &r->p->width},
		{"at", &r->p->at_percent}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (value_of(r, all[i].key) != NULL)
			*all[i].to = (int)config_number(
				r->conf, r->section, all[i].key);
}

/* Beyond the limit x265 fails, and other encoders silently use less. */
static int
most_check(const struct profile_reader *r, const char *key, int value,
	const struct transcode_codec *codec)
{
	if (codec == NULL || value <= codec->most)
		return 0;
	(void)snprintf(r->why, r->cap, "[%s] %s = %d: %s takes %d at most",
		r->section, key, value, codec->name, codec->most);
	return SW_EINVAL;
}

static int
numbers_check(const struct profile_reader *r)
{
	const struct transcode_profile *p = r->p;
	int err = 0;

	if (p->kind == PROFILE_AUDIO)
		return most_check(r, "audio_kbit", p->audio_kbit, p->codec);
	if (p->kind != PROFILE_IMAGE)
		err = most_check(r, "crf", p->crf, p->codec);
	if (err == 0)
		err = most_check(r, "audio_kbit", p->audio_kbit, p->audio);
	return err;
}

static int
section_read(const struct profile_reader *r)
{
	int err = keys_check(r);

	if (err == 0)
		err = codec_set(r);
	if (err == 0)
		err = audio_set(r);
	if (err == 0)
		err = preset_set(r);
	if (err == 0)
		err = ladder_set(r);
	if (err < 0)
		return err;
	numbers_set(r);
	return numbers_check(r);
}

static int
base_find(struct transcode_profile *p, const char *name)
{
	for (size_t i = 0; i < BASES; i++)
		if (strcmp(bases[i].name, name) == 0) {
			*p = bases[i].p;
			return 0;
		}
	return SW_EINVAL;
}

int
profile_read(struct transcode_profile *p, const struct config *conf,
	const char *name, char *why, size_t cap)
{
	struct profile_reader r = {
		.p = p, .conf = conf, .why = why, .cap = cap};
	const char *base = NULL;
	int there;

	if (strlen(name) >= PROFILE_NAME) {
		(void)snprintf(why, cap, "the profile's name is too long");
		return SW_EINVAL;
	}
	(void)snprintf(r.section, sizeof(r.section), SECTION "%s", name);
	there = config_has(conf, r.section);
	if (there)
		base = value_of(&r, "base");
	if (base_find(p, base != NULL ? base : name) == 0)
		return there ? section_read(&r) : 0;
	if (there)
		return value_refuse(&r, "base", base != NULL ? base : "",
			"hls, mp4, webm, audio, thumbnail or poster");
	(void)snprintf(why, cap,
		"there is no profile of that name: hls, mp4, webm, audio, "
		"thumbnail, poster, or a section [transcode NAME] of the "
		"worker's --jobs");
	return SW_EINVAL;
}

/* The programs are started without a search in PATH. */
static int
program_check(const struct config *conf, const char *key, char *why, size_t cap)
{
	if (config_text(conf, "transcode", key)[0] == '/')
		return 0;
	(void)snprintf(
		why, cap, "[transcode] %s: must be an absolute path", key);
	return SW_EINVAL;
}

int
profile_check(const struct config *conf, char *why, size_t cap)
{
	const size_t len = strlen(SECTION);
	const char *name;
	struct transcode_profile p;
	int err = program_check(conf, "ffmpeg", why, cap);

	if (err == 0)
		err = program_check(conf, "ffprobe", why, cap);

	for (size_t i = 0; err == 0 && (name = config_section(conf, i)) != NULL;
		i++)
		if (strncmp(name, SECTION, len) == 0)
			err = profile_read(&p, conf, name + len, why, cap);
	return err;
}
