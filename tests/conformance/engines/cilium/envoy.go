package main

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	ciliumproxy "github.com/cilium/proxy/go/cilium/api"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// This file repeats what Cilium's filters in Envoy do with the policy that the agent sends them, after
// github.com/cilium/proxy v0.0.0-20260701124752-9c14fdc485a1, cilium/network_policy.cc: PortNetworkPolicy,
// PortNetworkPolicyRules, PortNetworkPolicyRule, SniPattern. Envoy's regular expressions are RE2 and match the
// whole value, as Go's do when anchored. What Envoy does before, to paths for instance, is not repeated, and
// its limit on the size of a compiled expression is not known here.

// ports is the policy of one direction.
type ports []portRules

// portRules are the rules for a range of ports. Port 0 is every port.
type portRules struct {
	first, last uint32
	rules       rules
}

// rules are tried from the highest precedence down, denials before allowances. None at all allow everything.
type rules []rule

type rule struct {
	sent        *ciliumproxy.PortNetworkPolicyRule
	serverNames []*regexp.Regexp
	requests    []requestRule
}

// requestRule matches where each of its headers does.
type requestRule []header

type header struct {
	sent    *routev3.HeaderMatcher
	pattern *regexp.Regexp // nil where it is not one
}

func newPorts(sent []*ciliumproxy.PortNetworkPolicy) (ports, error) {
	var all ports
	for _, s := range sent {
		p := portRules{first: s.Port, last: max(s.Port, s.EndPort)}
		for _, one := range s.Rules {
			r, err := newRule(one)
			if err != nil {
				return nil, err
			}
			p.rules = append(p.rules, r)
		}
		all = append(all, p)
	}
	return all, nil
}

func newRule(sent *ciliumproxy.PortNetworkPolicyRule) (rule, error) {
	r := rule{sent: sent}
	if sent.GetPassPrecedence() != 0 || sent.ProxyId != 0 {
		return r, fmt.Errorf("a rule that this judge does not know: %v", sent)
	}
	for _, name := range sent.ServerNames {
		pattern, err := serverNamePattern(name)
		if err != nil {
			return r, err
		}
		r.serverNames = append(r.serverNames, pattern)
	}
	for _, one := range sent.GetHttpRules().GetHttpRules() {
		if len(one.HeaderMatches) > 0 {
			return r, fmt.Errorf("headers that are rewritten, which this judge does not know: %v", one)
		}
		var headers requestRule
		for _, matcher := range one.Headers {
			h, err := newHeader(matcher)
			if err != nil {
				return r, err
			}
			headers = append(headers, h)
		}
		r.requests = append(r.requests, headers)
	}
	return r, nil
}

func newHeader(sent *routev3.HeaderMatcher) (header, error) {
	switch specifier := sent.HeaderMatchSpecifier.(type) {
	case *routev3.HeaderMatcher_PresentMatch:
		return header{sent, nil}, nil
	case *routev3.HeaderMatcher_StringMatch:
		switch pattern := specifier.StringMatch.MatchPattern.(type) {
		case *matcherv3.StringMatcher_Exact:
			return header{sent, regexp.MustCompile(whole(regexp.QuoteMeta(pattern.Exact)))}, nil
		case *matcherv3.StringMatcher_SafeRegex:
			// Compiled alone first: `a)|(b` is no expression, though it is one in brackets.
			if _, err := regexp.Compile(pattern.SafeRegex.Regex); err != nil {
				return header{}, err
			}
			compiled, err := regexp.Compile(whole(pattern.SafeRegex.Regex))
			return header{sent, compiled}, err
		}
	}
	return header{}, fmt.Errorf("a header that this judge does not know: %v", sent)
}

func whole(pattern string) string {
	return `\A(?:` + pattern + `)\z`
}

