/* SPDX-License-Identifier: MIT */
/* Questions about connecting and binding. */
#include <arpa/inet.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "capability.h"
#include "why_internal.h"

enum reach {
	REACH_LOOPBACK,
	REACH_OUTSIDE,
	REACH_NAME, /* not an address, nor in the sandbox's /etc/hosts */
};

struct endpoint {
	char host[256];
	uint16_t port;
	enum reach reach;
	bool v6;
};

static int parse_port(const char *s, uint16_t *ret)
{
	int64_t n = -1;

	if (nuc_parse_count(s, &n) < 0 || n < 0 || n > 65535)
		return -EINVAL;
	*ret = (uint16_t)n;
	return 0;
}

static int split(const char *target, struct endpoint *ret)
{
	const char *colon = strrchr(target, ':'), *host = target;
	size_t n;

	if (!colon)
		return -EINVAL;
	n = (size_t)(colon - target);
	if (*host == '[') {
		if (n < 3 || host[n - 1] != ']')
			return -EINVAL;
		host++;
		n -= 2;
		ret->v6 = true;
	} else if (memchr(host, ':', n)) {
		return -EINVAL;
	}
	if (!n || n >= sizeof(ret->host))
		return -EINVAL;
	memcpy(ret->host, host, n);
	ret->host[n] = '\0';
	return parse_port(colon + 1, &ret->port);
}

/* Whether the sandbox's own /etc/hosts knows a name: it says nothing but 127.0.0.1 and ::1. */
static bool is_in_hosts(const struct nuc_plan *p, const char *name)
{
	for (uint32_t i = 0; i < p->n[NUC_PROG_CHILD]; i++) {
		const struct nuc_step *s = nuc_plan_step(p, p->first[NUC_PROG_CHILD] + i);
		const struct nuc_span *span;
		const char *text, *end;
		size_t n = strlen(name);

		if (s->op != NUC_OP_FILE || strcmp(nuc_why_text(p, s->arg[0]), "/etc/hosts") != 0)
			continue;
		span = nuc_plan_data(p, s->arg[1]);
		text = nuc_plan_data(p, span->at);
		end = text + span->len;
		for (const char *t = text; t + n <= end; t++)
			if (!memcmp(t, name, n) && t > text && strchr(" \t", t[-1]) &&
			    (t + n == end || strchr(" \t\n", t[n])))
				return true;
	}
	return false;
}

static int find_reach(const struct nuc_plan *p, struct endpoint *e)
{
	struct in6_addr six;
	struct in_addr four;

	if (e->v6) {
		if (inet_pton(AF_INET6, e->host, &six) != 1)
			return -EINVAL;
		/* The address of nobody leads to this host, too. */
		e->reach = IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_UNSPECIFIED(&six) ||
					   (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127)
				   ? REACH_LOOPBACK
				   : REACH_OUTSIDE;
	} else if (inet_pton(AF_INET, e->host, &four) == 1) {
		e->reach = ntohl(four.s_addr) >> 24 == 127 || four.s_addr == 0 ? REACH_LOOPBACK
									       : REACH_OUTSIDE;
	} else {
		e->reach = is_in_hosts(p, e->host) ? REACH_LOOPBACK : REACH_NAME;
	}
	return 0;
}

/* Each ruleset that handles the right must name the port. */
static void check_ports(struct nuc_why_state *w, uint16_t port, uint32_t right)
{
	const struct nuc_plan *p = w->plan;
	uint32_t from = p->first[NUC_PROG_INIT], to = from + p->n[NUC_PROG_INIT];
	bool bind = right == NUC_LL_NET_BIND_TCP;
	char value[8];

	snprintf(value, sizeof(value), "%u", port);
	for (uint32_t i = from; i < to; i++) {
		const struct nuc_step *s = nuc_plan_step(p, i);
		const struct nuc_landlock_attr *attr;
		bool named = false;

		if (s->op != NUC_OP_LANDLOCK_RULESET && s->op != NUC_OP_LANDLOCK_POLICY_RULESET)
			continue;
		attr = nuc_plan_data(p, s->arg[0]);
		for (uint32_t k = from; k < to; k++) {
			const struct nuc_step *rule = nuc_plan_step(p, k);

			named |= (rule->op == NUC_OP_LANDLOCK_PORT ||
				  rule->op == NUC_OP_LANDLOCK_POLICY_PORT) &&
				 rule->in == s->out && rule->arg[0] == port &&
				 (rule->arg[1] & right);
		}
		if (!(attr->net & right) || named)
			continue;
		if (s->op == NUC_OP_LANDLOCK_POLICY_RULESET)
			nuc_why_refuse(w, "landlock", EACCES, nuc_why_origin(p, s),
				       nuc_strf("in the Landlock policy: [[net]] %s = [%u]",
						bind ? "bind" : "connect", port),
				       "the Landlock policy does not name TCP port %u for %s", port,
				       bind ? "bind" : "connect");
		else
			nuc_why_refuse(w, "landlock", EACCES, nuc_why_origin(p, s),
				       nuc_why_flag(bind ? NUC_OPT_BIND_PORTS : NUC_OPT_CONNECT_PORTS,
						    value, NULL),
				       "TCP port %u is none of those that may be %s", port,
				       bind ? "bound" : "connected to");
	}
}

