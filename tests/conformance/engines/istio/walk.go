package main

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbac "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	template "github.com/envoyproxy/go-control-plane/envoy/extensions/path/match/uri_template/v3"
	matcher "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// walk runs the rules of RBAC filters in order, as Envoy does (source/extensions/filters/common/rbac). What it does not
// know is an error, never a guess. Policy is the first by name that decided, as where several match Envoy's map has it.
func walk(filters []*rbac.RBAC, c connection) (allowed bool, policy string, err error) {
	defer func() {
		if p := recover(); p != nil {
			allowed, err = false, fmt.Errorf("%v", p)
		}
	}()
	for _, f := range filters {
		if f == nil {
			continue // of a dry run
		}
		hit := matching(f.Policies, c)
		switch {
		case f.Action == rbac.RBAC_ALLOW && hit == "", f.Action == rbac.RBAC_DENY && hit != "":
			return false, hit, nil
		case f.Action == rbac.RBAC_ALLOW:
			policy = hit
		}
	}
	return true, policy, nil
}

func matching(policies map[string]*rbac.Policy, c connection) string {
	hit := ""
	for name, p := range policies {
		if (hit == "" || name < hit) && permitted(c).any(p.Permissions) && identified(c).any(p.Principals) {
			hit = name
		}
	}
	return hit
}

// predicate is what is asked of each of a list.
type predicate[T any] func(T) bool

func (p predicate[T]) any(of []T) bool {
	for _, each := range of {
		if p(each) {
			return true
		}
	}
	return false
}

func (p predicate[T]) all(of []T) bool {
	return !predicate[T](func(each T) bool { return !p(each) }).any(of)
}

func permitted(c connection) predicate[*rbac.Permission] {
	var test predicate[*rbac.Permission]
	test = func(p *rbac.Permission) bool {
		switch rule := p.Rule.(type) {
		case *rbac.Permission_Any:
			return rule.Any
		case *rbac.Permission_AndRules:
			return test.all(rule.AndRules.Rules)
		case *rbac.Permission_OrRules:
			return test.any(rule.OrRules.Rules)
		case *rbac.Permission_NotRule:
			return !test(rule.NotRule)
		case *rbac.Permission_Header:
			return header(rule.Header, c.HTTP)
		case *rbac.Permission_UrlPath:
			return text(rule.UrlPath.GetPath(), c.HTTP.pathAlone())
		case *rbac.Permission_UriTemplate:
			config := &template.UriTemplateMatchConfig{}
			if err := rule.UriTemplate.TypedConfig.UnmarshalTo(config); err != nil {
				panic(err)
			}
			return fits(config.PathTemplate, c.HTTP.pathAlone())
		case *rbac.Permission_DestinationPort:
			return rule.DestinationPort == c.Port
		}
		panic(fmt.Sprintf("permission %T is not judged here", p.Rule))
	}
	return test
}

func identified(c connection) predicate[*rbac.Principal] {
	var test predicate[*rbac.Principal]
	test = func(p *rbac.Principal) bool {
		switch id := p.Identifier.(type) {
		case *rbac.Principal_Any:
			return id.Any
		case *rbac.Principal_AndIds:
			return test.all(id.AndIds.Ids)
		case *rbac.Principal_OrIds:
			return test.any(id.OrIds.Ids)
		case *rbac.Principal_NotId:
			return !test(id.NotId)
		case *rbac.Principal_Authenticated_:
			name := id.Authenticated.PrincipalName
			return c.Principal != "" && (name == nil || text(name, c.Principal))
		case *rbac.Principal_DirectRemoteIp:
			return within(id.DirectRemoteIp, c.Address)
		}
		panic(fmt.Sprintf("principal %T is not judged here", p.Identifier))
	}
	return test
}

func header(m *route.HeaderMatcher, r *httpRequest) bool {
	var value string
	switch strings.ToLower(m.Name) {
	case ":method":
		value = r.Method
	case ":authority":
		value = r.Host
	default:
		panic("header " + m.Name + " is not judged here")
	}
	switch test := m.HeaderMatchSpecifier.(type) {
	case *route.HeaderMatcher_PresentMatch:
		return test.PresentMatch != m.InvertMatch
	case *route.HeaderMatcher_StringMatch:
		return text(test.StringMatch, value) != m.InvertMatch
	}
	panic(fmt.Sprintf("header matcher %T is not judged here", m.HeaderMatchSpecifier))
}

// pathAlone is what Envoy matches: without query and fragment (source/common/http/path_utility.cc).
func (r *httpRequest) pathAlone() string {
	if i := strings.IndexAny(r.Path, "?#"); i >= 0 {
		return r.Path[:i]
	}
	return r.Path
}

func text(m *matcher.StringMatcher, s string) bool {
	folded := func(t string) string {
		if m.IgnoreCase {
			return strings.ToLower(t)
		}
		return t
	}
	switch pattern := m.MatchPattern.(type) {
	case *matcher.StringMatcher_Exact:
		return folded(s) == folded(pattern.Exact)
	case *matcher.StringMatcher_Prefix:
		return strings.HasPrefix(folded(s), folded(pattern.Prefix))
	case *matcher.StringMatcher_Suffix:
		return strings.HasSuffix(folded(s), folded(pattern.Suffix))
	case *matcher.StringMatcher_SafeRegex:
		return whole(pattern.SafeRegex.Regex).MatchString(s)
	}
	panic(fmt.Sprintf("string matcher %T is not judged here", m.MatchPattern))
}

var compiled = map[string]*regexp.Regexp{}

// whole matches the expression against all of a text. RE2 is the library of both Envoy and Go.
func whole(expression string) *regexp.Regexp {
	found, ok := compiled[expression]
	if !ok {
		found = regexp.MustCompile(`\A(?:` + expression + `)\z`)
		compiled[expression] = found
	}
	return found
}

func within(block *core.CidrRange, address string) bool {
	a, err := netip.ParseAddr(address)
	if err != nil {
		panic(err)
	}
	first, err := netip.ParseAddr(block.AddressPrefix)
	if err != nil {
		panic(err)
	}
	return netip.PrefixFrom(first, int(block.PrefixLen.GetValue())).Contains(a)
}
