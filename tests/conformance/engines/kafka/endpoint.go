package main

import (
	"fmt"

	"github.com/sirupsen/logrus"

	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/trafficdirection"
	"github.com/cilium/cilium/pkg/u8proto"
)

// endpoint is a pod's policy as its agent has computed it, for the datapath and for the proxy.
type endpoint struct {
	policy *policy.EndpointPolicy
	err    error // Cilium cannot compute it: the endpoint keeps the policy that it had, or has none
}

// newEndpoint follows the agent's regeneration of an endpoint (pkg/endpoint/policy.go).
func newEndpoint(a *arrangement, subject int) *endpoint {
	known, computed := a.identities[subject], a.repository.GetPolicyCache()
	computed.LocalEndpointIdentityAdded(known)
	a.repository.Mutex.RLock()
	defer a.repository.Mutex.RUnlock()
	if err := computed.UpdatePolicy(known); err != nil {
		return &endpoint{err: err}
	}
	return &endpoint{policy: computed.Lookup(known).Consume(owner{})}
}

func (e *endpoint) judge(remote uint32, q query, ingress bool) (*end, error) {
	if e.err != nil {
		return &end{Error: e.err.Error()}, nil
	}
	entry, found := e.lookup(remote, q.Port, ingress)
	answer := &end{Allowed: found && !entry.IsDeny}
	if !answer.Allowed || !entry.IsRedirectEntry() {
		return answer, nil
	}
	rules := e.policy.L4Policy.Egress.PortRules
	if ingress {
		rules = e.policy.L4Policy.Ingress.PortRules
	}
	filter, ok := rules[fmt.Sprintf("%d/TCP", q.Port)]
	if !ok {
		return nil, fmt.Errorf("port %d is redirected, but not by its number", q.Port)
	}
	answer.Proxy = string(filter.L7Parser)
	if q.Request == nil || filter.L7Parser != policy.ParserTypeKafka {
		return answer, nil
	}
	passed, err := passes(forProxy(rules), remote, q)
	answer.Request = &passed
	return answer, err
}

// lookup repeats what the datapath does with a packet, after bpf/lib/policy.h, __policy_can_access: the order of
// precedence that stands there.
func (e *endpoint) lookup(remote uint32, port uint16, ingress bool) (policy.MapStateEntry, bool) {
	direction, protocol := trafficdirection.Egress.Uint8(), uint8(u8proto.TCP)
	if ingress {
		direction = trafficdirection.Ingress.Uint8()
	}
	for _, key := range []policy.Key{
		{Identity: remote, DestPort: port, Nexthdr: protocol},
		{DestPort: port, Nexthdr: protocol},
		{Identity: remote, Nexthdr: protocol},
		{Nexthdr: protocol},
		{Identity: remote},
		{},
	} {
		key.TrafficDirection = direction
		if entry, found := e.policy.GetPolicyMap().Get(key); found {
			return entry, true
		}
	}
	return policy.MapStateEntry{}, false
}

// owner is what Cilium's code asks of the endpoint that a policy is computed for.
type owner struct{}

func (owner) GetID() uint64                              { return 1 }
func (owner) HasBPFPolicyMap() bool                      { return true }
func (owner) GetNamedPort(bool, string, uint8) uint16    { return 0 } // pods here have no names for their ports
func (owner) PolicyDebug(fields logrus.Fields, _ string) {}

// LookupRedirectPortBuildLocked: every redirect has its port. Which proxy it is, the filter of the port says.
func (owner) LookupRedirectPortBuildLocked(bool, string, uint16) uint16 { return 10000 }