static char *fix_by_host_network(const struct nuc_plan *p)
{
	if (p->mode != NUC_MODE_AGENT)
		return NULL;
	return nuc_strf("--network host --allow-host-network (in a document: network.mode = \"host\", "
			"network.allow-host = true); this opens: all that this host reaches, services on its "
			"own loopback and its abstract sockets among it");
}

static int why_connect(struct nuc_why_state *w)
{
	const struct nuc_plan *p = w->plan;
	bool own = p->mechanisms & (1u << NUC_MECH_NS_NET);
	struct endpoint e = { 0 };
	int r = split(w->q->target, &e);

	if (r == 0)
		r = find_reach(p, &e);
	if (r < 0)
		return r;

	const uint64_t args[6] = { e.v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0 };
	static const uint64_t none[6];

	if (!nuc_why_call_passes(w, "socket", args) || !nuc_why_call_passes(w, "connect", none))
		return 0;
	if (own && e.reach == REACH_NAME) {
		nuc_why_refuse(w, "network namespace", 0, NULL, fix_by_host_network(p),
			       "%s cannot be resolved: the sandbox has a network of its own, without a name "
			       "server", e.host);
		return 0;
	}
	check_ports(w, e.port, NUC_LL_NET_CONNECT_TCP);
	if (own && e.reach == REACH_OUTSIDE)
		nuc_why_refuse(w, "network namespace", ENETUNREACH, NULL, fix_by_host_network(p),
			       "the sandbox has a network of its own, in which there is only its loopback");
	if (own)
		nuc_why_allow(w, "network namespace", NULL,
			      "the sandbox's own loopback: what listens there is in the sandbox");
	else {
		w->inferred = true;
		nuc_why_allow(w, "network namespace", NULL,
			      "the network is the host's: its routes, firewall and name servers decide");
	}
	return 0;
}

/* Below this a port needs CAP_NET_BIND_SERVICE, which the sandbox has not over its network. */
static int64_t first_free_port(bool own)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int64_t n = 1024;

	if (!own &&
	    nuc_read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", 64, &text, &len) == 0)
		n = strtol(text, NULL, 10);
	return n;
}

static int why_bind(struct nuc_why_state *w)
{
	const struct nuc_plan *p = w->plan;
	bool own = p->mechanisms & (1u << NUC_MECH_NS_NET);
	const uint64_t args[6] = { AF_INET, SOCK_STREAM, 0 };
	static const uint64_t none[6];
	uint16_t port;

	if (parse_port(w->q->target, &port) < 0)
		return -EINVAL;
	if (!nuc_why_call_passes(w, "socket", args) || !nuc_why_call_passes(w, "bind", none))
		return 0;
	check_ports(w, port, NUC_LL_NET_BIND_TCP);
	/* Of the host's network the sandbox's capabilities are none. */
	if (port && port < first_free_port(own) &&
	    !(own && p->caps[NUC_CAPSET_AMBIENT] & NUC_CAP_BIT(NUC_CAP_NET_BIND_SERVICE))) {
		w->inferred |= !own;
		nuc_why_refuse(w, "capabilities", EACCES, NULL, NULL,
			       "ports below %lld need CAP_NET_BIND_SERVICE over the network: use a higher one",
			       (long long)first_free_port(own));
	}
	w->inferred |= !own;
	nuc_why_allow(w, "network namespace", NULL, "%s",
		      own ? "the sandbox's own network: only programs in it can connect"
			  : "the network is the host's: whoever reaches this host reaches the port, unless it "
			    "is taken");
	return 0;
}

int nuc_why_network(struct nuc_why_state *w)
{
	return w->q->asked == NUC_ASKED_BIND ? why_bind(w) : why_connect(w);
}