var (
	serverName = strings.NewReplacer(
		".", "[.]",
		"**", "[-a-z0-9_]+([.][-a-z0-9_]+){0,}",
		"*", "[-a-z0-9_]{0,}",
	)
	everyServerName = "[-a-z0-9_]+([.][-a-z0-9_]+)*"
)

func serverNamePattern(name string) (*regexp.Regexp, error) {
	if name == "*" {
		return regexp.Compile(whole(everyServerName))
	}
	return regexp.Compile(whole(serverName.Replace(strings.ToLower(name))))
}

// at gives the rules for a port: those of every range that covers it, and those of all ports.
func (p ports) at(port uint16) rules {
	var all rules
	found := false
	add := func(more rules) {
		// Rules beside none at all, which allow everything: the allowance has to be said now.
		if found && (len(more) == 0) != (len(all) == 0) {
			all = append(all, rule{sent: &ciliumproxy.PortNetworkPolicyRule{}})
		}
		all, found = append(all, more...), true
	}
	for _, r := range p {
		if r.first != 0 && r.first <= uint32(port) && uint32(port) <= r.last {
			add(r.rules)
		}
	}
	for _, r := range p {
		if r.first == 0 {
			add(r.rules)
		}
	}
	slices.SortStableFunc(all, func(a, b rule) int {
		return cmp.Or(cmp.Compare(b.sent.Precedence, a.sent.Precedence), cmp.Compare(rank(a), rank(b)))
	})
	return all
}

func rank(r rule) int {
	if r.sent.GetDeny() {
		return 0
	}
	return 1
}

func (all rules) allowServerName(remote uint32, name string) bool {
	return all.allow(remote, func(r rule) bool {
		return len(r.serverNames) == 0 || name != "" && slices.ContainsFunc(r.serverNames, func(p *regexp.Regexp) bool {
			return p.MatchString(strings.ToLower(name))
		})
	})
}

// allowRequest does not look at server names, as Envoy does not: they were asked when the connection opened.
func (all rules) allowRequest(remote uint32, asked *httpRequest) (bool, error) {
	if !slices.ContainsFunc(all, func(r rule) bool { return len(r.requests) > 0 }) {
		return true, nil
	}
	given, err := asked.headers()
	if err != nil {
		return false, err
	}
	return all.allow(remote, func(r rule) bool {
		return len(r.requests) == 0 || r.sent.GetDeny() || slices.ContainsFunc(r.requests, given.match)
	}), nil
}

func (all rules) allow(remote uint32, matches func(rule) bool) bool {
	for _, r := range all {
		if len(r.sent.RemotePolicies) > 0 && !slices.Contains(r.sent.RemotePolicies, remote) || !matches(r) {
			continue
		}
		return !r.sent.GetDeny()
	}
	return len(all) == 0
}

// httpRequest is a request as it reaches Envoy: the path with its query, the host with its port if it has one.
type httpRequest struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Host    string            `json:"host"`
	Headers map[string]string `json:"headers"`
}

// headers are a request's, under names in lower case, those of HTTP/2 among them.
type headers map[string]string

func (r *httpRequest) headers() (headers, error) {
	if r.Method == "" || r.Path == "" || r.Host == "" {
		return nil, fmt.Errorf("a request without a method, a path or a host: %+v", *r)
	}
	all := headers{}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		if _, ok := all[strings.ToLower(name)]; ok {
			return nil, fmt.Errorf("the header %q twice", name)
		}
		all[strings.ToLower(name)] = r.Headers[name]
	}
	all[":method"], all[":path"], all[":authority"] = r.Method, r.Path, r.Host
	return all, nil
}

func (given headers) match(wanted requestRule) bool {
	return !slices.ContainsFunc(wanted, func(h header) bool {
		value, present := given[strings.ToLower(h.sent.Name)]
		matched := present
		if h.pattern != nil {
			matched = present && h.pattern.MatchString(value)
		} else if !h.sent.GetPresentMatch() {
			matched = !present
		}
		return matched == h.sent.InvertMatch
	})
}
