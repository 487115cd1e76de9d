/* SPDX-License-Identifier: MIT */
#include "jobs/webhook/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct ip_address {
	uint8_t b[16];
	size_t len; /* 4 or 16; 0: another family, which no network has */
};

struct ip_network {
	struct ip_address base;
	size_t bits;
};

/*
 * IANA's registries of special-purpose addresses; the first match decides.  Of
 * IPv6 only 2000::/3 is in public use.
 */
static const struct {
	const char *network, *kind;
} kinds[] = {
	{"0.0.0.0/8", "local"},
	{"10.0.0.0/8", "private"},
	{"100.64.0.0/10", "carrier-private"},
	{"127.0.0.0/8", "loopback"},
	{"168.63.129.16", "cloud metadata"}, /* Azure's, in public space */
	{"169.254.0.0/16", "link-local"},    /* other clouds' metadata */
	{"172.16.0.0/12", "private"},
	{"192.0.0.0/24", "reserved"},
	{"192.0.2.0/24", "documentation"},
	{"192.88.99.0/24", "reserved"},
	{"192.168.0.0/16", "private"},
	{"198.18.0.0/15", "benchmark"},
	{"198.51.100.0/24", "documentation"},
	{"203.0.113.0/24", "documentation"},
	{"224.0.0.0/4", "multicast"},
	{"240.0.0.0/4", "reserved"},
	{"0.0.0.0/0", NULL},
	{"::", "local"},
	{"::1", "loopback"},
	{"fc00::/7", "private"},
	{"fe80::/10", "link-local"},
	{"fec0::/10", "private"},
	{"ff00::/8", "multicast"},
	{"2001:db8::/32", "documentation"},
	{"2001::/23", "reserved"}, /* Teredo and the like */
	{"3fff::/20", "documentation"},
	{"2000::/3", NULL},
	{"::/0", "reserved"},
};

/* IPv6 networks whose addresses contain an IPv4 address at byte `at`. */
static const struct {
	const char *network;
	size_t at;
} wraps[] = {
	{"::ffff:0:0/96", 12},
	{"64:ff9b::/96", 12},
	{"2002::/16", 2},
};

static int
network_parse(const char *text, struct ip_network *n)
{
	char host[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "/");
	char *end;
	long bits;

	if (len >= sizeof(host))
		return SW_EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	*n = (struct ip_network){0};
	if (inet_pton(AF_INET, host, n->base.b) == 1)
		n->base.len = 4;
	else if (inet_pton(AF_INET6, host, n->base.b) == 1)
		n->base.len = 16;
	else
		return SW_EINVAL;
	n->bits = n->base.len * 8;
	if (text[len] == '\0')
		return 0;
	bits = strtol(text + len + 1, &end, 10);
	if (end == text + len + 1 || *end != '\0' || bits < 0 ||
		bits > (long)n->bits)
		return SW_EINVAL;
	n->bits = (size_t)bits;
	return 0;
}

static int
network_has(const struct ip_network *n, const struct ip_address *a)
{
	size_t whole = n->bits / 8;
	unsigned rest = 8 - n->bits % 8;

	if (n->base.len != a->len || memcmp(n->base.b, a->b, whole) != 0)
		return 0;
	return rest == 8 || n->base.b[whole] >> rest == a->b[whole] >> rest;
}

static int
text_network_has(const char *network, const struct ip_address *a)
{
	struct ip_network n;

	return network_parse(network, &n) == 0 && network_has(&n, a);
}

static struct ip_address
address_of(const struct sockaddr *sa)
{
	struct ip_address a = {.len = 0};
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		a.len = 4;
		memcpy(a.b, &in.sin_addr, a.len);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		a.len = 16;
		memcpy(a.b, &in6.sin6_addr, a.len);
	}
	for (size_t i = 0; i < sizeof(wraps) / sizeof(wraps[0]); i++)
		if (text_network_has(wraps[i].network, &a)) {
			memmove(a.b, a.b + wraps[i].at, 4);
			a.len = 4;
		}
	return a;
}

const char *
address_kind(const struct sockaddr *sa)
{
	struct ip_address a = address_of(sa);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (text_network_has(kinds[i].network, &a))
			return kinds[i].kind;
	return "unknown";
}

int
address_listed(const struct sockaddr *sa, const char *networks)
{
	struct ip_address a = {.len = 0};
	struct ip_network n;
	int found = 0;
	size_t len;

	if (sa != NULL)
		a = address_of(sa);
	for (const char *p = networks + strspn(networks, " \t"); *p != '\0';
		p += len + strspn(p + len, " \t")) {
		char text[INET6_ADDRSTRLEN + 4];

		len = strcspn(p, " \t");
		if (len >= sizeof(text))
			return SW_EINVAL;
		memcpy(text, p, len);
		text[len] = '\0';
		if (network_parse(text, &n) < 0)
			return SW_EINVAL;
		found |= network_has(&n, &a);
	}
	return found;
}
