package main

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cilium/proxy/pkg/policy/api/kafka"
	"github.com/cilium/proxy/proxylib/kafka/kafkalib"

	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/api"
)

// This file repeats what is between the policy and a Kafka rule: what the agent sends to proxylib, the Go extension
// of Cilium's Envoy, after github.com/cilium/cilium v1.15.19, pkg/envoy/xds_server.go (getDirectionNetworkPolicy,
// getPortNetworkPolicyRule, getWildcardNetworkPolicyRule, getKafkaL7Rules), and what proxylib does with it, after
// the module github.com/cilium/proxy that it requires, proxylib/proxylib/policymap.go and proxylib/kafka/parser.go.
// proxylib itself is not linked: its package has a helper for tests that Go 1.25 and later do not compile.
//
// What is left out: ports that have a name, and ports with another parser, which proxylib skips.

// portRules are what the proxy has for one port; port 0 is every port.
type portRules []portRule

type portRule struct {
	deny    bool
	remotes []uint32        // none: whoever
	topics  []kafkalib.Rule // none: whatever is asked
}

func forProxy(filters policy.L4PolicyMap) map[uint16]portRules {
	ports := map[uint16]portRules{}
	for _, filter := range filters {
		udp := filter.Protocol == api.ProtoUDP || filter.Protocol == api.ProtoSCTP
		other := filter.L7Parser != policy.ParserTypeNone && filter.L7Parser != policy.ParserTypeKafka
		if udp || other || filter.PortName != "" {
			continue
		}
		var rules portRules
		for selector, said := range filter.PerSelectorPolicies {
			remotes := selector.GetSelections().AsUint32Slice()
			switch {
			case selector.IsWildcard():
				remotes = nil
			case len(remotes) == 0:
				continue // selects nobody
			}
			rule := portRule{remotes: remotes}
			if filter.Port != 0 && said != nil {
				rule.deny, rule.topics = said.IsDeny, topicRules(said.Kafka)
			}
			rules = append(rules, rule)
		}
		if len(rules) > 0 {
			ports[uint16(filter.Port)] = rules
		}
	}
	return ports
}

func topicRules(said []kafka.PortRule) []kafkalib.Rule {
	var rules []kafkalib.Rule
	for _, one := range said {
		rules = append(rules, kafkalib.NewRule(one.GetAPIVersion(), one.GetAPIKeys(), one.ClientID, one.Topic))
	}
	return rules
}

// passes asks the port's rules, then those for every port. Without any the proxy lets nothing through. The request
// is read anew for each question: a rule that matches takes its topic away from it.
func passes(ports map[uint16]portRules, remote uint32, q query) (bool, error) {
	content, err := q.Request.bytes()
	if err != nil {
		return false, err
	}
	message, err := kafkalib.ReadRequest(bytes.NewReader(content))
	if err != nil {
		return false, fmt.Errorf("the parser takes %+v for no request: %w", *q.Request, err)
	}
	if read := message.GetTopics(); len(read) != len(q.Request.Topics) {
		return false, fmt.Errorf("the parser reads other topics in %+v: %q", *q.Request, read)
	}
	for _, port := range []uint16{q.Port, 0} {
		if rules, found := ports[port]; found && rules.allow(remote, message) {
			return true, nil
		}
	}
	return false, nil
}

func (p portRules) allow(remote uint32, message *kafkalib.RequestMessage) bool {
	allowed := false
	for _, rule := range p {
		switch {
		case len(rule.remotes) > 0 && !slices.Contains(rule.remotes, remote):
		case rule.deny:
			return false
		case len(rule.topics) == 0:
			allowed = true
		default:
			// In order, until one says that nothing is left to allow.
			allowed = slices.ContainsFunc(rule.topics, func(topics kafkalib.Rule) bool {
				return topics.Matches(message)
			}) || allowed
		}
	}
	return allowed
}
