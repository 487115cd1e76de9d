/* SPDX-License-Identifier: MIT */
#include "jobs/logs/bots.h"

#include <ctype.h>

/*
 * The most specific words come first, so that "googlebot" wins over "bot".  A
 * report counts by word: a changed word starts a new count.
 */
const char *const bot_words[] = {"googlebot", "bingbot", "yandex", "baidu",
	"applebot", "duckduckbot", "gptbot", "claudebot", "amazonbot",
	"ahrefsbot", "semrushbot", "facebookexternalhit", "bytespider",
	"crawler", "spider", "slurp", "scrapy", "bot", "curl", "wget", "python",
	"go-http-client", "java/", "okhttp", "libwww", "axios", "node-fetch",
	"headless", "uptime", "monitor", "nagios", "prometheus", "zgrab",
	"nmap", "nikto", "masscan", NULL};

static int
word_at(const char *p, const char *word)
{
	for (; *word != '\0'; p++, word++)
		if (tolower((unsigned char)*p) != *word)
			return 0;
	return 1;
}

static int
has(struct bytes agent, const char *word)
{
	const char *p = agent.p;
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= agent.len; i++)
		if (word_at(p + i, word))
			return 1;
	return 0;
}

int
bot_of(struct bytes agent)
{
	if (agent.len > BOTS_AGENT_MAX)
		agent.len = BOTS_AGENT_MAX;
	for (int i = 0; bot_words[i] != NULL; i++)
		if (has(agent, bot_words[i]))
			return i;
	return -1;
}

int
bots_find(struct log_bots *b, struct bytes agent, uint64_t hash)
{
	size_t i = hash % BOTS_CACHE;

	hash |= 1; /* 0 is an empty slot */
	if (agent.len == 0)
		return -1;
	if (b->seen[i].hash != hash) {
		b->seen[i].hash = hash;
		b->seen[i].bot = bot_of(agent);
	}
	return b->seen[i].bot;
}
